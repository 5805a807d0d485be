package mesh

import (
	"context"
	"crypto/rand"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"sottovoce/mesh/conversation"
	"sottovoce/mesh/simlan"
	"sottovoce/mesh/store"
)

// person is a node under test with its home.
type person struct {
	*Node
	t        *testing.T
	name     string
	home     string
	air      *air
	stop     func()                              // with goodbyes
	kill     func()                              // without
	tap      func(net.PacketConn) net.PacketConn // put between node and socket, if not nil
	hidden   bool                                // nobody sees it
	fenced   Fence
	doubtful bool          // nobody vouches for the clock
	port     bool          // is chosen by the person
	host     *simlan.Host  // in the place of the air and of real sockets
	sky      *sky          // supernodes, if not nil
	shelf    *fakeShelf    // and slots there
	off      *atomic.Int64 // by which the clock is wrong, in nanoseconds; nil: it is right
}

// newPerson founds an identity and starts its node.
func newPerson(t *testing.T, a *air, name string) *person {
	t.Helper()
	return newPersonIn(t, a, name, t.TempDir())
}

// newPersonAt founds and starts one on a machine whose clock is wrong by so many nanoseconds.
func newPersonAt(t *testing.T, a *air, name string, off *atomic.Int64) *person {
	t.Helper()
	p := &person{t: t, name: name, home: filepath.Join(t.TempDir(), name), air: a, off: off}
	if err := foundAt(p.home, name, Everyone, p.clock(), rand.Reader); err != nil {
		t.Fatalf("founding %s: %v", name, err)
	}
	p.start()
	t.Cleanup(func() { p.stop() })
	return p
}

// newPersonIn does the same with a home in dir.
func newPersonIn(t *testing.T, a *air, name, dir string) *person {
	t.Helper()
	p := &person{t: t, name: name, home: filepath.Join(dir, name), air: a}
	if err := Found(p.home, name, rand.Reader); err != nil {
		t.Fatalf("founding %s: %v", name, err)
	}
	p.start()
	t.Cleanup(func() { p.stop() })
	return p
}

func (p *person) start() {
	p.t.Helper()
	db, err := store.Open(p.home, rand.Reader)
	if err != nil {
		p.t.Fatalf("opening the home: %v", err)
	}
	conn, finder, listen := p.network()
	level := slog.LevelWarn
	if os.Getenv("SOTTOVOCE_DEBUG") != "" {
		level = slog.LevelDebug
	}
	log := slog.New(slog.NewTextHandler(p.t.Output(), &slog.HandlerOptions{Level: level})).With("node", p.name)
	var custodian Custodian
	if p.sky != nil {
		custodian = &fakeCustodian{sky: p.sky, wake: make(chan struct{}, 1)}
	}
	var slots Slots
	if p.shelf != nil {
		slots = p.shelf
	}
	n, err := New(Config{Custodian: custodian, Slots: slots, Store: db, Finder: finder, Conn: conn, Listen: listen, Fence: p.fenced, Rand: rand.Reader, Log: log, Vouched: func() bool { return !p.doubtful }, Now: p.clock})
	if err != nil {
		p.t.Fatalf("starting the node: %v", err)
	}
	p.Node = n
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- n.Run(ctx) }()
	for p.host == nil && !p.isSettled() {
		time.Sleep(time.Millisecond) // or a stranger who dials at once would meet a decoy
	}
	var once sync.Once
	p.stop = func() {
		once.Do(func() {
			cancel()
			if err := <-done; err != nil {
				p.t.Errorf("node ended: %v", err)
			}
			if err := db.Close(); err != nil {
				p.t.Errorf("closing: %v", err)
			}
		})
	}
	p.kill = func() {
		once.Do(func() {
			if f, ok := finder.(*airFinder); ok {
				f.killed.Store(true)
			}
			_ = conn.Close() // nothing leaves any more
			cancel()
			<-done
			if err := db.Close(); err != nil {
				p.t.Errorf("closing: %v", err)
			}
		})
	}
}

// network is what the person's machine has to do with one.
func (p *person) network() (net.PacketConn, Finder, func() (net.PacketConn, error)) {
	p.t.Helper()
	if p.host != nil {
		listen := func() (net.PacketConn, error) { return p.host.Listen(), nil }
		if p.port {
			listen = nil
		}
		return p.host.Listen(), p.host.Finder(), listen
	}
	var conn net.PacketConn
	conn, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		p.t.Fatal(err)
	}
	if p.tap != nil {
		conn = p.tap(conn)
	}
	finder := p.air.finder()
	finder.name, finder.hidden = p.name, p.hidden
	return conn, finder, nil
}

