package mesh

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"sottovoce/mesh/link"
	"sottovoce/mesh/outbox"
	"sottovoce/mesh/wire"
)

// together makes the loop find commands all at once, so that they share a turn.
func (p *person) together(commands ...func(*turn) error) []error {
	p.t.Helper()
	waiting := make(chan struct{})
	p.inbox <- command{run: func(*turn) error { <-waiting; return nil }}
	time.Sleep(20 * time.Millisecond)
	results := make([]chan error, len(commands))
	for i, run := range commands {
		results[i] = make(chan error, 1)
		p.inbox <- command{run: run, done: results[i]}
	}
	close(waiting)
	errs := make([]error, len(commands))
	for i := range results {
		errs[i] = <-results[i]
	}
	return errs
}

// A command that cannot be done takes none along that shares its turn, and what is only
// about links survives it.
func TestOneFailsAlone(t *testing.T) {
	t.Parallel()
	lan := newAir()
	anna, bruno := newPerson(t, lan, "Anna"), newPerson(t, lan, "Bruno")
	anna.befriends(bruno)
	broken := errors.New("broken")
	var first, second Message
	seen, stop := anna.follow(nil)
	errs := anna.together(
		func(t *turn) error { return t.send(Outgoing{To: "Bruno", Text: "first"}, &first) },
		func(t *turn) error {
			d := anna.device("Bruno")
			if v := d.route.live; v != nil { // as if it were lost; a second time there is nothing to do
				v.link.Close(link.ReasonBye)
				return t.lost(d, v, nil)
			}
			return nil
		},
		func(t *turn) error {
			return errors.Join(t.send(Outgoing{To: "Bruno", Text: "never"}, new(Message)), broken)
		},
		func(t *turn) error { return refuse(ErrNotFound) },
		func(t *turn) error { return t.send(Outgoing{To: "Bruno", Text: "second"}, &second) },
	)
	if errs[0] != nil || errs[1] != nil || !errors.Is(errs[2], broken) || !errors.Is(errs[3], ErrNotFound) || errs[4] != nil {
		t.Fatalf("%v", errs)
	}
	anna.within(waitLong, "delivered", anna.delivered(first))
	anna.within(waitLong, "delivered", anna.delivered(second))
	if got := bruno.texts("Anna"); len(got) != 2 || got[0] != "first" || got[1] != "second" {
		t.Errorf("arrived: %v", got)
	}
	stop()
	checkEvents(t, seen())
}

// Sessions, tags, requests and queues are what they were after a turn that failed.
func TestGoesOnAfterFailures(t *testing.T) {
	t.Parallel()
	lan := newAir()
	anna, bruno := newPerson(t, lan, "Anna"), newPerson(t, lan, "Bruno")
	anna.befriends(bruno)
	fail := func(t *turn) error { return errors.New("broken") }
	for range 10 {
		for _, p := range []*person{anna, bruno} {
			if err := p.do(t.Context(), fail); err == nil {
				t.Fatal("no failure")
			}
		}
		a, b := anna.says("Bruno", "a"), bruno.says("Anna", "b")
		anna.within(waitLong, "delivered", anna.delivered(a))
		bruno.within(waitLong, "delivered", bruno.delivered(b))
	}
	notices := 0
	anna.feed.mu.Lock()
	defer anna.feed.mu.Unlock()
	for _, e := range anna.feed.ring {
		if e.Kind == EventNotice {
			notices++
		}
	}
	if notices != 1 {
		t.Errorf("%d words about it", notices)
	}
}

// When many numbers in a row are gone, what follows them is found all the same.
func TestFarLook(t *testing.T) {
	t.Parallel()
	lan := newAir()
	anna, bruno := newPerson(t, lan, "Anna"), newPerson(t, lan, "Bruno")
	anna.befriends(bruno)
	anna.within(waitLong, "delivered", anna.delivered(anna.says("Bruno", "first")))
	anna.inside(func(t *turn) error {
		d := anna.device("Bruno")
		for range 300 {
			if _, err := d.pair.Seal(t.now, content("gone"), t.n.rand); err != nil {
				return err
			}
		}
		t.touch(d)
		return nil
	})
	anna.within(waitLong, "delivered", anna.delivered(anna.says("Bruno", "last")))
}

// What has outlived every blob is forgotten at the start and once a day; ops that were
// still on their way expire and say so.
func TestHousekeeping(t *testing.T) {
	t.Parallel()
	lan := newAir()
	anna, bruno := newPerson(t, lan, "Anna"), newPerson(t, lan, "Bruno")
	anna.befriends(bruno)
	anna.within(waitLong, "delivered", anna.delivered(anna.says("Bruno", "first")))
	anna.inside(func(*turn) error { // sealed, and never to be receipted
		deaf := *anna.device("Bruno").route.live
		anna.device("Bruno").route.live = &deaf
		return nil
	})
	lost := anna.says("Bruno", "lost")
	bruno.stop()
	later := time.Now().Add((wire.ExpiryDaysMax + 3) * 24 * time.Hour)
	anna.inside(func(t *turn) error {
		t.now = later
		if err := t.housekeep(); err != nil {
			return err
		}
		rows, err := t.tx.OutBlobs(anna.device("Bruno").row, 0, outbox.PageMax)
		if err != nil || len(rows) != 0 {
			return errors.Join(err, errors.New("blobs are left"))
		}
		return nil
	})
	m, err := anna.Message(t.Context(), lost.ID)
	if err != nil || m.State.String() != "expired" || m.Reason == "" {
		t.Errorf("%v (%s), %v", m.State, m.Reason, err)
	}
}

