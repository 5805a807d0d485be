package mesh

import (
	"cmp"
	"context"
	"slices"

	"sottovoce/mesh/conversation"
	"sottovoce/mesh/store"
)

// UnreadMax is how far the unread texts of a conversation are counted: beyond, nobody wants to know how many.
const UnreadMax = 100

// Talk is a conversation as a list of them shows it.
type Talk struct {
	ID     string // of the conversation
	With   Person
	Unread int      // texts of theirs behind what was read, counted up to UnreadMax
	Newest *Message // the last one, nil when nothing was said

	arrived int64
}

// Talks lists the conversations with all contacts; the one in which something came last is the last.
func (n *Node) Talks(ctx context.Context) ([]Talk, error) {
	view := n.view.Load()
	talks := make([]Talk, 0, len(view.talks))
	err := n.store.View(func(tx *store.Tx) error {
		for conv, v := range view.talks {
			t, err := view.talk(ctx, tx, conv, v)
			if err != nil {
				return err
			}
			talks = append(talks, t)
		}
		return nil
	})
	slices.SortFunc(talks, func(a, b Talk) int {
		return cmp.Or(cmp.Compare(a.arrived, b.arrived), cmp.Compare(a.With.Name, b.With.Name), cmp.Compare(a.ID, b.ID))
	})
	return talks, err
}

func (v *view) talk(ctx context.Context, tx *store.Tx, conv int64, of talkView) (Talk, error) {
	t := Talk{ID: of.id.String(), With: of.with}
	var err error
	if t.Unread, err = of.unread(tx, conv); err != nil {
		return t, err
	}
	row, err := lastText(ctx, tx, conv, func(*store.Op) bool { return true })
	if err != nil || row == nil {
		return t, err
	}
	t.arrived = row.Seq
	t.Newest, err = v.message(tx, row.Seq)
	return t, err
}

// unread counts their texts behind what was read, up to UnreadMax.
func (of talkView) unread(tx *store.Tx, conv int64) (n int, err error) {
	for _, author := range of.authors {
		read, err := tx.ReadMark(of.id, author)
		if err != nil {
			return 0, err
		}
		count, err := tx.CountAfter(conv, author, read, uint8(conversation.KindText), UnreadMax)
		if err != nil {
			return 0, err
		}
		n = min(n+count, UnreadMax)
	}
	return n, nil
}

// lastText is the last text of a conversation that is wanted, nil if there is none.
func lastText(ctx context.Context, tx *store.Tx, conv int64, wanted func(*store.Op) bool) (*store.Op, error) {
	var last *store.Op
	err := backwards(ctx, tx, conv, nil, glancePage, func(row *store.Op) bool {
		if row.Kind == uint8(conversation.KindText) && wanted(row) {
			last = row
		}
		return last == nil
	})
	return last, err
}
