package simlan

import (
	"bytes"
	"context"
	"errors"
	"net"
	"os"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"sottovoce/mesh/peer"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// pair is two hosts on one LAN with a socket each.
type pair struct {
	net    *Net
	lan    *LAN
	a, b   *Host
	ca, cb *Conn
}

func inPair(t *testing.T, w Weather, f func(t *testing.T, p *pair)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		n := New(7)
		p := &pair{net: n, lan: n.LAN(w), a: n.Host(), b: n.Host()}
		p.a.Join(p.lan)
		p.b.Join(p.lan)
		p.ca, p.cb = p.a.Listen(), p.b.Listen()
		f(t, p)
	})
}

// to is where a socket is reached now.
func to(c *Conn) net.Addr {
	return &net.UDPAddr{IP: c.host.Address().AsSlice(), Port: int(c.port)}
}

// send sends packets that count up, one each millisecond.
func (p *pair) send(t *testing.T, count int) {
	t.Helper()
	for i := range count {
		if _, err := p.ca.WriteTo([]byte{byte(i)}, to(p.cb)); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Millisecond)
	}
}

// read reads everything that arrives within a second.
func read(t *testing.T, c *Conn) (got []byte) {
	t.Helper()
	for {
		_ = c.SetReadDeadline(time.Now().Add(time.Second))
		b := make([]byte, 10)
		n, _, err := c.ReadFrom(b)
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return got
		}
		if err != nil || n != 1 {
			t.Fatal(n, err)
		}
		got = append(got, b[0])
	}
}

func TestPerfectLAN(t *testing.T) {
	inPair(t, Weather{Delay: 30 * time.Millisecond}, func(t *testing.T, p *pair) {
		begin := time.Now()
		if _, err := p.ca.WriteTo([]byte{1}, to(p.cb)); err != nil {
			t.Fatal(err)
		}
		b := make([]byte, 10)
		n, from, err := p.cb.ReadFrom(b)
		if err != nil || n != 1 || from.String() != to(p.ca).String() || time.Since(begin) != 30*time.Millisecond {
			t.Errorf("%d bytes from %v after %v: %v", n, from, time.Since(begin), err)
		}
		p.send(t, 200)
		if got := read(t, p.cb); len(got) != 200 || !slices.IsSorted(got) {
			t.Errorf("%v arrived", got)
		}
	})
}

func TestWeather(t *testing.T) {
	seen := func(w Weather) (got []byte) {
		inPair(t, w, func(t *testing.T, p *pair) {
			p.send(t, 200)
			got = read(t, p.cb)
		})
		return got
	}
	if got := seen(Weather{Loss: 0.3}); len(got) < 110 || len(got) > 170 {
		t.Errorf("%d of 200 arrived with 30%% of loss", len(got))
	}
	if got := seen(Weather{Duplicate: 0.3}); len(got) < 230 || len(got) > 290 {
		t.Errorf("%d of 200 arrived with 30%% of duplicates", len(got))
	}
	mixed := Weather{Delay: time.Millisecond, Jitter: 20 * time.Millisecond, Loss: 0.1, Duplicate: 0.1}
	got := seen(mixed)
	if slices.IsSorted(got) {
		t.Error("nothing overtook anything")
	}
	if !bytes.Equal(got, seen(mixed)) {
		t.Error("the same seed gave another weather")
	}
}

func TestCut(t *testing.T) {
	inPair(t, Weather{}, func(t *testing.T, p *pair) {
		p.net.Cut(p.a, p.b)
		p.send(t, 3)
		if _, err := p.cb.WriteTo([]byte{9}, to(p.ca)); err != nil {
			t.Fatal(err)
		}
		if got, back := read(t, p.cb), read(t, p.ca); len(got) != 0 || !bytes.Equal(back, []byte{9}) {
			t.Errorf("%v and back %v came through a one-way cut", got, back)
		}
		p.net.Mend(p.a, p.b)
		p.send(t, 3)
		if got := read(t, p.cb); len(got) != 3 {
			t.Errorf("%v came after mending", got)
		}
	})
}

// Who moves takes its sockets along, has another address, and is not found at the old one.
func TestMove(t *testing.T) {
	inPair(t, Weather{Delay: time.Millisecond}, func(t *testing.T, p *pair) {
		old := to(p.cb)
		p.send(t, 1)
		time.Sleep(time.Millisecond)
		if _, err := p.ca.WriteTo([]byte{7}, old); err != nil { // arrives when b is gone
			t.Fatal(err)
		}
		other := p.net.LAN(Weather{})
		p.b.Join(other)
		if _, err := p.ca.WriteTo([]byte{8}, old); err != nil {
			t.Fatal(err)
		}
		if got := read(t, p.cb); !bytes.Equal(got, []byte{0}) {
			t.Errorf("%v arrived", got)
		}
		p.a.Leave()
		if _, err := p.ca.WriteTo([]byte{9}, old); err == nil || p.a.Address().IsValid() {
			t.Error("sent without a network")
		}
		p.a.Join(other)
		p.send(t, 2)
		if got := read(t, p.cb); len(got) != 2 {
			t.Errorf("%v arrived on the other LAN", got)
		}
	})
}

