package mesh

import (
	"context"
	"errors"
	"slices"
	"time"

	"sottovoce/mesh/conversation"
	"sottovoce/mesh/store"
)

// LogQuery chooses messages of a conversation; the zero value is all of it.
type LogQuery struct {
	Newest int       // that many of the newest of what is chosen; 0 is all
	Oldest int       // that many of the oldest; 0 is all, and Newest then counts
	After  string    // what follows the message with this id or prefix of one
	Before string    // what stands before the message with this id or prefix of one
	Since  time.Time // the author's clock said this time or later
}

// Log lists messages with one contact in the conversation's order, oldest first.
func (n *Node) Log(ctx context.Context, to string, q LogQuery) ([]Message, error) {
	var conv int64
	err := n.do(ctx, func(*turn) error {
		c, err := n.contactCalled(to)
		if err != nil {
			return refuse(err)
		}
		conv = c.talk.row.ID
		return nil
	})
	if err != nil {
		return nil, err
	}
	view := n.view.Load()
	l := logging{LogQuery: q, view: view}
	err = n.store.View(func(tx *store.Tx) (err error) {
		l.tx = tx
		if l.after, err = opIn(tx, conv, q.After); err != nil {
			return err
		}
		if l.before, err = opIn(tx, conv, q.Before); err != nil {
			return err
		}
		if q.Oldest > 0 {
			return errors.Join(forwards(ctx, tx, conv, l.after, l.take), l.failed)
		}
		err = backwards(ctx, tx, conv, l.before, logPage, l.take)
		slices.Reverse(l.messages)
		return errors.Join(err, l.failed)
	})
	if err != nil {
		return nil, err
	}
	return l.messages, nil
}

// opIn is the op of a message in a conversation, nil when none is named.
func opIn(tx *store.Tx, conv int64, message string) (*store.Op, error) {
	if message == "" {
		return nil, nil
	}
	row, err := opCalled(tx, message)
	if err == nil && row.Conversation != conv {
		err = ErrNotFound
	}
	return row, err
}

// logging collects what a query wants of a conversation that is gone through.
type logging struct {
	LogQuery
	view          *view
	tx            *store.Tx
	after, before *store.Op
	messages      []Message
	failed        error
}

// take looks at the next op; false when there is nothing more to look for.
func (l *logging) take(row *store.Op) bool {
	most := l.Newest
	if l.Oldest > 0 {
		most = l.Oldest
	}
	if most > 0 && len(l.messages) == most ||
		l.after != nil && !standsAt(l.after).Less(standsAt(row)) ||
		l.before != nil && !standsAt(row).Less(standsAt(l.before)) {
		return false
	}
	if row.Kind != uint8(conversation.KindText) || time.UnixMilli(row.Time).Before(l.Since) {
		return true
	}
	c, err := wordingOf(l.tx, row)
	if l.failed = err; err == nil {
		l.messages = append(l.messages, *l.view.shows(row, c))
	}
	return err == nil
}

func standsAt(row *store.Op) conversation.Place {
	return conversation.Place{Lamport: row.Lamport, Author: row.Author, ID: row.ID}
}

// backwards goes through a conversation from before an op, or from its end, to its beginning, reading page ops at a time,
// as long as more says so.
func backwards(ctx context.Context, tx *store.Tx, conv int64, before *store.Op, page int, more func(*store.Op) bool) error {
	var at *store.Position
	for op := before; ; {
		if op != nil {
			p := op.Position()
			at = &p
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		rows, err := tx.Log(conv, at, page)
		if err != nil {
			return err
		}
		for i := range slices.Backward(rows) {
			if !more(&rows[i]) {
				return nil
			}
		}
		if len(rows) < page {
			return nil
		}
		op = &rows[0]
	}
}

// forwards goes through a conversation from behind an op, or from its beginning, to its end, as long as more says so.
func forwards(ctx context.Context, tx *store.Tx, conv int64, after *store.Op, more func(*store.Op) bool) error {
	var at store.Position
	if after != nil {
		at = after.Position()
	}
	for {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		rows, err := tx.LogAfter(conv, at, logPage)
		if err != nil {
			return err
		}
		for i := range rows {
			if !more(&rows[i]) {
				return nil
			}
		}
		if len(rows) < logPage {
			return nil
		}
		at = rows[len(rows)-1].Position()
	}
}
