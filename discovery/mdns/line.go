package mdns

import (
	"context"
	"errors"
	"io"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// line is everything that is open on one interface: the responder, and for each
// family a leg. Its
// goroutines end with close, which waits for them.
type line struct {
	name      string
	nic       Interface                      // as of the last scan; the loop's
	shown     []string                       // instances announced here, on the network it leads to now; the loop's
	own       atomic.Pointer[[]netip.Prefix] // its addresses, for the readers
	zone      *zone
	responder io.Closer
	legs      []*leg
}

// leg is one family on one interface.
type leg struct {
	family    Family
	index     int
	listening Socket        // announces and answers, hears announcements and questions
	asking    Socket        // asks, receives the answers
	id        uint16        // of our last question, which answers repeat
	idBefore  uint16        // of the one before, whose answers may be late
	scanIDs   atomic.Uint32 // of a scan's questions: the latest in the low half, the one before in the high one
	readers   sync.WaitGroup
	stop      chan struct{} // closed by close
	tally
}

// parsed is a packet on its way to the loop.
type parsed struct {
	packet
	Arrival
	line *line
	leg  *leg
	asks bool // it came to the asking socket
}

// openLine opens what can be opened; it fails only if nothing can.
//
// The responder goes first: of several sockets on one port the system gives what is
// for this host alone to the one that was opened last, and that is to be ours.
func openLine(ctx context.Context, system System, n Interface, z *zone, random io.Reader) (*line, error) {
	responder, err := system.Serve(n, z)
	if err != nil {
		return nil, err
	}
	l := &line{name: n.Name, zone: z, responder: responder}
	l.take(n)
	var errs []error
	for _, f := range []Family{IPv4, IPv6} {
		if !n.has(f) {
			continue
		}
		g, err := openLeg(ctx, system, f, n, random)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		l.legs = append(l.legs, g)
	}
	if len(l.legs) == 0 {
		return nil, errors.Join(append(errs, responder.Close())...)
	}
	return l, nil
}

func openLeg(ctx context.Context, system System, f Family, n Interface, random io.Reader) (*leg, error) {
	listening, err := system.Open(ctx, n, f, mdnsPort)
	if err != nil {
		return nil, err
	}
	asking, err := system.Open(ctx, n, f, 0)
	if err != nil {
		return nil, errors.Join(err, listening.Close())
	}
	return &leg{family: f, index: n.Index, listening: listening, asking: asking, id: newID(random), stop: make(chan struct{})}, nil
}

// take notes what the interface is like now.
func (l *line) take(n Interface) {
	l.nic = n
	l.own.Store(&n.Prefixes)
}

// owns reports whether an address is one of the interface's.
func (l *line) owns(addr netip.Addr) bool {
	return slices.ContainsFunc(*l.own.Load(), func(p netip.Prefix) bool { return p.Addr() == addr.WithZone("") })
}

// read starts the line's readers, which parse and pass on to the loop what
// mentions our service or host until close.
func (l *line) read(r *loop) {
	for _, g := range l.legs {
		g.readers.Go(func() { g.read(r, l, g.listening, false) })
		g.readers.Go(func() { g.read(r, l, g.asking, true) })
	}
}

func (g *leg) read(r *loop, l *line, s Socket, asks bool) {
	buf := make([]byte, packetMax)
	for {
		n, from, err := s.Receive(buf)
		if err != nil {
			select {
			case <-g.stop:
				return
			case <-time.After(readRetry): // the interface is down for a moment
				continue
			}
		}
		if from.Group && from.Index != g.index {
			continue // Linux hands every group's packets to every socket
		}
		if from.Group && !l.owns(from.From.Addr()) {
			g.foreign.set(time.Now())
		}
		host := ""
		if a := r.f.current.Load(); a != nil {
			host = a.Host
		}
		if !mentioned(buf[:n], host) {
			continue
		}
		p, err := parsePacket(buf[:n])
		if err != nil {
			r.bad.Add(1)
			continue
		}
		select {
		case r.inbox <- parsed{p, from, l, g, asks}:
		case <-g.stop:
			return
		}
	}
}

// announce sends a packet to the group, in every family or in the one whose turn
// it is. What does not leave is said in the returned error; the next announcement
// tries again.
func (l *line) announce(b []byte, turn int, now time.Time) error {
	var errs []error
	for i, g := range l.legs {
		if turn >= 0 && i != turn%len(l.legs) {
			continue
		}
		err := g.listening.Send(b, netip.AddrPort{})
		g.left(err, &g.announced, now)
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// show notes that an instance is announced here.
func (l *line) show(instance string) {
	if !slices.Contains(l.shown, instance) {
		l.shown = append(l.shown[max(0, len(l.shown)+1-shownMax):], instance)
	}
}

// ask sends the question in the family whose turn it is. What does not leave is
// asked again, and Health shows it.
func (l *line) ask(turn int, random io.Reader, now time.Time) {
	g := l.legs[turn%len(l.legs)]
	g.idBefore, g.id = g.id, newID(random)
	if b, err := question(g.id); err == nil {
		g.left(g.asking.Send(b, netip.AddrPort{}), &g.asked, now)
	}
}

// newID draws the id of a question: one that stayed would say that two questions, in two
// epochs, are of one node.
func newID(random io.Reader) uint16 {
	return uint16(between(random, 0, 1<<16))
}

// newScanID draws the id of a scan's next questions.
func (g *leg) newScanID(random io.Reader) uint16 {
	id := newID(random)
	g.scanIDs.Store(g.scanIDs.Load()<<16 | uint32(id))
	return id
}

// scanned reports whether an id is that of a scan's question.
func (g *leg) scanned(id uint16) bool {
	ids := g.scanIDs.Load()
	return ids != 0 && (id == uint16(ids) || id == uint16(ids>>16))
}

// knows reports whether an id is that of a question of ours.
func (g *leg) knows(id uint16) bool { return id == g.id || id == g.idBefore }

// close closes everything and waits for the readers.
func (l *line) close() {
	_ = l.responder.Close() // nothing is lost with it
	for _, g := range l.legs {
		close(g.stop)
		_ = g.listening.Close() // nothing is lost with them
		_ = g.asking.Close()
		g.readers.Wait()
	}
}
