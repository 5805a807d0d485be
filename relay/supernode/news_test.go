package supernode

import (
	"testing"
	"time"

	"sottovoce/mesh/wire"
	"sottovoce/relay/community"
)

// TestNewsAreTold: who follows is told the papers at once, and again when a supernode says another address; who did not ask is not.
func TestNewsAreTold(t *testing.T) {
	t.Parallel()
	r := start(t)
	l := r.join().mustMember()
	s := r.request(l, wire.RangeFrame{Follow: true, News: true})
	receive := func() (pages int, papers community.Papers) {
		t.Helper()
		for {
			f, err := s.Receive(within(t))
			if err != nil {
				t.Fatal(err)
			}
			switch f := f.(type) {
			case wire.Page:
				pages++
			case wire.Papers:
				papers, err := community.ParsePapers(f.Papers)
				if err != nil {
					t.Fatal(err)
				}
				return pages, papers
			}
		}
	}
	pages, before := receive()
	if pages != 1 || len(before.Cards) != 1 || len(before.Entries) != 0 {
		t.Errorf("told after %d pages: %v", pages, before)
	}
	r.join() // is no news: neither descriptor nor card has changed
	if err := r.Advertise([]string{"pi.example:4242"}); err != nil {
		t.Fatal(err)
	}
	_, after := receive()
	if string(after.Cards[0]) == string(before.Cards[0]) {
		t.Error("told again what was told")
	}

	silent := r.request(l, wire.RangeFrame{Follow: true})
	if f, err := silent.Receive(within(t)); err != nil {
		t.Fatal(err)
	} else if _, is := f.(wire.Page); !is {
		t.Errorf("%T begins a collection", f)
	}
	if err := r.Advertise(nil); err != nil {
		t.Fatal(err)
	}
	r.put(r.blobs(1))
	if f, err := silent.Receive(within(t)); err != nil {
		t.Fatal(err)
	} else if _, is := f.(wire.Page); !is {
		t.Errorf("who did not ask for news is told %T", f)
	}
}

// TestNewsPause: what changes again and again is told a few times in a row, and then every newsPause.
func TestNewsPause(t *testing.T) {
	c := start(t).community()
	n, now, told := news{wanted: true}, time.Unix(2e9, 0), 0
	for end := now.Add(10 * newsPause); now.Before(end); now = now.Add(time.Second) {
		c.mu.Lock()
		c.where[0]++
		c.mu.Unlock()
		if n.due(c, now) != nil {
			told++
		} else if changed, again := n.wait(c, now); changed == nil || again == nil {
			t.Fatal("what has changed is never told")
		}
	}
	if want := newsBurst + 9; told != want {
		t.Errorf("told %d times, not %d", told, want)
	}
	if n.due(c, now.Add(time.Hour)) == nil || n.due(c, now.Add(2*time.Hour)) != nil {
		t.Error("it is not told once and not twice")
	}
	if nobody := (news{}); nobody.due(c, now) != nil {
		t.Error("told to who did not ask")
	}
}
