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
	twins map[string]bool // names that several have, when the list was last drawn
}

func newPeople() people { return people{all: map[string]*entry{}} }

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
