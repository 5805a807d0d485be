package link

import (
	"bytes"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"net"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/quic-go/quic-go"

	"sottovoce/mesh/handshake"
	"sottovoce/mesh/wire"
)

// A prober learns nothing from what it gets, nor from when: always 512 bytes, then
// silence until the deadline, then the same word.
func TestProbers(t *testing.T) {
	t.Parallel()
	b, friend := newEnd(t), newEnd(t)
	befriend(friend, b)
	contact := func(t *testing.T, e handshake.Exporter, our handshake.Static, pair handshake.Pair) []byte {
		_, first, err := handshake.NewInitiator(handshake.Contact, e, handshake.Statics{Device: our}, &pair, rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		return first[:]
	}
	device, good := friend.ring.statics.Device, friend.ring.pairs[0]
	answers := make(chan []byte, 10)
	var all sync.WaitGroup // not parallel subtests: those wait for a processor each, and these only wait
	for i, probe := range []struct {
		name  string
		first func(t *testing.T, e handshake.Exporter) []byte
	}{
		{"wrong hint", func(t *testing.T, e handshake.Exporter) []byte {
			f := contact(t, e, device, good)
			f[1] ^= 1
			return f
		}},
		{"wrong static key under the right hint", func(t *testing.T, e handshake.Exporter) []byte {
			return contact(t, e, newStatic(t), good)
		}},
		{"made for another connection", func(t *testing.T, _ handshake.Exporter) []byte {
			return contact(t, handshake.Exporter{1}, device, good)
		}},
		{"unknown mode", func(*testing.T, handshake.Exporter) []byte {
			return bytes.Repeat([]byte{200}, handshake.FlightSize)
		}},
		{"zeros", func(*testing.T, handshake.Exporter) []byte { return make([]byte, handshake.FlightSize) }},
		{"cut short", func(t *testing.T, e handshake.Exporter) []byte { return contact(t, e, device, good)[:100] }},
		{"and a flood behind it", func(*testing.T, handshake.Exporter) []byte { return make([]byte, 100_000) }},
	} {
		all.Go(func() {
			s := newStranger(t, fmt.Sprintf("127.0.1.%d", i+1))
			begin := time.Now()
			conn := s.connect(b)
			e, err := exporterOf(conn)
			if err != nil {
				t.Fatal(err)
			}
			first := probe.first(t, e)
			stream := s.fly(conn, first)
			if len(first) < handshake.FlightSize {
				stream.Close()
			}
			answers <- readFlight(t, stream)
			if n, err := stream.Read(make([]byte, 1)); n != 0 || !isClose(err, ReasonDeadline) {
				t.Errorf("%s: then came %d bytes and %v, want silence and the deadline", probe.name, n, err)
			}
			if took := time.Since(begin); took < handshakeTimeout-500*time.Millisecond || took > handshakeTimeout+2*time.Second {
				t.Errorf("%s: closed after %v, want %v", probe.name, took, handshakeTimeout)
			}
		})
	}
	all.Wait()
	close(answers)
	seen := map[string]bool{}
	for a := range answers {
		seen[string(a)] = true
	}
	if s := b.settled(); len(seen) != 7 || s.Decoys != 7 || s.Bad != 7 || s.Accepted != 0 || s.Unproven != 0 {
		t.Errorf("%d different decoys, stats %+v", len(seen), s)
	}
}

func isClose(err error, reason Reason) bool {
	var said *quic.ApplicationError
	return errors.As(err, &said) && said.Remote && Reason(said.ErrorCode) == reason && said.ErrorMessage == ""
}

// Whoever says nothing, too little, or the wrong thing last is thrown out in time, and
// never becomes a link.
func TestSlow(t *testing.T) {
	t.Parallel()
	b, friend := newEnd(t), newEnd(t)
	befriend(friend, b)
	var all sync.WaitGroup
	for i, way := range []struct {
		name string
		do   func(s *stranger, conn *quic.Conn)
	}{
		{"no stream", func(*stranger, *quic.Conn) {}},
		{"a byte now and then", func(s *stranger, conn *quic.Conn) {
			stream := s.fly(conn, []byte{1})
			for range 20 {
				time.Sleep(300 * time.Millisecond)
				if _, err := stream.Write([]byte{1}); err != nil {
					return
				}
			}
		}},
		{"no flight 3", func(s *stranger, conn *quic.Conn) {
			e, _ := exporterOf(conn)
			_, first, err := handshake.NewInitiator(handshake.Contact, e, friend.ring.statics, &friend.ring.pairs[0], rand.Reader)
			if err != nil {
				t.Error(err)
			}
			readFlight(t, s.fly(conn, first[:]))
		}},
		{"a wrong flight 3", func(s *stranger, conn *quic.Conn) {
			e, _ := exporterOf(conn)
			_, first, err := handshake.NewInitiator(handshake.Contact, e, friend.ring.statics, &friend.ring.pairs[0], rand.Reader)
			if err != nil {
				t.Error(err)
			}
			stream := s.fly(conn, first[:])
			_, _ = stream.Write(readFlight(t, stream))
		}},
	} {
		all.Go(func() {
			s := newStranger(t, fmt.Sprintf("127.0.2.%d", i+1))
			begin := time.Now()
			conn := s.connect(b)
			way.do(s, conn)
			if reason := closedWith(t, conn); reason != ReasonDeadline {
				t.Errorf("%s: closed with %v", way.name, reason)
			}
			if took := time.Since(begin); took > handshakeTimeout+2*time.Second {
				t.Errorf("%s: after %v", way.name, took)
			}
		})
	}
	all.Wait()
	if s := b.settled(); s.Accepted != 0 || s.Unproven != 0 || s.Links != 0 {
		t.Errorf("stats %+v", s)
	}
}

// misdeed is what a peer does over conn, whose control stream is stream.
type misdeed func(t *testing.T, conn *quic.Conn, stream *quic.Stream)

// misdeeds are what a far end may not send once it has proven itself.
func misdeeds(t *testing.T) map[string]misdeed {
	frame := func(f wire.Frame) []byte {
		b, err := wire.AppendFrame(nil, f)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	uni := func(b ...byte) misdeed {
		return func(t *testing.T, conn *quic.Conn, _ *quic.Stream) {
			stream, err := conn.OpenUniStream()
			if err != nil {
				t.Fatal(err)
			}
			_, _ = stream.Write(b)
			stream.Close()
		}
	}
	bidi := func(b ...byte) misdeed {
		return func(t *testing.T, conn *quic.Conn, _ *quic.Stream) {
			stream, err := conn.OpenStream()
			if err != nil {
				t.Fatal(err)
			}
			_, _ = stream.Write(b)
			stream.Close()
		}
	}
	control := func(b ...byte) misdeed {
		return func(_ *testing.T, _ *quic.Conn, stream *quic.Stream) { _, _ = stream.Write(b) }
	}
	many := []byte{byte(wire.StreamBlobs)}
	for range BlobsPerStreamMax + 1 {
		many = wire.AppendBlob(many, blob(1))
	}
	wide := []byte{byte(wire.StreamBlobs)}
	big := wire.Header{Class: wire.Class2}.Append(nil)
	big = append(big, make([]byte, wire.Class2.Size()-len(big))...)
	for range BytesPerStreamMax/len(big) + 1 {
		wide = wire.AppendBlob(wide, big)
	}
	cut := wire.AppendBlob([]byte{byte(wire.StreamBlobs)}, blob(1))
	return map[string]misdeed{
		"control on a stream of blobs":  uni(byte(wire.StreamControl)),
		"a stream of nothing":           uni(),
		"a stream of no blobs":          uni(byte(wire.StreamBlobs)),
		"a cut blob":                    uni(cut[:len(cut)-1]...),
		"a blob of no class":            uni(wire.AppendBlob([]byte{byte(wire.StreamBlobs)}, blob(1)[:100])...),
		"too many blobs":                uni(many...),
		"too many bytes of blobs":       uni(wide...),
		"a second control stream":       bidi(byte(wire.StreamControl)),
		"a contact stream one way":      uni(byte(wire.StreamContact)),
		"blobs both ways":               bidi(byte(wire.StreamBlobs)),
		"a contact stream of nothing":   bidi(),
		"wrong kind of control stream":  control(byte(wire.StreamContact)),
		"contact frame on control":      control(append([]byte{byte(wire.StreamControl)}, frame(wire.Ask{Name: "A"})...)...),
		"unknown critical frame":        control(byte(wire.StreamControl), 0x90, 0),
		"oversized frame":               control(append([]byte{byte(wire.StreamControl), byte(wire.FrameRefusal)}, binary.AppendUvarint(nil, 1<<20)...)...),
		"a frame that is not canonical": control(byte(wire.StreamControl), byte(wire.FrameRefusal), 2, 0xbf, 0xff),
		"control stream closed":         func(_ *testing.T, _ *quic.Conn, s *quic.Stream) { s.Close() },
		"control stream reset":          func(_ *testing.T, _ *quic.Conn, s *quic.Stream) { s.CancelWrite(1) },
	}
}

// What a far end may not send once it has proven itself, and what it loses by it.
func TestBadInputFromAPeer(t *testing.T) {
	t.Parallel()
	for name, send := range misdeeds(t) {
		t.Run(name, func(t *testing.T) {
			b, friend := newEnd(t), newEnd(t)
			befriend(friend, b)
			s := newStranger(t, "127.0.0.1")
			conn := s.connect(b)
			stream := s.contact(conn, friend.ring)
			l, err := b.Accept(within(t, 10*time.Second))
			if err != nil {
				t.Fatal(err)
			}
			in, ended := running(t, l)
			send(t, conn, stream)
			if reason := closedWith(t, conn); reason != ReasonBadInput {
				t.Errorf("closed with %v", reason)
			}
			var said *CloseError
			if err := next(t, ended); !errors.As(err, &said) || *said != (CloseError{ReasonBadInput, false}) {
				t.Errorf("the link says %v", err)
			}
			if len(in.blobs)+len(in.frames) != 0 {
				t.Error("something was handed on")
			}
			if b.Stats().Bad != 1 {
				t.Errorf("counted %d times", b.Stats().Bad)
			}
		})
	}
}

// What a later version may send, or an honest end may break off, costs it nothing.
func TestHarmlessInput(t *testing.T) {
	t.Parallel()
	b, friend := newEnd(t), newEnd(t)
	befriend(friend, b)
	s := newStranger(t, "127.0.0.1")
	conn := s.connect(b)
	stream := s.contact(conn, friend.ring)
	l, err := b.Accept(within(t, 10*time.Second))
	if err != nil {
		t.Fatal(err)
	}
	in, _ := running(t, l)
	out := []byte{byte(wire.StreamControl), 0x7f, 3, 1, 2, 3} // an unknown frame that may be skipped
	out, _ = wire.AppendFrame(out, wire.Refusal{Reason: 1})
	if _, err := stream.Write(out); err != nil {
		t.Fatal(err)
	}
	if f := next(t, in.frames); f.FrameType() != wire.FrameRefusal {
		t.Errorf("handed on %+v", f)
	}
	broken, err := conn.OpenUniStream()
	if err != nil {
		t.Fatal(err)
	}
	batch := wire.AppendBlob([]byte{byte(wire.StreamBlobs)}, blob(1))
	_, _ = broken.Write(append(batch, wire.AppendBlob(nil, blob(2))[:1000]...))
	time.Sleep(50 * time.Millisecond) // a reset overtakes what it resets
	broken.CancelWrite(0)
	if got := next(t, in.blobs); len(got) != 1 || !bytes.Equal(got[0], blob(1)) {
		t.Errorf("of a broken batch %d blobs were kept", len(got))
	}
	never, err := conn.OpenStream()
	if err != nil {
		t.Fatal(err)
	}
	never.CancelWrite(0)
	for _, kind := range []byte{0, 5, 99} { // streams of kinds to come
		one, err := conn.OpenUniStream()
		if err != nil {
			t.Fatal(err)
		}
		_, _ = one.Write([]byte{kind, 1, 2, 3})
		both, err := conn.OpenStreamSync(within(t, 5*time.Second))
		if err != nil {
			t.Fatal(err)
		}
		_, _ = both.Write([]byte{kind, 1, 2, 3})
		var reset *quic.StreamError
		if _, err := both.Read(make([]byte, 1)); !errors.As(err, &reset) || !reset.Remote {
			t.Errorf("a stream of kind %d: %v", kind, err)
		}
	}
	whole, err := conn.OpenUniStream()
	if err != nil {
		t.Fatal(err)
	}
	_, _ = whole.Write(batch)
	whole.Close()
	next(t, in.blobs)
	if l.Err() != nil || b.Stats().Bad != 0 {
		t.Errorf("link %v, stats %+v", l.Err(), b.Stats())
	}
}

// An honest dialler that races several of our addresses leaves all but one behind flight 2.
func TestLosersOfARace(t *testing.T) {
	t.Parallel()
	b, friend := newEnd(t), newEnd(t)
	befriend(friend, b)
	conn := newStranger(t, "127.0.0.1").connect(b)
	e, err := exporterOf(conn)
	if err != nil {
		t.Fatal(err)
	}
	_, first, err := handshake.NewInitiator(handshake.Contact, e, friend.ring.statics, &friend.ring.pairs[0], rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	stream, err := conn.OpenStream()
	if err != nil {
		t.Fatal(err)
	}
	_, _ = stream.Write(first[:])
	readFlight(t, stream)
	_ = conn.CloseWithError(0, "")
	if s := b.settled(); s.Unproven != 0 || s.Bad != 0 || s.Accepted != 0 {
		t.Errorf("stats %+v", s)
	}
}

// A peer opens two streams of its own both ways and four one way, and no more.
func TestStreamLimits(t *testing.T) {
	t.Parallel()
	b, friend := newEnd(t), newEnd(t)
	befriend(friend, b)
	s := newStranger(t, "127.0.0.1")
	conn := s.connect(b)
	s.contact(conn, friend.ring)
	if _, err := b.Accept(within(t, 10*time.Second)); err != nil {
		t.Fatal(err)
	}
	opens := func(open func() error) (n int) {
		for n < 100 && open() == nil {
			n++
		}
		return n
	}
	if n := opens(func() error { _, err := conn.OpenStream(); return err }); n != streamsMax-1 {
		t.Errorf("%d bidirectional streams beside the control stream", n)
	}
	if n := opens(func() error { _, err := conn.OpenUniStream(); return err }); n != blobStreamsMax {
		t.Errorf("%d unidirectional streams", n)
	}
	dialed, _ := linked(t, toward(friend, b), friend, b)
	for l := range b.provenLinks() {
		if n := opens(func() error { _, err := l.conn.OpenStream(); return err }); l.Remote() == friend.at && n != 0 {
			t.Errorf("the responder opened %d streams towards the dialler %v", n, dialed.Remote())
		}
	}
}

// provenLinks are the links that are alive.
func (n *end) provenLinks() map[*Link]struct{} {
	n.links.mu.Lock()
	defer n.links.mu.Unlock()
	return maps.Clone(n.links.set)
}

// Receipt frames have no place in a contact exchange.
func TestWrongFrameOnContactStream(t *testing.T) {
	t.Parallel()
	a, b := newEnd(t), newEnd(t)
	befriend(a, b)
	dialed, accepted := linked(t, toward(a, b), a, b)
	_, endA := running(t, dialed)
	running(t, accepted)
	ctx := within(t, 10*time.Second)
	out, err := dialed.Contact(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if err := out.Send(ctx, wire.Refusal{Reason: 1}); err != nil {
		t.Fatal(err)
	}
	in, err := accepted.Contact(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if f, err := in.Receive(ctx); err == nil {
		t.Errorf("received %+v", f)
	}
	var said *CloseError
	if err := next(t, endA); !errors.As(err, &said) || *said != (CloseError{ReasonBadInput, true}) {
		t.Errorf("the sender's link says %v", err)
	}
}

// Migration keeps a QUIC connection alive and would link two addresses: the link ends.
func TestMovedPeer(t *testing.T) {
	t.Parallel()
	b, friend := newEnd(t), newEnd(t)
	befriend(friend, b)
	s, elsewhere := newStranger(t, "127.0.0.1"), newStranger(t, "127.0.4.1")
	conn := s.connect(b)
	s.contact(conn, friend.ring)
	l, err := b.Accept(within(t, 10*time.Second))
	if err != nil {
		t.Fatal(err)
	}
	in, ended := running(t, l)
	path, err := conn.AddPath(elsewhere.Transport)
	if err != nil {
		t.Fatal(err)
	}
	if err := path.Probe(within(t, 10*time.Second)); err != nil {
		t.Fatal(err)
	}
	if err := path.Switch(); err != nil {
		t.Fatal(err)
	}
	for n := 0; l.Err() == nil && n < 100; n++ {
		stream, err := conn.OpenUniStream()
		if err == nil {
			_, _ = stream.Write(wire.AppendBlob([]byte{byte(wire.StreamBlobs)}, blob(1)))
			stream.Close()
		}
		time.Sleep(20 * time.Millisecond)
	}
	var said *CloseError
	if err := next(t, ended); !errors.As(err, &said) || *said != (CloseError{ReasonMoved, false}) {
		t.Errorf("the link says %v", err)
	}
	if len(in.blobs) > 1 {
		t.Errorf("%d batches from a new address were handed on", len(in.blobs))
	}
}

// However much rubbish comes, the log gets a few lines, and they name nobody.
func TestQuietLog(t *testing.T) {
	t.Parallel()
	pc, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer pc.Close()
	b := newEndOn(t, pc)
	for range 50 {
		b.bad("handshake")
	}
	if err := b.Close(); err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatal(err)
	}
	if n := bytes.Count(b.log.Bytes(), []byte("\n")); n == 0 || n > complaintBurst+1 {
		t.Errorf("%d lines in the log", n)
	}
	if !contains(b.log, "kind=handshake") || contains(b.log, "127.0.0") {
		t.Errorf("the log says %s", b.log)
	}
}
