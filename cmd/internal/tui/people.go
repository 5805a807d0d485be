package tui

import (
	"cmp"
	"slices"

	"sottovoce/cmd/internal/control"
)

// section is where somebody stands in the list.
type section uint8

const (
	sectionRequests section = iota // they asked
	sectionTalks                   // contacts
	sectionNearby                  // others on this network
	sectionAsked                   // we asked
)

// entry is somebody in the list.
type entry struct {
	person  control.Person
	unread  int
	reading bool // it is being noted that all of it was read
	order   int  // rises with each message; the highest is the first
}

func (e *entry) section() section {
	switch {
	case e.person.Contact:
		return sectionTalks
	case e.person.Direction == control.DirectionIn:
		return sectionRequests
	case e.person.Direction == control.DirectionOut || e.person.Waiting:
		return sectionAsked
	}
	return sectionNearby
}

// people is everybody there is to see, by id.
type people struct {
	all   map[string]*entry
	next  int
	twins map[string]bool   // names that several have, when the list was last drawn
	whole bool              // everybody was asked for: who is not in it is new
	heard uint64            // events of people
	news  map[string]uint64 // by id, how many had been heard with the last that was about them
}

func newPeople() people { return people{all: map[string]*entry{}, news: map[string]uint64{}} }

// hear notes whom an event is about.
func (p *people) hear(e control.Event) {
	p.heard++
	switch {
	case e.Message != nil:
		p.news[e.Message.Conversation.With] = p.heard
	case e.Reading != nil:
		p.news[e.Reading.With.ID] = p.heard
	case e.Person != nil:
		p.news[e.Person.ID] = p.heard
	}
}

// isNewer tells whether something was heard about somebody since so many events.
func (p *people) isNewer(id string, since uint64) bool { return p.news[id] > since }

// put takes in what is known of somebody; who is gone and none of ours goes from the list.
func (p *people) put(person control.Person) *entry {
	e := p.all[person.ID]
	if !person.Contact && !person.Online && person.Direction == control.DirectionNone && !person.Waiting {
		delete(p.all, person.ID)
		return e
	}
	if e == nil {
		e = &entry{}
		p.all[person.ID] = e
		if person.Contact {
			p.supersede(person)
		}
	}
	e.person = person
	return e
}

// findTwins notes which names do not tell who is who.
func (p *people) findTwins() {
	seen := make(map[string]bool, len(p.all))
	p.twins = map[string]bool{}
	for _, e := range p.all {
		if seen[e.person.Name] {
			p.twins[e.person.Name] = true
		}
		seen[e.person.Name] = true
	}
}

// asked tells whether we have asked somebody of that name.
func (p *people) asked(name string) bool {
	for _, e := range p.all {
		if e.section() == sectionAsked && e.person.Name == name {
			return true
		}
	}
	return false
}

// supersede drops the stranger of that name with whom a request was open: it is the new contact.
func (p *people) supersede(contact control.Person) {
	for id, e := range p.all {
		if !e.person.Contact && e.person.Direction != control.DirectionNone && e.person.Name == contact.Name {
			delete(p.all, id)
			return
		}
	}
}

// said notes a message; it moves its conversation to the top.
func (p *people) said(m control.Message) {
	e := p.all[m.Conversation.With]
	if e == nil {
		return
	}
	p.next++
	e.order = p.next
}

// list is everybody in the order of the screen: who waits for an answer, conversations with the latest first, who is near,
// whom we asked.
func (p *people) list() []*entry {
	all := make([]*entry, 0, len(p.all))
	for _, e := range p.all {
		all = append(all, e)
	}
	slices.SortFunc(all, func(a, b *entry) int {
		return cmp.Or(cmp.Compare(a.section(), b.section()), cmp.Compare(b.order, a.order),
			cmp.Compare(a.person.Name, b.person.Name), cmp.Compare(a.person.ID, b.person.ID))
	})
	return all
}

// calls tells of who asks us something, or has written what was not read.
func (e *entry) calls() bool { return e.unread > 0 || e.section() == sectionRequests }

// callsBut tells whether anybody calls but for one.
func (p *people) callsBut(id string) bool {
	for _, e := range p.all {
		if e.person.ID != id && e.calls() {
			return true
		}
	}
	return false
}

// unread is in how many conversations something was not read.
func (p *people) unread() (talks int) {
	for _, e := range p.all {
		if e.unread > 0 {
			talks++
		}
	}
	return talks
}

// near is how many others are on this network.
func (p *people) near() (near int) {
	for _, e := range p.all {
		if e.person.Online {
			near++
		}
	}
	return near
}
