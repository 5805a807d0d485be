package observer

import (
	"context"
	"maps"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"sottovoce/mesh/peer"
	"sottovoce/mesh/simlan"
)

// ear is a finder that keeps what it hears.
type ear struct {
	*simlan.Finder
	mu   sync.Mutex               // guards last
	last map[string]peer.Sighting // by address
	stop func()
}

func listenOn(h *simlan.Host) *ear {
	e := &ear{Finder: h.Finder(), last: make(map[string]peer.Sighting)}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = e.Run(ctx, func(s peer.Sighting) {
			e.mu.Lock()
			defer e.mu.Unlock()
			if !s.Gone {
				e.last[s.Endpoints[0].Addr().String()] = s
			}
		}, func([]peer.Network) {})
	}()
	e.stop = func() { cancel(); <-done }
	return e
}

func (e *ear) of(h *simlan.Host) peer.Announcement {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.last[h.Address().String()].Announcement
}

// stage is a LAN in memory with nodes, and Mallory with two traps.
type stage struct {
	t       *testing.T
	names   []string
	hosts   []*simlan.Host
	ends    []func() error
	mallory *simlan.Host
	ear     *ear
	traps   []*Trap
}

func newStage(t *testing.T, dir string, names ...string) *stage {
	homes, _ := Homes(t, dir, names)
	lab := simlan.New(5)
	lan := lab.LAN(simlan.Weather{Delay: time.Millisecond})
	s := &stage{t: t, names: names, mallory: lab.Host()}
	for _, home := range homes {
		host := lab.Host()
		host.Join(lan)
		_, end, err := run(home, host)
		if err != nil {
			t.Fatal(err)
		}
		s.hosts, s.ends = append(s.hosts, host), append(s.ends, end)
	}
	s.mallory.Join(lan)
	s.ear = listenOn(s.mallory)
	return s
}

// trap waits on a port.
func (s *stage) trap(port uint16) {
	trap, err := NewTrap(s.mallory.ListenOn(port))
	if err != nil {
		s.t.Fatal(err)
	}
	s.traps = append(s.traps, trap)
}

// leave stops a node.
func (s *stage) leave(i int) {
	if err := s.ends[i](); err != nil {
		s.t.Error(err)
	}
}

// dialled lets Mallory announce something for a while, and tells who comes to her.
func (s *stage) dialled(a peer.Announcement) (who []string) {
	s.ear.Announce(&a, nil)
	time.Sleep(2 * time.Minute)
	s.ear.Announce(nil, nil)
	time.Sleep(time.Minute)
	from := make(map[netip.Addr]int)
	for _, trap := range s.traps {
		maps.Copy(from, trap.Dialled())
	}
	for i, h := range s.hosts {
		if from[h.Address()] > 0 {
			who = append(who, s.names[i])
		}
	}
	return who
}

// unmoved says a change of what was heard, which nobody may follow.
func (s *stage) unmoved(what string, a peer.Announcement, change func(a *peer.Announcement)) {
	change(&a)
	if who := s.dialled(a); len(who) > 0 {
		s.t.Errorf("with %s: %v dial", what, who)
	}
}

// TestReplayer: Mallory says again what Anna said, as it was and changed in every part, at
// her own address. Bruno is Anna's contact; Carla and Dario are nobody's of these.
func TestReplayer(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)))
		s := newStage(t, dir, "Anna", "Bruno", "Carla", "Dario")
		time.Sleep(time.Minute)
		anna := s.ear.of(s.hosts[0])
		s.trap(anna.Port)
		s.trap(4444)
		s.unmoved("nothing changed, while she is here", anna, func(*peer.Announcement) {})
		s.leave(0)
		s.unmoved("another port", anna, func(a *peer.Announcement) { a.Port = 4444 })
		s.unmoved("another fingerprint", anna, func(a *peer.Announcement) { a.Fingerprint[3] ^= 1 })
		s.unmoved("another nonce", anna, func(a *peer.Announcement) { a.Nonce[3] ^= 1 })
		s.unmoved("another epoch", anna, func(a *peer.Announcement) { a.Epoch++ })
		s.unmoved("another instance", anna, func(a *peer.Announcement) { a.Instance = "0123456789abcdef" })
		s.unmoved("a slot of somebody else", anna, func(a *peer.Announcement) { a.Slots = s.ear.of(s.hosts[2]).Slots })
		if who := s.dialled(anna); !slices.Equal(who, []string{"Bruno"}) {
			t.Errorf("as it was, within the hour: %v dial; the threat model says that contacts do", who)
		}
		if fooled, said := s.traps[0].Heard(); fooled+said > 0 {
			t.Errorf("%d finished a handshake with a certificate that was not announced, and said %d bytes", fooled, said)
		}
		time.Sleep(5 * time.Hour)
		s.unmoved("nothing changed, hours later", anna, func(*peer.Announcement) {})
		for i := 1; i < len(s.ends); i++ {
			s.leave(i)
		}
		s.ear.stop()
		for _, trap := range s.traps {
			if err := trap.Close(); err != nil {
				t.Error(err)
			}
		}
	})
}
