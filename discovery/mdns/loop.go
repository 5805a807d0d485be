package mdns

import (
	"context"
	"net/netip"
	"slices"
	"sync/atomic"
	"time"

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
	routers  map[int]router // as of the last scan
	adopted  *peer.Announcement

	announces timeline
	asks      timeline
	parting   []*peer.Announcement // said goodbye to once, and once more at the next announcement
	announced time.Time            // the last time
	asked     time.Time
	soon      time.Time // a newcomer waits for an announcement; zero: none does
	scanned   time.Time
	badTold   uint64 // of bad, those that were logged
	told      time.Time
	failed    map[string]bool // interfaces that could not be used at the last scan, which was logged
}

func newLoop(f *Finder, seen func(peer.Sighting), stands func([]peer.Network)) *loop {
	jitter := around(f.random)
	return &loop{
		f: f, seen: seen, stands: stands, table: discovery.NewTable(), inbox: make(chan parsed, inboxSize),
		announces: timeline{first: burst, every: announceEvery, jitter: jitter},
		asks:      timeline{first: firstAsks, every: askEvery, jitter: jitter},
	}
}

func (r *loop) run(ctx context.Context) {
	now := time.Now()
	r.announces.restart(now)
	r.asks.restart(now)
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
			if r.f.again.Swap(false) {
				r.announces.restart(time.Now())
				r.asks.restart(time.Now())
			}
		case p := <-r.inbox:
			r.take(p, time.Now())
		case <-timer.C:
		}
		now := time.Now()
		if !now.Before(r.scanAt()) {
			r.scan(ctx, now)
		}
		r.speak(now)
		timer.Reset(time.Until(r.next()))
	}
}

// scanAt returns when to look at the interfaces again: soon while the network
// is still to come, as after a start at boot.
func (r *loop) scanAt() time.Time {
	if r.resolving() {
		return r.scanned.Add(scanResolving)
	}
	for _, l := range r.lines {
		if !l.nic.isLoopback() {
			return r.scanned.Add(scanEvery)
		}
	}
	return r.scanned.Add(scanAlone)
}

// next returns when something is due.
func (r *loop) next() time.Time {
	at := r.scanAt()
	for _, t := range []time.Time{r.announces.next, r.asks.next, r.soon} {
		if !t.IsZero() && t.Before(at) {
			at = t
		}
	}
	return at
}

// swap takes up what the node wants to announce now.
//
// spec: 02-discovery#announcing
func (r *loop) swap(now time.Time) {
	old := r.adopted
	wanted, held := r.f.wish()
	if held || same(old, wanted) && same(r.f.current.Load(), wanted) {
		return
	}
	if wanted != nil {
		r.table.Own(wanted.Instance)
	}
	r.adopted = wanted
	r.f.current.Store(wanted)
	if old != nil && (wanted == nil || old.Instance != wanted.Instance) {
		r.farewell(old)
		r.parting = append(r.parting, old)
	}
	r.announces.restart(now)
}

// speak announces and asks what is due.
func (r *loop) speak(now time.Time) {
	soon := !r.soon.IsZero() && !now.Before(r.soon)
	if r.announces.due(now) || soon {
		r.soon = time.Time{}
		r.announce(now)
	}
	if !r.asks.due(now) {
		return
	}
	quiet := r.asks.done >= len(firstAsks) && r.table.Len() > 0 && !r.table.Stale(now.Add(-staleAfter))
	if quiet && now.Before(r.asked.Add(askAtLeast)) {
		return
	}
	r.asked = now
	for _, l := range r.lines {
		l.ask(now)
	}
}

func (r *loop) announce(now time.Time) {
	if r.announces.done > 1 {
		for _, a := range r.parting {
			r.farewell(a)
		}
		r.parting = nil
	}
	a := r.f.current.Load()
	if a == nil {
		return
	}
	r.announced = now
	for _, l := range r.lines {
		made, err := newAnswer(a, l.nic.addrs(), ttl)
		if err != nil {
			return // Announce has refused such an announcement
		}
		b, err := made.packet()
		if err == nil {
			l.show(a.Instance)
			err = l.announce(b, now)
		}
		if err != nil {
			r.f.log.Debug("announcement did not leave", "interface", l.name, "err", err)
			if r.soon.IsZero() && now.Before(r.announces.start.Add(settleMax)) {
				r.soon = now.Add(newcomerEvery)
			}
		}
	}
}

// farewell says goodbye in every family of every interface on which the announcement was
// heard, if that leads to the same network still.
//
// spec: 02-discovery#goodbye
func (r *loop) farewell(a *peer.Announcement) {
	for _, l := range r.lines {
		if !slices.Contains(l.shown, a.Instance) {
			continue
		}
		made, err := newAnswer(a, l.nic.addrs(), 0)
		if err != nil {
			return
		}
		if b, err := made.packet(); err == nil {
			for _, g := range l.legs {
				_ = g.listening.send(b) // the second round is for what is lost
			}
		}
	}
}

