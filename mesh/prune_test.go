package mesh

import (
	"cmp"
	"errors"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"sottovoce/mesh/store"
)

// keeps wants what is in the log with somebody to be exactly this, soon.
func (p *person) keeps(with string, texts ...string) {
	p.t.Helper()
	p.within(waitLong, "has what it should", func() bool { return slices.Equal(p.texts(with), texts) })
}

// What is older than is wanted goes, here and in the search, but nothing that waits to be
// sent, and nothing because of a clock that is set ahead.
func TestRetention(t *testing.T) {
	t.Parallel()
	lan := newAir()
	anna, bruno := newPerson(t, lan, "Anna"), newPerson(t, lan, "Bruno")
	anna.befriends(bruno)
	anna.within(waitLong, "delivered", anna.delivered(anna.says("Bruno", "long ago")))
	bruno.stop()
	anna.says("Bruno", "unsent")
	for _, r := range []Retention{{Days: -1}, {Days: retentionMax + 1}, {Disk: diskMin - 1}, {Disk: -1}} {
		if err := anna.SetRetention(t.Context(), r); !errors.Is(err, ErrRetention) {
			t.Errorf("%+v: %v", r, err)
		}
	}
	if err := anna.SetRetention(t.Context(), Retention{Days: 7}); err != nil {
		t.Fatal(err)
	}
	anna.stop()
	anna.off, anna.doubtful = new(atomic.Int64), true
	anna.off.Store(int64(100 * 24 * time.Hour))
	anna.start()
	if err := anna.pruneOld(t.Context()); err != nil {
		t.Fatal(err)
	}
	anna.keeps("Bruno", "long ago", "unsent")
	anna.inside(func(turn *turn) error {
		turn.n.mark.Day += 10 // not so many that nobody tries any more to send what is unsent
		turn.then(turn.n.past.ring)
		return nil
	})
	anna.keeps("Bruno", "unsent")
	if found := anna.finding(SearchQuery{Words: "ago"}); len(found) != 0 {
		t.Errorf("%q is found", found)
	}
	if r, used, err := anna.Retention(t.Context()); err != nil || r != (Retention{Days: 7}) || used < 100<<10 {
		t.Errorf("%+v, %d bytes, %v", r, used, err)
	}
	anna.stop()
	anna.off, anna.doubtful = nil, false
	anna.start()
	anna.keeps("Bruno", "unsent")
	bruno.start()
	bruno.keeps("Anna", "long ago", "unsent")
}

// When messages take more room than is wanted the oldest go.
func TestDiskBound(t *testing.T) {
	t.Parallel()
	lan := newAir()
	anna, bruno := newPerson(t, lan, "Anna"), newPerson(t, lan, "Bruno")
	anna.befriends(bruno)
	long := strings.Repeat(" long", 4000)
	for i, text := range numbered("a", 600) {
		last := anna.says("Bruno", text+long)
		if i%100 == 99 {
			anna.within(waitLong, "delivered", anna.delivered(last))
		}
	}
	_, before, err := anna.Retention(t.Context())
	if err != nil || before < diskMin+1<<20 {
		t.Fatalf("only %d bytes, %v", before, err)
	}
	if err := anna.SetRetention(t.Context(), Retention{Disk: diskMin}); err != nil {
		t.Fatal(err)
	}
	anna.within(waitLong, "takes no more room", func() bool {
		_, used, err := anna.Retention(t.Context())
		return err == nil && used <= diskMin
	})
	left, err := anna.Log(t.Context(), "Bruno", LogQuery{})
	if err != nil || len(left) < 100 || len(left) > 590 || left[len(left)-1].Text[:5] != "a 599" {
		t.Errorf("%d messages are left, %v", len(left), err)
	}
}

// Old events go; who was behind is told, and who begins at 0 gets what is kept.
func TestEventsArePruned(t *testing.T) {
	lan := newAir()
	anna, bruno := newPerson(t, lan, "Anna"), newPerson(t, lan, "Bruno")
	var old, first int64
	anna.inside(func(turn *turn) error {
		for range 3 * pruneBatch / 2 {
			e := store.Event{Kind: storedMessage, Time: time.Now().Add(-2 * storedEventsAge).UnixMilli()}
			if err := turn.tx.AppendEvent(&e); err != nil {
				return err
			}
			first = cmp.Or(first, e.Cursor)
			old = e.Cursor
		}
		return nil
	})
	anna.befriends(bruno)
	anna.says("Bruno", "hello")
	anna.past.ring()
	anna.within(waitLong, "the old events are gone", func() bool { return anna.pruned.Load() == old })
	for range 2 {
		for _, c := range []struct {
			since int64
			want  error
		}{{first, ErrPruned}, {old - 1, ErrPruned}, {old, nil}, {0, nil}} {
			events, err := anna.Events(t.Context(), &c.since)
			if !errors.Is(err, c.want) {
				t.Fatalf("since %d: %v", c.since, err)
			}
			if err != nil {
				continue
			}
			for e, err := range events {
				if err != nil || e.Cursor <= old || e.Kind != EventRequest {
					t.Errorf("since %d comes %+v, %v", c.since, e, err)
				}
				break
			}
		}
		anna.stop()
		anna.start()
	}
}

// Who has read everything goes on after a start, also when every event was deleted since.
func TestAllEventsArePruned(t *testing.T) {
	anna := newPerson(t, newAir(), "Anna")
	var last int64
	anna.inside(func(turn *turn) error {
		e := store.Event{Kind: storedMessage, Time: time.Now().Add(-2 * storedEventsAge).UnixMilli()}
		defer func() { last = e.Cursor }()
		return turn.tx.AppendEvent(&e)
	})
	anna.past.ring()
	anna.within(waitLong, "it is gone", func() bool { return anna.pruned.Load() == last })
	anna.stop()
	anna.start()
	if _, err := anna.Events(t.Context(), &last); err != nil {
		t.Error(err)
	}
}

// When Remove returns nobody can read any more what was said.
func TestRemovedIsUnreadable(t *testing.T) {
	lan := newAir()
	anna, bruno := newPerson(t, lan, "Anna"), newPerson(t, lan, "Bruno")
	anna.befriends(bruno)
	anna.within(waitLong, "delivered", anna.delivered(anna.says("Bruno", "a secret")))
	if len(anna.store.Secrets().Conversations) != 1 {
		t.Fatal("there should be one key")
	}
	if _, err := anna.Remove(t.Context(), "Bruno"); err != nil {
		t.Fatal(err)
	}
	if keys := anna.store.Secrets().Conversations; len(keys) != 0 {
		t.Errorf("%d keys are left", len(keys))
	}
	for range 2 {
		if found := anna.finding(SearchQuery{Words: "secret"}); len(found) != 0 {
			t.Errorf("%q is found", found)
		}
		anna.stop()
		anna.start()
	}
}
