package mesh

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"sottovoce/mesh/wire"
)

// shows reports whether a notice with these words stands in the status.
func (p *person) shows(words ...string) func() bool {
	return func() bool {
		s, err := p.Status(p.t.Context())
		if err != nil {
			p.t.Fatal(err)
		}
		return slices.ContainsFunc(s.Notices, func(text string) bool {
			return !slices.ContainsFunc(words, func(w string) bool { return !strings.Contains(text, w) })
		})
	}
}

// copyHome copies the files of a home that nobody has open.
func (p *person) copyHome(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(p.home)); err != nil {
		t.Fatal(err)
	}
	return dir
}

// startFrom starts the node on another copy of its home.
func (p *person) startFrom(home string) {
	p.t.Helper()
	p.home = home
	p.start()
}

// talks lets both say something to the other, and waits for the receipts.
func talks(t *testing.T, a, b *person, what string) {
	t.Helper()
	first, second := a.says(b.name, what+" "+a.name), b.says(a.name, what+" "+b.name)
	a.within(waitLong, "delivered", a.delivered(first))
	b.within(waitLong, "delivered", b.delivered(second))
}

// rolls makes the link keys of two people leave the contact secret behind.
func rolls(t *testing.T, a, b *person) {
	t.Helper()
	for i := range 60 {
		talks(t, a, b, fmt.Sprint("roll ", a.name, i))
		confirmed := false
		a.inside(func(*turn) error {
			_, confirmed = a.device(b.name).pair.RecoverySecret()
			return nil
		})
		if confirmed {
			return
		}
	}
	t.Fatal("the link keys never rolled")
}

// A home that was put back to an older state notices, its contact is asked, and after
// that both talk again; nothing that was written in between is lost.
func TestBeginAnew(t *testing.T) {
	t.Parallel()
	lan := newAir()
	anna, bruno := newPerson(t, lan, "Anna"), newPerson(t, lan, "Bruno")
	anna.befriends(bruno)
	talks(t, anna, bruno, "first")
	anna.stop()
	old := anna.copyHome(t)
	anna.start()
	anna.within(waitLong, "linked", anna.finds(anna.Contacts, "Bruno", linked))
	talks(t, anna, bruno, "after the copy")
	rolls(t, anna, bruno)
	rolls(t, bruno, anna)
	anna.stop()

	anna.startFrom(old)
	waits := bruno.says("Anna", "sealed under the old session")
	if _, err := bruno.PermitReset(t.Context(), "Anna"); !errors.Is(err, ErrNoReset) {
		t.Fatalf("before she asked: %v", err)
	}
	if _, err := anna.Reset(t.Context(), "Bruno"); err != nil {
		t.Fatal(err)
	}
	m := anna.says("Bruno", "it is me")
	bruno.within(waitLong, "is asked", bruno.shows("Anna", "reset", "--accept"))
	if anna.delivered(m)() || slices.Contains(bruno.texts("Anna"), "it is me") {
		t.Fatal("heard without anybody's permission")
	}
	bruno.stop() // what waits for a decision outlives the node
	bruno.start()
	if !bruno.shows("Anna", "reset", "--accept")() {
		t.Fatal("the notice is gone")
	}
	onLink := func(ok func(*route) bool) func() bool {
		return func() (is bool) {
			bruno.inside(func(*turn) error { is = ok(bruno.device("Anna").route); return nil })
			return is
		}
	}
	bruno.within(waitLong, "she asks on a link", onLink(func(r *route) bool {
		return r.petition != nil && r.petition.heardOut && len(r.petition.waiting) > 0
	}))
	if p, err := bruno.PermitReset(t.Context(), "Anna"); err != nil || p.Name != "Anna" {
		t.Fatalf("%v, %v", p, err)
	}
	if !onLink(func(r *route) bool { return r.live != nil && r.live.held.IsZero() })() {
		t.Error("the link that she asked on is not the pair's, or is held")
	}
	if bruno.shows("Anna")() {
		t.Error("the notice stays")
	}
	if !slices.Contains(bruno.texts("Anna"), "it is me") {
		t.Error("what she wrote behind her request is not there at once")
	}
	anna.within(waitLong, "delivered", anna.delivered(m))
	bruno.within(waitLong, "delivered", bruno.delivered(waits))
	talks(t, anna, bruno, "anew")
	talks(t, bruno, anna, "anew again")
	texts := bruno.texts("Anna")
	if sorted := slices.Sorted(slices.Values(texts)); len(slices.Compact(sorted)) != len(texts) {
		t.Errorf("shown twice: %v", texts)
	}
}

