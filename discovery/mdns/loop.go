package mdns

import (
	"context"
	"slices"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	"sottovoce/discovery"
	"sottovoce/mesh/peer"
)

// loop is one Run: a single goroutine that owns the table, the lines and all
// times; readers hand it parsed packets.
type loop struct {
	f      *Finder
	seen   func(peer.Sighting)
	stands func([]peer.Network)
	table  *discovery.Table
	lines  []*line     // replaced, never changed in place
	inbox  chan parsed // written by the readers, never closed
	bad    atomic.Uint64

	stood    bool           // stands was called, with
	networks []peer.Network // these,
	moved    time.Time      // then
	routers  map[int]Router // as of the last scan
	adopted  *peer.Announcement

	announces timeline
	asks      timeline
	parting   []*peer.Announcement // said goodbye to once, and once more at the next announcement
	announced time.Time            // the last time
	asked     time.Time
	strict    bool          // as of the last scan, see Restrict
	turn      int           // of the families, which ask one after the other
	answers   *rate.Limiter // what a flood of questions may cost
	delayed   []delayed     // answers that wait
	soon      time.Time     // a newcomer waits for an announcement; zero: none does
	scanned   time.Time
	missed    bool            // an announcement was due meanwhile
	stirred   time.Time       // the system told of a change then, and nobody has looked since; zero: it did not
	watched   <-chan struct{} // tells of changes; nil: nobody does
	expired   time.Time
	began     time.Time
	lead      time.Duration // of the time of day since then over what passed while awake
	badTold   uint64        // of bad, those that were logged
	told      time.Time
	failed    map[string]bool // interfaces that could not be used at the last scan, which was logged
}

func newLoop(f *Finder, seen func(peer.Sighting), stands func([]peer.Network)) *loop {
	jitter := around(f.random)
	r := &loop{
		f: f, seen: seen, stands: stands, table: discovery.NewTable(), inbox: make(chan parsed, inboxSize),
		announces: timeline{first: burst, jitter: jitter},
		asks:      timeline{first: firstAsks, every: func() time.Duration { return askEvery }, jitter: jitter},
		answers:   rate.NewLimiter(answersRate, answersBurst),
	}
	r.announces.every, r.announces.gap, r.asks.gap = r.every, r.announceGap, r.askGap
	return r
}

func (r *loop) run(ctx context.Context) {
	now := time.Now()
	r.began, r.lead = now, 0
	r.watched = r.f.system.Watch(ctx)
	defer r.unwatch()
	r.announces.restart(now)
	r.browse(now)
	r.swap(now)
	r.scan(ctx, now)
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-r.f.wake:
			r.swap(time.Now())
			if r.f.strict.Load() != r.strict {
				r.scanned = time.Time{}
			}
			if r.f.again.Swap(false) {
				r.refresh(time.Now())
			}
		case <-r.watched:
			if r.stirred.IsZero() {
				r.stirred = time.Now()
				r.f.current.Store(nil) // until it is clear which network this is
			}
		case p := <-r.inbox:
			r.take(p, time.Now())
		case <-timer.C:
		}
		now := time.Now()
		r.wakeUp(now)
		if !now.Before(r.scanAt()) {
			r.scan(ctx, now)
		}
		if at := r.expireAt(); !at.IsZero() && !now.Before(at) {
			r.expire(now)
		}
		r.speak(now)
		timer.Reset(time.Until(r.next()))
	}
}

// unwatch waits until the system has stopped to tell of changes.
func (r *loop) unwatch() {
	if r.watched == nil {
		return
	}
	for range r.watched { // it is closed once the context has ended
	}
}

// browse begins to ask anew. Who is heard before the first question needs none.
func (r *loop) browse(now time.Time) {
	r.asks.restart(now)
	r.asks.last = now
}

// wakeUp begins anew when the clock has run ahead: the machine slept, and who
// was here may be elsewhere, or we are.
//
// spec: 02-discovery#interfaces
func (r *loop) wakeUp(now time.Time) {
	before := r.lead
	r.lead = r.f.system.Wall().Sub(r.began.Round(0)) - now.Sub(r.began)
	if r.lead-before < sleptLeast {
		return
	}
	r.f.log.Info("the clock has jumped, or the machine slept")
	for _, l := range r.lines {
		r.table.Lost(now, l.name)
	}
	r.scanned = time.Time{}
	r.announces.restart(now)
	r.browse(now)
}

// scanAt returns when to look at the interfaces again: soon while the network
// is still to come, as after a start at boot.
func (r *loop) scanAt() time.Time {
	every := scanAlone
	switch {
	case r.resolving():
		every = scanResolving
	case !slices.ContainsFunc(r.lines, func(l *line) bool { return !l.nic.isLoopback() }):
	case r.watched != nil:
		every = scanWatched
	default:
		every = scanEvery
	}
	if at := r.stirred.Add(scanSettle); !r.stirred.IsZero() && at.Before(r.scanned.Add(every)) {
		return at
	}
	return r.scanned.Add(every)
}

// expireAt returns when to look for what was not heard again; zero: never.
func (r *loop) expireAt() time.Time {
	at := r.table.Next()
	if least := r.expired.Add(expireEvery); !at.IsZero() && at.Before(least) {
		return least
	}
	return at
}

