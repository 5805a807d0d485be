package mesh

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"sottovoce/mesh/contact"
	"sottovoce/mesh/wire"
)

// invites makes a link for a day.
func (p *person) invites() Invited {
	p.t.Helper()
	i, err := p.Invite(p.t.Context(), 0)
	if err != nil {
		p.t.Fatalf("%s invites: %v", p.name, err)
	}
	return i
}

// uses adds the giver of a link.
func (p *person) uses(link string) Person {
	p.t.Helper()
	found, err := p.Add(p.t.Context(), link)
	if err != nil {
		p.t.Fatalf("%s uses a link: %v", p.name, err)
	}
	return found
}

// given is the link of ours with this id, as it stands.
func (p *person) given(id string) Invited {
	p.t.Helper()
	all, err := p.Invites(p.t.Context())
	if err != nil {
		p.t.Fatal(err)
	}
	if i := slices.IndexFunc(all, func(i Invited) bool { return i.ID == id }); i >= 0 {
		return all[i]
	}
	return Invited{}
}

// warned reports whether a notice with these words stands.
func (p *person) warned(words string) func() bool {
	return func() bool {
		s, err := p.Status(p.t.Context())
		if err != nil {
			p.t.Fatal(err)
		}
		return slices.ContainsFunc(s.Notices, func(n string) bool { return strings.Contains(n, words) })
	}
}

func TestInvite(t *testing.T) {
	t.Parallel()
	lan := newAir()
	anna, bruno, carla := newPerson(t, lan, "Anna"), newPerson(t, lan, "Bruno"), newPerson(t, lan, "Carla")
	i := anna.invites()
	if shown, err := anna.Link(t.Context()); err != nil || shown != i.Link || i.Used || i.Expires.Before(i.Made.Add(23*time.Hour)) {
		t.Errorf("made %+v, shown %q, %v", i, shown, err)
	}
	if found := bruno.uses(i.Link); !found.Contact || found.Name != "Anna" || found.Waiting {
		t.Errorf("using a link ends with %+v", found)
	}
	areContacts(t, anna, bruno)
	used := anna.given(i.ID)
	if used.Link != "" || !used.Used || used.By != "Bruno" || used.Twice {
		t.Errorf("after its use: %+v", used)
	}
	if shown, err := anna.Link(t.Context()); err != nil || shown != "" {
		t.Errorf("a used link is shown: %q, %v", shown, err)
	}
	anna.inside(func(*turn) error {
		if m := anna.meetings[0]; m.Secret != [32]byte{} || !m.Done {
			t.Errorf("kept of a used link: %+v", m)
		}
		return nil
	})
	bruno.inside(func(*turn) error {
		if len(bruno.meetings) != 0 {
			t.Errorf("the user keeps the secret")
		}
		return nil
	})

	// The second learns why, and the first of them hears that there is a second.
	if found, err := carla.Add(t.Context(), i.Link); !errors.Is(err, ErrUsed) || len(carla.requests()) != 0 {
		t.Errorf("using a used link: %+v, %v", found, err)
	}
	carla.within(time.Second, "is told why", carla.warned("used by somebody else before you"))
	if _, err := carla.Revoke(t.Context(), i.ID); err != nil || carla.warned("used by somebody else before you")() {
		t.Errorf("dealing with the warning: %v", err)
	}
	anna.within(waitLong, "is told of the second", anna.warned("Bruno came first"))
	if people, err := carla.Contacts(t.Context()); err != nil || len(people) != 0 {
		t.Errorf("the second has contacts %v, %v", people, err)
	}
	if !anna.given(i.ID).Twice {
		t.Error("the list does not say that two came")
	}
	anna.stop()
	anna.start()
	if !anna.warned("Bruno came first")() {
		t.Error("the alarm did not outlive a restart")
	}
	if _, err := anna.Revoke(t.Context(), i.ID); err != nil || anna.warned("Bruno came first")() || anna.given(i.ID).ID != "" {
		t.Errorf("taking the link back did not deal with the alarm: %v", err)
	}
}

