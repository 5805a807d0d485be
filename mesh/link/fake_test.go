package link

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/quic-go/quic-go"
	"go.uber.org/goleak"

	"sottovoce/mesh/handshake"
	"sottovoce/mesh/peer"
	"sottovoce/mesh/wire"
)

func TestMain(m *testing.M) {
	// quic-go would write to the standard log that the kernel gives small buffers.
	_ = os.Setenv("QUIC_GO_DISABLE_RECEIVE_BUFFER_WARNING", "true")
	goleak.VerifyTestMain(m)
}

// ring is a keyring of a few pairs, in the open.
type ring struct {
	mu      sync.Mutex // guards the fields below
	statics handshake.Statics
	pairs   []handshake.Pair
	scans   int
	more    int // keys that are said to be there
}

func (r *ring) Statics() handshake.Statics {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.statics
}

func (r *ring) Find(e handshake.Exporter, hint [handshake.HintSize]byte) (handshake.Pair, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.scans++
	for _, p := range r.pairs {
		if p.Key.Hint(e) == hint {
			return p, true
		}
	}
	return handshake.Pair{}, false
}

func (r *ring) Keys() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.pairs) + r.more
}

func (r *ring) add(p handshake.Pair) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.pairs = append(r.pairs, p)
}

func (r *ring) scanned() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.scans
}

func newStatic(t testing.TB) (s handshake.Static) {
	t.Helper()
	if _, err := rand.Read(s[:]); err != nil {
		t.Fatal(err)
	}
	return s
}

// end is one node as far as links go.
type end struct {
	*Transport
	ring *ring
	at   peer.Endpoint
	log  *bytes.Buffer // read it after the transport closed
}

func newEnd(t testing.TB) *end {
	t.Helper()
	pc, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	return newEndOn(t, pc)
}

func newEndOn(t testing.TB, pc net.PacketConn) *end {
	t.Helper()
	return openEnd(t, pc, handshake.Statics{Device: newStatic(t), Open: newStatic(t), OpenSign: [32]byte{1}})
}

// openEnd is a supernode if it has a supernode's key.
func openEnd(t testing.TB, pc net.PacketConn, statics handshake.Statics) *end {
	t.Helper()
	n := &end{
		ring: &ring{statics: statics},
		at:   endpointOf(pc.LocalAddr()),
		log:  &bytes.Buffer{},
	}
	var err error
	n.Transport, err = Open(pc, Config{
		Rand: rand.Reader, Log: slog.New(slog.NewTextHandler(n.log, nil)), Keyring: n.ring, Supernode: !statics.Supernode.IsZero(),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := n.Close(); err != nil {
			t.Errorf("closing a transport: %v", err)
		}
		pc.Close()
	})
	return n
}

// befriend makes two ends a pair: 1 is the first as the second knows it, 2 the second.
func befriend(a, b *end) {
	key := handshake.NewLinkKey([]byte("a secret between two"))
	a.ring.add(handshake.Pair{ID: 2, Their: b.ring.statics.Device.Public(), Key: key})
	b.ring.add(handshake.Pair{ID: 1, Their: a.ring.statics.Device.Public(), Key: key})
}

// toward is how a dials b in mode contact.
func toward(a, b *end) Target {
	f := b.Fingerprint()
	return Target{Endpoints: []peer.Endpoint{b.at}, Fingerprint: &f, Mode: handshake.Contact, Pair: &a.ring.pairs[0]}
}

func within(t testing.TB, d time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), d)
	t.Cleanup(cancel)
	return ctx
}

// linked connects two ends that are a pair.
func linked(t testing.TB, to Target, a, b *end) (dialed, accepted *Link) {
	t.Helper()
	ctx := within(t, 10*time.Second)
	dialed, err := a.Dial(ctx, to)
	if err != nil {
		t.Fatal(err)
	}
	accepted, err = b.Accept(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return dialed, accepted
}

// inbox is a Receiver that keeps everything.
type inbox struct {
	frames chan wire.Frame
	blobs  chan [][]byte
}

func newInbox() *inbox {
	return &inbox{frames: make(chan wire.Frame, 1000), blobs: make(chan [][]byte, 1000)}
}

func (i *inbox) Frame(f wire.Frame)   { i.frames <- f }
func (i *inbox) Blobs(blobs [][]byte) { i.blobs <- blobs }

// running runs l until the test ends; the channel tells why it ended.
func running(t testing.TB, l *Link) (*inbox, <-chan error) {
	t.Helper()
	in, ended := newInbox(), make(chan error, 1)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		ended <- l.Run(ctx, in)
	}()
	t.Cleanup(func() {
		cancel()
		<-done
	})
	return in, ended
}

