package observer

import (
	"context"
	"crypto/rand"
	"encoding/gob"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"slices"
	"sync"
	"testing"
	"testing/cryptotest"
	"testing/synctest"
	"time"

	"sottovoce/mesh/wire"
	"sottovoce/relay/community"
	"sottovoce/relay/mailbox"
	"sottovoce/relay/supernode"
)

// shelfEnv names the data directory of a supernode that a process of this test serves, in virtual time that its parent leads.
const shelfEnv = "OBSERVED_SHELF"

// datagram is one that a supernode has received or sent.
type datagram struct {
	At      time.Time
	Peer    netip.AddrPort // the far end
	Payload []byte
	Sent    bool // by the supernode
}

// request is what a supernode's disk was asked to keep at once: what one request brought, in its order.
type request struct {
	At   time.Time
	IDs  []wire.BlobID
	Held []bool // before
}

// step has the supernode live until an instant, at which datagrams arrive.
type step struct {
	Until   time.Time
	Arrived []datagram
}

// stepped is what came of it.
type stepped struct {
	Invite string // in the first: the link by which people join
	Sent   []datagram
	Asked  []request
}

// TestAsShelf is a supernode in a process of its own: its datagrams and its time come in by the standard input, and what it sends
// goes out by file 3. It holds nothing else of this test.
func TestAsShelf(t *testing.T) {
	dir := os.Getenv(shelfEnv)
	if dir == "" {
		return // TestShelf plays it
	}
	_ = os.Setenv("QUIC_GO_DISABLE_RECEIVE_BUFFER_WARNING", "true")
	cryptotest.SetGlobalRandom(t, 3)
	out := os.NewFile(3, "steps")
	synctest.Test(t, func(t *testing.T) {
		steps, answers := gob.NewDecoder(os.Stdin), gob.NewEncoder(out)
		var first step
		if err := steps.Decode(&first); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Until(first.Until))
		socket := newHatch()
		asked := &ledger{}
		s, err := supernode.Open(dir, supernode.Config{
			Conn: socket, Rand: rand.Reader, Log: slog.New(slog.DiscardHandler), Vouched: func() bool { return true },
			Store: func(s mailbox.Store) mailbox.Store { asked.Store = s; return asked },
		})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- s.Run(ctx) }()
		invite, err := s.Invite(community.ID(s.Status().Communities[0].ID), len(names)*2, 24*time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		answer := stepped{Invite: invite.Text()}
		for one := first; ; answer.Invite = "" {
			if time.Until(one.Until) > 0 {
				time.Sleep(time.Until(one.Until))
			}
			socket.arrive(one.Arrived)
			synctest.Wait()
			answer.Sent, answer.Asked = socket.left(), asked.left()
			if err := answers.Encode(answer); err != nil {
				t.Fatal(err)
			}
			one = step{}
			if err := steps.Decode(&one); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				t.Fatal(err)
			}
		}
		cancel()
		if err := errors.Join(<-ended, s.Close()); err != nil {
			t.Fatal(err)
		}
	})
}

// ledger is a store that tells what it was asked to keep.
type ledger struct {
	mailbox.Store
	mu    sync.Mutex // guards asked
	asked []request
}

// Append implements mailbox.Store.
func (l *ledger) Append(ctx context.Context, c mailbox.Community, deposits []mailbox.Deposit) ([]mailbox.Result, error) {
	results, err := l.Store.Append(ctx, c, deposits)
	r := request{At: time.Now()}
	for i, one := range results {
		if one.Err == nil {
			r.IDs, r.Held = append(r.IDs, wire.IDOf(deposits[i].Blob)), append(r.Held, !one.New)
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(r.IDs) > 0 {
		l.asked = append(l.asked, r)
	}
	return results, err
}

// left is what it was asked since it was asked that last.
func (l *ledger) left() (asked []request) {
	l.mu.Lock()
	defer l.mu.Unlock()
	asked, l.asked = l.asked, nil
	return asked
}

// shelfPort is where the supernode listens.
const shelfPort = 4433

// hatch is a UDP socket whose datagrams another process carries. It implements net.PacketConn.
type hatch struct {
	changed chan struct{} // holds one token

	mu       sync.Mutex // guards the following
	in, out  []datagram
	deadline time.Time
	closed   bool
}

func newHatch() *hatch { return &hatch{changed: make(chan struct{}, 1)} }

func (h *hatch) signal() {
	select {
	case h.changed <- struct{}{}:
	default:
	}
}

// arrive puts datagrams in.
func (h *hatch) arrive(all []datagram) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.in = append(h.in, all...)
	h.signal()
}

// left takes datagrams out.
func (h *hatch) left() (all []datagram) {
	h.mu.Lock()
	defer h.mu.Unlock()
	all, h.out = h.out, nil
	return all
}

// ReadFrom implements net.PacketConn.
func (h *hatch) ReadFrom(b []byte) (int, net.Addr, error) {
	for {
		h.mu.Lock()
		deadline := h.deadline
		switch {
		case h.closed:
			h.mu.Unlock()
			h.signal() // to the next reader
			return 0, nil, net.ErrClosed
		case !deadline.IsZero() && !time.Now().Before(deadline):
			h.mu.Unlock()
			return 0, nil, os.ErrDeadlineExceeded
		case len(h.in) > 0:
			first := h.in[0]
			h.in = h.in[1:]
			h.mu.Unlock()
			return copy(b, first.Payload), net.UDPAddrFromAddrPort(first.Peer), nil
		}
		h.mu.Unlock()
		var late <-chan time.Time
		if !deadline.IsZero() {
			late = time.After(time.Until(deadline))
		}
		select {
		case <-h.changed:
		case <-late:
		}
	}
}

// WriteTo implements net.PacketConn.
func (h *hatch) WriteTo(b []byte, to net.Addr) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return 0, net.ErrClosed
	}
	h.out = append(h.out, datagram{At: time.Now(), Peer: to.(*net.UDPAddr).AddrPort(), Payload: slices.Clone(b), Sent: true})
	return len(b), nil
}

// Close implements net.PacketConn.
func (h *hatch) Close() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.closed = true
	h.signal()
	return nil
}

// LocalAddr implements net.PacketConn.
func (*hatch) LocalAddr() net.Addr { return &net.UDPAddr{IP: net.IPv4zero, Port: shelfPort} }

// SetReadDeadline implements net.PacketConn.
func (h *hatch) SetReadDeadline(t time.Time) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.deadline = t
	h.signal()
	return nil
}

// SetDeadline is SetReadDeadline: writes do not wait.
func (h *hatch) SetDeadline(t time.Time) error { return h.SetReadDeadline(t) }

// SetWriteDeadline implements net.PacketConn: writes do not wait.
func (*hatch) SetWriteDeadline(time.Time) error { return nil }

// SetReadBuffer and SetWriteBuffer exist because quic-go complains about sockets without them.
func (*hatch) SetReadBuffer(int) error { return nil }

// SetWriteBuffer does nothing.
func (*hatch) SetWriteBuffer(int) error { return nil }
