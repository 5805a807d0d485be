package sim

import (
	"context"
	"runtime"
	"slices"
	"time"

	"sottovoce/mesh"
	"sottovoce/mesh/conversation"
	"sottovoce/mesh/simlan"
	"sottovoce/mesh/store"
)

// check holds what everybody has against what was written.
func (w *world) check() {
	for _, a := range w.people {
		for _, b := range w.people {
			if w.met[[2]*person{a, b}] && up(a) && !w.failed() {
				w.checkTalk(a, b)
			}
		}
	}
}

// checkTalk holds a's log of the conversation with b against what both wrote.
func (w *world) checkTalk(a, b *person) {
	log, err := a.running().Log(context.Background(), b.name, mesh.LogQuery{})
	if err != nil {
		if !a.disk.isDead() {
			w.fail("%s cannot read the log with %s: %v", a.name, b.name, err)
		}
		return
	}
	var ours, theirs []mesh.Message
	for _, m := range log {
		if m.Mine {
			ours = append(ours, m)
			w.checkState(a, m)
		} else {
			theirs = append(theirs, m)
		}
	}
	w.checkOrder(a, ours, w.talkOf(a, b), true)
	w.checkOrder(a, theirs, w.talkOf(b, a), false)
	if up(b) {
		w.checkDelivered(a, b, ours)
	}
}

// checkState finds states that are behind what a face was shown.
func (w *world) checkState(a *person, m mesh.Message) {
	a.mu.Lock()
	shown := a.ranks[m.ID]
	a.mu.Unlock()
	if rankOf(m.State) < shown && !w.forgotten(shown, m.State) {
		w.fail("%s sees %q go back to %v", a.name, clip(m.Text), m.State)
	}
}

// forgotten tells whether a message that was held may be queued again, since a supernode has lost its disk.
func (w *world) forgotten(shown int, now conversation.State) bool {
	return shown == rankOf(conversation.StateHeld) && now == conversation.StateQueued && w.sky != nil && w.sky.forgot()
}

// checkOrder finds texts that nobody wrote, that are there twice, or out of order, and
// in the author's own log those that are missing.
func (w *world) checkOrder(whose *person, log []mesh.Message, c *talk, mine bool) {
	next := 0
	for _, m := range log {
		s := c.of(m)
		if s == nil || !s.acked && !s.doubt {
			w.fail("%s has %q, which was never written", whose.name, clip(m.Text))
			return
		}
		if mine && !s.may(m) {
			w.fail("%s has %q (deleted: %t), which is not what it was made", whose.name, clip(m.Text), m.Deleted)
			return
		}
		i := slices.Index(c.said, s)
		if i < next {
			w.fail("%s has %q twice or too late", whose.name, clip(m.Text))
			return
		}
		for _, skipped := range c.said[next:i] {
			if mine && skipped.acked {
				w.fail("%s has lost %q, which was queued", whose.name, clip(skipped.text))
				return
			}
		}
		next = i + 1
	}
	for _, s := range c.said[next:] {
		if mine && s.acked {
			w.fail("%s has lost %q, which was queued", whose.name, clip(s.text))
			return
		}
	}
}

// checkDelivered finds texts that b should have: a shows them as delivered.
func (w *world) checkDelivered(a, b *person, ours []mesh.Message) {
	log, err := b.running().Log(context.Background(), a.name, mesh.LogQuery{})
	if err != nil {
		return // b's own check says so
	}
	there := make(map[string]bool)
	for _, m := range log {
		there[m.ID] = true
	}
	for _, m := range ours {
		if m.State == conversation.StateDelivered && !there[m.ID] {
			w.fail("%s shows %q as delivered, and %s does not have it", a.name, clip(m.Text), b.name)
			return
		}
	}
}

// Bounds of what nobody uses any more.
const (
	healedIn     = 4 * time.Hour // after which everything has arrived
	goroutines   = 60            // of a node with a few links
	heapMax      = 300 << 20     // bytes, of a whole world
	expiresAfter = 57 * 24 * time.Hour
)

