package mesh

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"sottovoce/mesh/conversation"
)

// follow collects events in the background until stop; durable ones only.
func (p *person) follow(since *int64) (seen func() []Event, stop func()) {
	p.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	all, err := p.Events(ctx, since)
	if err != nil {
		p.t.Fatal(err)
	}
	var mu sync.Mutex
	var got []Event
	done := make(chan struct{})
	go func() {
		defer close(done)
		for e, err := range all {
			if err != nil {
				if !errors.Is(err, context.Canceled) && !errors.Is(err, ErrClosed) {
					p.t.Errorf("events: %v", err)
				}
				return
			}
			if e.stored {
				mu.Lock()
				got = append(got, e)
				mu.Unlock()
			}
		}
	}()
	return func() []Event {
			mu.Lock()
			defer mu.Unlock()
			return slices.Clone(got)
		}, func() {
			cancel()
			<-done
		}
}

// checkEvents wants cursors that rise and states that never go back.
func checkEvents(t *testing.T, events []Event) {
	t.Helper()
	states := make(map[string]conversation.State)
	var last int64
	for _, e := range events {
		if e.Cursor <= last {
			t.Errorf("cursor %d after %d", e.Cursor, last)
		}
		last = e.Cursor
		if e.Message == nil {
			continue
		}
		if was := states[e.Message.ID]; was.Advance(e.Message.State) != e.Message.State {
			t.Errorf("%v became %v", was, e.Message.State)
		}
		states[e.Message.ID] = e.Message.State
		if e.Kind == EventMessage && e.Message.Mine && e.Message.State != conversation.StateQueued {
			t.Errorf("a message of ours begins as %v", e.Message.State)
		}
	}
}

func cursors(events []Event) []int64 {
	var all []int64
	for _, e := range events {
		all = append(all, e.Cursor)
	}
	return all
}

// A reader that comes back with its last cursor, over restarts, misses and repeats
// nothing; what it reads is what a live reader saw.
func TestEventsSinceCursor(t *testing.T) {
	t.Parallel()
	lan := newAir()
	anna, bruno := newPerson(t, lan, "Anna"), newPerson(t, lan, "Bruno")
	var zero int64
	live, stopLive := anna.follow(&zero)
	anna.befriends(bruno)
	var pieces []Event
	cursor := zero
	read := func(more int) {
		t.Helper()
		seen, stop := anna.follow(&cursor)
		anna.within(waitLong, "reads on", func() bool { return len(seen()) >= more })
		stop()
		pieces = append(pieces, seen()...)
		cursor = pieces[len(pieces)-1].Cursor
	}
	anna.within(waitLong, "delivered", anna.delivered(anna.saysAll("Bruno", numbered("a", 30))))
	read(20)
	stopLive()
	before := live()
	anna.kill()
	bruno.saysAll("Anna", numbered("b", 300))
	anna.start()
	anna.within(waitLong, "arrived", func() bool { return len(anna.texts("Bruno")) == 330 })
	read(300)
	all, stop := anna.follow(&zero)
	anna.within(waitLong, "reads all", func() bool { return len(all()) >= len(pieces) })
	stop()
	if got := all(); !slices.Equal(cursors(got), cursors(pieces)) {
		t.Errorf("pieces have %d events, all are %d", len(pieces), len(got))
	}
	for i, e := range before {
		if r := all()[i]; r.Cursor != e.Cursor || r.Kind != e.Kind || (r.Message == nil) != (e.Message == nil) ||
			r.Message != nil && (r.Message.ID != e.Message.ID || r.Message.State != e.Message.State || r.Message.Text != e.Message.Text) {
			t.Errorf("event %d was %+v %+v and reads %+v %+v", i, e, e.Message, r, r.Message)
		}
	}
	checkEvents(t, all())
	for _, bad := range []int64{-1, cursor + 1000} {
		if _, err := anna.Events(t.Context(), &bad); !errors.Is(err, ErrCursor) {
			t.Errorf("cursor %d: %v", bad, err)
		}
	}
}

