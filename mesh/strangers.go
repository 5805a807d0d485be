package mesh

import (
	"fmt"
	"net/netip"
	"time"

	"golang.org/x/time/rate"

	"sottovoce/mesh/contact"
	"sottovoce/mesh/link"
	"sottovoce/mesh/wire"
)

// asks bounds what it costs us that strangers ask to be contacts.
//
// spec: 05-contacts#many-who-ask
type asks struct {
	saves   *rate.Limiter                // requests written down
	from    map[netip.Addr]*rate.Limiter // asks heard
	by      map[contact.Profile]*rate.Limiter
	last    map[contact.Profile][32]byte // the nonce heard last
	saved   map[netip.Addr]int           // requests written down in this run
	dropped uint64                       // asks that were not taken
}

func newAsks() *asks {
	return &asks{
		saves: rate.NewLimiter(rate.Every(asksSaved), asksSavedBurst),
		from:  make(map[netip.Addr]*rate.Limiter), by: make(map[contact.Profile]*rate.Limiter),
		last: make(map[contact.Profile][32]byte), saved: make(map[netip.Addr]int),
	}
}

// take takes one from what somebody has left. Who is not known has all of it.
func take[K comparable](of map[K]*rate.Limiter, who K, now time.Time, every time.Duration, burst int) bool {
	l := of[who]
	if l == nil {
		if len(of) >= askersMax {
			clear(of)
		}
		l = rate.NewLimiter(rate.Every(every), burst)
		of[who] = l
	}
	return l.AllowN(now, 1)
}

// from is where a link in mode open leads.
func (o *openLink) from() netip.Addr {
	if o.link == nil {
		return netip.Addr{}
	}
	return o.link.Remote().Addr().WithZone("")
}

// hearsAsk decides whether an ask is looked at: the same once more always is. It does not
// matter who asks, so that nobody learns from it that they are blocked.
func (t *turn) hearsAsk(o *openLink, f wire.Ask) bool {
	asks := t.n.asks
	if last, heard := asks.last[o.profile]; heard && last == f.Nonce || o.meeting != nil {
		return true
	}
	from := o.from()
	if from.IsValid() && !take(asks.from, from, t.now, asksPerAddress, asksPerAddressBurst) ||
		!take(asks.by, o.profile, t.now, asksPerProfile, asksPerProfileBurst) {
		t.dropAsk(o)
		return false
	}
	if len(asks.last) >= askersMax {
		clear(asks.last)
	}
	asks.last[o.profile] = f.Nonce
	return true
}

// dropAsk does not take an ask. Whoever means it comes again, later and later.
func (t *turn) dropAsk(o *openLink) {
	n := t.n
	n.asks.dropped++
	t.drop("contact request")
	t.notice("so many ask to be contacts that requests are dropped; who means it asks again")
	if o.link != nil {
		o.link.Close(link.ReasonBusy)
	}
}

// droppedAsks says how many requests were dropped, if any.
func (n *Node) droppedAsks() []string {
	if n.asks.dropped == 0 {
		return nil
	}
	return []string{fmt.Sprintf("requests dropped since the start, because too many came at once: %d", n.asks.dropped)}
}

// makeRoom makes room for a request from an address: by forgetting the last of the address
// that most wait from, if that leaves it no fewer than the newcomer's, else an asker who is
// gone.
func (t *turn) makeRoom(from netip.Addr) error {
	waiting := make(map[netip.Addr]int)
	for _, q := range t.n.requests {
		if q.exchange.Phase() == contact.PhaseIncoming && q.from.IsValid() {
			waiting[q.from]++
		}
	}
	var last *request
	for _, q := range t.n.requests {
		if q.exchange.Phase() != contact.PhaseIncoming || waiting[q.from] < waiting[from]+2 {
			continue
		}
		if last == nil || waiting[q.from] > waiting[last.from] || waiting[q.from] == waiting[last.from] && q.row.Time > last.row.Time {
			last = q
		}
	}
	if last == nil {
		return t.forgetAbsent()
	}
	t.n.asks.dropped++
	return t.forgetRequest(last)
}

// showRequest tells the faces of a request and lets it be written down, unless too many have
// been: then it waits in memory.
func (t *turn) showRequest(q *request) error {
	n := t.n
	if q.held = !n.asks.saves.AllowN(t.now, 1); q.held {
		n.wakeBy(t.now.Add(asksSaved))
		return nil
	}
	if len(n.asks.saved) >= askersMax {
		clear(n.asks.saved)
	}
	n.asks.saved[q.from]++
	return t.recordPerson(storedRequest, n.requester(q))
}

// saveHeld writes down requests that waited in memory, first one of an address of which
// the fewest were.
func (t *turn) saveHeld() error {
	n := t.n
	for {
		var next *request
		for _, q := range n.requests {
			if !q.held {
				continue
			}
			if next == nil || n.asks.saved[q.from] < n.asks.saved[next.from] ||
				n.asks.saved[q.from] == n.asks.saved[next.from] && q.row.Time < next.row.Time {
				next = q
			}
		}
		if next == nil {
			return nil
		}
		if err := t.showRequest(next); err != nil {
			return err
		}
		if next.held {
			return nil
		}
		if err := t.keepRequest(next); err != nil {
			return err
		}
	}
}