// heal takes every trouble away and waits until everything has arrived.
func (w *world) heal() {
	w.note("everything is well")
	w.healSky()
	for _, l := range w.lans {
		l.SetWeather(simlan.Weather{Delay: time.Millisecond})
	}
	for _, p := range w.people {
		p.disk.setFull(false)
		p.disk.loseAfter(-1)
		p.setClock(0)
		for _, o := range w.people {
			w.net.Mend(p.host, o.host)
		}
		p.host.Join(w.lans[0])
		if down(p) {
			p.start()
		}
	}
	for begin := time.Now(); time.Since(begin) < healedIn && !w.failed(); {
		passed := time.Since(begin)
		w.pass(min(max(10*time.Second, passed/10), healedIn-passed))
		runtime.GC() // what does not heal may send packets all the while
		if w.pending() == "" {
			break
		}
	}
	w.check()
	if what := w.pending(); what != "" && !w.failed() {
		w.fail("%s, %v after everything was well", what, healedIn)
	}
	w.checkShown()
	w.checkBounds()
}

// pending names something that has not arrived yet.
func (w *world) pending() string {
	for _, a := range w.people {
		for _, b := range w.people {
			if !w.met[[2]*person{a, b}] {
				continue
			}
			log, err := a.running().Log(context.Background(), b.name, mesh.LogQuery{})
			if err != nil {
				return a.name + ": " + err.Error()
			}
			for _, m := range log {
				s := w.talkOf(a, b).of(m)
				if m.Mine && m.State != conversation.StateDelivered && !expired(m, s) && !(m.Deleted && m.State == conversation.StateFailed) {
					return a.name + "'s " + clip(m.Text) + " is " + m.State.String()
				}
				if m.Mine && m.Change != nil && !m.Change.State.Final() {
					return a.name + "'s change of " + clip(m.Text) + " is " + m.Change.State.String()
				}
			}
			ours := slices.DeleteFunc(log, func(m mesh.Message) bool { return !m.Mine })
			if what := w.differs(a, b, ours); what != "" {
				return what
			}
		}
	}
	return ""
}

// expired reports whether a message was given up, and rightly so.
func expired(m mesh.Message, s *said) bool {
	return m.State == conversation.StateExpired && time.Since(s.at) > expiresAfter
}

// checkShown finds messages in the logs that no face was shown.
func (w *world) checkShown() {
	for _, a := range w.people {
		for _, b := range w.people {
			if !w.met[[2]*person{a, b}] || w.failed() {
				continue
			}
			log, err := a.running().Log(context.Background(), b.name, mesh.LogQuery{})
			if err != nil {
				w.fail("%s: %v", a.name, err)
				return
			}
			a.mu.Lock()
			for _, m := range log {
				if !a.shown[m.ID] && !a.missed {
					w.fail("%s was never shown %q", a.name, clip(m.Text))
					break
				}
			}
			a.mu.Unlock()
		}
	}
}

// checkBounds finds what should have gone.
func (w *world) checkBounds() {
	if w.failed() {
		return
	}
	w.pass(time.Minute)
	for _, p := range w.people {
		err := p.db.View(func(tx *store.Tx) error {
			pairs, err := tx.Pairs()
			if err != nil {
				return err
			}
			for _, pair := range pairs {
				blobs, err := tx.OutBlobHeads(pair.ID, 0, 10)
				if err != nil {
					return err
				}
				if len(blobs) > 0 {
					w.fail("%s still holds %d blobs or more when all is delivered", p.name, len(blobs))
				}
			}
			return nil
		})
		if err != nil {
			w.fail("%s: %v", p.name, err)
		}
	}
	if n := runtime.NumGoroutine(); n > goroutines*len(w.people) {
		w.fail("%d goroutines", n)
	}
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	if m.HeapAlloc > heapMax {
		w.fail("%d MB of heap", m.HeapAlloc>>20)
	}
}
