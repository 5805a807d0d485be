package mesh

import (
	"errors"
	"fmt"
	"slices"
	"testing"
)

func (p *person) talks() []Talk {
	p.t.Helper()
	talks, err := p.Talks(p.t.Context())
	if err != nil {
		p.t.Fatal(err)
	}
	return talks
}

// The list of conversations says who spoke last and how much of it was not read, and its order follows what comes.
func TestTalks(t *testing.T) {
	t.Parallel()
	lan := newAir()
	anna, bruno, carla := newPerson(t, lan, "Anna"), newPerson(t, lan, "Bruno"), newPerson(t, lan, "Carla")
	if talks := anna.talks(); len(talks) != 0 {
		t.Errorf("talks with nobody: %+v", talks)
	}
	anna.befriends(bruno)
	anna.befriends(carla)
	if talks := anna.talks(); len(talks) != 2 || talks[0].With.Name != "Bruno" || talks[0].Newest != nil || talks[0].Unread != 0 {
		t.Errorf("nothing was said: %+v", talks)
	}
	var last Message
	for i := range 3 {
		last = bruno.says("Anna", fmt.Sprint(i))
		bruno.within(waitLong, "delivered", bruno.delivered(last))
	}
	talks := anna.talks()
	if b := talks[1]; b.With.Name != "Bruno" || b.Newest == nil || b.Newest.ID != last.ID || b.Unread != 3 {
		t.Errorf("Bruno spoke: %+v", talks)
	}
	anna.says("Bruno", "an answer is not reading")
	anna.says("Carla", "hello")
	if talks = anna.talks(); talks[0].Unread != 3 || talks[1].With.Name != "Carla" || talks[1].Unread != 0 || !talks[1].Newest.Mine {
		t.Errorf("Anna spoke: %+v", talks)
	}
	anna.reads(last.ID)
	if talks = anna.talks(); talks[0].Unread != 0 {
		t.Errorf("Anna read it all: %+v", talks)
	}
}

// Many are counted no further than anybody looks.
func TestUnreadMax(t *testing.T) {
	t.Parallel()
	lan := newAir()
	anna, bruno := newPerson(t, lan, "Anna"), newPerson(t, lan, "Bruno")
	anna.befriends(bruno)
	batch := make([]Outgoing, UnreadMax+5)
	for i := range batch {
		batch[i] = Outgoing{To: "Anna", Text: fmt.Sprint(i)}
	}
	sent := bruno.Send(t.Context(), batch)
	bruno.within(waitLong, "delivered", bruno.delivered(sent[len(sent)-1].Message))
	if talks := anna.talks(); talks[0].Unread != UnreadMax {
		t.Errorf("%d unread, want %d", talks[0].Unread, UnreadMax)
	}
	anna.reads(sent[49].Message.ID)
	if talks := anna.talks(); talks[0].Unread != 55 {
		t.Errorf("%d unread, want 55", talks[0].Unread)
	}
}

// Going back from one message to those before it, and forth to those behind it, page by page, meets each once.
func TestLogPages(t *testing.T) {
	t.Parallel()
	lan := newAir()
	anna, bruno := newPerson(t, lan, "Anna"), newPerson(t, lan, "Bruno")
	anna.befriends(bruno)
	var batch []Outgoing
	for i := range logPage + 7 {
		batch = append(batch, Outgoing{To: "Bruno", Text: fmt.Sprint(i)})
	}
	anna.Send(t.Context(), batch)
	var back []string
	for q := (LogQuery{Newest: 50}); ; {
		page, err := anna.Log(t.Context(), "Bruno", q)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range slices.Backward(page) {
			back = append(back, m.Text)
		}
		if len(page) < q.Newest {
			break
		}
		q.Before = page[0].ID
	}
	slices.Reverse(back)
	if !slices.Equal(back, anna.texts("Bruno")) {
		t.Errorf("%d messages on the way back, want %d", len(back), len(batch))
	}
	var on []string
	for q := (LogQuery{Oldest: 50}); ; {
		page, err := anna.Log(t.Context(), "Bruno", q)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range page {
			on = append(on, m.Text)
		}
		if len(page) < q.Oldest {
			break
		}
		q.After = page[len(page)-1].ID
	}
	if !slices.Equal(on, back) {
		t.Errorf("%d messages on the way forth, want %d", len(on), len(back))
	}
	if _, err := anna.Log(t.Context(), "Bruno", LogQuery{Before: "msg-aaaaaaaa"}); !errors.Is(err, ErrNotFound) {
		t.Errorf("before what never was: %v", err)
	}
}
