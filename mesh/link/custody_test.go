package link

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"reflect"
	"testing"
	"time"

	"github.com/quic-go/quic-go"

	"sottovoce/mesh/handshake"
	"sottovoce/mesh/peer"
	"sottovoce/mesh/wire"
)

// newClient and newSupernode are the two ends of custody: who dials has no keys at all.
func newClient(t testing.TB, pc net.PacketConn) *end { return openEnd(t, pc, handshake.Statics{}) }

func newSupernode(t testing.TB, pc net.PacketConn) *end {
	n := openEnd(t, pc, handshake.Statics{Supernode: newStatic(t)})
	n.ring.add(handshake.Pair{ID: 7, Member: true, Key: handshake.NewLinkKey([]byte("this week"))})
	return n
}

// visit is how a supernode is dialled in a mode.
func visit(n *end, mode handshake.Mode) Target {
	pair := &handshake.Pair{ID: 3, Their: n.ring.statics.Supernode.Public()}
	if mode == handshake.Member {
		pair.Member, pair.Key = true, n.ring.pairs[0].Key
	}
	return Target{Endpoints: []peer.Endpoint{n.at}, Mode: mode, Pair: pair}
}

func loopback(t testing.TB) net.PacketConn {
	t.Helper()
	pc, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	return pc
}

func TestCustodyLink(t *testing.T) {
	t.Parallel()
	client, super := newClient(t, loopback(t)), newSupernode(t, loopback(t))
	for _, mode := range []handshake.Mode{handshake.Member, handshake.Supernode} {
		dialed, accepted := linked(t, visit(super, mode), client, super)
		ours, theirs := dialed.Proof(), accepted.Proof()
		if ours.Their != super.ring.statics.Supernode.Public() || theirs.Their != [32]byte{} || ours.Exporter != theirs.Exporter || ours.Exporter == (handshake.Exporter{}) {
			t.Errorf("%s: proofs %+v and %+v", mode, ours, theirs)
		}
		if want := map[handshake.Mode]uint64{handshake.Member: 7}[mode]; theirs.Pair != want {
			t.Errorf("%s: found as %d", mode, theirs.Pair)
		}
		exchange(t, dialed, accepted)
		ctx := within(t, 10*time.Second)
		_, contact := dialed.Contact(ctx)
		_, backwards := accepted.Request(ctx)
		_, forwards := dialed.Requested(ctx)
		for what, err := range map[string]error{
			"frames": dialed.Send(ctx, wire.Receipt{Start: true}), "blobs": dialed.SendBlobs(ctx, [][]byte{blob(1)}), "contact": contact,
			"running": accepted.Run(ctx, newInbox()), "a request of the supernode's": backwards, "waiting for one": forwards,
		} {
			if err == nil || dialed.Err() != nil {
				t.Errorf("%s: %s are taken: %v, %v", mode, what, err, dialed.Err())
			}
		}
		dialed.Close(ReasonBye)
		<-accepted.Done()
	}
	if s := super.settled(); s.Accepted != 2 || s.Bad != 0 || s.Unproven != 0 {
		t.Errorf("stats of the supernode: %+v", s)
	}
}

