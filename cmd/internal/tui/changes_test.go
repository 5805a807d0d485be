package tui

import (
	"context"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"

	"sottovoce/cmd/internal/control"
	"sottovoce/cmd/internal/control/controltest"
)

// last is the newest message at the node.
func (s *stage) last() control.Message {
	s.t.Helper()
	all, err := s.fake.Log(s.t.Context(), s.open, control.LogQuery{})
	if err != nil || len(all) == 0 {
		s.t.Fatalf("no message: %v", err)
	}
	return all[len(all)-1]
}

// A message is chosen and answered; both sides' answers stand below what they answer, which changes with it.
func TestReply(t *testing.T) {
	onStage(t, true, func(s *stage) {
		bruno := s.talkative("Bruno", 2)
		s.begin().types("half a line").keys("ctrl+u", "tab", "up").types("r").shows("reply to", "Bruno: message 0 of many", "Esc cancels")
		s.golden("replying")
		s.keys("alt+esc").hides("reply to").keys("tab", "up").types("r").types("it is").keys("enter").hides("reply to").shows("┃ Bruno: message 0", "  it is")
		asked := s.last()
		if asked.Quote == nil || asked.Quote.Text != "message 0 of many" {
			t.Fatalf("sent %+v", asked)
		}
		s.fake.ReceiveReply(bruno.ID, "good", asked.ID)
		s.do(nil)
		s.shows("┃ you: it is", "  good").types("/edit").keys("enter", "ctrl+u").types("it is not").keys("enter").shows("┃ you: it is not")
		s.fake.TheyDelete(asked.Quote.ID)
		s.do(nil)
		s.shows("┃ Bruno: deleted")
		s.types("/reply").keys("enter").shows("reply to  Bruno: good").types("!").keys("enter").shows("┃ Bruno: good")
		s.life.full = true
		s.keys("tab").types("r").types("lost?").keys("enter").shows("the disk is full", "reply to", "▸ lost?")
	})
}

func TestEdit(t *testing.T) {
	onStage(t, true, func(s *stage) {
		bruno := s.talkative("Bruno", 1)
		s.begin().types("frist").keys("enter", "up").shows("edit", "▸ frist")
		s.golden("editing")
		s.keys("up", "ctrl+u").types("first").keys("enter").shows("  first", "edited  waiting").hides("frist")
		s.fake.Advance(s.last().ID, control.StateDelivered)
		s.do(nil)
		s.shows("edited  waiting") // the edit has not come that far
		s.fake.AdvanceChange(s.last().ID, control.StateDelivered)
		s.do(nil)
		s.shows("edited  delivered")
		s.types("a draft").keys("tab").keys("ctrl+u").types("kept").keys("ctrl+k").types("/edit").keys("enter").shows("▸ first").keys("esc").shows("▸ kept").hides("Esc cancels")
		s.keys("ctrl+u", "up").shows("▸ first").keys("ctrl+u", "enter").shows("Delete this message?", "first").keys("enter").shows("  first")
		s.types("//slash").keys("enter", "up").shows("▸ //slash").types("es").keys("enter").shows("  /slashes")
		s.types("/nonsense").keys("enter", "up").shows("▸ /nonsense").keys("ctrl+up").shows("▸ //slashes").keys("ctrl+down").shows("▸ /nonsense").keys("ctrl+u")
		s.types("fine").keys("enter", "tab", "up", "up", "up").types("e").shows("only who wrote it")
		s.fake.TheyEdit(s.talks[bruno.ID].messages[0].ID, "message nought")
		s.do(nil)
		s.shows("message nought", "edited")
		s.golden("edited")
	})
}

// Deleting asks, and what is deleted is seen to be; what is being edited when it goes is let go.
func TestDelete(t *testing.T) {
	onStage(t, true, func(s *stage) {
		bruno := s.talkative("Bruno", 1)
		s.begin().types("secret").keys("enter", "tab").types("d").shows("Delete this message?", "“secret”", "where Bruno has it")
		s.golden("delete")
		s.keys("enter").shows("▸ secret").keys("delete", "down", "enter").hides("  secret").shows("deleted", "waiting", "Tab reply").keys("tab")
		s.types("r").shows("that message is deleted").types("e").types("d").types("+").hides("Esc cancels").hides("Delete this").hides("▸ +").keys("esc")
		s.keys("up").hides("Esc cancels") // nothing of ours is left to edit
		s.types("again").keys("enter", "up").shows("Esc cancels")
		s.fake.TheyDelete(s.last().ID)
		s.do(nil)
		s.hides("Esc cancels").hides("again")
		s.types("/delete").keys("enter").shows("no message for that")
		carla := s.talkative("Carla", 2)
		s.do(nil)
		s.shows("2 ")
		all, _ := s.fake.Log(t.Context(), carla.ID, control.LogQuery{})
		s.fake.TheyDelete(all[1].ID)
		s.do(nil)
		_ = bruno
	})
}