func TestStopped(t *testing.T) {
	anna := newPerson(t, newAir(), "Anna")
	anna.stop()
	if _, err := anna.Me(t.Context()); !errors.Is(err, ErrClosed) {
		t.Errorf("me: %v", err)
	}
	if r := anna.Send(t.Context(), []Outgoing{{To: "x", Text: "y"}}); !errors.Is(r[0].Err, ErrClosed) {
		t.Errorf("send: %v", r[0].Err)
	}
	anna.start()
}

// A receipt for a blob whose op rests to be sealed again settles the op: nothing is
// left to seal.
func TestReceiptWhileResting(t *testing.T) {
	t.Parallel()
	lan := newAir()
	anna, bruno := newPerson(t, lan, "Anna"), newPerson(t, lan, "Bruno")
	anna.befriends(bruno)
	anna.within(waitLong, "delivered", anna.delivered(anna.says("Bruno", "first")))
	anna.inside(func(*turn) error {
		deaf := *anna.device("Bruno").route.live
		anna.device("Bruno").route.live = &deaf
		return nil
	})
	m := anna.says("Bruno", "x")
	anna.inside(func(t *turn) error {
		d := anna.device("Bruno")
		if err := t.unlink(d, d.route.live); err != nil {
			return err
		}
		rows, err := t.tx.OutBlobs(d.row, 0, outbox.PageMax)
		if err != nil || len(rows) == 0 {
			return errors.Join(err, errors.New("no blob waits"))
		}
		last := rows[len(rows)-1] // before it there may be a start
		again, err := t.reseal(d, []int64{last.ID})
		if err != nil {
			return err
		}
		if err := t.step(d, again); err != nil {
			return err
		}
		of := wire.Range{Chain: last.Chain, First: last.N, Last: last.N}
		return t.receipted(d, wire.Receipt{Session: last.Session, Ranges: []wire.Range{of}})
	})
	anna.inside(func(t *turn) error {
		if _, ops := anna.device("Bruno").queue.Pending(); ops != 0 {
			return fmt.Errorf("%d ops are left", ops)
		}
		return nil
	})
	if !anna.delivered(m)() {
		t.Error("not delivered")
	}
}

// A receipt may be what a queue that was just read from the store hears first: nothing
// is left of that blob to be sent.
func TestReceiptAfterFailure(t *testing.T) {
	t.Parallel()
	lan := newAir()
	anna, bruno := newPerson(t, lan, "Anna"), newPerson(t, lan, "Bruno")
	anna.befriends(bruno)
	anna.within(waitLong, "delivered", anna.delivered(anna.says("Bruno", "first")))
	var link uint64
	anna.inside(func(*turn) error {
		deaf := *anna.device("Bruno").route.live
		anna.device("Bruno").route.live, link = &deaf, deaf.id
		return nil
	})
	anna.says("Bruno", "x")
	anna.inside(func(t *turn) error {
		if err := t.n.load(); err != nil {
			return err
		}
		d := anna.device("Bruno")
		rows, err := t.tx.OutBlobs(d.row, 0, outbox.PageMax)
		if err != nil || len(rows) == 0 {
			return errors.Join(err, errors.New("no blob waits"))
		}
		last := rows[len(rows)-1]
		of := wire.Range{Chain: last.Chain, First: last.N, Last: last.N}
		return t.receipted(d, wire.Receipt{Session: last.Session, Ranges: []wire.Range{of}})
	})
	time.Sleep(200 * time.Millisecond)
	anna.inside(func(*turn) error {
		if v := anna.device("Bruno").route.live; v == nil || v.id != link || v.link.Err() != nil {
			return errors.New("the link is gone")
		}
		return nil
	})
}

// What is due is tried less and less often while nothing can be saved, and at once when
// something could.
func TestPauseAfterFailures(t *testing.T) {
	t.Parallel()
	anna := newPerson(t, newAir(), "Anna")
	anna.inside(func(tt *turn) error {
		for _, want := range []time.Duration{1, 2, 4, 8, 15, 15} {
			tt.n.undo(errors.New("full"))
			if left := tt.n.wake.Sub(tt.n.now()); left > want*time.Second || left < want*time.Second-time.Second/2 {
				return fmt.Errorf("tries again in %v, not %v s", left, int(want))
			}
		}
		return nil
	})
	anna.within(time.Second, "a turn that was due", func() bool {
		due := false
		anna.inside(func(tt *turn) error {
			due = tt.n.pause == 0
			return nil
		})
		return due
	})
}