// A link waits until both are on one network, through restarts; and either may be invisible.
func TestInviteWaits(t *testing.T) {
	t.Parallel()
	for name, hidden := range map[string]func(a, b *person) *person{
		"both seen":         func(a, b *person) *person { return nil },
		"inviter invisible": func(a, b *person) *person { return a },
		"user invisible":    func(a, b *person) *person { return b },
	} {
		t.Run(name, func(t *testing.T) {
			lan := newAir()
			anna, bruno := newPerson(t, newAir(), "Anna"), newPerson(t, lan, "Bruno")
			i := anna.invites()
			asked := bruno.uses(i.Link)
			if !asked.Waiting || asked.Direction != Out || asked.ID != i.ID {
				t.Errorf("asked: %+v", asked)
			}
			if r := bruno.requests(); len(r) != 1 || r[0].ID != i.ID || r[0].Direction != Out {
				t.Errorf("requests: %+v", r)
			}
			for _, p := range []*person{anna, bruno} {
				p.stop()
				p.air = lan
				p.hidden = hidden(anna, bruno) == p
			}
			anna.start()
			bruno.start()
			areContacts(t, anna, bruno)
		})
	}
}

func TestInviteTakenBack(t *testing.T) {
	t.Parallel()
	lan := newAir()
	anna, bruno := newPerson(t, lan, "Anna"), newPerson(t, newAir(), "Bruno")
	i := anna.invites()
	bruno.uses(i.Link)
	if _, err := bruno.Decline(t.Context(), i.ID); err != nil || len(bruno.requests()) != 0 {
		t.Errorf("taking the request back: %v", err)
	}
	bruno.inside(func(*turn) error {
		if len(bruno.meetings) != 0 {
			t.Error("the secret stayed")
		}
		return nil
	})
	bruno.stop()
	bruno.air = lan
	bruno.start()
	bruno.uses(i.Link) // it is the same person still
	areContacts(t, anna, bruno)
	if anna.given(i.ID).Twice {
		t.Error("who takes a request back and makes it again is two")
	}

	j := anna.invites()
	if _, err := anna.Revoke(t.Context(), j.ID[:10]); err != nil {
		t.Fatal(err)
	}
	if _, err := anna.Revoke(t.Context(), j.ID); !errors.Is(err, ErrNotFound) {
		t.Errorf("taking it back twice: %v", err)
	}
	carla := newPerson(t, lan, "Carla")
	if asked := carla.uses(j.Link); !asked.Waiting {
		t.Errorf("somebody answered a link that was taken back: %+v", asked)
	}
}

func TestLinksThatWillNotDo(t *testing.T) {
	t.Parallel()
	lan := newAir()
	var off atomic.Int64
	anna, bruno := newPersonAt(t, lan, "Anna", &off), newPerson(t, lan, "Bruno")
	i := anna.invites()
	if _, err := anna.Add(t.Context(), i.Link); !errors.Is(err, ErrSelf) {
		t.Errorf("a link of one's own: %v", err)
	}
	if _, err := bruno.Add(t.Context(), i.Link[:40]); !errors.Is(err, ErrLink) {
		t.Errorf("half a link: %v", err)
	}
	for _, life := range []time.Duration{time.Second, -time.Hour, contact.LinkLifeMax + 1} {
		if _, err := anna.Invite(t.Context(), life); !errors.Is(err, ErrInviteLife) {
			t.Errorf("for %v: %v", life, err)
		}
	}
	for range invitesMax - 1 {
		anna.invites()
	}
	if _, err := anna.Invite(t.Context(), 0); !errors.Is(err, ErrInvites) {
		t.Errorf("one too many: %v", err)
	}
	bruno.uses(i.Link)
	areContacts(t, anna, bruno)
	anna.invites() // there is room again
	if p := bruno.uses(anna.invitesAfter(i)); !p.Contact || p.Name != "Anna" {
		t.Errorf("another link of a contact: %+v", p)
	}
	off.Store(int64(9 * 24 * time.Hour))
	anna.within(waitLong, "the links are past their time", func() bool {
		anna.inside(func(t *turn) error { return t.tickMeetings() })
		all, err := anna.Invites(t.Context())
		return err == nil && len(all) == 0
	})
	anna.inside(func(*turn) error {
		if len(anna.meetings) != 0 {
			t.Errorf("%d meetings outlived their time", len(anna.meetings))
		}
		return nil
	})
	carla := newPersonAt(t, lan, "Carla", &off)
	if _, err := carla.Add(t.Context(), i.Link); !errors.Is(err, ErrExpired) {
		t.Errorf("a link of last week: %v", err)
	}
}

