package observer

import (
	"slices"
	"sync"
	"time"
)

// Log is what the laboratory knows and the observer does not: who stood behind an address,
// and since when.
type Log struct {
	mu     sync.Mutex // guards the fields below
	stays  []*stay
	probed map[*stay][]Field
}

// stay is one node's time on a network under one set of addresses.
type stay struct {
	node    string
	round   int
	began   time.Time
	senders []string // as packets name them
}

// Comes notes that a node is on the network from now on, as the sender of packets. Whoever
// had one of those before has left.
func (l *Log) Comes(node string, round int, at time.Time, senders ...string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.stays = append(l.stays, &stay{node, round, at, senders})
}

// Probed notes what an active prober learnt of whoever is behind an address now.
func (l *Log) Probed(sender string, fields []Field) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.probed == nil {
		l.probed = make(map[*stay][]Field)
	}
	if s := l.at(sender, time.Time{}); s != nil {
		l.probed[s] = append(l.probed[s], fields...)
	}
}

// at finds who sent something at a time; the zero time is now.
func (l *Log) at(sender string, when time.Time) *stay {
	for _, s := range slices.Backward(l.stays) {
		if (when.IsZero() || !when.Before(s.began)) && slices.Contains(s.senders, sender) {
			return s
		}
	}
	return nil
}

// Visits makes a visit of each stay.
func (l *Log) Visits(packets []Packet) (visits []*Visit) {
	l.mu.Lock()
	defer l.mu.Unlock()
	reader := NewReader()
	of := make(map[*stay]*Visit)
	for _, s := range l.stays {
		v := NewVisit(s.node, s.round)
		of[s], visits = v, append(visits, v)
		for _, f := range l.probed[s] {
			v.Note("probe."+f.Name, f.Value)
		}
	}
	for _, p := range packets {
		if s := l.at(p.Sender, p.Time); s != nil {
			reader.Read(of[s], p)
		}
	}
	finish(visits)
	return visits
}

// Epochs makes a visit of each epoch of each stay but the last, which was cut short: what is
// sent between the first announcements of two labels. Those of one round are compared.
func (l *Log) Epochs(packets []Packet) (visits []*Visit) {
	l.mu.Lock()
	defer l.mu.Unlock()
	reader := NewReader()
	of := make(map[string]*Visit) // by label
	number := make(map[*stay]int)
	now := make(map[*stay]*Visit)
	for _, p := range packets {
		s := l.at(p.Sender, p.Time)
		if s == nil {
			continue
		}
		v := now[s]
		for _, a := range Announcements(p) {
			if of[a.Instance] != nil {
				v = of[a.Instance] // a goodbye may come later
				continue
			}
			if v = now[s]; v != nil {
				visits = append(visits, v)
			}
			v = NewVisit(s.node, number[s])
			v.Place = s.round
			of[a.Instance], now[s] = v, v
			number[s]++
		}
		if v != nil {
			reader.Read(v, p)
		}
	}
	finish(visits)
	return visits
}

func finish(visits []*Visit) {
	for _, v := range visits {
		v.Finish()
	}
}
