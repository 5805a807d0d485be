package controltest

import (
	"slices"

	"sottovoce/cmd/internal/control"
)

// Notice tells the person at the screen something.
func (f *Fake) Notice(text string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.tell(control.Event{Event: control.EventNotice, Notice: text})
}

// NoticeAbout tells the person at the screen something about a contact.
func (f *Fake) NoticeAbout(id, text string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	i := slices.IndexFunc(f.people, func(p control.Person) bool { return p.ID == id })
	about := f.people[i]
	f.tell(control.Event{Event: control.EventNotice, Notice: text, Person: &about})
}
