package netlab

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/quic-go/quic-go"

	"sottovoce/mesh/handshake"
	"sottovoce/mesh/identity"
	"sottovoce/mesh/link"
	"sottovoce/mesh/peer"
	"sottovoce/mesh/wire"
)

const (
	crowdAddresses = 40
	crowdPause     = 100 * time.Millisecond // of one address between two attempts; the crowd shares two processors with its victim
)

// nobody is a keyring of a stranger: a new open profile, and no contacts.
type nobody struct{ statics handshake.Statics }

func (n nobody) Statics() handshake.Statics { return n.statics }
func (nobody) Keys() int                    { return 0 }
func (nobody) Find(handshake.Exporter, [handshake.HintSize]byte) (handshake.Pair, bool) {
	return handshake.Pair{}, false
}

func newNobody() nobody {
	var seed [64]byte
	_, _ = rand.Read(seed[:]) // it never fails
	profile := identity.OpenProfileFromSeed(seed)
	return nobody{handshake.Statics{Device: handshake.Static(seed[:32]), Open: handshake.Static(profile.AgreeSecret()), OpenSign: profile.Public().Sign}}
}

// crowd is a host with many addresses from which strangers press in, until the test ends: from
// each some hold connections without a word, and one asks to be a contact, as somebody new
// each time.
func crowd(t *testing.T, h *Host, at netip.AddrPort) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	t.Cleanup(func() { cancel(); running.Wait() })
	for i := range crowdAddresses {
		from := netip.AddrFrom4([4]byte{10, 86, 0, byte(100 + i)})
		h.lan.must("ip", "-n", h.namespace, "address", "add", from.String()+"/24", "dev", "eth0")
		running.Go(func() { holdSilent(ctx, listen(t, h, from), at) })
		conn := listen(t, h, from)
		running.Go(func() {
			for ; ctx.Err() == nil; sleepFor(ctx, crowdPause) {
				askAs(ctx, conn, at)
			}
		})
	}
}

func sleepFor(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}

// holdSilent holds as many connections as it gets and says nothing on them.
func holdSilent(ctx context.Context, conn net.PacketConn, at netip.AddrPort) {
	transport := &quic.Transport{Conn: conn}
	defer transport.Close()
	config := &tls.Config{
		InsecureSkipVerify: true, NextProtos: []string{"sottovoce/1"}, MinVersion: tls.VersionTLS13, CurvePreferences: []tls.CurveID{tls.X25519MLKEM768},
	}
	for ; ctx.Err() == nil; sleepFor(ctx, crowdPause) {
		dialing, cancel := context.WithTimeout(ctx, 2*time.Second)
		_, _ = transport.Dial(dialing, net.UDPAddrFromAddrPort(at), config, nil) // it is the other end's to be full
		cancel()
	}
}

// askAs asks once, as somebody new.
func askAs(ctx context.Context, conn *net.UDPConn, at netip.AddrPort) {
	transport, err := link.Open(socketOf{conn}, link.Config{Rand: rand.Reader, Log: slog.New(slog.NewTextHandler(io.Discard, nil)), Keyring: newNobody()})
	if err != nil {
		return
	}
	defer transport.Close()
	l, err := transport.Dial(ctx, link.Target{Endpoints: []peer.Endpoint{at}, Mode: handshake.Open})
	if err != nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	done := make(chan struct{})
	go func() { defer close(done); _ = l.Run(ctx, deaf{}) }()
	if stream, err := l.Contact(ctx); err == nil {
		var nonce [32]byte
		_, _ = rand.Read(nonce[:])
		_ = stream.Send(ctx, wire.Ask{Name: fmt.Sprintf("crowd %x", nonce[:4]), Nonce: nonce})
	}
	<-done
}

// socketOf is a socket that outlives those who use it.
type socketOf struct{ *net.UDPConn }

func (socketOf) Close() error { return nil }

// deaf takes nothing.
type deaf struct{}

func (deaf) Frame(wire.Frame) {}
func (deaf) Blobs([][]byte)   {}

// Strangers at forty real addresses keep neither a contact who comes back nor an honest
// request out for long, and do not load the disk.
func TestCrowdOfStrangers(t *testing.T) {
	t.Parallel()
	lan := New(t, IPv4)
	anna, bert, carl := settle(t, lan.Host("anna")), settle(t, lan.Host("bert")), settle(t, lan.Host("carl"))
	befriend(anna, bert)
	chat(anna, bert)
	status := list[struct {
		Interfaces []struct{ Endpoints []string }
	}](anna, "status")[0]
	at := netip.MustParseAddrPort(status.Interfaces[0].Endpoints[0])
	crowd(t, lan.Host("crowd"), at)
	anna.eventually("a crowd", func() error {
		if waiting := list[personJSON](anna, "requests"); len(waiting) < crowdAddresses {
			return fmt.Errorf("%d wait", len(waiting))
		}
		return nil
	})
	bert.comesBack()
	bert.meets(anna, "a contact comes back in a crowd")
	start := time.Now()
	carl.sees(anna, "nearby", "--wait", "1s")
	carl.call("add", anna.called) // it may take more than one attempt, which the node makes by itself
	anna.within(arriveTime, "the honest request", func() error {
		if out := anna.ok("requests"); !strings.Contains(out, carl.called) {
			return fmt.Errorf("%d others wait", strings.Count(out, "\n"))
		}
		return nil
	})
	t.Logf("an honest request in a crowd: %v", time.Since(start))
	anna.ok("accept", carl.called)
	carl.sees(anna, "contacts")
	anna.eventually("word of what was dropped", func() error {
		if out := anna.ok("status"); !strings.Contains(out, "requests dropped since the start") {
			return fmt.Errorf("status says:\n%s", out)
		}
		return nil
	})
}
