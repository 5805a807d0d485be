package simlan

import (
	"context"
	"maps"
	"net/netip"
	"slices"
	"sync"
	"time"

	"sottovoce/mesh/peer"
)

// When a finder speaks, and how long others believe what it said: as announcements by
// multicast DNS do it, less often.
const (
	announcePeriod = time.Minute
	heardFor       = 150 * time.Second // two announcements may be lost
	answerDelay    = 50 * time.Millisecond
)

// announceAfter are the pauses before the first announcements of anything new; then
// follows announcePeriod.
var announceAfter = [...]time.Duration{0, 100 * time.Millisecond, 400 * time.Millisecond, 1500 * time.Millisecond}

// Finder finds the finders of other hosts on the LAN that its host is plugged into. It
// implements mesh.Finder.
type Finder struct {
	host *Host

	mu      sync.Mutex // guards the fields below
	current *peer.Announcement
	held    bool      // current is not to be said: the host has moved since
	shown   bool      // current was said where the host is now
	spoken  int       // announcements made of current
	speak   time.Time // when to make the next
	asks    bool      // the next asks for answers
	stands  bool      // it is to be told where the host is
	heard   map[string]heard
	news    []peer.Sighting // for seen
	wake    chan struct{}   // holds one token
}

// heard is what another finder said last.
type heard struct {
	sighting peer.Sighting
	at       time.Time
	until    time.Time
}

// word is what finders say to each other.
type word struct {
	announcement *peer.Announcement // nil: a question only
	gone         bool
	asks         bool // who hears it for the first time answers
}

// Finder adds a finder to the host.
func (h *Host) Finder() *Finder {
	f := &Finder{host: h, heard: make(map[string]heard), wake: make(chan struct{}, 1)}
	h.net.mu.Lock()
	defer h.net.mu.Unlock()
	h.finders = append(slices.Clip(h.finders), f)
	return f
}

// Announce replaces what is announced; nil says goodbye and stops announcing. What is meant
// for other networks than the host's is not announced.
func (f *Finder) Announce(a *peer.Announcement, on []peer.Network) {
	f.mu.Lock() // while it speaks too: what is gone must not be announced behind its goodbye
	defer f.mu.Unlock()
	if a != nil && on != nil && !slices.EqualFunc(on, f.host.networks(), peer.Network.Equal) {
		return
	}
	old, shown := f.current, f.shown
	f.current, f.held = a, false
	left := old != nil && (a == nil || old.Instance != a.Instance)
	f.shown = shown && !left
	f.again()
	if left && shown {
		f.say(word{announcement: old, gone: true})
	}
}

// again begins to announce what is current from the first time on.
func (f *Finder) again() {
	f.spoken, f.speak, f.asks = 0, time.Now(), true
	f.signal()
}

// Run browses until ctx ends and calls seen for every new, changed and gone sighting,
// and stands whenever the host is plugged in somewhere.
func (f *Finder) Run(ctx context.Context, seen func(peer.Sighting), stands func([]peer.Network)) error {
	f.moved()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			f.close()
			return nil
		case <-timer.C:
		case <-f.wake:
		}
		if f.hasMoved() {
			stands(f.host.networks())
		}
		news, next := f.due()
		for _, s := range news {
			seen(s)
		}
		timer.Reset(time.Until(next))
	}
}

// Refresh announces and asks again, as at the start.
func (f *Finder) Refresh() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.again()
}

// Heard is how long ago an instance was heard; everything here is IPv4.
func (f *Finder) Heard(instance string) (ip4, ip6 time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	h, ok := f.heard[instance]
	if !ok {
		return 0, 0
	}
	return max(time.Since(h.at), 1), 0
}

// close says goodbye and takes the finder off its host.
func (f *Finder) close() {
	f.Announce(nil, nil)
	h := f.host
	h.net.mu.Lock()
	defer h.net.mu.Unlock()
	h.finders = slices.DeleteFunc(slices.Clone(h.finders), func(o *Finder) bool { return o == f })
}

// due says what is to be said now, and returns what is to be told and when to look again.
func (f *Finder) due() (news []peer.Sighting, next time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	now := time.Now()
	if !f.speak.After(now) {
		say := word{asks: f.asks}
		if !f.held {
			say.announcement, f.shown = f.current, f.current != nil
		}
		f.say(say)
		f.spoken++
		pause := announcePeriod
		if f.spoken < len(announceAfter) {
			pause = announceAfter[f.spoken]
		} else {
			f.asks = false
		}
		f.speak = now.Add(pause)
	}
	next = f.speak
	for _, instance := range slices.Sorted(maps.Keys(f.heard)) {
		h := f.heard[instance]
		if h.until.After(now) {
			if h.until.Before(next) {
				next = h.until
			}
			continue
		}
		f.forget(instance)
	}
	news, f.news = f.news, nil
	return news, next
}

// forget tells that somebody is gone.
func (f *Finder) forget(instance string) {
	gone := f.heard[instance].sighting
	gone.Gone = true
	delete(f.heard, instance)
	f.news = append(f.news, gone)
	f.signal()
}

// say sends a word to everybody else on the LAN.
func (f *Finder) say(w word) {
	n := f.host.net
	n.mu.Lock()
	defer n.mu.Unlock()
	if f.host.lan == nil {
		return
	}
	from := f.host.address
	for _, address := range slices.SortedFunc(maps.Keys(f.host.lan.hosts), netip.Addr.Compare) {
		far := f.host.lan.hosts[address]
		if far == f.host {
			continue
		}
		n.send(f.host, far, func() {
			n.mu.Lock()
			finders, there := far.finders, far.address == address
			n.mu.Unlock()
			for _, o := range finders {
				if there {
					o.hear(from, w)
				}
			}
		})
	}
}

// hear takes a word of another finder in.
func (f *Finder) hear(from netip.Addr, w word) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if w.announcement == nil {
		f.answer()
		return
	}
	a := *w.announcement
	s := peer.Sighting{Announcement: a, Endpoints: []peer.Endpoint{netip.AddrPortFrom(from, a.Port)}, Source: peer.SourceMDNS}
	old, known := f.heard[a.Instance]
	if w.gone {
		if known {
			f.forget(a.Instance)
		}
		return
	}
	f.heard[a.Instance] = heard{sighting: s, at: time.Now(), until: time.Now().Add(heardFor)}
	if !known || !slices.Equal(old.sighting.Endpoints, s.Endpoints) {
		f.news = append(f.news, s)
		f.signal()
		if w.asks {
			f.answer()
		}
	}
}

// answer speaks soon.
func (f *Finder) answer() {
	if soon := time.Now().Add(answerDelay); f.speak.After(soon) {
		f.speak = soon
		f.signal()
	}
}

// moved forgets everybody and announces again: the host is somewhere else.
func (f *Finder) moved() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, instance := range slices.Sorted(maps.Keys(f.heard)) {
		f.forget(instance)
	}
	f.held, f.shown, f.stands = true, false, true
	f.again()
}

// hasMoved reports once that the host is somewhere else.
func (f *Finder) hasMoved() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	moved := f.stands
	f.stands = false
	return moved
}

// signal wakes Run.
func (f *Finder) signal() {
	select {
	case f.wake <- struct{}{}:
	default:
	}
}
