package daemon

import (
	"context"
	"time"

	"sottovoce/cmd/internal/control"
	"sottovoce/mesh"
)

// Edit implements control.Amender.
func (a *adapter) Edit(ctx context.Context, id, text string) (control.Message, error) {
	m, err := a.node.Edit(ctx, id, text)
	return message(m), failure(err)
}

// Delete implements control.Amender.
func (a *adapter) Delete(ctx context.Context, id string) (control.Message, error) {
	m, err := a.node.Delete(ctx, id)
	return message(m), failure(err)
}

// React implements control.Amender.
func (a *adapter) React(ctx context.Context, id, emoji string, on bool) (control.Message, error) {
	m, err := a.node.React(ctx, id, emoji, on)
	return message(m), failure(err)
}

func quote(q *mesh.Quote) *control.Quote {
	if q == nil {
		return nil
	}
	return &control.Quote{ID: q.ID, From: person(q.From), Text: q.Text, Deleted: q.Deleted}
}

func change(c *mesh.Change) *control.Change {
	if c == nil {
		return nil
	}
	return &control.Change{
		ID: c.ID, Time: c.Time.UTC().Truncate(time.Millisecond), State: control.State(c.State.String()), Reason: c.Reason,
		HeldBy: keepers(c.HeldBy), HeldUntil: lastDay(c.HeldBy), Delivered: c.Delivered, Devices: c.Devices,
	}
}

func reactions(all []mesh.Reaction) control.Reactions {
	shown := make(control.Reactions, len(all))
	for i, r := range all {
		shown[i] = control.Reaction{Emoji: r.Emoji}
		for _, p := range r.From {
			shown[i].From = append(shown[i].From, person(p))
		}
	}
	return shown
}
