package supernode

import (
	"context"
	"errors"
	"sync"
	"time"

	"sottovoce/mesh/link"
	"sottovoce/mesh/wire"
	"sottovoce/relay/community"
	"sottovoce/relay/replica"
)

// visit is one link and what holds for it. What it asks, and gets, is known for as long as a request
// takes; only the log-in lives as long as the link.
type visit struct {
	at    *Supernode
	link  *link.Link
	block block
	home  *served // mode member: whose member is here

	mu      sync.Mutex // guards the following
	persona community.Persona
	in      *served        // whose persona has logged in; nil: nobody
	guest   *replica.Guest // the supernode that has logged in; nil: none
	asked   time.Time      // when the last request began
	open    int            // requests
	pleas   int            // papers that were shown without a log-in
}

// errJunk says that what came is no request, or not in this mode: the link ends.
var errJunk = errors.New("no request")

// run serves the requests of a link until it ends.
//
// spec: 08-custody#streams
func (v *visit) run(ctx context.Context) {
	var requests sync.WaitGroup
	defer requests.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if v.home == nil {
		requests.Go(func() { v.watch(ctx) })
	}
	for {
		stream, err := v.link.Requested(ctx)
		if err != nil {
			return
		}
		v.began(1)
		requests.Go(func() {
			defer v.began(-1)
			v.request(ctx, stream)
		})
	}
}

// began counts a request that begins, or ends.
func (v *visit) began(n int) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.open += n
	v.asked = time.Now()
}

// idle reports whether nothing is asked, and nothing was for a while.
func (v *visit) idle(now time.Time) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.open == 0 && now.Sub(v.asked) >= guestIdleMax
}

// watch closes a link in mode supernode that has asked nothing for a while.
func (v *visit) watch(ctx context.Context) {
	ticker := time.NewTicker(guestIdleMax)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
		if v.idle(time.Now()) {
			v.link.Close(link.ReasonBye)
			return
		}
	}
}

// finish closes a stream that was answered, once the far end has closed its side: it would take what
// comes before as word that its request was not read.
func (v *visit) finish(ctx context.Context, s *link.CustodyStream) {
	_ = s.End()
	s.Await(time.Now().Add(finishTimeout))
	_, _ = s.Receive(ctx)
	_ = s.Close()
}

// request serves one stream: it reads the request and answers it, or says why not.
func (v *visit) request(ctx context.Context, s *link.CustodyStream) {
	f, err := s.Receive(ctx)
	switch {
	case errors.Is(err, wire.ErrNewer):
		f, err = wire.Unknown{}, nil
	case err == nil:
		err = v.at.patience.spend(ctx, v.block, priceRequest)
	}
	var refused bool
	if err == nil {
		refused, err = v.answer(ctx, s, f)
	}
	switch {
	case refused && err == nil: // the rest of the request is not wanted
		_ = s.Close()
		return
	case err == nil:
		v.finish(ctx, s)
		return
	case errors.Is(err, errJunk), errors.Is(err, wire.ErrMalformed):
		v.link.Close(link.ReasonBadInput)
	}
	s.Reset()
	var ended *link.CloseError
	if errors.As(v.link.Err(), &ended) && ended.Reason == link.ReasonBadInput && !ended.Theirs { // who comes again with that waits
		_ = v.at.patience.of(v.block).ReserveN(time.Now(), int(priceJunk))
	}
}