func TestClose(t *testing.T) {
	inPair(t, Weather{}, func(t *testing.T, p *pair) {
		done := make(chan error)
		for range 2 {
			go func() {
				_, _, err := p.cb.ReadFrom(make([]byte, 10))
				done <- err
			}()
		}
		synctest.Wait()
		if err := p.cb.Close(); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if err := <-done; !errors.Is(err, net.ErrClosed) {
				t.Error(err)
			}
		}
		if _, err := p.cb.WriteTo(nil, to(p.ca)); !errors.Is(err, net.ErrClosed) {
			t.Error(err)
		}
		p.send(t, 1) // to nobody
	})
}

// What is more than a queue holds is lost.
func TestFlood(t *testing.T) {
	inPair(t, Weather{}, func(t *testing.T, p *pair) {
		p.send(t, queueMax+10)
		if got := read(t, p.cb); len(got) != queueMax {
			t.Errorf("%d packets waited", len(got))
		}
	})
}

// watcher is a finder that runs, and what it has seen.
type watcher struct {
	*Finder
	mu    sync.Mutex // guards seen
	seen  map[string]bool
	told  int
	stood [][]peer.Network
	stop  func()
}

func watch(h *Host) *watcher {
	w := &watcher{Finder: h.Finder(), seen: make(map[string]bool)}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = w.Run(ctx, func(s peer.Sighting) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.told++
			delete(w.seen, s.Instance)
			if !s.Gone {
				w.seen[s.Instance] = true
			}
		}, w.moves)
	}()
	w.stop = func() { cancel(); <-done }
	return w
}

// moves goes on with what is announced, wherever that is.
func (w *watcher) moves(networks []peer.Network) {
	w.mu.Lock()
	w.stood = append(w.stood, networks)
	w.mu.Unlock()
	w.Finder.mu.Lock()
	current := w.current
	w.Finder.mu.Unlock()
	w.Announce(current, nil)
}

func (w *watcher) sees(instance string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.seen[instance]
}

func called(instance string) *peer.Announcement {
	return &peer.Announcement{Instance: instance, Version: 1, Port: firstPort}
}

func TestFinders(t *testing.T) {
	inPair(t, Weather{Delay: time.Millisecond}, func(t *testing.T, p *pair) {
		a, b := watch(p.a), watch(p.b)
		check := func(what string, want bool, w *watcher, instance string) {
			t.Helper()
			if got := w.sees(instance); got != want {
				t.Errorf("%s: seen %t, want %t", what, got, want)
			}
		}
		a.Announce(called("a"), nil)
		b.Announce(called("b"), nil)
		time.Sleep(time.Second)
		check("a newcomer", true, a, "b")
		check("a newcomer", true, b, "a")
		a.Announce(called("a2"), nil)
		time.Sleep(time.Second)
		check("an old name", false, b, "a")
		check("a new name", true, b, "a2")
		time.Sleep(time.Hour)
		if check("an hour later", true, b, "a2"); b.told != 3 {
			t.Errorf("told %d times", b.told)
		}
		c := p.net.Host()
		c.Join(p.lan)
		late := watch(c)
		time.Sleep(200 * time.Millisecond)
		check("who was there first", true, late, "a2")
		b.stop()
		time.Sleep(time.Second)
		check("after a goodbye", false, a, "b")
		p.a.Leave()
		time.Sleep(time.Minute)
		check("just after it vanished", true, late, "a2")
		time.Sleep(2 * time.Minute)
		check("long after it vanished", false, late, "a2")
		p.a.Join(p.lan)
		time.Sleep(time.Second)
		check("back again", true, late, "a2")
		a.stop()
		late.stop()
	})
}

// Announcements are repeated, so that loss does not hide anybody.
func TestFindersInLoss(t *testing.T) {
	inPair(t, Weather{Loss: 0.5}, func(t *testing.T, p *pair) {
		a, b := watch(p.a), watch(p.b)
		a.Announce(called("a"), nil)
		time.Sleep(3 * time.Minute)
		if !b.sees("a") {
			t.Error("not seen")
		}
		a.stop()
		b.stop()
	})
}
