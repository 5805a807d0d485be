package mesh

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"sottovoce/mesh/disktest"
	"sottovoce/mesh/store"
)

// On a full disk nothing that was acknowledged is lost, in either direction; the node
// says what is wrong, and goes on by itself when there is room again.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	dir := disktest.Small(t, "size=8m")
	lan := newAir()
	anna, bruno := newPersonIn(t, lan, "Anna", dir), newPerson(t, lan, "Bruno")
	anna.befriends(bruno)
	seen, stop := anna.follow(nil)
	var sent, theirs []string
	say := func(p *person, to string, all *[]string, who string) error {
		text := fmt.Sprint(who, " ", len(*all), strings.Repeat(".", 500))
		r := p.Send(t.Context(), []Outgoing{{To: to, Text: text}})
		if r[0].Err == nil {
			*all = append(*all, text)
		}
		return r[0].Err
	}
	for range 20 {
		if err := errors.Join(say(anna, "Bruno", &sent, "a"), say(bruno, "Anna", &theirs, "b")); err != nil {
			t.Fatal(err)
		}
	}
	free := disktest.Fill(t, dir)
	var err error
	for range 2000 {
		if err = say(anna, "Bruno", &sent, "a"); err != nil {
			break
		}
	}
	if !errors.Is(err, store.ErrFull) || strings.Contains(err.Error(), "\n") {
		t.Fatalf("on a full disk: %v", err)
	}
	for range 30 {
		if err := say(bruno, "Anna", &theirs, "b"); err != nil {
			t.Fatal(err)
		}
		_ = say(anna, "Bruno", &sent, "a")
	}
	if _, err := anna.Status(t.Context()); err != nil { // reading goes on
		t.Errorf("status: %v", err)
	}
	said := false
	anna.feed.mu.Lock()
	for _, e := range anna.feed.ring {
		said = said || e.Kind == EventNotice && strings.Contains(e.Notice, "full")
	}
	anna.feed.mu.Unlock()
	if !said {
		t.Error("nothing was said about the full disk")
	}
	free()
	anna.within(30*time.Second, "has what was sent meanwhile", func() bool { return len(from("b", anna.texts("Bruno"))) == len(theirs) })
	if err := say(anna, "Bruno", &sent, "a"); err != nil {
		t.Errorf("with room again: %v", err)
	}
	bruno.within(30*time.Second, "has all", func() bool { return len(from("a", bruno.texts("Anna"))) == len(sent) })
	for p, other := range map[*person]*person{anna: bruno, bruno: anna} {
		texts := p.texts(other.name)
		a, b := from("a", append([]string(nil), texts...)), from("b", append([]string(nil), texts...))
		if strings.Join(a, "\n") != strings.Join(sent, "\n") || strings.Join(b, "\n") != strings.Join(theirs, "\n") {
			t.Errorf("%s has %d and %d of %d and %d, or in another order", p.name, len(a), len(b), len(sent), len(theirs))
		}
	}
	stop()
	checkEvents(t, seen())
}

// An older copy that cannot note on its full disk what its contact has of it seals nothing meanwhile; both are told when there is room.
func TestOldCopyOnFullDisk(t *testing.T) {
	t.Parallel()
	dir := disktest.Small(t, "size=8m")
	lan := newAir()
	anna, bruno := newPersonIn(t, lan, "Anna", dir), newPerson(t, lan, "Bruno")
	anna.befriends(bruno)
	talks(t, anna, bruno, "before")
	anna.stop()
	later := anna.twin(t, anna.copyHome(t), lan)
	talks(t, later, bruno, "after")
	later.stop()
	bruno.stop()
	anna.start()
	for i := range 5 {
		anna.says("Bruno", fmt.Sprint("written by the copy ", i))
	}
	free := disktest.Fill(t, dir)
	bruno.start()
	anna.within(waitLong, "the full disk is told", anna.shows("disk is full"))
	time.Sleep(2 * time.Second) // for several links
	free()
	bruno.within(waitLong, "the contact is told", bruno.shows("Anna's device", "older state"))
	anna.within(waitLong, "the owner is told", anna.shows("older copy", "Bruno", "sottovoce reset"))
	anna.truthful(bruno)
	if texts := bruno.texts("Anna"); slices.ContainsFunc(texts, func(s string) bool { return strings.HasPrefix(s, "written by the copy") }) {
		t.Errorf("he has %q", texts)
	}
}