// What is deleted while somebody else is shown is not quoted above what is written; and what comes deleted already is nothing new.
func TestDeletedElsewhere(t *testing.T) {
	onStage(t, true, func(s *stage) {
		bruno := s.talkative("Bruno", 1)
		s.begin().types("/reply").keys("enter").types("what I think").shows("reply to  Bruno: message 0")
		s.fake.Befriend(s.fake.Meet("Carla").ID)
		s.do(nil)
		asked := s.last()
		s.keys("alt+down").hides("reply to")
		if s.editorOf(bruno.ID).intent == nil || s.open == bruno.ID {
			t.Fatal("the reply is given up, or Bruno is still shown")
		}
		s.fake.TheyDelete(asked.ID)
		s.do(nil)
		if s.editorOf(bruno.ID).intent != nil {
			t.Error("what is deleted is to be answered")
		}
		late := asked
		late.ID, late.Deleted, late.Text = "msg-late", true, ""
		before := s.people.all[bruno.ID].unread
		s.Update(happened{{Event: control.EventMessage, Message: &late}})
		if now := s.people.all[bruno.ID].unread; now != before {
			t.Errorf("%d are unread, before it %d", now, before)
		}
	})
}

func TestReactions(t *testing.T) {
	onStage(t, true, func(s *stage) {
		bruno := s.talkative("Bruno", 2)
		s.begin().keys("tab").types("+").shows("thank you", "Another one")
		s.golden("react")
		s.keys("enter").shows("👍 you")
		s.fake.TheyReact(s.last().ID, "👍", true)
		s.fake.TheyReact(s.last().ID, "🦊", true)
		s.do(nil)
		s.shows("👍 you, Bruno", "🦊 Bruno")
		s.golden("reactions")
		s.keys("tab").types("+").shows("👍 you").keys("8").shows("🦊 Bruno, you").types("/react 👍").keys("enter").shows("👍 Bruno")
		s.types("/react").keys("enter", "9").shows("Type or paste").send(tea.PasteMsg{Content: "🐙"}).keys("enter").shows("🐙 you")
		msg := s.last()
		msg.Reactions = []control.Reaction{{Emoji: strings.Repeat("\x1b[31mW", 60), From: []control.Person{bruno, bruno, bruno}}}
		s.Update(happened{{Event: control.EventChange, Message: &msg}})
		s.shows("3 people").hides("WWWWWWWWWWWW")
	})
}

// Once something is done with a message, or one was found, what is typed is written: no letter of it is a command, and nothing is lost.
func TestTypingAfter(t *testing.T) {
	const said = "does everything remain? yes, clearly"
	written := func(s *stage) {
		s.t.Helper()
		s.types(said).hides("Delete this message?").hides("This message").hides("copied")
		if got := s.editor().String(); got != said {
			s.t.Errorf("%q was written", got)
		}
		s.keys("ctrl+u")
	}
	onStage(t, true, func(s *stage) {
		s.talkative("Bruno", 150)
		s.begin().keys("esc").types("mine").keys("enter", "tab").types("+").keys("enter").shows("👍 you")
		written(s)
		s.keys("tab").types("+").keys("esc").types("+").keys("8").send(tea.PasteMsg{Content: "🐙"}).keys("enter").shows("🐙 you")
		written(s)
		s.keys("tab").types("y").shows("copied").keys("esc")
		written(s)
		s.keys("tab").types("e").types(", edited").keys("enter").shows("  mine, edited")
		written(s)
		s.keys("tab", "enter").shows("This message").types("d").keys("down", "enter").shows("deleted")
		written(s)
		s.types("needle").keys("enter").types("after it").keys("enter", "ctrl+f").types("needle").keys("enter").shows("▸ needle")
		written(s)
		s.shows("▸ needle").keys("tab").shows("▸ needle", "e edit  d delete").keys("shift+tab").hides("▸ needle") // the bar is on it for whoever wants it
		s.keys("ctrl+f").types("needle").keys("enter", "up", "down", "enter").shows("This message").keys("esc", "esc")
		s.keys("ctrl+f").types("needle").keys("enter", "enter").shows("This message").keys("esc")
		s.keys("ctrl+f").types("message 77 of").keys("enter").shows("▸ message 77 of").types("that one").keys("enter").shows("  that one").hides("message 77 of") // the end is in sight
	})
}

