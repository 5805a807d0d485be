package tui

import (
	"slices"
	"time"

	"sottovoce/cmd/internal/control"
	"sottovoce/cmd/internal/tui/paint"
)

const (
	// pageSize is how many messages are fetched at once.
	pageSize = 100
	// keptMax is how many messages of one conversation are kept, eight pages; beyond, those farthest from what is shown go and are
	// fetched again when they are looked at.
	keptMax = 8 * pageSize
	// groupPause is after how long the same author is named again.
	groupPause = 5 * time.Minute
)

// transcript is the conversation with one contact, as far as it is in memory: a window on all that was said, of which pages
// at either end are fetched when they come near the screen and given up when they are far from it.
type transcript struct {
	messages []control.Message // in the conversation's order
	whole    bool              // nothing stands before the first of messages
	cut      bool              // something stands behind the last
	opened   bool
	fetching bool              // a page is on its way
	late     []control.Message // what came meanwhile, which that page may hold or not
	round    int               // rises when it begins anew: a page that was asked for before belongs nowhere
	fresh    string            // the first message that was not read when the conversation was opened
	offset   int               // rows between the end of messages and the last row shown
	chosen   string            // the message under the bar, if any

	rows  map[string][]paint.Line // what was laid out, by message
	width int                     // on so many cells
}

func newTranscript() *transcript { return &transcript{rows: map[string][]paint.Line{}} }

// newestPage asks for the end of a conversation.
var newestPage = control.LogQuery{N: pageSize}

// reset begins again at the end of the conversation.
func (t *transcript) reset(page []control.Message) {
	t.at(page, len(page) < pageSize)
	t.cut, t.chosen = false, ""
}

// renew gives up what was asked for: what comes next is where it begins again.
func (t *transcript) renew() { t.fetching, t.late, t.round = false, nil, t.round+1 }

// at begins again with a page that is anywhere.
func (t *transcript) at(page []control.Message, whole bool) {
	t.messages, t.whole, t.cut, t.offset, t.opened = page, whole, true, 0, true
	if len(page) > 0 {
		t.chosen = page[len(page)-1].ID
	}
	clear(t.rows)
}

// olderQuery asks for the page before what is in memory, newerQuery for the one behind it.
func (t *transcript) olderQuery() control.LogQuery {
	return control.LogQuery{Before: t.messages[0].ID, N: pageSize}
}

func (t *transcript) newerQuery() control.LogQuery {
	return control.LogQuery{After: t.messages[len(t.messages)-1].ID, First: pageSize}
}

// older takes a page in at the beginning, and gives up what is too far behind.
func (t *transcript) older(page []control.Message) {
	t.whole = len(page) < pageSize
	if len(t.messages) > 0 {
		delete(t.rows, t.messages[0].ID) // it follows another now
	}
	t.messages = append(slices.Clone(page), t.messages...)
	if len(t.messages) > keptMax {
		for _, m := range t.messages[keptMax:] {
			t.offset = max(0, t.offset-len(t.rows[m.ID]))
			delete(t.rows, m.ID)
		}
		t.messages, t.cut = slices.Clone(t.messages[:keptMax]), true
	}
}

// newer takes a page in at the end, and gives up what is too far before.
func (t *transcript) newer(page []control.Message) {
	t.cut = len(page) == pageSize
	t.messages = append(t.messages, page...)
	t.forget(len(t.messages) - keptMax)
}

// forget gives up so many messages at the beginning.
func (t *transcript) forget(n int) {
	if n <= 0 {
		return
	}
	for _, m := range t.messages[:n+1] { // the next one is the first now
		delete(t.rows, m.ID)
	}
	t.messages, t.whole = slices.Clone(t.messages[n:]), false
}

// add takes in a message that is new, at the end; false where it is in memory already, or where the end is not. One that
// comes while the person is far up is fetched when they come back to the end.
func (t *transcript) add(m control.Message) bool {
	if t.fetching {
		t.late = append(t.late, m)
	}
	if t.update(m) || !t.opened || t.cut {
		return false
	}
	if len(t.messages) >= keptMax+pageSize {
		if t.offset > 0 {
			t.cut = true
			return false
		}
		t.forget(len(t.messages) - keptMax)
	}
	t.messages = append(t.messages, m)
	return true
}

// lowest is the message of the last row shown.
func (t *transcript) lowest() string {
	rows := 0
	for _, m := range slices.Backward(t.messages) {
		if rows += len(t.rows[m.ID]); rows > t.offset {
			return m.ID
		}
	}
	return ""
}

// misplaced tells that the last message may belong further up: it was written before the one above it.
func (t *transcript) misplaced() bool {
	n := len(t.messages)
	return n > 1 && t.messages[n-1].Time.Before(t.messages[n-2].Time)
}

// update takes in what is new about a message, if it is in memory.
func (t *transcript) update(m control.Message) bool {
	for i, o := range slices.Backward(t.messages) {
		if o.ID == m.ID {
			t.messages[i] = m
			delete(t.rows, m.ID)
			return true
		}
	}
	return false
}

// before is the message that stands before one, nil for the first.
func (t *transcript) before(i int) *control.Message {
	if i == 0 {
		return nil
	}
	return &t.messages[i-1]
}

// choose moves the bar up (-1) or down (1) by one message, from the end where there is none; below the last it goes away.
func (t *transcript) choose(by int) {
	i := t.index(t.chosen)
	if i < 0 {
		i = len(t.messages)
	}
	i += by
	switch {
	case i >= len(t.messages):
		t.chosen = ""
	case i >= 0:
		t.chosen = t.messages[i].ID
	}
}

// index is where a message stands, -1 if it is not in memory.
func (t *transcript) index(id string) int {
	return slices.IndexFunc(t.messages, func(m control.Message) bool { return m.ID == id })
}
