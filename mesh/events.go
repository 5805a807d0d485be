package mesh

import (
	"context"
	"iter"
	"slices"
	"time"

	"sottovoce/mesh/conversation"
	"sottovoce/mesh/store"
	"sottovoce/mesh/wire"
)

// The kinds of durable events as the store keeps them.
const (
	storedMessage uint8 = 1
	storedState   uint8 = 2
	storedRequest uint8 = 3
	storedPerson  uint8 = 4
	storedNotice  uint8 = 5
	storedChange  uint8 = 6
)

// personDetail is the snapshot that a stored request or person event carries.
type personDetail struct {
	ID        string `cbor:"0,keyasint"`
	Name      string `cbor:"1,keyasint"`
	Contact   bool   `cbor:"2,keyasint"`
	Direction string `cbor:"3,keyasint,omitempty"`
	Blocked   bool   `cbor:"4,keyasint,omitempty"`
	OwnName   string `cbor:"5,keyasint,omitempty"`
	Verified  bool   `cbor:"6,keyasint,omitempty"`
	Keys      string `cbor:"7,keyasint,omitempty"`

	Introducer     string `cbor:"8,keyasint,omitempty"`
	IntroducerName string `cbor:"9,keyasint,omitempty"`
}

func (n *Node) publish(e Event) { n.feed.publish(e) }

// record makes an event durable with this turn and publishes it after the commit.
// render runs after all of the turn, so that the event shows what was committed.
func (t *turn) record(kind uint8, ref int64, detail any, render func(*Event)) error {
	row := store.Event{Kind: kind, Ref: ref, Time: t.now.UnixMilli()}
	if detail != nil {
		b, err := wire.Marshal(detail)
		if err != nil {
			return err
		}
		row.Detail = b
	}
	if err := t.tx.AppendEvent(&row); err != nil {
		return err
	}
	t.then(func() {
		e := Event{Cursor: row.Cursor, Time: t.now, stored: true}
		render(&e)
		t.n.publish(e)
	})
	return nil
}

// recordPerson makes an event about a person durable.
func (t *turn) recordPerson(kind uint8, p Person) error {
	return t.record(kind, 0, detailOf(p), func(e *Event) {
		e.Kind, e.Person = personKind(kind), &p
	})
}

// detailOf is the snapshot of a person.
func detailOf(p Person) *personDetail {
	return &personDetail{
		ID: p.ID, Name: p.Name, Contact: p.Contact, Direction: string(p.Direction), Blocked: p.Blocked, OwnName: p.OwnName, Verified: p.Verified, Keys: string(p.Keys),
		Introducer: p.IntroducedBy.ID, IntroducerName: p.IntroducedBy.Name,
	}
}

// person is the person of a snapshot.
func (d *personDetail) person() *Person {
	return &Person{
		ID: d.ID, Name: d.Name, Contact: d.Contact, Direction: Direction(d.Direction), Via: ViaNone, Blocked: d.Blocked, OwnName: d.OwnName, Verified: d.Verified, Keys: Keys(d.Keys),
		IntroducedBy: Introducer{ID: d.Introducer, Name: d.IntroducerName},
	}
}

// messageKinds are the kinds of events about a message.
var messageKinds = map[uint8]EventKind{storedMessage: EventMessage, storedState: EventState, storedChange: EventChange}

func personKind(kind uint8) EventKind {
	if kind == storedRequest {
		return EventRequest
	}
	return EventPerson
}