// What is found out about a copy among what came behind the start stays, although the person has just said yes.
func TestWarnedBehindTheStart(t *testing.T) {
	t.Parallel()
	lan := newAir()
	anna, bruno := newPerson(t, lan, "Anna"), newPerson(t, lan, "Bruno")
	anna.befriends(bruno)
	backup := anna.backedUp()
	talks(t, anna, bruno, "before")
	anna.kill()
	back := restored(t, lan, "Anna", backup)
	back.start()
	defer back.stop()
	back.says("Bruno", "behind the start")
	bruno.within(waitLong, "is asked", bruno.shows("Anna wants to begin anew"))
	bruno.within(waitLong, "has what came behind", func() (has bool) {
		bruno.inside(func(turn *turn) error {
			d := bruno.device("Anna")
			v := cmp.Or(d.route.petition, d.route.live)
			if has = v != nil && len(v.waiting) > 0; !has {
				return nil
			}
			h, err := wire.ParseHeader(v.waiting[0])
			turn.n.opened.add(d.row, h.Tag, []byte("of another copy"))
			return err
		})
		return has
	})
	if _, err := bruno.PermitReset(t.Context(), "Anna"); err != nil {
		t.Fatal(err)
	}
	if !bruno.shows("Anna's device")() {
		t.Error("the warning is gone")
	}
}

// A home that is restored twice counts its starts of the day anew: what the second one asks
// for has the tag of what the first was given, and is asked about all the same.
func TestRestoredTwice(t *testing.T) {
	t.Parallel()
	lan := newAir()
	anna, bruno := newPerson(t, lan, "Anna"), newPerson(t, lan, "Bruno")
	anna.befriends(bruno)
	backup := anna.backedUp()
	anna.kill()
	first := restored(t, lan, "Anna", backup)
	first.start()
	talks(t, first, bruno, "nobody was ever heard, so nobody is asked")
	first.kill()
	second := restored(t, lan, "Anna", backup)
	second.start()
	defer second.stop()
	bruno.within(waitLong, "is asked", bruno.shows("Anna wants to begin anew"))
	if bruno.shows("Anna's device")() {
		t.Error("a restored home is taken for a copy")
	}
	if _, err := bruno.PermitReset(t.Context(), "Anna"); err != nil {
		t.Fatal(err)
	}
	talks(t, second, bruno, "anew")
}

// A start that can be accepted no more is told so once, and waits no longer.
func TestPermitComesTooLate(t *testing.T) {
	t.Parallel()
	lan := newAir()
	anna, bruno := newPerson(t, lan, "Anna"), newPerson(t, lan, "Bruno")
	anna.befriends(bruno)
	talks(t, anna, bruno, "first")
	if _, err := anna.Reset(t.Context(), "Bruno"); err != nil {
		t.Fatal(err)
	}
	bruno.within(waitLong, "is asked", bruno.shows("Anna", "reset", "--accept"))
	var start []byte
	anna.inside(func(tt *turn) error {
		rows, err := tt.tx.OutBlobs(anna.device("Bruno").row, 0, 100)
		for _, row := range rows {
			if row.Start {
				start = row.Bytes
			}
		}
		return err
	})
	bruno.inside(func(tt *turn) error {
		d := bruno.device("Anna")
		d.pair.Lose() // the prekeys that her start names
		h, err := wire.ParseHeader(start)
		if err != nil {
			return err
		}
		for tag, ref := range d.pair.StartTags(h.ExpiryDay) {
			if tag == h.Tag {
				d.pair.Keep(start, ref)
			}
		}
		tt.touch(d)
		return nil
	})
	if _, err := bruno.PermitReset(t.Context(), "Anna"); !errors.Is(err, ErrAnew) {
		t.Fatalf("too late: %v", err)
	}
	if bruno.shows("Anna", "--accept")() {
		t.Error("the notice stays")
	}
	if _, err := bruno.PermitReset(t.Context(), "Anna"); !errors.Is(err, ErrNoReset) {
		t.Errorf("and again: %v", err)
	}
}

// Notices that are events can be read later, by their cursor.
func TestNoticeIsKept(t *testing.T) {
	t.Parallel()
	anna := newPerson(t, newAir(), "Anna")
	bruno := newPerson(t, anna.air, "Bruno")
	anna.befriends(bruno)
	for range 2 {
		anna.inside(func(t *turn) error { return t.copied(anna.device("Bruno")) })
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	from := int64(0)
	events, err := anna.Events(ctx, &from)
	if err != nil {
		t.Fatal(err)
	}
	said := 0
	last := anna.says("Bruno", "x")
	for e, err := range events {
		if err != nil {
			t.Fatal(err)
		}
		if e.Kind == EventNotice && strings.Contains(e.Notice, "Bruno's device") {
			said++
		}
		if e.Kind == EventMessage && e.Message.ID == last.ID {
			break
		}
	}
	if said != 1 {
		t.Errorf("said %d times", said)
	}
	anna.inside(func(t *turn) error { // nobody dealt with it for a month
		t.now = t.now.Add(noticeLife + time.Hour)
		return t.housekeep()
	})
	if anna.shows("Bruno")() {
		t.Error("it stays for ever")
	}
}