// take judges a parsed packet.
func (r *loop) take(p parsed, now time.Time) {
	n := p.line.nic.net()
	if !p.group && !n.OnLink(p.from.Addr()) {
		return // from beyond this link: not a neighbour's
	}
	r.bad.Add(uint64(p.bad))
	own := p.line.owns(p.from.Addr())
	if !p.response {
		if p.question && !own {
			p.leg.questions.Add(1)
		}
		r.answerSoon(p, now)
		return
	}
	if p.asks && p.id != p.leg.id {
		return // an answer to no question of ours
	}
	if !own {
		p.count(now)
	}
	for _, instance := range p.gone {
		if s, ok := r.table.Leave(instance); ok {
			r.f.forgets(instance)
			r.seen(s)
		}
	}
	for _, f := range p.found {
		if a := r.f.current.Load(); a != nil && a.Instance == f.announcement.Instance {
			if !p.asks {
				p.leg.echo.set(now)
			}
			continue
		}
		newcomer := !r.table.Knows(f.announcement.Instance)
		s, news := r.table.Hear(now, discovery.Heard{
			Announcement: f.announcement, Source: peer.SourceMDNS, From: p.from.Addr(), TTL: f.life,
			Endpoints: endpoints(n, f, p.from.Addr()),
		})
		if !p.asks && r.table.Knows(f.announcement.Instance) {
			r.f.hears(f.announcement.Instance, p.leg.family, now)
		}
		if news {
			r.seen(s)
		}
		if news && newcomer {
			r.callSoon(now)
		}
	}
}

// count notes for Health that another host's node was heard.
func (p *parsed) count(now time.Time) {
	switch {
	case len(p.found) == 0:
		return
	case p.asks:
		p.leg.answers.Add(1)
	default:
		p.leg.announcements.Add(1)
	}
	p.leg.heard.set(now)
}

// endpoints judges the addresses of an instance heard on n from a source. Of a
// link-local address only the neighbour itself can speak: on a host with two
// networks, the responder of the one also hears questions on the other. Where
// nothing fits this link, the source itself is the hint.
//
// spec: 02-discovery#endpoints
func endpoints(n discovery.Net, f found, source netip.Addr) []discovery.Reachable {
	source = source.WithZone("")
	own := slices.Contains(f.addrs, source)
	var out []discovery.Reachable
	add := func(addr netip.Addr) (direct bool) {
		placed, reach, ok := n.Place(addr)
		if ok {
			at := netip.AddrPortFrom(placed, f.announcement.Port)
			out = append(out, discovery.Reachable{Endpoint: at, Reach: reach, Via: n.Name})
		}
		return ok && reach != discovery.Routed
	}
	direct := false
	for _, addr := range f.addrs {
		if !own && addr.Is6() && addr.IsLinkLocalUnicast() {
			continue
		}
		direct = add(addr) || direct
	}
	if !direct && n.OnLink(source) {
		add(source)
	}
	return out
}

// answerSoon lets the group hear us when somebody asked it, unless they know us.
// The responder's own answer goes to the asker alone, and where several
// programs of a host share port 5353 only one of them gets it.
//
// spec: 02-discovery#answers
func (r *loop) answerSoon(p parsed, now time.Time) {
	a := r.f.current.Load()
	if a == nil || !p.group || p.from.Port() != port {
		return
	}
	if p.listing || p.asked && !slices.Contains(p.known, a.Instance) {
		r.callSoon(now)
	}
}

// callSoon plans an announcement for a newcomer, at most one a second.
func (r *loop) callSoon(now time.Time) {
	if !r.soon.IsZero() {
		return
	}
	span := newcomerDelayMax + time.Duration(r.table.Len())*newcomerDelayPer
	r.soon = now.Add(between(r.f.random, newcomerDelayMin, span))
	if least := r.announced.Add(newcomerEvery); r.soon.Before(least) {
		r.soon = least
	}
}

// scan follows the interfaces and lets sightings expire.
//
// spec: 02-discovery#interfaces
func (r *loop) scan(ctx context.Context, now time.Time) {
	r.scanned = now
	for _, s := range r.table.Expire(now) {
		if s.Gone {
			r.f.forgets(s.Instance)
		}
		r.seen(s)
	}
	r.complain(now)
	all, err := r.f.list()
	if err != nil {
		r.f.log.Warn("cannot list the network interfaces", "err", err)
		return
	}
	chosen := choose(all, r.f.named)
	if r.follow(ctx, chosen, skipped(all, chosen, r.f.named), now) {
		r.announces.restart(now)
		r.asks.restart(now)
	}
	r.stand(chosen, now)
}

// follow opens, keeps and closes lines so that they match the chosen interfaces,
// and reports whether anything is new.
func (r *loop) follow(ctx context.Context, chosen []nic, skipped []Skipped, now time.Time) (changed bool) {
	old, failed := slices.Clone(r.lines), make(map[string]bool) // Health reads r.lines
	var lines []*line
	for _, n := range chosen {
		i := slices.IndexFunc(old, func(l *line) bool { return l != nil && l.nic.sameLine(n) })
		if i >= 0 {
			l := old[i]
			old[i] = nil
			changed = changed || !l.nic.equal(n)
			l.take(n)
			lines = append(lines, l)
			continue
		}
		l, err := openLine(ctx, n, &zone{&r.f.current, addrsOf(r.f.list, n.index)}, r.f.random)
		if err != nil {
			if !r.failed[n.name] {
				r.f.log.Warn("cannot use a network interface", "interface", n.name, "err", err)
			}
			failed[n.name] = true
			skipped = append(skipped, Skipped{Interface: n.name, Reason: ReasonFailed, Detail: err.Error()})
			continue
		}
		r.f.log.Info("network interface in use", "interface", n.name)
		l.read(r.inbox, &r.bad)
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

// close says goodbye twice, then closes all lines and waits for them.
//
// spec: 02-discovery#goodbye
func (r *loop) close() {
	a := r.f.current.Swap(nil)
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
