package daemon

import (
	"context"
	"time"

	"sottovoce/cmd/internal/control"
	"sottovoce/mesh"
)

// Journey implements control.Node.
func (a *adapter) Journey(ctx context.Context, id string) (control.Journey, error) {
	j, err := a.node.Journey(ctx, id)
	if err != nil {
		return control.Journey{}, failure(err)
	}
	out := control.Journey{Message: message(j.Message), Received: instant(j.Received)}
	for _, c := range j.Copies {
		out.Copies = append(out.Copies, control.Copy{
			To: person(c.To), Device: c.Device, State: control.State(c.State.String()), Reason: c.Reason,
			HeldBy: keepers(c.HeldBy), HeldUntil: lastDay(c.HeldBy),
			Via: control.Via(c.Via), Tries: c.Tries, Waits: c.Waits, Seen: instant(c.Seen),
			Queued: instant(c.Queued), Sealed: instant(c.Sealed), Delivered: instant(c.Delivered), Read: instant(c.Read),
		})
	}
	return out, nil
}

// instant is a time as the API has it: to the millisecond in UTC, nil for none.
func instant(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC().Truncate(time.Millisecond)
	return &t
}

// Typing implements control.Node.
func (a *adapter) Typing(ctx context.Context, to string, typing bool) error {
	return failure(a.node.Typing(ctx, to, typing))
}

// Read implements control.Node.
func (a *adapter) Read(ctx context.Context, what string) (control.Reading, error) {
	r, err := a.node.Read(ctx, what)
	if err != nil {
		return control.Reading{}, failure(err)
	}
	return reading(r), nil
}

func reading(r mesh.ReadResult) control.Reading {
	out := control.Reading{With: person(r.With), Shared: r.Shared, Unread: min(r.Unread, control.UnreadMax)}
	if r.Message != nil {
		out.ID = r.Message.ID
	}
	return out
}
