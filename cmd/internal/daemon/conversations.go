package daemon

import (
	"context"

	"sottovoce/cmd/internal/control"
)

// Conversations implements control.Node.
func (a *adapter) Conversations(ctx context.Context) ([]control.Overview, error) {
	talks, err := a.node.Talks(ctx)
	if err != nil {
		return nil, failure(err)
	}
	list := make([]control.Overview, len(talks))
	for i, t := range talks {
		list[i] = control.Overview{
			Conversation: control.Conversation{Kind: control.KindDirect, ID: t.ID, Name: t.With.Name, With: t.With.ID},
			Person:       person(t.With),
			Unread:       min(t.Unread, control.UnreadMax),
		}
		if t.Newest != nil {
			m := message(*t.Newest)
			list[i].Newest = &m
		}
	}
	return list, nil
}
