package mesh

import (
	"iter"
	"testing"
)

// TestNoticeAbout: who listens, and who reads it later, is told whom a notice is about.
func TestNoticeAbout(t *testing.T) {
	a := newAir()
	anna, bruno := newPerson(t, a, "Anna"), newPerson(t, a, "Bruno")
	anna.befriends(bruno)
	const text = "somebody called sottovoce remove \"Carla\" is put back"
	live, err := anna.Events(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	anna.inside(func(t *turn) error { return t.raise(noticeCopied, anyContact(t.n), text) })
	names := func(what string, events iter.Seq2[Event, error]) {
		for e, err := range events {
			if err != nil {
				t.Fatalf("%s: %v", what, err)
			}
			if e.Kind != EventNotice || e.Notice != text {
				continue
			}
			if e.Person == nil || e.Person.Name != "Bruno" || !e.Person.Contact || e.Person.ID == "" {
				t.Errorf("%s: it is about %+v", what, e.Person)
			}
			return
		}
	}
	names("live", live)
	anna.stop()
	anna.start()
	var zero int64
	later, err := anna.Events(t.Context(), &zero)
	if err != nil {
		t.Fatal(err)
	}
	names("kept", later)
}
