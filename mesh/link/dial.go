package link

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/quic-go/quic-go"

	"sottovoce/mesh/handshake"
	"sottovoce/mesh/peer"
)

// Target is whom to dial, and where.
type Target struct {
	Endpoints   []peer.Endpoint   // the first EndpointsMax usable ones are raced, each a little after the one before
	Fingerprint *peer.Fingerprint // as announced; nil for an address that was typed
	Mode        handshake.Mode    // Contact or Open
	Pair        *handshake.Pair   // Contact: whom
	OpenKey     *[32]byte         // Open: the one X25519 key that will do; nil for any
}

// attempt is a connection whose far end is proven and does not know yet that we are.
type attempt struct {
	conn   *quic.Conn
	stream *quic.Stream
	proof  handshake.Proof
	third  handshake.Flight
}

// Dial races the endpoints of to and returns the first link whose far end proved itself.
// Only on that one is flight 3 sent, so the far end sees one link. It fails after 5 s at
// the latest; errors.Is tells ErrRefused, ErrSelf and ErrFingerprint if any endpoint
// answered so, and the cause of ctx.
// spec: 03-links#dialling
func (t *Transport) Dial(ctx context.Context, to Target) (*Link, error) {
	endpoints := slices.Clone(to.Endpoints)
	endpoints = slices.DeleteFunc(endpoints, func(e peer.Endpoint) bool { return !e.IsValid() || e.Port() == 0 })
	if len(endpoints) == 0 {
		return nil, errors.New("no usable endpoint to dial")
	}
	// A host may have more addresses, and a copy of an announcement may claim more for it.
	endpoints = endpoints[:min(len(endpoints), EndpointsMax)]
	if to.Fingerprint != nil && *to.Fingerprint == t.Fingerprint() {
		return nil, ErrSelf
	}
	ctx, cancel := context.WithTimeout(ctx, handshakeTimeout)
	defer cancel()
	stop := context.AfterFunc(t.ctx, cancel)
	defer stop()
	won, err := t.race(ctx, &to, endpoints)
	if t.ctx.Err() != nil {
		err = ErrClosed
	}
	if err == nil {
		_ = won.stream.SetWriteDeadline(time.Now().Add(handshakeTimeout))
		_, err = won.stream.Write(won.third[:])
		_ = won.stream.SetWriteDeadline(time.Time{})
	}
	if err != nil {
		if won != nil {
			closeConn(won.conn, ReasonBye)
		}
		if errors.Is(err, ErrRefused) {
			t.notes.refused.Add(1)
		}
		return nil, fmt.Errorf("dialling in %s mode: %w", to.Mode, err)
	}
	t.notes.dialed.Add(1)
	return newLink(t, won.conn, won.stream, won.proof, true), nil
}

// race tries all endpoints, the later ones a little later, and returns the first that
// is proven. The others are closed and waited for.
func (t *Transport) race(ctx context.Context, to *Target, endpoints []peer.Endpoint) (*attempt, error) {
	ctx, cancel := context.WithCancel(ctx)
	results := make(chan error, len(endpoints)) // one from each
	var won atomic.Pointer[attempt]
	var runners sync.WaitGroup
	defer runners.Wait()
	defer cancel()
	for i, endpoint := range endpoints {
		runners.Go(func() {
			a, err := t.try(ctx, to, endpoint, time.Duration(i)*endpointStagger)
			if err == nil && !won.CompareAndSwap(nil, a) {
				closeConn(a.conn, ReasonBye)
			}
			results <- err
		})
	}
	var failures []error
	for range endpoints {
		err := <-results
		if err == nil {
			return won.Load(), nil
		}
		failures = append(failures, err)
	}
	return nil, errors.Join(failures...)
}

// try dials one endpoint after delay and lets it prove itself.
func (t *Transport) try(ctx context.Context, to *Target, endpoint peer.Endpoint, delay time.Duration) (*attempt, error) {
	select {
	case <-time.After(delay):
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	conn, err := t.quic.Dial(ctx, net.UDPAddrFromAddrPort(endpoint), clientTLS(to.Fingerprint), quicConfig(-1))
	if err != nil {
		return nil, err
	}
	a, err := t.prove(ctx, conn, to)
	switch {
	case errors.Is(err, ErrSelf):
		closeConn(conn, ReasonSelf)
	case err != nil:
		closeConn(conn, ReasonBye)
	}
	return a, err
}