func blob(fill byte) []byte {
	h := wire.Header{Class: wire.Class0, ExpiryDay: 20000, Tag: [16]byte{fill}}
	b := h.Append(nil)
	return append(b, bytes.Repeat([]byte{fill}, wire.Class0.Size()-len(b))...)
}

func next[T any](t testing.TB, c <-chan T) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(10 * time.Second):
		t.Fatal("nothing came for 10 s")
		panic("unreachable")
	}
}

// stranger is somebody who speaks QUIC and nothing else of ours.
type stranger struct {
	*quic.Transport
	t testing.TB
}

// newStranger stands at an address of its own on the loopback network.
func newStranger(t testing.TB, ip string) *stranger {
	t.Helper()
	pc, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.ParseIP(ip)})
	if err != nil {
		t.Fatal(err)
	}
	s := &stranger{Transport: &quic.Transport{Conn: pc}, t: t}
	t.Cleanup(func() {
		s.Close()
		pc.Close()
	})
	return s
}

func (s *stranger) dial(to *end, change func(*tls.Config)) (*quic.Conn, error) {
	cfg := clientTLS(nil)
	if change != nil {
		change(cfg)
	}
	return s.Dial(within(s.t, 10*time.Second), net.UDPAddrFromAddrPort(to.at), cfg, nil)
}

// connect dials and expects to get through.
func (s *stranger) connect(to *end) *quic.Conn {
	s.t.Helper()
	conn, err := s.dial(to, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = conn.CloseWithError(0, "") })
	return conn
}

// fly sends first on a new stream and returns the stream.
func (s *stranger) fly(conn *quic.Conn, first []byte) *quic.Stream {
	s.t.Helper()
	stream, err := conn.OpenStream()
	if err != nil {
		s.t.Fatal(err)
	}
	if _, err := stream.Write(first); err != nil {
		s.t.Fatal(err)
	}
	return stream
}

// contact proves itself over conn as the device of r's owner, as a dialler does, but
// leaves the streams to the caller.
func (s *stranger) contact(conn *quic.Conn, r *ring) *quic.Stream {
	s.t.Helper()
	e, err := exporterOf(conn)
	if err != nil {
		s.t.Fatal(err)
	}
	initiator, first, err := handshake.NewInitiator(handshake.Contact, e, r.statics, &r.pairs[0], rand.Reader)
	if err != nil {
		s.t.Fatal(err)
	}
	stream := s.fly(conn, first[:])
	third, _, err := initiator.Finish(readFlight(s.t, stream))
	if err != nil {
		s.t.Fatal(err)
	}
	if _, err := stream.Write(third[:]); err != nil {
		s.t.Fatal(err)
	}
	return stream
}

func readFlight(t testing.TB, stream *quic.Stream) []byte {
	t.Helper()
	_ = stream.SetReadDeadline(time.Now().Add(4 * time.Second))
	flight := make([]byte, handshake.FlightSize)
	for n := 0; n < len(flight); {
		m, err := stream.Read(flight[n:])
		if err != nil {
			t.Fatalf("after %d bytes of a flight: %v", n, err)
		}
		n += m
	}
	_ = stream.SetReadDeadline(time.Time{})
	return flight
}

// closedWith waits until conn is closed by the far end and says why.
func closedWith(t testing.TB, conn *quic.Conn) Reason {
	t.Helper()
	select {
	case <-conn.Context().Done():
	case <-time.After(10 * time.Second):
		t.Fatal("still open after 10 s")
	}
	var said *quic.ApplicationError
	if cause := context.Cause(conn.Context()); !errors.As(cause, &said) || !said.Remote {
		t.Fatalf("ended by %v, want a word from the far end", cause)
	}
	return Reason(said.ErrorCode)
}

// settled returns the counters once whoever left has been counted out.
func (n *end) settled() Stats {
	for i := 0; n.Stats().Unproven+n.Stats().Links != 0 && i < 500; i++ {
		time.Sleep(10 * time.Millisecond)
	}
	return n.Stats()
}

func endpoint(s string) peer.Endpoint { return netip.MustParseAddrPort(s) }

func contains(log *bytes.Buffer, words string) bool { return strings.Contains(log.String(), words) }
