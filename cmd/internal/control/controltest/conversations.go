package controltest

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"sottovoce/cmd/internal/control"
)

// Conversations is control.Node's.
func (f *Fake) Conversations(context.Context) ([]control.Overview, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var list []control.Overview
	for _, p := range f.people {
		if isContact(p) {
			list = append(list, f.overview(p))
		}
	}
	last := func(o control.Overview) time.Time {
		if o.Newest == nil {
			return time.Time{}
		}
		return o.Newest.Time
	}
	slices.SortStableFunc(list, func(a, b control.Overview) int {
		return cmp.Or(last(a).Compare(last(b)), cmp.Compare(a.Person.Name, b.Person.Name))
	})
	return list, nil
}

func (f *Fake) overview(p control.Person) control.Overview {
	id := "conv-" + strings.TrimPrefix(p.ID, "acct-")
	o := control.Overview{Conversation: control.Conversation{Kind: control.KindDirect, ID: id, Name: p.Name, With: p.ID}, Person: p}
	for _, m := range f.messages {
		if m.Conversation.ID != id {
			continue
		}
		o.Newest = &m
		if m.From.ID == p.ID {
			o.Unread = min(o.Unread+1, control.UnreadMax)
		}
		if slices.ContainsFunc(f.Reads, func(r control.Reading) bool { return r.ID == m.ID }) {
			o.Unread = 0
		}
	}
	return o
}