// Who uses a link keeps trying until the day after its last one, and then forgets it.
func TestInviteNeverAnswered(t *testing.T) {
	t.Parallel()
	var off atomic.Int64
	anna, bruno := newPerson(t, newAir(), "Anna"), newPersonAt(t, newAir(), "Bruno", &off)
	bruno.uses(anna.invites().Link)
	for _, c := range []struct {
		days time.Duration
		want int
	}{{1, 1}, {4, 0}} {
		off.Store(int64(c.days * 24 * time.Hour))
		bruno.inside(func(t *turn) error { return t.tickMeetings() })
		if r := bruno.requests(); len(r) != c.want {
			t.Errorf("after %d days: %+v", c.days, r)
		}
	}
}

// Two can be here with one link before either has asked.
func TestInviteUsedAtOnce(t *testing.T) {
	anna := newPerson(t, newAir(), "Anna")
	anna.invites()
	first, second := &openLink{profile: contact.Profile{1}, frames: make(chan wire.Frame, 1)}, &openLink{profile: contact.Profile{2}, frames: make(chan wire.Frame, 1)}
	for _, ask := range []struct {
		*openLink
		name string
		want bool
	}{{first, "Bruno", true}, {second, "Carla", false}} {
		anna.inside(func(turn *turn) error {
			if ok, err := turn.admits(anna.meetings[0], ask.openLink, wire.Ask{Name: ask.name}); ok != ask.want || err != nil {
				t.Errorf("%s asks: %v, %v", ask.name, ok, err)
			}
			return nil
		})
	}
	if len(first.frames) != 0 || len(second.frames) != 1 || !anna.warned("Bruno came first")() {
		t.Errorf("frames for the first %d, for the second %d", len(first.frames), len(second.frames))
	}
}

// invitesAfter is a link that may still be used, and is not the one.
func (p *person) invitesAfter(not Invited) string {
	all, err := p.Invites(p.t.Context())
	if err != nil {
		p.t.Fatal(err)
	}
	for _, i := range all {
		if i.Link != "" && i.ID != not.ID {
			return i.Link
		}
	}
	p.t.Fatal("no link left")
	return ""
}

// Either side may be killed at any moment of an exchange by link, both too.
func TestInviteThroughKills(t *testing.T) {
	t.Parallel()
	for i := range 6 {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			lan := newAir()
			anna, bruno := newPerson(t, lan, "Anna"), newPerson(t, lan, "Bruno")
			link := anna.invites().Link
			asked, node := make(chan error, 1), bruno.Node
			go func() {
				_, err := node.Add(t.Context(), link)
				asked <- err
			}()
			time.Sleep(time.Duration(i/3) * 6 * time.Millisecond)
			for _, p := range [][]*person{{anna}, {bruno}, {anna, bruno}}[i%3] {
				p.kill()
				p.start()
			}
			if err := <-asked; err != nil { // it was not kept: the person asks again
				bruno.uses(link)
			}
			areContacts(t, anna, bruno)
			if all, err := anna.Invites(t.Context()); err != nil || len(all) != 1 || !all[0].Used || all[0].Twice {
				t.Errorf("the link: %+v, %v", all, err)
			}
		})
	}
}
