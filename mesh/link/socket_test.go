package link

import (
	"errors"
	"net"
	"testing"
	"time"
)

// watched is a packet socket that tells when it is closed.
type watched struct {
	*net.UDPConn
	closed chan struct{}
}

func (w *watched) Close() error {
	err := w.UDPConn.Close()
	if err == nil {
		close(w.closed)
	}
	return err
}

func newWatched(t *testing.T) *watched {
	t.Helper()
	pc, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	return &watched{UDPConn: pc, closed: make(chan struct{})}
}

func (w *watched) isClosed() bool {
	select {
	case <-w.closed:
		return true
	default:
		return false
	}
}

// A link lives on over the socket it was made on; new ones, both ways, use the new one;
// the old is closed with its last link.
func TestRebind(t *testing.T) {
	old, fresh := newWatched(t), newWatched(t)
	a, b := newEndOn(t, old), newEnd(t)
	befriend(a, b)
	before, accepted := linked(t, toward(a, b), a, b)
	_, _ = running(t, before)
	in, _ := running(t, accepted)
	if err := a.Rebind(fresh); err != nil {
		t.Fatal(err)
	}
	if err := before.SendBlobs(t.Context(), [][]byte{blob(1)}); err != nil {
		t.Fatal(err)
	}
	next(t, in.blobs)
	after, theirs := linked(t, toward(a, b), a, b)
	if before.Current() || !after.Current() || !accepted.Current() {
		t.Error("it is not known which link runs over the new socket")
	}
	if theirs.Remote() != endpointOf(fresh.LocalAddr()) {
		t.Errorf("a new link comes from %v", theirs.Remote())
	}
	at := *b
	toA := toward(&at, a)
	if l, err := b.Dial(within(t, 10*time.Second), toA); err == nil {
		l.Close(ReasonBye)
		t.Error("the old socket takes new links")
	}
	toA.Endpoints[0] = endpointOf(fresh.LocalAddr())
	if _, err := b.Dial(within(t, 10*time.Second), toA); err != nil {
		t.Errorf("the new socket: %v", err)
	}
	if old.isClosed() {
		t.Error("the old socket was closed under its link")
	}
	before.Close(ReasonBye)
	next(t, old.closed)
	if err := after.Err(); err != nil || fresh.isClosed() {
		t.Errorf("the new socket's link says %v", err)
	}
}

// A handshake that began before goes on, and holds the socket until it is over.
func TestRebindInHandshake(t *testing.T) {
	old := newWatched(t)
	a := newEndOn(t, old)
	conn := newStranger(t, "127.0.0.2").connect(a)
	if err := a.Rebind(newWatched(t)); err != nil {
		t.Fatal(err)
	}
	if conn.Context().Err() != nil || old.isClosed() {
		t.Error("the handshake was cut off")
	}
	_ = conn.CloseWithError(0, "")
	next(t, old.closed)
}

func TestRebindUnused(t *testing.T) {
	sockets := []*watched{newWatched(t), newWatched(t), newWatched(t)}
	a := newEndOn(t, sockets[0])
	for i, fresh := range sockets[1:] {
		if err := a.Rebind(fresh); err != nil {
			t.Fatal(err)
		}
		next(t, sockets[i].closed)
	}
	if err := a.Close(); err != nil {
		t.Error(err)
	}
	next(t, sockets[2].closed)
	if err := a.Rebind(newWatched(t)); !errors.Is(err, ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
}

// What was left is given up at once, and its far ends hear nothing.
func TestAbandon(t *testing.T) {
	old, fresh := newWatched(t), newWatched(t)
	a, b := newEndOn(t, old), newEnd(t)
	befriend(a, b)
	lost, theirs := linked(t, toward(a, b), a, b)
	if err := a.Rebind(fresh); err != nil {
		t.Fatal(err)
	}
	kept, _ := linked(t, toward(a, b), a, b)
	a.Abandon()
	next(t, old.closed)
	select {
	case <-lost.Done():
	case <-within(t, 10*time.Second).Done():
		t.Error("a link outlived its socket")
	}
	if err := kept.Err(); err != nil {
		t.Errorf("the link on the new socket: %v", err)
	}
	select {
	case <-theirs.Done():
		t.Errorf("the far end heard %v", theirs.Err())
	case <-time.After(50 * time.Millisecond):
	}
}