// Events yields everything that happens after the cursor since, and goes on until ctx
// ends; nil means from now on, and now is when Events returns. Durable events are
// never left out, whatever the reader's speed. The first error is the last thing
// yielded. A cursor that never was is ErrCursor; one after which events were deleted
// since is ErrPruned, but 0 means everything that is kept.
func (n *Node) Events(ctx context.Context, since *int64) (iter.Seq2[Event, error], error) {
	r := reader{n: n}
	r.position, r.last = n.feed.now()
	r.cursor = r.last
	if since != nil {
		if *since < 0 || *since > r.last {
			return nil, ErrCursor
		}
		r.cursor = *since
		if n.lost(r.cursor) {
			return nil, ErrPruned
		}
	}
	return func(yield func(Event, error) bool) {
		ctx, cancel := context.WithCancelCause(ctx)
		defer cancel(nil)
		defer context.AfterFunc(n.ctx, func() { cancel(ErrClosed) })()
		for {
			events, err := r.read(ctx)
			if err != nil {
				yield(Event{}, err)
				return
			}
			for _, e := range events {
				if !yield(e, nil) {
					return
				}
			}
		}
	}, nil
}

// lost reports whether events after a cursor were deleted.
func (n *Node) lost(after int64) bool { return after != 0 && after < n.pruned.Load() }

// reader is one reader's place: behind last it reads the store, then the ring.
type reader struct {
	n        *Node
	cursor   int64  // of the last durable event read
	last     int64  // durable events up to here come from the store
	position uint64 // in the ring
}

// read waits for the next events.
func (r *reader) read(ctx context.Context) ([]Event, error) {
	for r.cursor < r.last {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		events, err := r.n.storedEvents(r.cursor, r.last, eventsPage)
		if err == nil && r.n.lost(r.cursor) {
			err = ErrPruned
		}
		if err != nil {
			return nil, err
		}
		if len(events) == 0 {
			r.cursor = r.last
			break
		}
		r.cursor = events[len(events)-1].Cursor
		if events = slices.DeleteFunc(events, func(e Event) bool { return e.Kind == "" }); len(events) > 0 {
			return events, nil
		}
	}
	events, next, missed, err := r.n.feed.from(ctx, r.position)
	if err != nil {
		return nil, err
	}
	if missed {
		r.position, r.last = r.n.feed.now()
		return nil, nil
	}
	r.position = next
	events = slices.DeleteFunc(events, func(e Event) bool { return e.stored && e.Cursor <= r.cursor })
	for _, e := range events {
		r.cursor = max(r.cursor, e.Cursor)
	}
	r.last = r.cursor
	return events, nil
}

// storedEvents reads one page of those after one cursor and up to another, and
// renders it as things stand now.
func (n *Node) storedEvents(after, last int64, limit int) ([]Event, error) {
	var events []Event
	view := n.view.Load()
	err := n.store.View(func(tx *store.Tx) error {
		rows, err := tx.Events(after, limit)
		if err != nil {
			return err
		}
		for _, row := range rows {
			if row.Cursor > last {
				break
			}
			e, err := view.event(tx, row)
			if err != nil {
				return err
			}
			events = append(events, e)
		}
		return nil
	})
	return events, err
}

// event renders a stored event; its Kind is empty when what it was about is gone.
func (v *view) event(tx *store.Tx, row store.Event) (Event, error) {
	e := Event{Cursor: row.Cursor, Time: time.UnixMilli(row.Time), stored: true}
	switch row.Kind {
	case storedMessage, storedState, storedChange:
		m, err := v.message(tx, row.Ref)
		if err != nil || m == nil {
			return e, err
		}
		d := stateDetail{State: uint8(conversation.StateQueued), Devices: m.Devices}
		if row.Kind != storedMessage {
			if err := wire.Unmarshal(row.Detail, &d); err != nil {
				return e, err
			}
		}
		m.asThen(d)
		e.Kind, e.Message = messageKinds[row.Kind], m
	case storedRequest, storedPerson:
		var d personDetail
		if err := wire.Unmarshal(row.Detail, &d); err != nil {
			return e, err
		}
		e.Kind, e.Person = personKind(row.Kind), d.person()
	case storedNotice:
		var d noticeDetail
		if err := wire.Unmarshal(row.Detail, &d); err != nil {
			return e, err
		}
		if e.Kind, e.Notice = EventNotice, d.Text; d.About != nil {
			e.Person = d.About.person()
		}
	}
	return e, nil
}