// A reader that falls behind the ring goes on from the store.
func TestSlowReader(t *testing.T) {
	t.Parallel()
	lan := newAir()
	anna, bruno := newPerson(t, lan, "Anna"), newPerson(t, lan, "Bruno")
	anna.befriends(bruno)
	bruno.stop()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	events, err := anna.Events(ctx, nil)
	if err != nil {
		t.Fatal(err)
	}
	want := numbered("a", 3*eventsKept)
	anna.says("Bruno", want[0])
	var got []string
	var all []Event
	for e, err := range events {
		if err != nil {
			t.Fatalf("after %d: %v", len(got), err)
		}
		if e.Kind != EventMessage {
			continue
		}
		if len(got) == 0 {
			anna.saysAll("Bruno", want[1:]) // while we read nothing
		}
		got, all = append(got, e.Message.Text), append(all, e)
		if len(got) == len(want) {
			break
		}
	}
	if !slices.Equal(got, want) {
		t.Error("not what was sent, or in another order")
	}
	checkEvents(t, all)
}

func TestLogQuery(t *testing.T) {
	t.Parallel()
	lan := newAir()
	anna, bruno, carla := newPerson(t, lan, "Anna"), newPerson(t, lan, "Bruno"), newPerson(t, lan, "Carla")
	anna.befriends(bruno)
	anna.befriends(carla)
	var said []Message
	for i := range 10 {
		said = append(said, anna.says("Bruno", fmt.Sprint(i)))
	}
	other := anna.says("Carla", "elsewhere")
	for _, c := range []struct {
		q    LogQuery
		want string
	}{
		{LogQuery{}, "0123456789"},
		{LogQuery{Newest: 3}, "789"},
		{LogQuery{After: said[6].ID}, "789"},
		{LogQuery{After: said[6].ID[:20]}, "789"},
		{LogQuery{After: said[6].ID, Newest: 2}, "89"},
		{LogQuery{After: said[9].ID}, ""},
		{LogQuery{Since: time.Now().Add(time.Hour)}, ""},
		{LogQuery{Since: said[0].Time}, "0123456789"},
	} {
		log, err := anna.Log(t.Context(), "Bruno", c.q)
		var got string
		for _, m := range log {
			got += m.Text
		}
		if err != nil || got != c.want {
			t.Errorf("%+v: %q, %v", c.q, got, err)
		}
	}
	if _, err := anna.Log(t.Context(), "Bruno", LogQuery{After: other.ID}); !errors.Is(err, ErrNotFound) {
		t.Errorf("after a message of another conversation: %v", err)
	}
	for typed, want := range map[string]error{"msg-": ErrNotFound, "msg-aaaaaaaaaa": ErrNotFound, "x": ErrNotFound, said[0].ID: nil} {
		if _, err := anna.Message(t.Context(), typed); !errors.Is(err, want) {
			t.Errorf("%q: %v", typed, err)
		}
	}
}

func TestAmbiguousMessage(t *testing.T) {
	t.Parallel()
	lan := newAir()
	anna, bruno := newPerson(t, lan, "Anna"), newPerson(t, lan, "Bruno")
	anna.befriends(bruno)
	bruno.stop()
	seen := make(map[string]int)
	anna.saysAll("Bruno", numbered("a", 600))
	log, err := anna.Log(t.Context(), "Bruno", LogQuery{})
	if err != nil {
		t.Fatal(err)
	}
	const digits = len("msg-") + 2
	for _, m := range log {
		seen[m.ID[:digits]]++
	}
	for prefix, count := range seen {
		_, err := anna.Message(t.Context(), prefix)
		if count > 1 && !errors.Is(err, ErrAmbiguousMessage) || count == 1 && err != nil {
			t.Errorf("%s, of %d messages: %v", prefix, count, err)
		}
	}
}