// Tab goes around: the messages, the people, and back to what is written.
func TestTabGoesAround(t *testing.T) {
	onStage(t, true, func(s *stage) {
		s.talkative("Bruno", 1)
		s.begin().size(60, 24).keys("tab").shows("r reply", "▸ message 0").hides("conversations").keys("tab").shows("Enter write", "conversations").keys("tab").hides("conversations").hides("Enter write")
		s.keys("shift+tab").shows("Enter write").keys("shift+tab").shows("r reply").keys("shift+tab").shows("F1 help")
	})
}

// changing is a node that tells how far a change came.
type changing struct{ *mortal }

func (n changing) Journey(ctx context.Context, id string) (control.Journey, error) {
	j, err := n.mortal.Journey(ctx, id)
	if err != nil {
		return control.Journey{Message: control.Message{Time: controltest.Start}}, nil
	}
	return j, nil
}

// What can be done by keys can be done by the mouse, too, from the sheet of a message.
func TestMessageSheet(t *testing.T) {
	onStage(t, true, func(s *stage) {
		s.talkative("Bruno", 1)
		asked := s.fake.Receive(s.fake.Befriend(s.fake.Meet("Carla").ID).ID, "when?")
		s.node = changing{s.life}
		s.begin().types("/to Carla").keys("enter").types("at one").keys("enter", "tab", "up").types("r").types("no, at two").keys("enter")
		s.keys("tab", "enter").shows("This message", "Reply", "React", "Go to what it replies to", "Edit", "Delete")
		s.golden("message")
		s.keys("4").shows("when?")
		if s.talk().chosen != asked.ID {
			t.Error("it does not turn to what is answered")
		}
		s.keys("esc", "tab", "enter").types("r").shows("reply to  you: no").keys("esc", "tab", "enter", "5").shows("▸ no, at two", "Esc cancels").keys("ctrl+u").types("at three").keys("enter", "tab").shows("▸ at three", "e edit  d delete").keys("enter").shows("written               "+s.last().Time.Format(time.DateTime), "edited                "+s.last().Change.Time.Format(time.DateTime))
		s.golden("message-edited")
	})
}

// An address leads where it says it does, on terminals that take links.
func TestAddressesAreLinks(t *testing.T) {
	onStage(t, true, func(s *stage) {
		s.fake.Receive(s.talkative("Bruno", 1).ID, "Anna, look: https://example.org/"+strings.Repeat("a-long-way/", 8)+" (Anna!)")
		s.begin()
		found := links.FindAllStringSubmatch(s.View().Content, -1)
		if len(found) != 6 { // on three rows
			t.Errorf("links: %q", found)
		}
		for i, l := range found {
			if want := []string{"https://example.org/" + strings.Repeat("a-long-way/", 8), ""}[i%2]; l[1] != want {
				t.Errorf("%d leads to %q", i, l[1])
			}
		}
		s.shows("Anna, look:", "(Anna!)")
		s.links = false
		s.relayout()
		if found := links.FindAllString(s.View().Content, -1); len(found) > 0 {
			t.Errorf("a terminal that does not take them: %q", found)
		}
	})
}

// What comes after what answers it is quoted there at once.
func TestQuotedLate(t *testing.T) {
	onStage(t, true, func(s *stage) {
		bruno := s.talkative("Bruno", 1)
		s.begin()
		late := s.last()
		late.ID, late.Text = "msg-late", "where shall we meet?"
		answer := late
		answer.ID, answer.Text, answer.ReplyTo = "msg-answer", "downstairs", late.ID
		s.Update(happened{{Event: control.EventMessage, Message: &answer}})
		s.shows("┃ a message that is not here", "downstairs")
		s.Update(happened{{Event: control.EventMessage, Message: &late}})
		s.shows("┃ Bruno: where shall we meet?").hides("not here")
		_ = bruno
	})
}

// A quote of what is not here says so, and nothing that is quoted leaves its row.
func TestQuotes(t *testing.T) {
	onStage(t, true, func(s *stage) {
		bruno := s.talkative("Bruno", 1)
		long := s.fake.Receive(bruno.ID, strings.Repeat("a long text\n\x1b[2J\u202e ", 40))
		s.fake.ReceiveReply(bruno.ID, "about that", long.ID)
		s.fake.ReceiveReply(bruno.ID, "about nothing", "msg-gone")
		s.begin().keys("esc").shows("┃ Bruno: a long text", "…", "┃ a message that is not here")
		for i, row := range strings.Split(s.View().Content, "\n") {
			if width(plain(row)) != 80 || strings.ContainsAny(plain(row), "\x1b\u202e") {
				t.Errorf("row %d: %q", i, plain(row))
			}
		}
		_ = controltest.Start
	})
}
