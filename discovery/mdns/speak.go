package mdns

import (
	"net/netip"
	"slices"
	"time"

	"sottovoce/mesh/peer"
)

// swap takes up what the node wants to announce now.
//
// spec: 02-discovery#announcing
func (r *loop) swap(now time.Time) {
	old := r.adopted
	wanted, held := r.f.wish()
	if held || !r.stirred.IsZero() || same(old, wanted) && same(r.f.current.Load(), wanted) {
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
	r.release(now)
	if r.announces.due(now) {
		turn := r.announces.done - 1
		if turn >= len(burst)-1 {
			turn = -1
		}
		r.announce(turn, now)
	} else if !r.soon.IsZero() && !now.Before(r.soon) {
		r.soon = later(r.soon, r.announced.Add(r.newcomerGap())) // more may have come since
		if !now.Before(r.soon) {
			r.announces.did(now)
			r.announce(-1, now)
		}
	}
	if !r.asks.due(now) {
		return
	}
	r.revisit(now)
	quiet := r.asks.done >= len(firstAsks) && r.table.Len() > 0 && !r.table.Stale(now.Add(-staleAfter))
	if quiet && now.Before(r.asked.Add(askAtLeast)) {
		return
	}
	r.asked = now
	r.turn++
	for _, l := range r.lines {
		l.ask(r.turn, r.f.random, now)
	}
}

// refresh begins anew, in all families at once however many share the LAN: somebody
// looks now.
func (r *loop) refresh(now time.Time) {
	r.announces.restart(now)
	r.announces.due(now)
	r.announce(-1, now)
	r.browse(now)
	for _, l := range r.lines {
		for turn := range l.legs {
			l.ask(turn, r.f.random, now)
		}
	}
}

// announce says what is announced in the family whose turn it is, or in both if
// turn is negative.
func (r *loop) announce(turn int, now time.Time) {
	if turn < 0 {
		r.soon = time.Time{}
	}
	if r.announces.done > 1 && r.stirred.IsZero() {
		for _, a := range r.parting {
			r.farewell(a)
		}
		r.parting = nil
	}
	a := r.f.current.Load()
	if a == nil {
		r.missed = !r.stirred.IsZero()
		return
	}
	r.announced = now
	for _, l := range r.lines {
		made, err := newAnswer(a, l.nic.addrs(), r.life())
		if err != nil {
			return // Announce has refused such an announcement
		}
		b, err := made.packet()
		if err == nil {
			l.show(a.Instance)
			err = l.announce(b, turn, now)
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
				_ = g.listening.Send(b, netip.AddrPort{}) // the second round is for what is lost
			}
		}
	}
}

// answerSoon lets the group hear us when somebody asked it, unless they know us.
// The responder's own answer goes to the asker alone, and where several
// programs of a host share port 5353 only one of them gets it.
//
// spec: 02-discovery#answers
func (r *loop) answerSoon(p parsed, now time.Time) {
	a := r.f.current.Load()
	if a == nil || !p.Group || p.From.Port() != mdnsPort {
		return
	}
	if p.listing || p.asked && !slices.Contains(p.known, a.Instance) {
		r.callSoon(now)
	}
}

// callSoon plans an announcement for a newcomer, at most one a second and less
// often in a crowd.
func (r *loop) callSoon(now time.Time) {
	if !r.soon.IsZero() {
		return
	}
	span := newcomerDelayMax + time.Duration(r.table.Len())*newcomerDelayPer
	r.soon = now.Add(between(r.f.random, newcomerDelayMin, span))
	r.soon = later(r.soon, r.announced.Add(r.newcomerGap()))
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
