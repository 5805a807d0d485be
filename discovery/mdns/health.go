package mdns

import (
	"net"
	"slices"
	"sync/atomic"
	"time"
)

// Health says how discovery fares on one family of one interface in use. Times
// are zero for what never happened; counts begin when the interface was taken up.
//
// An Echo that stays behind Announced by more than a second or two means that
// multicast is dead here, at least inside this host. An Echo without Foreign
// means that the host is alone, or kept from the others.
type Health struct {
	Interface string
	IPv6      bool
	Announced time.Time // when our last announcement left
	Asked     time.Time // when our last question left
	Failed    string    // why the latest packet did not leave; empty: it did
	Echo      time.Time // when we last heard an announcement of ours
	Heard     time.Time // when we last heard another node, however
	Foreign   time.Time // when any packet of another host came by multicast, of whatever service

	Announcements uint64 // of other nodes, by multicast
	Questions     uint64 // for our service or for all kinds, of others
	Answers       uint64 // of other nodes to our questions, by unicast
}

// Reason says why an interface is not used.
type Reason string

// The reasons, the first that holds.
//
// spec: 02-discovery#interfaces
const (
	ReasonUnnamed      Reason = "unnamed"        // the person named others
	ReasonDown         Reason = "down"           // switched off
	ReasonNoCarrier    Reason = "no-carrier"     // no cable, no radio link
	ReasonLoopback     Reason = "loopback"       // this host alone
	ReasonNoAddress    Reason = "no-address"     // none that may be announced
	ReasonNoMulticast  Reason = "no-multicast"   // cannot
	ReasonPointToPoint Reason = "point-to-point" // a tunnel or a modem
	ReasonVirtual      Reason = "virtual"        // a bridge, container, virtual machine or VPN by its name
	ReasonTooMany      Reason = "too-many"       // there are more than 16
	ReasonFailed       Reason = "failed"         // its sockets could not be opened
)

// Skipped is an interface that is not used, and why.
type Skipped struct {
	Interface string
	Reason    Reason
	Detail    string // of ReasonFailed: what the system said
}

// Health returns the state of every interface and family in use.
func (f *Finder) Health() []Health {
	f.mu.Lock()
	defer f.mu.Unlock()
	var out []Health
	for _, l := range f.lines {
		for _, g := range l.legs {
			out = append(out, g.health(l.name))
		}
	}
	return out
}

// Skipped returns the interfaces that are not used, in the system's order.
func (f *Finder) Skipped() []Skipped {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.skipped)
}

// tally is what a leg counts for its Health. Readers and the loop write it.
type tally struct {
	announced, asked, echo, heard, foreign stamp
	announcements, questions, answers      atomic.Uint64
	failed                                 atomic.Pointer[string] // nil: the latest packet left
}

// stamp is a moment, as nanoseconds of Unix time; 0 is never.
type stamp struct{ atomic.Int64 }

func (s *stamp) set(t time.Time) { s.Store(t.UnixNano()) }

func (s *stamp) get() time.Time {
	if n := s.Load(); n != 0 {
		return time.Unix(0, n)
	}
	return time.Time{}
}

// left notes that a packet left, or why it did not.
func (t *tally) left(err error, when *stamp, now time.Time) {
	if err != nil {
		why := err.Error()
		t.failed.Store(&why)
		return
	}
	t.failed.Store(nil)
	when.set(now)
}

func (g *leg) health(name string) Health {
	h := Health{
		Interface: name, IPv6: g.family == IPv6,
		Announced: g.announced.get(), Asked: g.asked.get(), Echo: g.echo.get(), Heard: g.heard.get(), Foreign: g.foreign.get(),
		Announcements: g.announcements.Load(), Questions: g.questions.Load(), Answers: g.answers.Load(),
	}
	if why := g.failed.Load(); why != nil {
		h.Failed = *why
	}
	return h
}

// unfit returns why an interface is not used though it is one of its machine's
// best; empty if nothing speaks against it.
func (n Interface) unfit(named []string) Reason {
	switch {
	case named != nil && !slices.Contains(named, n.Name):
		return ReasonUnnamed
	case n.Flags&net.FlagUp == 0:
		return ReasonDown
	case n.Flags&net.FlagRunning == 0:
		return ReasonNoCarrier
	case len(n.addrs()) == 0:
		return ReasonNoAddress
	case named != nil:
		return ""
	case n.isLoopback():
		return ReasonLoopback
	case !n.canMulticast():
		return ReasonNoMulticast
	case n.Flags&net.FlagPointToPoint != 0:
		return ReasonPointToPoint
	case n.isVirtual():
		return ReasonVirtual
	}
	return ""
}

// skipped returns those of all that are not among chosen, with the reason.
func skipped(all, chosen []Interface, named []string) []Skipped {
	var out []Skipped
	for _, n := range all {
		if slices.ContainsFunc(chosen, func(c Interface) bool { return c.Index == n.Index }) {
			continue
		}
		why := n.unfit(named)
		if why == "" {
			why = ReasonTooMany
		}
		out = append(out, Skipped{Interface: n.Name, Reason: why})
	}
	return out
}
