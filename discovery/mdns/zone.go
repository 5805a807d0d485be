package mdns

import (
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/miekg/dns"

	"sottovoce/mesh/peer"
)

// zone is what the responder of one interface answers from: what the loop, which
// hears the same questions, lets it say. The responder itself looks neither at who
// asks nor at how often.
//
//	question ──▶ responder ──▶ Records waits ──▶ the loop's verdict ──▶ answer, or none
//	         └─▶ loop: from this link? known already? too many? ─────┘
type zone struct {
	current *atomic.Pointer[peer.Announcement] // nil: nothing is announced

	mu       sync.Mutex
	verdicts []verdict     // in the order of the questions
	changed  chan struct{} // closed, and replaced, at each new one
}

// verdict is what is to be answered to one question.
type verdict struct {
	about  string
	rrs    []dns.RR // none: silence
	passed time.Time
}

func newZone(current *atomic.Pointer[peer.Announcement]) *zone {
	return &zone{current: current, changed: make(chan struct{})}
}

// about is a question as a key.
func about(q dns.Question) string {
	return strings.ToLower(q.Name) + dns.Type(q.Qtype).String() + dns.Class(q.Qclass).String()
}

// pass tells the responder what to answer to a question that it heard too.
func (z *zone) pass(q dns.Question, rrs []dns.RR, now time.Time) {
	z.mu.Lock()
	defer z.mu.Unlock()
	z.verdicts = slices.DeleteFunc(z.verdicts, func(v verdict) bool { return now.Sub(v.passed) > verdictLife })
	if len(z.verdicts) < verdictsMax {
		z.verdicts = append(z.verdicts, verdict{about(q), rrs, now})
	}
	close(z.changed)
	z.changed = make(chan struct{})
}

// Records implements the responder's Zone. A question that the loop says nothing
// about within verdictWait (it came by another interface, or by unicast) gets no
// answer; a foreign one does not wait.
//
// spec: 02-discovery#answers
func (z *zone) Records(q dns.Question) []dns.RR {
	a := z.current.Load()
	if a == nil || !concerns(a, q) {
		return nil
	}
	late := time.NewTimer(verdictWait)
	defer late.Stop()
	for {
		rrs, found, changed := z.verdict(about(q))
		if found {
			return rrs
		}
		select {
		case <-changed:
		case <-late.C:
			return nil
		}
	}
}

// verdict takes the first verdict about a question, if there is one.
func (z *zone) verdict(about string) (rrs []dns.RR, found bool, changed <-chan struct{}) {
	z.mu.Lock()
	defer z.mu.Unlock()
	i := slices.IndexFunc(z.verdicts, func(v verdict) bool { return v.about == about })
	if i < 0 {
		return nil, false, z.changed
	}
	rrs = z.verdicts[i].rrs
	z.verdicts = slices.Delete(z.verdicts, i, i+1)
	return rrs, true, nil
}

// concerns reports whether a question is about what a announces.
func concerns(a *peer.Announcement, q dns.Question) bool {
	switch strings.ToLower(q.Name) {
	case serviceName, typesName, a.Instance + "." + serviceName, a.Host + "." + domain:
		return true
	}
	return false
}