// isSettled reports whether the node knows what it stands on, or cannot be asked.
func (p *person) isSettled() (settled bool) {
	err := p.do(p.t.Context(), func(*turn) error {
		settled = len(p.settled) > 0
		return nil
	})
	return settled || err != nil
}

// isSeenBy reports who may see the person where it is.
func (p *person) isSeenBy(v Visibility) func() bool {
	return func() bool {
		s, err := p.Seen(p.t.Context())
		return err == nil && s.Here == v
	}
}

// clock is the system's clock of the person's machine.
func (p *person) clock() time.Time {
	if p.off == nil {
		return time.Now()
	}
	return time.Now().Add(time.Duration(p.off.Load()))
}

// inside runs f in the node's loop.
func (p *person) inside(f func(t *turn) error) {
	p.t.Helper()
	if err := p.do(p.t.Context(), f); err != nil {
		p.t.Fatalf("%s: %v", p.name, err)
	}
}

// device is the one device of a contact, inside the loop.
func (p *person) device(name string) *device {
	c, err := p.contactCalled(name)
	if err != nil {
		p.t.Error(err)
	}
	return c.devices[0]
}

// within waits until ok, or fails.
func (p *person) within(d time.Duration, what string, ok func() bool) {
	p.t.Helper()
	for deadline := time.Now().Add(d); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		if ok() {
			return
		}
	}
	p.t.Fatalf("%s: not within %v: %s", p.name, d, what)
}

// finds reports whether a list of people has the one of that name, as ok wants it.
func (p *person) finds(list func(context.Context) ([]Person, error), name string, ok func(Person) bool) func() bool {
	return func() bool {
		people, err := list(p.t.Context())
		if err != nil {
			p.t.Fatal(err)
		}
		found, err := who(people, name)
		return err == nil && ok(found)
	}
}

func anyhow(Person) bool         { return true }
func linked(found Person) bool   { return found.Via == ViaLink }
func unlinked(found Person) bool { return found.Via == ViaNone }

// befriends makes two people who see each other contacts with a link.
func (p *person) befriends(o *person) {
	p.t.Helper()
	p.within(waitLong, "sees the other", p.finds(p.Nearby, o.name, anyhow))
	if _, err := p.Add(p.t.Context(), o.name); err != nil {
		p.t.Fatalf("add: %v", err)
	}
	o.within(waitLong, "has the request", o.finds(o.Requests, p.name, anyhow))
	if _, err := o.Accept(p.t.Context(), p.name); err != nil {
		p.t.Fatalf("accept: %v", err)
	}
	p.within(waitLong, "linked contact", p.finds(p.Contacts, o.name, linked))
	o.within(waitLong, "linked contact", o.finds(o.Contacts, p.name, linked))
	p.within(waitLong, "one link", func() bool { // both may have dialled, and of two links one goes
		ours, last := p.linkTo(o.name)
		theirs, too := o.linkTo(p.name)
		return last && too && ours == theirs
	})
}

// linkTo names the link to a contact, the same at both ends, and reports whether it is there and no dial that may take its place.
func (p *person) linkTo(name string) (binding [32]byte, last bool) {
	p.inside(func(*turn) error {
		r := p.device(name).route
		if last = r.live != nil && !r.dialing; last {
			binding = r.live.link.Proof().Binding
		}
		return nil
	})
	return binding, last
}

func (p *person) says(to, text string) Message {
	p.t.Helper()
	r := p.Send(p.t.Context(), []Outgoing{{To: to, Text: text}})
	if r[0].Err != nil {
		p.t.Fatalf("send: %v", r[0].Err)
	}
	return r[0].Message
}

func (p *person) delivered(m Message) func() bool {
	return func() bool {
		now, err := p.Message(p.t.Context(), m.ID)
		if err != nil {
			p.t.Fatal(err)
		}
		return now.State == conversation.StateDelivered
	}
}

func (p *person) texts(with string) []string {
	p.t.Helper()
	log, err := p.Log(p.t.Context(), with, LogQuery{})
	if err != nil {
		p.t.Fatal(err)
	}
	var texts []string
	for _, m := range log {
		texts = append(texts, m.Text)
	}
	return texts
}