// next returns when something is due.
func (r *loop) next() time.Time {
	at := r.scanAt()
	sooner := func(t time.Time) {
		if !t.IsZero() && t.Before(at) {
			at = t
		}
	}
	for _, t := range []time.Time{r.announces.next, r.asks.next, r.soon, r.expireAt()} {
		sooner(t)
	}
	for _, a := range r.delayed {
		sooner(a.at)
	}
	return at
}

// scan follows the interfaces.
//
// spec: 02-discovery#interfaces
func (r *loop) scan(ctx context.Context, now time.Time) {
	r.scanned, r.stirred = now, time.Time{}
	r.complain(now)
	all, err := r.f.system.Interfaces()
	if err != nil {
		r.f.log.Warn("cannot list the network interfaces", "err", err)
		return
	}
	r.strict = r.f.strict.Load()
	chosen := choose(r.permitted(all), r.f.named)
	r.f.current.Store(nil) // what is opened answers at once, and may lead elsewhere
	if r.follow(ctx, chosen, skipped(all, chosen, r.f.named), now) {
		r.announces.restart(now)
		r.browse(now)
	}
	r.stand(chosen, now)
	r.speakAgain(now)
}

// speakAgain goes on with what is announced if it turned out that we are where we were.
//
// spec: 02-discovery#silence
func (r *loop) speakAgain(now time.Time) {
	if wanted, held := r.f.wish(); held || !same(r.adopted, wanted) {
		r.swap(now)
		return
	}
	r.f.current.Store(r.adopted)
	if r.missed {
		r.missed, r.soon = false, now
	}
}

// permitted are the interfaces that may be chosen.
func (r *loop) permitted(all []Interface) []Interface {
	if !r.strict || r.f.named != nil {
		return all
	}
	return slices.DeleteFunc(slices.Clone(all), Interface.isVirtual)
}

// expire lets sightings go that were not heard again.
//
// spec: 02-discovery#sightings
func (r *loop) expire(now time.Time) {
	r.expired = now
	for _, s := range r.table.Expire(now) {
		if s.Gone {
			r.f.forgets(s.Instance)
		}
		r.seen(s)
	}
}

// follow opens, keeps and closes lines so that they match the chosen interfaces,
// and reports whether anything is new.
func (r *loop) follow(ctx context.Context, chosen []Interface, skipped []Skipped, now time.Time) (changed bool) {
	old, failed := slices.Clone(r.lines), make(map[string]bool) // Health reads r.lines
	var lines []*line
	for _, n := range chosen {
		i := slices.IndexFunc(old, func(l *line) bool { return l != nil && l.nic.sameLine(n) })
		if i >= 0 {
			l := old[i]
			old[i] = nil
			changed = changed || !l.nic.equal(n)
			if l.nic.Carriers != n.Carriers {
				r.table.Lost(now, l.name) // the cable may lead elsewhere now
			}
			l.take(n)
			lines = append(lines, l)
			continue
		}
		l, err := openLine(ctx, r.f.system, n, newZone(&r.f.current), r.f.random)
		if err != nil {
			if !r.failed[n.Name] {
				r.f.log.Warn("cannot use a network interface", "interface", n.Name, "err", err)
			}
			failed[n.Name] = true
			skipped = append(skipped, Skipped{Interface: n.Name, Reason: ReasonFailed, Detail: err.Error()})
			continue
		}
		r.f.log.Info("network interface in use", "interface", n.Name)
		l.read(r)
		lines = append(lines, l)
		changed = true
	}
	for _, l := range old {
		if l != nil {
			l.close()
			r.table.Lost(now, l.name)
			r.f.log.Info("network interface given up", "interface", l.name)
		}
	}
	r.failed = failed
	r.use(lines, skipped)
	return changed
}

func (r *loop) use(lines []*line, skipped []Skipped) {
	r.f.mu.Lock()
	r.lines, r.f.lines, r.f.skipped = lines, lines, skipped
	r.f.mu.Unlock()
}

// complain logs that packets were malformed: a count, at most once a minute.
func (r *loop) complain(now time.Time) {
	bad := r.bad.Load()
	if bad == r.badTold || now.Sub(r.told) < complainEvery {
		return
	}
	r.f.log.Warn("ignored malformed discovery packets", "count", bad-r.badTold)
	r.badTold, r.told = bad, now
}

// close says goodbye twice where we were heard and still are, then closes all lines and waits
// for them.
//
// spec: 02-discovery#goodbye
func (r *loop) close() {
	a := r.adopted
	if a != nil && len(r.lines) > 0 {
		all, _ := r.f.system.Interfaces() // it fails: then nobody is told
		r.stand(choose(r.permitted(all), r.f.named), time.Now())
	}
	r.f.current.Store(nil)
	for round := range 2 {
		if a == nil || len(r.lines) == 0 {
			break
		}
		if round > 0 {
			time.Sleep(partingGap)
		}
		r.farewell(a)
	}
	lines := r.lines
	r.use(nil, nil)
	for _, l := range lines {
		l.close()
	}
}
