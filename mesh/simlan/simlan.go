// Package simlan is a network in memory: LANs with a weather of loss, delay,
// reordering and duplicates, and hosts that are plugged into one, with packet
// sockets and a finder each. All chances come from one seed, and all time from
// package time, so that it runs in the virtual time of testing/synctest as well.
//
// What is in the packets is its users' business; it routes nothing between LANs.
package simlan

import (
	"container/heap"
	"math/rand/v2"
	"net/netip"
	"sync"
	"time"
)

// Weather is how a LAN treats what is sent on it. The zero value is a perfect LAN.
type Weather struct {
	Loss      float64       // share of packets that are lost
	Duplicate float64       // share of packets that arrive twice
	Delay     time.Duration // of every packet
	Jitter    time.Duration // at most so much more: packets overtake each other
}

// Net is a set of LANs and the hosts that may be plugged into them.
type Net struct {
	mu     sync.Mutex // guards everything in this package but what Conn and Finder guard
	random *rand.Rand
	lans   int
	hosts  int
	cuts   map[[2]*Host]bool

	travelling travellers
	order      uint64 // of departure
	timer      *time.Timer
}

// New returns a network without LANs. One seed gives one sequence of chances.
func New(seed uint64) *Net {
	return &Net{random: rand.New(rand.NewPCG(seed, 0)), cuts: make(map[[2]*Host]bool)}
}

// LAN adds a LAN; there may be 250.
func (n *Net) LAN(w Weather) *LAN {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.lans++
	return &LAN{net: n, number: byte(n.lans), weather: w, hosts: make(map[netip.Addr]*Host)}
}

// Cut loses everything from one host to another; Mend ends that.
func (n *Net) Cut(from, to *Host) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.cuts[[2]*Host{from, to}] = true
}

// Mend undoes Cut.
func (n *Net) Mend(from, to *Host) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.cuts, [2]*Host{from, to})
}

// LAN is what hosts are plugged into.
type LAN struct {
	net     *Net
	number  byte
	joined  int
	weather Weather
	hosts   map[netip.Addr]*Host
}

// SetWeather changes how packets are treated from now on.
func (l *LAN) SetWeather(w Weather) {
	l.net.mu.Lock()
	defer l.net.mu.Unlock()
	l.weather = w
}

// send lets something travel from one host to another of its LAN: arrive is called once
// for each copy that gets there, without the lock.
func (n *Net) send(from, to *Host, arrive func()) {
	w := from.lan.weather
	if n.cuts[[2]*Host{from, to}] || n.random.Float64() < w.Loss {
		return
	}
	copies := 1
	if n.random.Float64() < w.Duplicate {
		copies = 2
	}
	for range copies {
		delay := w.Delay
		if w.Jitter > 0 {
			delay += time.Duration(n.random.Int64N(int64(w.Jitter)))
		}
		n.order++
		heap.Push(&n.travelling, traveller{at: time.Now().Add(delay), order: n.order, arrive: arrive})
	}
	n.schedule()
}

// schedule sets the timer to the first arrival.
func (n *Net) schedule() {
	if len(n.travelling) == 0 {
		return
	}
	wait := time.Until(n.travelling[0].at)
	if n.timer == nil {
		n.timer = time.AfterFunc(wait, n.arrivals)
		return
	}
	n.timer.Reset(wait)
}

// arrivals lets everything arrive whose time has come.
func (n *Net) arrivals() {
	n.mu.Lock()
	defer n.mu.Unlock()
	for len(n.travelling) > 0 && !n.travelling[0].at.After(time.Now()) {
		arrived := heap.Pop(&n.travelling).(traveller)
		n.mu.Unlock()
		arrived.arrive()
		n.mu.Lock()
	}
	n.schedule()
}

// traveller is something under way.
type traveller struct {
	at     time.Time
	order  uint64
	arrive func()
}

// travellers is a heap, the first to arrive on top.
type travellers []traveller

func (t travellers) Len() int { return len(t) }

func (t travellers) Less(i, j int) bool {
	if !t[i].at.Equal(t[j].at) {
		return t[i].at.Before(t[j].at)
	}
	return t[i].order < t[j].order
}

func (t travellers) Swap(i, j int) { t[i], t[j] = t[j], t[i] }
func (t *travellers) Push(x any)   { *t = append(*t, x.(traveller)) }

func (t *travellers) Pop() any {
	last := len(*t) - 1
	x := (*t)[last]
	(*t)[last] = traveller{}
	*t = (*t)[:last]
	return x
}