// exchange makes a deposit and answers it with a page.
func exchange(t *testing.T, dialed, accepted *Link) {
	t.Helper()
	ctx := within(t, 10*time.Second)
	out, err := dialed.Request(ctx)
	if err != nil {
		t.Fatal(err)
	}
	large := bytes.Clone(blob(9))
	large = append(large, make([]byte, wire.Class2.Size()-len(large))...)
	large[1] = byte(wire.Class2)
	blobs := [][]byte{blob(1), large, blob(2), large, large}
	deposit := wire.Deposit{Blobs: uint16(len(blobs)), Tokens: []byte("tokens")}
	sent := make(chan error, 1)
	go func() { sent <- errors.Join(out.Send(ctx, deposit, blobs...), out.End()) }()
	in, err := accepted.Requested(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if f, err := in.Receive(ctx); err != nil || !reflect.DeepEqual(f, deposit) {
		t.Fatalf("received %v, %v", f, err)
	}
	page := wire.Page{Until: 5, End: true}
	for i, want := range blobs {
		got, err := in.Blob(ctx, wire.BatchSizeMax)
		if err != nil || !bytes.Equal(got, want) {
			t.Fatalf("blob %d: %d bytes, %v", i, len(got), err)
		}
		page.Cursors = page.Cursors.Add(uint64(i + 1))
	}
	if _, err := in.Receive(ctx); err != io.EOF {
		t.Errorf("behind the request: %v", err)
	}
	if err := <-sent; err != nil {
		t.Error(err)
	}
	go func() { sent <- errors.Join(in.Send(ctx, page, blobs...), in.Close()) }()
	if f, err := out.Receive(ctx); err != nil || !reflect.DeepEqual(f, page) {
		t.Fatalf("received %v, %v", f, err)
	}
	for i, want := range blobs {
		if got, err := out.Blob(ctx, wire.BatchSizeMax); err != nil || !bytes.Equal(got, want) {
			t.Fatalf("blob %d back: %d bytes, %v", i, len(got), err)
		}
	}
	if _, err := out.Receive(ctx); err != io.EOF {
		t.Errorf("behind the answer: %v", err)
	}
	if err := <-sent; err != nil {
		t.Error(err)
	}
	_ = out.Close()
}

// Who is no supernode, or is no member, does not learn from the other what it is.
func TestCustodyDecoys(t *testing.T) {
	t.Parallel()
	client, super, node, other := newClient(t, loopback(t)), newSupernode(t, loopback(t)), newEnd(t), newEnd(t)
	befriend(other, node)
	stale := visit(super, handshake.Member)
	stale.Pair.Key = handshake.NewLinkKey([]byte("last month"))
	elsewhere := visit(super, handshake.Supernode)
	elsewhere.Endpoints = []peer.Endpoint{node.at}
	contact := toward(other, node)
	contact.Endpoints, contact.Fingerprint = []peer.Endpoint{super.at}, nil
	atClient := contact
	atClient.Endpoints = []peer.Endpoint{client.at}
	for name, c := range map[string]struct {
		from *end
		to   Target
	}{
		"last month's psk":               {client, stale},
		"a node taken for the supernode": {client, elsewhere},
		"a contact at the supernode":     {other, contact},
		"the open mode of a supernode":   {other, Target{Endpoints: []peer.Endpoint{super.at}, Mode: handshake.Open}},
		"a contact at a client":          {other, atClient},
	} {
		if _, err := c.from.Dial(within(t, 10*time.Second), c.to); !errors.Is(err, ErrRefused) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// inCustody runs f in virtual time with the two ends of a member link.
func inCustody(t *testing.T, f func(t *testing.T, dialed, accepted *Link, super *end)) {
	onCable(t, func(t *testing.T, _ *cable, pa, pb net.PacketConn) {
		client, super := newClient(t, pa), newSupernode(t, pb)
		dialed, accepted := linked(t, visit(super, handshake.Member), client, super)
		f(t, dialed, accepted, super)
	})
}

// A link that nobody uses costs no goroutine and lives on; a far end that is gone is missed in time.
func TestIdleMember(t *testing.T) {
	t.Parallel()
	onCable(t, func(t *testing.T, c *cable, pa, pb net.PacketConn) {
		client, super := newClient(t, pa), newSupernode(t, pb)
		dialed, accepted := linked(t, visit(super, handshake.Member), client, super)
		time.Sleep(12 * time.Hour)
		if dialed.Err() != nil || accepted.Err() != nil {
			t.Fatalf("after 12 hours: %v and %v", dialed.Err(), accepted.Err())
		}
		c.pulled.Store(true)
		time.Sleep(custodyIdleTimeout + custodyKeepAlive + time.Second)
		if dialed.Err() == nil || accepted.Err() == nil {
			t.Errorf("without a cable: %v and %v", dialed.Err(), accepted.Err())
		}
	})
}

// Eight requests are under way at a time, and who waits for a ninth gets its turn.
func TestCustodyStreamsAreFew(t *testing.T) {
	t.Parallel()
	inCustody(t, func(t *testing.T, dialed, accepted *Link, _ *end) {
		ctx := t.Context()
		var open []*CustodyStream
		for range custodyStreamsMax {
			s, err := dialed.Request(ctx)
			if err != nil {
				t.Fatal(err)
			}
			if err := s.Send(ctx, wire.Attest{}); err != nil {
				t.Fatal(err)
			}
			open = append(open, s)
		}
		short, cancel := context.WithTimeout(ctx, time.Minute)
		defer cancel()
		if _, err := dialed.Request(short); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("a ninth request: %v", err)
		}
		in, err := accepted.Requested(ctx)
		if err != nil {
			t.Fatal(err)
		}
		_ = in.Close()
		_ = open[0].Close()
		if _, err := dialed.Request(ctx); err != nil {
			t.Errorf("after one has ended: %v", err)
		}
	})
}

// A request that stalls is given up, and the link goes on with others.
func TestCustodyStalls(t *testing.T) {
	t.Parallel()
	inCustody(t, func(t *testing.T, dialed, accepted *Link, super *end) {
		ctx := t.Context()
		stalled, err := dialed.Request(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if err := stalled.Send(ctx, wire.Deposit{Blobs: 2}, blob(1)); err != nil {
			t.Fatal(err)
		}
		in, err := accepted.Requested(ctx)
		if err != nil {
			t.Fatal(err)
		}
		begin := time.Now()
		_, first := in.Receive(ctx)
		_, second := in.Blob(ctx, wire.BatchSizeMax)
		_, third := in.Blob(ctx, wire.BatchSizeMax)
		if took := time.Since(begin); first != nil || second != nil || !errors.Is(third, os.ErrDeadlineExceeded) || took > requestTimeout {
			t.Errorf("%v, %v, %v after %v", first, second, third, took)
		}
		in.Reset()
		if _, err := stalled.Receive(ctx); err == nil || dialed.Err() != nil {
			t.Errorf("who stalled hears %v, the link %v", err, dialed.Err())
		}
		// Somebody who reads nothing does not hold who sends for long.
		deaf, err := dialed.Request(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if err := deaf.Send(ctx, wire.RangeFrame{}); err != nil {
			t.Fatal(err)
		}
		if in, err = accepted.Requested(ctx); err != nil {
			t.Fatal(err)
		}
		begin = time.Now()
		for err == nil {
			err = in.Send(ctx, wire.Page{}, blob(3), blob(4), blob(5))
		}
		if took := time.Since(begin); !errors.Is(err, os.ErrDeadlineExceeded) || took > writeTimeout+time.Second {
			t.Errorf("%v after %v", err, took)
		}
		in.Reset()
		exchange(t, dialed, accepted)
		if super.Stats().Bad != 0 {
			t.Errorf("%d times bad", super.Stats().Bad)
		}
	})
}

// What is malformed costs the link; what is of later versions does not.
func TestCustodyBadInput(t *testing.T) {
	t.Parallel()
	frame := func(f wire.Frame) []byte {
		b, err := wire.AppendFrame([]byte{byte(wire.StreamCustody)}, f)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	for name, c := range map[string]struct {
		sent []byte
		bad  bool
	}{
		"contact stream":         {append([]byte{byte(wire.StreamContact)}, frame(wire.Attest{})[1:]...), true},
		"control stream":         {append([]byte{byte(wire.StreamControl)}, frame(wire.Receipt{Start: true})[1:]...), true},
		"stream of nothing":      {nil, true},
		"stream of a later kind": {append([]byte{200}, frame(wire.Attest{})[1:]...), false},
		"no frame":               {[]byte{byte(wire.StreamCustody), 0, 1, 2}, true},
		"half a frame":           {frame(wire.Scan{Since: 64})[:4], true},
		"frame of a link":        {frame(wire.Receipt{Start: true}), true},
		"frame of a contact":     {frame(wire.Declined{}), true},
		"frame of later":         {[]byte{byte(wire.StreamCustody), 0x4f, 1, 0xa0}, false},
		"frame of later, newer":  {[]byte{byte(wire.StreamCustody), 0x90, 1, 0xa0}, false},
		"key of later, newer":    {[]byte{byte(wire.StreamCustody), byte(wire.FrameAttest), 5, 0xa1, 0x19, 0x80, 0x00, 0x01}, false},
		"blobs that are missing": {frame(wire.Deposit{Blobs: 1}), true},
		"blobs that are none":    {append(frame(wire.Deposit{Blobs: 1}), 3, 1, 2, 3), true},
		"blobs that are larger":  {wire.AppendBlob(frame(wire.Deposit{Blobs: 1}), blob(1)), true},
	} {
		t.Run(name, func(t *testing.T) {
			inCustody(t, func(t *testing.T, dialed, accepted *Link, super *end) {
				stream, err := dialed.conn.OpenStream()
				if err != nil {
					t.Fatal(err)
				}
				if _, err := stream.Write(c.sent); err != nil {
					t.Fatal(err)
				}
				_ = stream.Close()
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				if in, err := accepted.Requested(ctx); err == nil {
					if f, err := in.Receive(ctx); err == nil && announced(f) > 0 {
						_, _ = in.Blob(ctx, wire.Class0.Size()-1)
					}
					in.Reset()
				}
				if bad := accepted.Err() != nil; bad != c.bad || bad != (super.Stats().Bad > 0) {
					t.Errorf("the link says %v, %d times bad", accepted.Err(), super.Stats().Bad)
				}
			})
		})
	}
}

// Nothing but requests is taken from who dialled, and no stream at all from a supernode.
func TestCustodyTakesNothingElse(t *testing.T) {
	t.Parallel()
	inCustody(t, func(t *testing.T, dialed, accepted *Link, _ *end) {
		if _, err := dialed.conn.OpenUniStream(); err == nil {
			t.Error("a supernode lets blob streams be opened")
		}
		if _, err := accepted.conn.OpenStream(); err == nil {
			t.Error("a client lets streams be opened")
		}
		if _, err := accepted.conn.OpenUniStream(); err == nil {
			t.Error("a client lets blob streams be opened")
		}
	})
}

// FuzzCustody is a member that sends anything on a stream of its own, or a supernode that answers anything: the link lives
// on or ends over bad input that was counted, nothing hangs, and no more is held than was sent.
func FuzzCustody(f *testing.F) {
	for _, frame := range []wire.Frame{
		wire.Deposit{Blobs: 1}, wire.Page{Until: 1, Cursors: wire.Cursors{}.Add(1)}, wire.Attest{}, wire.RangeFrame{Follow: true}, wire.Refused{Reason: 1}, wire.Receipt{Start: true},
	} {
		b, err := wire.AppendFrame([]byte{byte(wire.StreamCustody)}, frame)
		if err != nil {
			f.Fatal(err)
		}
		for _, closed := range []bool{false, true} {
			f.Add(wire.AppendBlob(b, blob(1)), closed)
			f.Add(b, closed)
			f.Add(b[:len(b)-1], closed)
			f.Add(b[1:], closed)
		}
	}
	f.Fuzz(func(t *testing.T, sent []byte, closed bool) {
		if len(sent) > 64<<10 {
			return
		}
		inCustody(t, func(t *testing.T, dialed, accepted *Link, super *end) {
			stream, err := dialed.conn.OpenStream()
			if err != nil {
				t.Fatal(err)
			}
			_, _ = stream.Write(sent)
			if closed {
				_ = stream.Close()
			}
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			if in, err := accepted.Requested(ctx); err == nil {
				drain(ctx, t, in, len(sent))
			}
			if !fits(accepted.Err(), super.Stats().Bad) {
				t.Errorf("the link says %v, and %d times bad", accepted.Err(), super.Stats().Bad)
			}
		})
	})
}

// drain receives all of a stream.
func drain(ctx context.Context, t *testing.T, in *CustodyStream, sent int) {
	held := 0
	for {
		f, err := in.Receive(ctx)
		if err != nil {
			break
		}
		for range announced(f) {
			b, err := in.Blob(ctx, wire.BatchSizeMax)
			if held += len(b); err != nil {
				break
			}
		}
	}
	if held > sent {
		t.Errorf("%d bytes of blobs of %d", held, sent)
	}
	in.Reset()
}

// announced is how many blobs follow a frame.
func announced(f wire.Frame) int {
	switch f := f.(type) {
	case wire.Deposit:
		return int(f.Blobs)
	case wire.Page:
		return f.Cursors.Len()
	}
	return 0
}

// BenchmarkCustodyPage is what a supernode sends of a log. Its yardstick is BenchmarkRawQUICBulk.
func BenchmarkCustodyPage(b *testing.B) {
	client, super := newClient(b, loopback(b)), newSupernode(b, loopback(b))
	dialed, accepted := linked(b, visit(super, handshake.Member), client, super)
	ctx := context.Background()
	out, err := dialed.Request(ctx)
	if err != nil {
		b.Fatal(err)
	}
	if err := errors.Join(out.Send(ctx, wire.RangeFrame{}), out.End()); err != nil {
		b.Fatal(err)
	}
	in, err := accepted.Requested(ctx)
	if err != nil {
		b.Fatal(err)
	}
	page, blobs := wire.Page{}, make([][]byte, wire.BatchBlobsMax)
	for i := range blobs {
		page.Cursors, blobs[i] = page.Cursors.Add(uint64(i+1)), blob(1)
	}
	go func() {
		for in.Send(ctx, page, blobs...) == nil {
			continue
		}
	}()
	out.Await(time.Time{})
	b.SetBytes(int64(len(blobs) * len(blobs[0])))
	for b.Loop() {
		if _, err := out.Receive(ctx); err != nil {
			b.Fatal(err)
		}
		for range blobs {
			if _, err := out.Blob(ctx, wire.BatchSizeMax); err != nil {
				b.Fatal(err)
			}
		}
	}
}

// BenchmarkRawQUICBulk is as much on a stream of quic-go with the same settings and nothing of ours.
func BenchmarkRawQUICBulk(b *testing.B) {
	client, super := newClient(b, loopback(b)), newSupernode(b, loopback(b))
	dialed, accepted := linked(b, visit(super, handshake.Member), client, super)
	ctx := context.Background()
	out, err := dialed.conn.OpenStream()
	if err != nil {
		b.Fatal(err)
	}
	if _, err := out.Write([]byte{1}); err != nil {
		b.Fatal(err)
	}
	in, err := accepted.conn.AcceptStream(ctx)
	if err != nil {
		b.Fatal(err)
	}
	chunk := make([]byte, 128<<10)
	go func() {
		for {
			if _, err := in.Write(chunk); err != nil {
				return
			}
		}
	}()
	const size = wire.BatchBlobsMax * 4 << 10
	buffer := make([]byte, 64<<10)
	b.SetBytes(size)
	for b.Loop() {
		if _, err := io.CopyBuffer(struct{ io.Writer }{io.Discard}, struct{ io.Reader }{io.LimitReader(out, size)}, buffer); err != nil {
			b.Fatal(err)
		}
	}
	out.CancelRead(quic.StreamErrorCode(ReasonBye))
}
