package observer

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"math/big"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/quic-go/quic-go"
)

// Trap is a port where whoever believes a replayed announcement dials: it says who did, and
// how much they said before they noticed.
type Trap struct {
	conn   *tapped
	quic   *quic.Transport
	listen *quic.Listener

	mu     sync.Mutex // guards said
	said   int        // bytes on streams: anything is too much
	fooled int        // dialers that finished a TLS handshake with us
	cancel context.CancelFunc
	done   chan struct{}
}

// NewTrap waits on a socket, under a certificate of its own.
func NewTrap(conn net.PacketConn) (*Trap, error) {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Unix(0, 0), NotAfter: time.Unix(1<<32, 0)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, err
	}
	t := &Trap{conn: &tapped{PacketConn: conn, from: make(map[netip.Addr]int)}, done: make(chan struct{})}
	t.quic = &quic.Transport{Conn: t.conn}
	t.listen, err = t.quic.Listen(&tls.Config{
		Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}, NextProtos: []string{"sottovoce/1"},
	}, &quic.Config{})
	if err != nil {
		return nil, err
	}
	var ctx context.Context
	ctx, t.cancel = context.WithCancel(context.Background())
	go t.accept(ctx)
	return t, nil
}

// Dialled is who sent anything since it was asked last, by address.
func (t *Trap) Dialled() map[netip.Addr]int { return t.conn.take() }

// Heard is how many handshakes with our certificate were finished, and how many bytes came
// on their streams.
func (t *Trap) Heard() (fooled, said int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.fooled, t.said
}

// Close closes the socket too.
func (t *Trap) Close() error {
	t.cancel()
	_ = t.listen.Close()
	err := t.quic.Close()
	<-t.done
	_ = t.conn.Close()
	return err
}

func (t *Trap) accept(ctx context.Context) {
	defer close(t.done)
	for {
		conn, err := t.listen.Accept(ctx)
		if err != nil {
			return
		}
		t.mu.Lock()
		t.fooled++
		t.mu.Unlock()
		stream, err := conn.AcceptStream(ctx)
		if err != nil {
			continue // it noticed
		}
		n, _ := stream.Read(make([]byte, 4096))
		t.mu.Lock()
		t.said += n
		t.mu.Unlock()
	}
}

// tapped counts the packets that a socket receives, by sender.
type tapped struct {
	net.PacketConn
	mu   sync.Mutex // guards from
	from map[netip.Addr]int
}

// ReadFrom implements net.PacketConn.
func (c *tapped) ReadFrom(b []byte) (int, net.Addr, error) {
	n, from, err := c.PacketConn.ReadFrom(b)
	if udp, ok := from.(*net.UDPAddr); ok && err == nil {
		c.mu.Lock()
		c.from[udp.AddrPort().Addr().Unmap()]++
		c.mu.Unlock()
	}
	return n, from, err
}

func (c *tapped) take() map[netip.Addr]int {
	c.mu.Lock()
	defer c.mu.Unlock()
	taken := c.from
	c.from = make(map[netip.Addr]int)
	return taken
}
