package link

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"

	"github.com/quic-go/quic-go"

	"sottovoce/mesh/peer"
)

// socket is a packet socket that links run over. New links use the transport's current
// one; a socket that was left lives until the last connection over it has ended.
//
//	current ──Rebind──▶ left ──last connection ends──▶ closed
//
// spec: 03-links#two-ends
type socket struct {
	transport *Transport
	conn      net.PacketConn
	quic      *quic.Transport
	listener  *quic.Listener
	current   context.Context // ends when the socket is left
	replaced  context.CancelFunc
	unused    chan struct{} // closed by the last user of a socket that was left

	mu    sync.Mutex // guards the fields below
	users int        // connections, those that are still being made included
	left  bool
}

// open begins to accept on pc.
func (t *Transport) open(pc net.PacketConn) (*socket, error) {
	s := &socket{transport: t, conn: pc, unused: make(chan struct{})}
	s.current, s.replaced = context.WithCancel(t.ctx)
	s.quic = &quic.Transport{
		Conn:                             pc,
		ConnectionIDLength:               connectionIDLength,
		DisableVersionNegotiationPackets: true,
		VerifySourceAddress:              t.doubts,
		ConnContext:                      s.admit,
	}
	if t.reset != (ResetKey{}) {
		s.quic.StatelessResetKey = (*quic.StatelessResetKey)(&t.reset)
	}
	var err error
	accepts := quicConfig(streamsMax)
	if t.super {
		accepts = custodyConfig(false)
	}
	s.listener, err = s.quic.Listen(serverTLS(t.current.Load), accepts)
	if err != nil {
		s.replaced()
		return nil, fmt.Errorf("listening on %s: %w", pc.LocalAddr(), err)
	}
	return s, nil
}

// hold keeps the socket open until ctx ends. It fails when new links are not for this
// socket any more.
func (s *socket) hold(ctx context.Context) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.left {
		return false
	}
	s.users++
	context.AfterFunc(ctx, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.users--
		s.end()
	})
	return true
}

// end lets a socket go that nobody uses or will use.
func (s *socket) end() {
	if s.left && s.users == 0 {
		close(s.unused)
	}
}

// leave keeps new links away.
func (s *socket) leave() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.left = true
	s.replaced()
	s.end()
}

// admit gives a newcomer a slot or refuses it. ctx ends with the connection.
func (s *socket) admit(ctx context.Context, info *quic.ClientInfo) (context.Context, error) {
	slot, ok := s.transport.gate.enter(endpointOf(info.RemoteAddr).Addr())
	if !ok {
		s.transport.notes.turnedAway.Add(1)
		return nil, errors.New("no room for the unproven")
	}
	if !s.hold(ctx) {
		slot.leave()
		return nil, errors.New("no links on this socket any more")
	}
	context.AfterFunc(ctx, slot.leave)
	return context.WithValue(ctx, slotKey{}, slot), nil
}

// listen lets every connection prove itself, beside the others.
func (s *socket) listen() {
	t := s.transport
	for {
		conn, err := s.listener.Accept(t.ctx)
		if err != nil {
			return
		}
		t.owned.Go(func() { t.receive(conn) })
	}
}

// errLeft: the socket was left in the moment of a dial.
var errLeft = errors.New("the socket is not used for new links any more")

// dial opens a connection over the socket.
func (s *socket) dial(ctx context.Context, to peer.Endpoint, want *peer.Fingerprint, cfg *quic.Config) (*quic.Conn, error) {
	until, release := context.WithCancel(context.Background())
	if !s.hold(until) {
		release()
		return nil, errLeft
	}
	conn, err := s.quic.Dial(ctx, net.UDPAddrFromAddrPort(to), clientTLS(want), cfg)
	if err != nil {
		release()
		return nil, err
	}
	context.AfterFunc(conn.Context(), release)
	return conn, nil
}

// stray waits for a packet that belongs to no connection. It fails with errLeft once the
// socket is not the transport's current one.
func (s *socket) stray(ctx context.Context, b []byte) (int, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(s.current, cancel)()
	n, _, err := s.quic.ReadNonQUICPacket(ctx, b)
	if err != nil && s.current.Err() != nil && s.transport.ctx.Err() == nil {
		return 0, errLeft
	}
	return n, err
}

// close ends what still goes on over the socket, without a word.
func (s *socket) close() error {
	s.replaced()
	err := errors.Join(s.listener.Close(), s.quic.Close())
	if closed := s.conn.Close(); !errors.Is(closed, net.ErrClosed) {
		err = errors.Join(err, closed)
	}
	return err
}

// Rebind begins to use pc for new links. The links there are live on over the sockets
// they were made on, each of which is closed with its last link and handshake. From now on pc
// is the transport's to close; if it fails, nothing has changed.
//
// spec: 03-links#two-ends
func (t *Transport) Rebind(pc net.PacketConn) error {
	t.rebinding.Lock()
	defer t.rebinding.Unlock()
	if t.ctx.Err() != nil {
		return ErrClosed
	}
	fresh, err := t.open(pc)
	if err != nil {
		return err
	}
	old := t.socket.Swap(fresh)
	t.sockets[fresh] = struct{}{}
	t.owned.Go(fresh.listen)
	old.leave()
	t.owned.Go(func() {
		select {
		case <-old.unused:
			t.forget(old)
		case <-t.ctx.Done():
		}
	})
	return nil
}

// Abandon closes the sockets that were left, and with them their links, without a word:
// where they led nobody would hear it, and others might.
func (t *Transport) Abandon() {
	t.rebinding.Lock()
	defer t.rebinding.Unlock()
	for s := range t.sockets {
		if s != t.socket.Load() {
			t.drop(s)
		}
	}
}

// forget closes a socket that was left, unless that was done already.
func (t *Transport) forget(s *socket) {
	t.rebinding.Lock()
	defer t.rebinding.Unlock()
	if _, open := t.sockets[s]; open {
		t.drop(s)
	}
}

func (t *Transport) drop(s *socket) {
	delete(t.sockets, s)
	if err := s.close(); err != nil {
		t.log.Debug("closing a socket that was left", "error", err)
	}
}
