package mdns

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"log"
	"net"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/mdns"
)

// line is everything that is open on one interface: the responder, and for
// each family a leg. Its goroutines end with close, which waits for them.
type line struct {
	name   string
	nic    nic                            // as of the last scan; the loop's
	shown  []string                       // instances announced here, on the network it leads to now; the loop's
	own    atomic.Pointer[[]netip.Prefix] // its addresses, for the readers
	server *mdns.Server
	legs   []*leg
}

// leg is one family on one interface.
type leg struct {
	family    family
	index     int
	listening *socket // announces, hears announcements and questions
	asking    *socket // asks, receives the answers
	id        uint16  // of our questions, which answers repeat
	readers   sync.WaitGroup
	stop      chan struct{} // closed by close
	tally
}

// parsed is a packet on its way to the loop.
type parsed struct {
	packet
	arrival
	line *line
	leg  *leg
	asks bool // it came to the asking socket
}

// openLine opens what can be opened; it fails only if nothing can.
func openLine(ctx context.Context, n nic, z *zone, random io.Reader) (*line, error) {
	l := &line{name: n.name}
	l.take(n)
	var errs []error
	for _, f := range []family{ip4, ip6} {
		if !n.has(f) {
			continue
		}
		g, err := openLeg(ctx, f, n, random)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		l.legs = append(l.legs, g)
	}
	if len(l.legs) == 0 {
		return nil, errors.Join(errs...)
	}
	server, err := mdns.NewServer(&mdns.Config{
		Zone:   z,
		Iface:  &net.Interface{Index: n.index, Name: n.name},
		Logger: log.New(io.Discard, "", 0), // it would log every odd packet of strangers
	})
	if err != nil {
		l.close()
		return nil, err
	}
	l.server = server
	return l, nil
}

// take notes what the interface is like now.
func (l *line) take(n nic) {
	l.nic = n
	l.own.Store(&n.prefixes)
}

// owns reports whether an address is one of the interface's.
func (l *line) owns(addr netip.Addr) bool {
	return slices.ContainsFunc(*l.own.Load(), func(p netip.Prefix) bool { return p.Addr() == addr.WithZone("") })
}

func openLeg(ctx context.Context, f family, n nic, random io.Reader) (*leg, error) {
	var id [2]byte
	if _, err := io.ReadFull(random, id[:]); err != nil {
		return nil, err
	}
	listening, err := openListening(ctx, f, n)
	if err != nil {
		return nil, err
	}
	asking, err := openAsking(ctx, f, n)
	if err != nil {
		listening.conn.Close()
		return nil, err
	}
	return &leg{
		family: f, index: n.index, listening: listening, asking: asking,
		id: binary.BigEndian.Uint16(id[:]), stop: make(chan struct{}),
	}, nil
}

// read starts the line's readers, which parse and pass on to inbox what
// mentions our service until close. bad counts what does not parse.
func (l *line) read(inbox chan<- parsed, bad *atomic.Uint64) {
	for _, g := range l.legs {
		g.readers.Go(func() { g.read(l, g.listening, false, inbox, bad) })
		g.readers.Go(func() { g.read(l, g.asking, true, inbox, bad) })
	}
}

func (g *leg) read(l *line, s *socket, asks bool, inbox chan<- parsed, bad *atomic.Uint64) {
	buf := make([]byte, packetMax)
	for {
		n, from, err := s.receive(buf)
		if err != nil {
			select {
			case <-g.stop:
				return
			case <-time.After(readRetry): // the interface is down for a moment
				continue
			}
		}
		if !asks && from.index != 0 && from.index != g.index {
			continue // Linux hands every group's packets to every socket
		}
		if from.group && !l.owns(from.from.Addr()) {
			g.foreign.set(time.Now())
		}
		if !mentioned(buf[:n]) {
			continue
		}
		p, err := parsePacket(buf[:n])
		if err != nil {
			bad.Add(1)
			continue
		}
		select {
		case inbox <- parsed{p, from, l, g, asks}:
		case <-g.stop:
			return
		}
	}
}

// announce sends a packet to the group in every family. What does not leave is
// said in the returned error; the next announcement tries again.
func (l *line) announce(b []byte, now time.Time) error {
	var errs []error
	for _, g := range l.legs {
		err := g.listening.send(b)
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

// ask sends the question in every family. What does not leave is asked again,
// and Health shows it.
func (l *line) ask(now time.Time) {
	for _, g := range l.legs {
		if b, err := question(g.id); err == nil {
			g.left(g.asking.send(b), &g.asked, now)
		}
	}
}

// close closes everything and waits for the readers. The responder's own two
// goroutines end by themselves once their sockets are closed.
func (l *line) close() {
	if l.server != nil {
		_ = l.server.Shutdown()
	}
	for _, g := range l.legs {
		close(g.stop)
		g.listening.conn.Close()
		g.asking.conn.Close()
		g.readers.Wait()
	}
}

// addrsOf returns a function that reads an interface's addresses anew, at most
// once a second: a flood of questions must not become a flood of system calls.
func addrsOf(list func() ([]nic, error), index int) func() []netip.Addr {
	var mu sync.Mutex
	var addrs []netip.Addr
	var read time.Time
	return func() []netip.Addr {
		mu.Lock()
		defer mu.Unlock()
		if time.Since(read) < addrsEvery {
			return addrs
		}
		all, err := list()
		if err != nil {
			return addrs
		}
		addrs, read = nil, time.Now()
		for _, n := range all {
			if n.index == index {
				addrs = n.addrs()
			}
		}
		return addrs
	}
}
