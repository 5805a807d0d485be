package controltest

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"sottovoce/cmd/internal/control"
)

// Invite is control.Node's; ids and links count up.
func (f *Fake) Invite(_ context.Context, life time.Duration) (control.Invite, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if life == 0 {
		life = 24 * time.Hour
	}
	if life < time.Minute || life > 7*24*time.Hour {
		return control.Invite{}, control.Errorf(control.CodeUsage, "a link lives a minute at the least, and 7 days at the most")
	}
	n := len(f.invites) + 1
	made := control.Invite{
		ID: fmt.Sprintf("link-%010d", n), Link: "sottovoce:" + strings.Repeat(fmt.Sprint(n%10), 101), Made: Start, Expires: Start.Add(life),
	}
	f.invites = append(f.invites, made)
	f.me.Link = made.Link
	return made, nil
}

// Invites is control.Node's.
func (f *Fake) Invites(context.Context) ([]control.Invite, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.invites), nil
}

// Revoke is control.Node's.
func (f *Fake) Revoke(_ context.Context, id string) (control.Invite, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	i := slices.IndexFunc(f.invites, func(i control.Invite) bool { return strings.HasPrefix(i.ID, id) })
	if i < 0 {
		return control.Invite{}, control.Errorf(control.CodeNotFound, "none of your links has the id %q; see: sottovoce invite --list", id)
	}
	was := f.invites[i]
	f.invites = slices.Delete(f.invites, i, i+1)
	f.me.Link, was.Link = "", ""
	return was, nil
}

// Use lets somebody use a link of ours, and somebody else after them.
func (f *Fake) Use(id, by string, twice bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	i := slices.IndexFunc(f.invites, func(i control.Invite) bool { return i.ID == id })
	f.invites[i].Link, f.invites[i].Used, f.invites[i].By, f.invites[i].Twice = "", true, by, twice
}

// Introduce is control.Node's; nobody decides anything.
func (f *Fake) Introduce(_ context.Context, who, other string) ([]control.Person, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	one, err := f.find(who, isContact)
	if err != nil {
		return nil, err
	}
	two, err := f.find(other, isContact)
	if err != nil {
		return nil, err
	}
	if one.ID == two.ID {
		return nil, control.Errorf(control.CodeUsage, "that is one person; say which two are to know each other")
	}
	return []control.Person{one, two}, nil
}

// Introduced lets a contact introduce somebody to us.
func (f *Fake) Introduced(name, by string) control.Person {
	f.mu.Lock()
	defer f.mu.Unlock()
	p := control.Person{ID: f.id("acct-", 52), Name: name, Direction: control.DirectionIn}
	p.IntroducedBy = &control.Introducer{ID: f.id("acct-", 52), Name: by}
	f.people = append(f.people, p)
	f.waiting = append(f.waiting, p.ID)
	f.tellPerson(control.EventRequest, p)
	return p
}
