package link

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/quic-go/quic-go"

	"sottovoce/mesh/handshake"
	"sottovoce/mesh/peer"
)

// Place is where somebody may be.
type Place struct {
	Endpoints   []peer.Endpoint
	Fingerprint *peer.Fingerprint // as announced; nil where nothing was
}

// Target is whom to dial, and where.
type Target struct {
	Endpoints   []peer.Endpoint   // the first EndpointsMax usable ones are raced, each a little after the one before
	Fingerprint *peer.Fingerprint // as announced; nil for an address that was typed
	Others      []Place           // tried besides, each half a second after the one before: by then the first has mostly won
	Mode        handshake.Mode    // any but Carry
	Pair        *handshake.Pair   // all but Open: whom
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
	runners, err := t.field(&to)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, handshakeTimeout)
	defer cancel()
	stop := context.AfterFunc(t.ctx, cancel)
	defer stop()
	won, err := t.race(ctx, &to, runners)
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

// runner is one attempt of a race.
type runner struct {
	endpoint    peer.Endpoint
	fingerprint *peer.Fingerprint
	delay       time.Duration
}

// field lists who runs.
func (t *Transport) field(to *Target) ([]runner, error) {
	var runners []runner
	none := errors.New("no usable endpoint to dial")
	places := append([]Place{{to.Endpoints, to.Fingerprint}}, to.Others...)
	begin := time.Duration(0)
	for _, p := range places[:min(len(places), placesMax)] {
		if p.Fingerprint != nil && *p.Fingerprint == t.Fingerprint() {
			none = ErrSelf
			continue
		}
		endpoints := slices.DeleteFunc(slices.Clone(p.Endpoints), func(e peer.Endpoint) bool { return !e.IsValid() || e.Port() == 0 })
		// A host may have more addresses, and a copy of an announcement may claim more for it.
		endpoints = endpoints[:min(len(endpoints), EndpointsMax)]
		for i, e := range endpoints {
			runners = append(runners, runner{e, p.Fingerprint, begin + time.Duration(i)*endpointStagger})
		}
		if len(endpoints) > 0 {
			begin += placeStagger
		}
	}
	if len(runners) == 0 {
		return nil, none
	}
	return runners, nil
}

// race tries all endpoints, the later ones a little later, and returns the first that
// is proven. The others are closed and waited for.
func (t *Transport) race(ctx context.Context, to *Target, field []runner) (*attempt, error) {
	ctx, cancel := context.WithCancel(ctx)
	results := make(chan error, len(field)) // one from each
	var won atomic.Pointer[attempt]
	var running sync.WaitGroup
	defer running.Wait()
	defer cancel()
	for _, r := range field {
		running.Go(func() {
			a, err := t.try(ctx, to, r)
			if err == nil && !won.CompareAndSwap(nil, a) {
				closeConn(a.conn, ReasonBye)
			}
			results <- err
		})
	}
	var failures []error
	for range field {
		err := <-results
		if err == nil {
			return won.Load(), nil
		}
		failures = append(failures, err)
	}
	return nil, errors.Join(failures...)
}

// try dials one endpoint after its delay and lets it prove itself.
func (t *Transport) try(ctx context.Context, to *Target, r runner) (*attempt, error) {
	select {
	case <-time.After(r.delay):
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	cfg := quicConfig(-1)
	if custody(to.Mode) {
		cfg = custodyConfig(true)
	}
	conn, err := t.socket.Load().dial(ctx, r.endpoint, r.fingerprint, cfg)
	for errors.Is(err, errLeft) {
		conn, err = t.socket.Load().dial(ctx, r.endpoint, r.fingerprint, cfg)
	}
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
