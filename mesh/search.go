package mesh

import (
	"cmp"
	"context"
	"errors"
	"time"

	"sottovoce/mesh/peer"
	"sottovoce/mesh/store"
	"sottovoce/mesh/words"
)

// ErrWords says that there is no word in what is looked for.
var ErrWords = errors.New("give at least one word to look for")

// SearchQuery says what to look for. What is zero but Words does not narrow the search.
type SearchQuery struct {
	Words        string    // all of them are in what is found, in whatever spelling
	From         string    // WHO wrote it: a contact or we
	In           string    // the conversation with this contact
	Since, Until time.Time // by the author's clock, of what was edited when it was; Since is in, Until is not
	Newest       int       // at most so many, what came last first; 0 is searchNewest
}

// Hit is a message that a search has found, and the words around the first that fits.
type Hit struct {
	Message
	Snippet string
}

// Search looks through everything that was ever said and is still kept. It fails with
// ErrWords, ErrNotFound and ErrAmbiguous.
func (n *Node) Search(ctx context.Context, q SearchQuery) ([]Hit, error) {
	want := store.Query{Words: words.Query(q.Words), Since: unixMilli(q.Since), Until: unixMilli(q.Until), Limit: q.Newest}
	if len(want.Words) == 0 {
		return nil, ErrWords
	}
	if want.Limit <= 0 {
		want.Limit = searchNewest
	}
	if q.From != "" || q.In != "" {
		err := n.do(ctx, func(t *turn) error { return t.narrow(&want, q) })
		if err != nil {
			return nil, err
		}
	}
	var found []Hit
	view := n.view.Load()
	err := n.store.View(func(tx *store.Tx) error {
		rows, err := tx.Search(ctx, want, textOf)
		if err != nil {
			return err
		}
		for i := range rows {
			m, err := view.message(tx, cmp.Or(rows[i].Edits, rows[i].Seq)) // the words may be in an edit of it
			if err != nil {
				return err
			}
			if m == nil { // an edit is kept, and what it edits is not any more
				continue
			}
			found = append(found, Hit{*m, words.Snippet(m.Text, want.Words, snippetRunes)})
		}
		return nil
	})
	return found, err
}

// narrow says whose messages and in which conversation.
func (t *turn) narrow(to *store.Query, q SearchQuery) error {
	n := t.n
	if q.In != "" {
		c, err := n.contactCalled(q.In)
		if err != nil {
			return refuse(err)
		}
		to.Conversation = c.talk.row.ID
	}
	if q.From == "" {
		return nil
	}
	me := n.myself()
	if _, err := who([]Person{me}, q.From); err == nil {
		to.Authors = []peer.ID{n.me.device.ID()}
		return nil
	}
	c, err := n.contactCalled(q.From)
	if err != nil {
		return refuse(err)
	}
	for _, d := range c.devices {
		to.Authors = append(to.Authors, d.id)
	}
	return nil
}

// unixMilli is 0 for the zero time.
func unixMilli(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

// index brings the index of words up beside the loop, when nothing was said for a
// while, or for long there was no such while. It takes a quarter of the time.
func (n *Node) index(ctx context.Context) {
	for n.said.wait(ctx, indexQuiet, indexPatience) {
		for {
			began := time.Now()
			more, err := n.store.Index(textOf)
			if err != nil {
				n.log.Warn("the index of words is behind; searches take longer", "error", err)
			}
			if err != nil || !more || !sleep(ctx, 3*time.Since(began)) {
				break
			}
		}
	}
}

// sleep reports whether ctx went on for that long.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// bell is rung when there is something to do, and waited for by who does it.
type bell chan struct{}

func newBell() bell { return make(bell, 1) }

func (b bell) ring() {
	select {
	case b <- struct{}{}:
	default: // it rings already
	}
}

// wait returns true when the bell has rung and then was quiet for a while, or not quiet
// for all of patience; false when ctx has ended.
func (b bell) wait(ctx context.Context, quiet, patience time.Duration) bool {
	select {
	case <-b:
	case <-ctx.Done():
		return false
	}
	for waited := time.Duration(0); waited < patience; waited += quiet {
		if !sleep(ctx, quiet) {
			return false
		}
		select {
		case <-b:
		default:
			return true
		}
	}
	return true
}
