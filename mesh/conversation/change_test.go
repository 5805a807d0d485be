package conversation

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"sottovoce/mesh/goldentest"
	"sottovoce/mesh/wire"
)

// changesOfAText are bodies that are about another op, by name.
var changesOfAText = map[string]Body{
	"reply":     Reply{To: OpID{1}, Text: "yes"},
	"edit":      Edit{Of: OpID{1}, Text: "ciao!"},
	"delete":    Delete{Of: OpID{1}},
	"reaction":  Reaction{To: OpID{1}, Emoji: "\u2764\ufe0f"},
	"take back": Reaction{To: OpID{1}, TakesBack: []OpID{{2}, {3}}},
}

// TestChangeVector pins the bytes of what is about another op, which come back as they went and
// parse at no cut.
//
// spec: 06-conversations#changes
func TestChangeVector(t *testing.T) {
	l, got := NewLog(talk), ""
	for _, name := range []string{"reply", "edit", "delete", "reaction", "take back"} {
		body := changesOfAText[name]
		op := utter(t, l, anna, body)
		got += fmt.Sprintf("%s = %x\n", name, op.Raw())
		parsed, err := ParseOp(op.Raw())
		fatal(t, err)
		if again := bodyOf(parsed); !reflect.DeepEqual(again, body) {
			t.Errorf("%s comes back as %+v", name, again)
		}
		if about := parsed.Kind.Changes(); about != (name != "reply") {
			t.Errorf("%s changes others: %t", name, about)
		}
		for i := range op.Raw() {
			if _, err := ParseOp(op.Raw()[:i]); err == nil {
				t.Errorf("%s cut at %d parses", name, i)
			}
		}
	}
	goldentest.File(t, "changes.txt", got)
	if _, ok := say(t, l, anna, "a text").ReplyTo(); ok {
		t.Error("a text answers something")
	}
}

// bodyOf is what an op says, by whatever method tells it.
func bodyOf(op *Op) Body {
	if e, ok := op.Edit(); ok {
		return e
	}
	if d, ok := op.Delete(); ok {
		return d
	}
	if r, ok := op.Reaction(); ok {
		return r
	}
	text, _ := op.Text()
	to, _ := op.ReplyTo()
	return Reply{To: to, Text: text}
}

// TestChangesRefused: what is beyond a limit is neither made nor taken.
func TestChangesRefused(t *testing.T) {
	one := OpID{1}
	many := make([]OpID, TakenBackMax+1)
	for i := range many {
		many[i] = OpID{byte(i + 1)}
	}
	for name, body := range map[string]Body{
		"a reply to nothing":       Reply{Text: "x"},
		"a reply without words":    Reply{To: one},
		"a reply too long":         Reply{To: one, Text: strings.Repeat("x", TextMax+1)},
		"an edit of nothing":       Edit{Text: "x"},
		"an edit to nothing":       Edit{Of: one},
		"an edit too long":         Edit{Of: one, Text: strings.Repeat("x", TextMax+1)},
		"a delete of nothing":      Delete{},
		"a reaction to nothing":    Reaction{Emoji: "x"},
		"a reaction without emoji": Reaction{To: one},
		"both ways":                Reaction{To: one, Emoji: "x", TakesBack: []OpID{one}},
		"too much taken back":      Reaction{To: one, TakesBack: many},
		"taken back out of order":  Reaction{To: one, TakesBack: []OpID{{2}, {1}}},
		"taken back twice":         Reaction{To: one, TakesBack: []OpID{{2}, {2}}},
		"nothing taken back":       Reaction{To: one, TakesBack: []OpID{{}}},
		"a long emoji":             Reaction{To: one, Emoji: strings.Repeat("x", EmojiMax+1)},
		"a control character":      Reaction{To: one, Emoji: "\x1b[2J"},
		"a space":                  Reaction{To: one, Emoji: "a b"},
		"a new line":               Reaction{To: one, Emoji: "a\u2028"},
		"no UTF-8":                 Reaction{To: one, Emoji: "\xff"},
	} {
		if _, err := NewLog(talk).Next(anna, noon, body); err == nil {
			t.Errorf("%s is made", name)
		}
		encoded, err := wire.Marshal(unchecked(body))
		if err != nil {
			continue // what is no UTF-8 cannot even be written
		}
		w := plain()
		w.Kind, w.Body = body.kind(), encoded
		if _, err := ParseOp(raw(t, w)); !errors.Is(err, wire.ErrMalformed) {
			t.Errorf("%s parses: %v", name, err)
		}
	}
	for name, body := range map[string]Body{
		"the longest edit": Edit{Of: one, Text: strings.Repeat("x", TextMax)}, "the longest reply": Reply{To: one, Text: strings.Repeat("x", TextMax)},
		"the longest emoji": Reaction{To: one, Emoji: strings.Repeat("x", EmojiMax)}, "all taken back": Reaction{To: one, TakesBack: many[1:]},
	} {
		if op, err := NewLog(talk).Next(anna, noon, body); err != nil {
			t.Errorf("%s: %v", name, err)
		} else if _, err := ParseOp(op.Raw()); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// unchecked is a body as it is on the wire, whatever it says.
func unchecked(body Body) any {
	if r, ok := body.(Reply); ok {
		return textBody{Text: r.Text, ReplyTo: &r.To}
	}
	return body
}
