package control_test

import (
	"strings"
	"testing"

	"sottovoce/cmd/internal/control"
	"sottovoce/cmd/internal/control/controltest"
)

// testAmending: what was said is answered, edited, reacted to and deleted, by whom it may be.
func testAmending(t *testing.T, f *controltest.Fake, node control.Node) {
	bob := f.Befriend(f.Meet("Bob").ID)
	theirs := f.Receive(bob.ID, "are you there?")
	reply := node.Send(t.Context(), []control.Outgoing{{ReplyTo: theirs.ID, Text: "yse"}})[0]
	m := reply.Message
	if reply.Err != nil || m.ReplyTo != theirs.ID || m.Quote == nil || m.Quote.Text != theirs.Text || m.Quote.From.ID != bob.ID {
		t.Fatalf("the reply is %+v, %v", m, reply.Err)
	}
	if m = must(node.Edit(t.Context(), m.ID, "yes")); m.Text != "yes" || !m.Edited || m.Change == nil || m.Change.State != control.StateQueued {
		t.Errorf("edited, it is %+v", m)
	}
	const heart = "\u2764\ufe0f"
	for range 2 { // what is so already stays
		if m = must(node.React(t.Context(), theirs.ID, heart, true)); len(m.Reactions) != 1 || m.Reactions[0].Emoji != heart || len(m.Reactions[0].From) != 1 {
			t.Errorf("answered with a heart, it is %+v", m)
		}
	}
	if m = must(node.React(t.Context(), theirs.ID, heart, false)); len(m.Reactions) != 0 {
		t.Errorf("without the heart, it is %+v", m)
	}
	if m = must(node.Delete(t.Context(), reply.Message.ID)); m.Text != "" || !m.Deleted || m.Edited {
		t.Errorf("deleted, it is %+v", m)
	}
	_, err := node.Edit(t.Context(), m.ID, "again")
	wantCode(t, err, control.CodeGone)
	_, err = node.Edit(t.Context(), theirs.ID, "no")
	wantCode(t, err, control.CodeRefused)
	_, err = node.Delete(t.Context(), theirs.ID)
	wantCode(t, err, control.CodeRefused)
	_, err = node.Delete(t.Context(), "msg-none")
	wantCode(t, err, control.CodeNotFound)
	wantCode(t, node.Send(t.Context(), []control.Outgoing{{ReplyTo: "msg-none", Text: "x"}})[0].Err, control.CodeNotFound)
}

// TestReactionsAreOneSign: only that goes to the node.
func TestReactionsAreOneSign(t *testing.T) {
	f := controltest.New("Anna")
	node := serve(t, t.TempDir(), f)
	theirs := f.Receive(f.Befriend(f.Meet("Bob").ID).ID, "well?")
	for _, emoji := range []string{"\U0001f44d", "\U0001f44d\U0001f3fd", "\u2764\ufe0f", "\U0001f1ee\U0001f1f9", "\U0001f469\u200d\U0001f4bb", "1\ufe0f\u20e3"} {
		if m, err := node.React(t.Context(), theirs.ID, emoji, true); err != nil || m.Reactions[len(m.Reactions)-1].Emoji != emoji {
			t.Errorf("%q: %v", emoji, err)
		}
	}
	for _, text := range []string{"", "a", "ok", "\U0001f44d\U0001f44d", "\x1b", "\u0301", " ", "\U0001f44d" + strings.Repeat("\u0301", 40)} {
		_, err := node.React(t.Context(), theirs.ID, text, true)
		if err == nil {
			t.Errorf("%q is a reaction", text)
		}
	}
}
