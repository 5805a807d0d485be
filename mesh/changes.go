package mesh

import (
	"cmp"
	"errors"
	"slices"

	"sottovoce/mesh/conversation"
	"sottovoce/mesh/store"
	"sottovoce/mesh/wire"
)

// applied is what has come of an op that is about others.
type applied struct {
	text  *store.Op // the text that looks otherwise from now on; nil: none does
	empty []int64   // ops that say nothing any more, by Seq
}

// apply does what an op of a kind that changes others says, once it is in the store; what is
// about an op that is not there waits for it. Nobody changes what somebody else said: such an
// op is kept and does nothing. In whatever order ops come, the end is the same.
//
// spec: 06-conversations#changes
func apply(tx *store.Tx, row *store.Op, op *conversation.Op) (applied, error) {
	if e, ok := op.Edit(); ok {
		return applyEdit(tx, row, e)
	}
	if d, ok := op.Delete(); ok {
		return applyDelete(tx, row, d)
	}
	if r, ok := op.Reaction(); ok && len(r.TakesBack) > 0 {
		return takeBack(tx, row, r)
	} else if ok {
		return applyReaction(tx, row, r)
	}
	return applied{}, nil
}

// awaited does to a text that has come what came before it.
func awaited(tx *store.Tx, text *store.Op) (empty []int64, err error) {
	waiting, err := tx.ChangesOf(text.ID)
	if err != nil || len(waiting) == 0 {
		return nil, err
	}
	for _, seq := range waiting { // all at first: each reaction looks through those that count
		if err := tx.DropChange(seq, text.ID); err != nil {
			return nil, err
		}
	}
	for _, seq := range waiting {
		row, op, err := changeAt(tx, seq)
		if err != nil {
			return nil, err
		}
		if op == nil {
			continue
		}
		done, err := apply(tx, row, op)
		if err != nil {
			return nil, err
		}
		empty = append(empty, done.empty...)
	}
	after, err := tx.Op(text.Seq)
	if err == nil {
		*text = *after
	}
	return empty, err
}

// changeAt reads an op that is about others; op is nil when it says nothing any more, or
// nothing that this version takes: who kept it did not know its kind.
func changeAt(tx *store.Tx, seq int64) (row *store.Op, op *conversation.Op, err error) {
	row, err = tx.Op(seq)
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil, nil
	}
	if err != nil || len(row.Body) == 0 {
		return row, nil, err
	}
	op, err = conversation.ParseOp(row.Body)
	if errors.Is(err, wire.ErrMalformed) {
		return row, nil, nil
	}
	return row, op, err
}

// about finds the op that another one of the same conversation is about, nil when it is not
// there.
func about(tx *store.Tx, by *store.Op, id conversation.OpID) (*store.Op, error) {
	found, err := tx.OpsByPrefix(id[:], opPrefixRows)
	if err != nil || len(found) == 0 {
		return nil, err
	}
	i := slices.IndexFunc(found, func(row store.Op) bool { return row.Conversation == by.Conversation })
	if i < 0 {
		return &store.Op{}, nil // of another conversation: it will not come in this one
	}
	return &found[i], nil
}

// changedBy is the text that is what an op of ours made it: the edit or deletion that counts.
// It is nil when there is none.
func changedBy(tx *store.Tx, row *store.Op) (*store.Op, error) {
	_, op, err := changeAt(tx, row.Seq)
	if err != nil || op == nil {
		return nil, err
	}
	edit, _ := op.Edit()
	deletion, _ := op.Delete()
	text, err := about(tx, row, cmp.Or(edit.Of, deletion.Of))
	if err != nil || text == nil || text.Edit != row.Seq && text.Deleted != row.Seq {
		return nil, err
	}
	return text, nil
}

// isText reports whether an op is a text that may still be changed.
func isText(row *store.Op) bool {
	return row.Kind == uint8(conversation.KindText) && row.Deleted == 0
}

func applyEdit(tx *store.Tx, row *store.Op, e conversation.Edit) (done applied, err error) {
	text, err := about(tx, row, e.Of)
	switch {
	case err != nil:
		return done, err
	case text == nil:
		return done, tx.AddChange(row.Seq, e.Of)
	case text.Deleted != 0 && text.Mine == row.Mine:
		return applied{empty: []int64{row.Seq}}, tx.EmptyOp(row)
	case !isText(text) || text.Mine != row.Mine:
		return done, nil
	}
	if err := tx.AddChange(row.Seq, e.Of); err != nil {
		return done, err
	}
	if text.Edit == 0 {
		return applied{text: text}, tx.SetEdit(text, row.Seq)
	}
	former, err := tx.Op(text.Edit)
	if err != nil {
		return done, err
	}
	if standsAt(row).Less(standsAt(former)) {
		done.empty, err = outdated(tx, row, text)
		return done, err
	}
	if err := tx.SetEdit(text, row.Seq); err != nil {
		return done, err
	}
	done.text = text
	done.empty, err = outdated(tx, former, text)
	return done, err
}

