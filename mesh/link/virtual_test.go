package link

import (
	"errors"
	"net"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/testutils/simnet"

	"sottovoce/mesh/handshake"
	"sottovoce/mesh/wire"
)

// cable is a simulated network that can be pulled.
type cable struct {
	simnet.PerfectRouter
	pulled atomic.Bool
}

func (c *cable) SendPacket(p simnet.Packet) error {
	if c.pulled.Load() {
		return nil
	}
	return c.PerfectRouter.SendPacket(p)
}

// inVirtualTime runs f with two ends that are a pair on a simulated network.
func inVirtualTime(t *testing.T, f func(t *testing.T, c *cable, a, b *end)) {
	onCable(t, func(t *testing.T, c *cable, pa, pb net.PacketConn) {
		a, b := newEndOn(t, pa), newEndOn(t, pb)
		befriend(a, b)
		f(t, c, a, b)
	})
}

// onCable runs f with the two sockets of a simulated network.
func onCable(t *testing.T, f func(t *testing.T, c *cable, pa, pb net.PacketConn)) {
	synctest.Test(t, func(t *testing.T) {
		c := &cable{}
		network := &simnet.Simnet{Router: c}
		place := func(last byte) *simnet.SimConn {
			return network.NewEndpoint(&net.UDPAddr{IP: net.IPv4(10, 0, 0, last).To4(), Port: 5000},
				simnet.NodeBiDiLinkSettings{Latency: time.Millisecond})
		}
		pa, pb := place(1), place(2)
		if err := network.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { network.Close() })
		f(t, c, pa, pb)
	})
}

// A link that nobody uses lives for hours; once the cable is pulled it ends in time.
func TestIdleLink(t *testing.T) {
	inVirtualTime(t, func(t *testing.T, c *cable, a, b *end) {
		dialed, accepted := linked(t, toward(a, b), a, b)
		_, endA := running(t, dialed)
		inB, endB := running(t, accepted)
		time.Sleep(10 * time.Hour)
		if err := dialed.SendBlobs(t.Context(), [][]byte{blob(1)}); err != nil {
			t.Fatal(err)
		}
		<-inB.blobs
		c.pulled.Store(true)
		begin := time.Now()
		for _, ended := range []<-chan error{endA, endB} {
			var idle *quic.IdleTimeoutError
			if err := <-ended; !errors.As(err, &idle) {
				t.Errorf("ended by %v", err)
			}
		}
		if took := time.Since(begin); took > idleTimeout+keepAlivePeriod+time.Second { // the last keep-alive starts the clock again
			t.Errorf("a dead link lived for %v", took)
		}
	})
}

// A request to a supernode that is gone without a word ends with the link, 45 s after it was sent; one that is only
// slow to answer keeps it.
func TestRequestToNobody(t *testing.T) {
	t.Parallel()
	onCable(t, func(t *testing.T, c *cable, pa, pb net.PacketConn) {
		client, super := newClient(t, pa), newSupernode(t, pb)
		dialed, accepted := linked(t, visit(super, handshake.Member), client, super)
		ctx := t.Context()
		ask := func() (*CustodyStream, time.Time) {
			s, err := dialed.Request(ctx)
			if err != nil {
				t.Fatal(err)
			}
			if err := s.Send(ctx, wire.Deposit{Blobs: 1}, blob(1)); err != nil {
				t.Fatal(err)
			}
			return s, time.Now()
		}
		slow, _ := ask()
		in, err := accepted.Requested(ctx)
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Minute)
		if err := in.Send(ctx, wire.Refused{Reason: wire.ReasonNotNow}); err != nil {
			t.Fatal(err)
		}
		if _, err := slow.Receive(ctx); err != nil {
			t.Fatalf("what is answered late: %v", err)
		}
		time.Sleep(custodyKeepAlive - time.Second) // no keep-alive has told before
		c.pulled.Store(true)
		lost, begin := ask()
		var idle *quic.IdleTimeoutError
		_, err = lost.Receive(ctx)
		if took := time.Since(begin); !errors.As(err, &idle) || dialed.Err() == nil || took > custodyIdleTimeout+time.Second {
			t.Errorf("%v after %v", err, took)
		}
	})
}

// A blob stream that never ends is given up after its time, what came whole is kept,
// and the link stays.
func TestSlowBlobStream(t *testing.T) {
	inVirtualTime(t, func(t *testing.T, _ *cable, a, b *end) {
		dialed, accepted := linked(t, toward(a, b), a, b)
		running(t, dialed)
		in, _ := running(t, accepted)
		stream, err := dialed.conn.OpenUniStream()
		if err != nil {
			t.Fatal(err)
		}
		batch := wire.AppendBlob([]byte{byte(wire.StreamBlobs)}, blob(1))
		if _, err := stream.Write(append(batch, 0x80)); err != nil {
			t.Fatal(err)
		}
		begin := time.Now()
		if got := <-in.blobs; len(got) != 1 {
			t.Errorf("%d blobs were kept", len(got))
		}
		if took := time.Since(begin); took < blobStreamTimeout-time.Second || took > blobStreamTimeout+time.Second {
			t.Errorf("given up after %v", took)
		}
		if err := accepted.Err(); err != nil || b.Stats().Bad != 1 {
			t.Errorf("the link says %v, stats %+v", err, b.Stats())
		}
	})
}

// Whoever does not answer costs a dialler five seconds.
func TestDialDeadline(t *testing.T) {
	inVirtualTime(t, func(t *testing.T, c *cable, a, b *end) {
		c.pulled.Store(true)
		begin := time.Now()
		l, err := a.Dial(t.Context(), toward(a, b))
		if l != nil || err == nil || time.Since(begin) > handshakeTimeout+time.Second {
			t.Errorf("%v after %v", err, time.Since(begin))
		}
	})
}
