package mesh

import (
	"context"
	"iter"

	"sottovoce/mesh/conversation"
	"sottovoce/mesh/store"
)

// Export yields all messages with one contact in the conversation's order, oldest first.
// It reads page by page: what arrives meanwhile may be among them, and no snapshot is
// held for long. The first error is the last thing yielded. ErrNotFound and ErrAmbiguous.
func (n *Node) Export(ctx context.Context, to string) (iter.Seq2[Message, error], error) {
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
	return func(yield func(Message, error) bool) {
		var after store.Position
		for more := true; more; {
			page, next, err := n.exportPage(ctx, conv, after)
			if err != nil {
				yield(Message{}, err)
				return
			}
			for _, m := range page {
				if !yield(m, nil) {
					return
				}
			}
			more, after = next != nil, store.Position{}
			if more {
				after = *next
			}
		}
	}, nil
}

// exportPage reads the messages after a position, and tells where the next page begins,
// nil when there is none.
func (n *Node) exportPage(ctx context.Context, conv int64, after store.Position) (page []Message, next *store.Position, err error) {
	if ctx.Err() != nil {
		return nil, nil, context.Cause(ctx)
	}
	view := n.view.Load()
	err = n.store.View(func(tx *store.Tx) error {
		rows, err := tx.LogAfter(conv, after, logPage)
		if err != nil {
			return err
		}
		for i := range rows {
			if rows[i].Kind != uint8(conversation.KindText) {
				continue
			}
			c, err := wordingOf(tx, &rows[i])
			if err != nil {
				return err
			}
			page = append(page, *view.shows(&rows[i], c))
		}
		if len(rows) == logPage {
			last := rows[len(rows)-1].Position()
			next = &last
		}
		return nil
	})
	return page, next, err
}