// outdated takes away what an edit says that does not count, unless somebody is still to be
// sent it.
func outdated(tx *store.Tx, edit, text *store.Op) (empty []int64, err error) {
	waits, err := tx.Waits(edit.Seq)
	if err != nil || waits {
		return nil, err
	}
	if !edit.Mine { // ours are counted
		if err := tx.DropChange(edit.Seq, text.ID); err != nil {
			return nil, err
		}
	}
	return []int64{edit.Seq}, tx.EmptyOp(edit)
}

func applyDelete(tx *store.Tx, row *store.Op, d conversation.Delete) (done applied, err error) {
	text, err := about(tx, row, d.Of)
	switch {
	case err != nil:
		return done, err
	case text == nil:
		return done, tx.AddChange(row.Seq, d.Of)
	case !isText(text) || text.Mine != row.Mine:
		return done, nil
	}
	edits, err := changesOf(tx, text, func(other *store.Op) bool { return other.Kind == uint8(conversation.KindEdit) })
	if err != nil {
		return done, err
	}
	done = applied{text: text, empty: []int64{text.Seq}}
	for _, e := range edits {
		done.empty = append(done.empty, e.Seq)
	}
	return done, tx.SetDeleted(text, row.Seq, edits)
}

// changesOf lists ops that are about a text, those that are wanted.
func changesOf(tx *store.Tx, text *store.Op, wanted func(*store.Op) bool) ([]store.Op, error) {
	seqs, err := tx.ChangesOf(text.ID)
	if err != nil {
		return nil, err
	}
	var all []store.Op
	for _, seq := range seqs {
		other, err := tx.Op(seq)
		if errors.Is(err, store.ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if other.Conversation == text.Conversation && wanted(other) {
			all = append(all, *other)
		}
	}
	return all, nil
}

func applyReaction(tx *store.Tx, row *store.Op, r conversation.Reaction) (done applied, err error) {
	if gone, err := takenBack(tx, row, r); err != nil || gone {
		return done, err
	}
	text, err := about(tx, row, r.To)
	switch {
	case err != nil:
		return done, err
	case text == nil:
		return done, tx.AddChange(row.Seq, r.To)
	case !isText(text):
		return done, nil
	}
	given, err := tx.CountChanges(text, uint8(conversation.KindReaction), row.Mine)
	if err != nil || given >= conversation.ReactionsKept {
		return done, err
	}
	if err := tx.AddChange(row.Seq, r.To); err != nil {
		return done, err
	}
	text.Reacted = true
	return applied{text: text}, tx.SetReacted(text.Seq, true)
}

// takenBack reports whether a reaction was taken back before it came.
func takenBack(tx *store.Tx, row *store.Op, r conversation.Reaction) (bool, error) {
	waiting, err := tx.ChangesOf(row.ID)
	if err != nil {
		return false, err
	}
	gone := false
	for _, seq := range waiting {
		if err := tx.DropChange(seq, row.ID); err != nil {
			return false, err
		}
		other, op, err := changeAt(tx, seq)
		if err != nil {
			return false, err
		}
		if op == nil {
			continue
		}
		by, ok := op.Reaction()
		gone = gone || ok && by.To == r.To && other.Conversation == row.Conversation && other.Mine == row.Mine
	}
	return gone, nil
}

func takeBack(tx *store.Tx, row *store.Op, r conversation.Reaction) (done applied, err error) {
	text, err := about(tx, row, r.To)
	if err != nil {
		return done, err
	}
	var counting []int64
	if text != nil { // else as many as anybody likes wait for it
		if counting, err = tx.ChangesOf(text.ID); err != nil {
			return done, err
		}
	}
	fewer := false
	for _, id := range r.TakesBack {
		given, err := about(tx, row, id)
		switch {
		case err != nil:
			return done, err
		case given == nil:
			err = tx.AddChange(row.Seq, id)
		case given.Kind == uint8(conversation.KindReaction) && given.Mine == row.Mine:
			fewer = fewer || slices.Contains(counting, given.Seq)
			err = tx.DropChange(given.Seq, r.To)
		}
		if err != nil {
			return done, err
		}
	}
	if text == nil || !isText(text) || !fewer {
		return done, nil
	}
	text.Reacted = false
	for _, mine := range []bool{true, false} {
		left, err := tx.CountChanges(text, uint8(conversation.KindReaction), mine)
		if err != nil {
			return done, err
		}
		text.Reacted = text.Reacted || left > 0
	}
	return applied{text: text}, tx.SetReacted(text.Seq, text.Reacted)
}
