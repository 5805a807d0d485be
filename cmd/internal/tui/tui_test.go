package tui

import (
	"fmt"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"

	"sottovoce/cmd/internal/control"
)

// The first minute: a name, who may see it, no passphrase, and somebody appears.
func TestFirstMinute(t *testing.T) {
	onStage(t, false, func(s *stage) {
		s.begin()
		s.golden("welcome")
		s.types("x").keys("enter", "enter", "enter").shows("a name is longer")
		s.keys("backspace").types("Änne").keys("enter").shows("Who may see")
		s.golden("visibility")
		s.keys("down", "enter").shows("Passphrase:")
		s.golden("passphrase")
		s.keys("enter").shows("Änne", "only contacts see you")
		s.golden("nobody")
		s.fake.Meet("Bruno")
		s.do(nil)
		s.shows("near you", "Bruno")
	})
}

func TestEscGoesBack(t *testing.T) {
	onStage(t, false, func(s *stage) {
		s.begin().types("Anna").keys("enter", "esc").shows("Anna")
		s.keys("esc")
		if !s.quit {
			t.Error("Esc at the first question does not leave")
		}
	})
}

// A stranger becomes a contact, and is written to.
func TestToFirstMessage(t *testing.T) {
	onStage(t, true, func(s *stage) {
		bruno := s.fake.Meet("Bruno")
		s.begin().shows("Bruno").keys("down").shows("Press Enter to ask Bruno")
		s.golden("stranger")
		s.keys("enter").shows("you asked", "You can write already")
		s.golden("ask")
		s.fake.Befriend(bruno.ID)
		s.do(nil)
		s.shows("Bruno said yes.", "Nothing was said yet", "/private").hides("Tab reply")
		s.golden("befriended")
		s.types("Hello, Bruno!").keys("enter").shows("you", "Hello, Bruno!", "waiting")
		m, err := s.fake.Log(t.Context(), "Bruno", control.LogQuery{})
		if err != nil || len(m) != 1 || m[0].Text != "Hello, Bruno!" {
			t.Fatalf("sent: %+v, %v", m, err)
		}
		s.fake.Advance(m[0].ID, control.StateDelivered)
		s.do(nil)
		s.shows("delivered", "Tab reply, react, edit")
	})
}

// Who says yes is heard of wherever the person is looking, and what was begun for them can go at once.
func TestSaidYes(t *testing.T) {
	onStage(t, true, func(s *stage) {
		bruno, carla := s.fake.Meet("Bruno"), s.fake.Meet("Carla")
		s.begin().types("/add Carla").keys("enter").types("/to Bruno").keys("enter", "enter").types("Hello!").keys("enter").shows("has not said yes yet", "▸ Hello!")
		s.fake.Befriend(bruno.ID)
		s.do(nil)
		s.shows("─ Bruno said yes: Enter sends what you wrote ─").keys("enter").shows("  Hello!").hides("Enter sends")
		s.fake.Befriend(carla.ID)
		s.do(nil)
		s.shows("─ Carla said yes. ─", "  Hello!")
		dario := s.fake.Meet("Dario")
		s.fake.Befriend(dario.ID) // by a link of ours
		s.do(nil)
		s.shows("─ Dario is your contact now. ─")
		s.life.end()
		s.do(nil)
		s.life.rise()
		s.wait(2 * retryEvery).hides("said yes").hides("your contact now") // they were before
	})
}

// The keys at the bottom are those of what can be done now.
func TestHintsOfNow(t *testing.T) {
	onStage(t, true, func(s *stage) {
		s.begin().shows("F1 help  F2 commands  Ctrl+Q quit")
		s.fake.Meet("Eve")
		s.do(nil)
		s.shows("Alt+↑↓ people")
		bruno := s.talkative("Bruno", 1)
		s.do(nil)
		s.keys("alt+a").shows("Alt+↑↓ people  Tab reply, react, edit  Ctrl+Q quit").hides("Alt+A").types("x").hides("Tab").keys("ctrl+u")
		carla := s.talkative("Carla", 1)
		s.do(nil)
		s.shows("Alt+A unread  Tab reply, react, edit").size(46, 14).shows("F1 help  Alt+A unread  Tab reply, react, edit").hides("F2").size(42, 14).shows("F1 help  Tab reply, react, edit").hides("Alt+A").size(80, 24)
		s.keys("alt+a").hides("Alt+A")
		_, _ = bruno, carla
	})
}

func TestRequest(t *testing.T) {
	onStage(t, true, func(s *stage) {
		eve := s.fake.Meet("Eve")
		s.begin()
		s.fake.Ask(eve.ID)
		s.do(nil)
		s.shows("they ask you").keys("alt+a")
		s.golden("request")
		s.keys("enter", "enter").shows("Eve is accepted")
		if p, err := s.fake.Contact(t.Context(), "Eve"); err != nil || !p.Contact {
			t.Errorf("%+v, %v", p, err)
		}
	})
}

// talkative is a conversation with somebody who says a lot.
func (s *stage) talkative(name string, n int) control.Person {
	p := s.fake.Befriend(s.fake.Meet(name).ID)
	for i := range n {
		s.fake.Receive(p.ID, fmt.Sprintf("message %d of many", i))
	}
	return p
}

func TestConversation(t *testing.T) {
	onStage(t, true, func(s *stage) {
		bruno := s.talkative("Bruno", 2)
		carla := s.fake.Befriend(s.fake.Meet("Carla").ID)
		s.fake.Receive(carla.ID, "Are you there? It is about tonight: we meet at eight in front of the library, and if it rains, inside, beside the newspapers.")
		s.fake.Meet("Dario")
		s.begin()
		s.keys("alt+down").shows("new", "message 0")
		s.types("yes").keys("alt+enter").types("and no").keys("enter")
		s.golden("conversation")
		if talks, _ := s.fake.Conversations(t.Context()); talks[0].Unread+talks[1].Unread != 0 {
			t.Errorf("what was shown is not read: %+v", talks)
		}
		s.fake.Receive(carla.ID, "and?")
		s.do(nil)
		s.shows("1 ")
		s.keys("alt+a").shows("and?")
		_ = bruno
	})
}

// Scrolling goes back page by page to the first message, and forth to the newest, and keeps its place when something comes.
func TestScrollback(t *testing.T) {
	onStage(t, true, func(s *stage) {
		const n = 2500
		bruno := s.talkative("Bruno", n)
		s.begin().shows("message 2400", "new", "more below", "99+").keys("esc").shows("message 2499").hides("99+")
		for range n {
			if s.keys("pgup"); strings.Contains(s.text(), "message 0 of") {
				break
			}
		}
		s.shows("message 0 of many")
		tr := s.talks[bruno.ID]
		if len(tr.messages) > keptMax || !tr.whole || !tr.cut {
			t.Errorf("%d messages in memory, whole %v, cut %v", len(tr.messages), tr.whole, tr.cut)
		}
		before := s.text()
		s.fake.Receive(bruno.ID, "late")
		s.do(nil)
		if got := s.text(); !strings.Contains(got, "message 0 of many") {
			t.Errorf("the place was lost:\n%s\nit was\n%s", got, before)
		}
		for range n {
			if s.keys("pgdown"); strings.Contains(s.text(), "late") {
				break
			}
		}
		s.shows("late", "message 2499")
		s.keys("pgup", "pgup").shows("more below").keys("esc").shows("late").hides("more below")
	})
}

func TestCommands(t *testing.T) {
	onStage(t, true, func(s *stage) {
		s.talkative("Bruno", 1)
		s.fake.Meet("Eve")
		s.begin().types("/").shows("/add", "/verify")
		s.golden("completion")
		s.types("ren").keys("tab").types("Bruno Rossi").keys("enter").shows("Bruno Rossi")
		s.types("/add ev").shows("not a contact yet").keys("enter").shows("Eve is asked")
		s.types("/nonsense").keys("enter").shows("there is no /nonsense")
		s.types("//who").keys("enter").shows("/who")
		s.keys("f2").shows("What would you like to do?")
		s.golden("palette")
		s.types("encrypted").shows("/private").hides("/invite").keys("ctrl+u").types("zzz").shows("Nothing found").keys("ctrl+u")
		s.types("sear").keys("enter").shows("Search all conversations").hides("Nothing found")
		s.types("zzz").shows("Nothing found").keys("ctrl+u").hides("Nothing found").types("many").shows("message 0 of many").hides("Nothing found")
		s.golden("search")
		s.keys("enter").shows("message 0 of many").hides("Search all")
		s.keys("f1").shows("Alt+Enter")
		s.golden("help")
		s.keys("esc")
		s.types("/remove").keys("enter").shows("for good").keys("enter").shows("Bruno Rossi")
		s.types("/remove").keys("enter", "down", "enter").shows("is forgotten")
	})
}

func TestInvite(t *testing.T) {
	onStage(t, true, func(s *stage) {
		s.begin().types("/invite").keys("enter").shows("Who uses this link first")
		s.golden("invite")
		s.types("c").shows("c copies the link", "─ copied ─").wait(sayingTime + time.Second).hides("copied")
		s.keys("esc").hides("Who uses").keys("ctrl+q").shows("a link of yours works only")
		if s.quit {
			t.Error("it leaves without a word about the link")
		}
		if s.keys("ctrl+q"); !s.quit {
			t.Error("it does not leave")
		}
	})
}

// Whose link was used, or taken back, leaves without a question.
func TestQuitAfterInvite(t *testing.T) {
	onStage(t, true, func(s *stage) {
		s.begin().types("/invite").keys("enter").types("r").keys("ctrl+q")
		if !s.quit {
			t.Error("it does not leave")
		}
	})
}

func TestVerify(t *testing.T) {
	onStage(t, true, func(s *stage) {
		bruno := s.talkative("Bruno", 1)
		s.begin().types("/verify").keys("enter").shows("Is it really Bruno?", "nobody stands between you")
		s.golden("verify-why")
		if v, _ := s.fake.Verification(t.Context(), bruno.ID); v.Comparison.State != control.ComparisonNone {
			t.Errorf("Bruno is asked before anybody said so: %+v", v.Comparison)
		}
		s.keys("enter").shows("is asked on their screen")
		s.golden("verify-asked")
		s.fake.JoinComparison(bruno.ID)
		s.do(nil)
		s.golden("verify")
		s.keys("down", "enter").shows("verified")
		if p, _ := s.fake.Contact(t.Context(), "Bruno"); !p.Verified {
			t.Error("Bruno is not verified")
		}
		s.fake.BeginComparison(bruno.ID)
		s.do(nil)
		s.shows("would like to compare").keys("esc").types("/verify").keys("enter").shows("would like to compare").keys("enter").shows("They are the same").keys("enter").shows("Comparing is given up: nothing has changed for Bruno.")
	})
}

func TestSettings(t *testing.T) {
	onStage(t, true, func(s *stage) {
		s.begin().types("/settings").keys("enter").shows("Colours")
		s.golden("settings")
		s.keys("down", "enter").shows("only contacts see you")
		s.keys("3").shows("On other networks           only contacts see you", "have not chosen yet").keys("9").shows("Impostazioni")
		s.golden("settings-it")
		if s.kept != (Taste{Language: "it"}) {
			t.Errorf("kept %+v", s.kept)
		}
		s.keys("8").shows("chiaro")
	})
}

func TestCommunitiesDoctorDetails(t *testing.T) {
	onStage(t, true, func(s *stage) {
		bruno := s.talkative("Bruno", 1)
		s.begin().types("/communities").keys("enter")
		s.golden("communities")
		s.keys("esc").types("/doctor").keys("enter")
		s.golden("doctor")
		s.keys("esc").types("where are you?").keys("enter", "tab", "enter").shows("This message")
		s.golden("details")
		s.keys("esc", "esc")
		s.fake.Notice("The disk is full: nothing can be kept.")
		s.do(nil)
		s.shows("The disk is full")
		_ = bruno
	})
}

func TestMouse(t *testing.T) {
	onStage(t, true, func(s *stage) {
		s.talkative("Bruno", 40)
		s.talkative("Carla", 1)
		s.begin()
		for y, row := range strings.Split(s.text(), "\n") {
			if strings.Contains(row, "● Bruno") {
				s.send(tea.MouseClickMsg{X: 5, Y: y, Button: tea.MouseLeft})
			}
		}
		s.shows("message 0", "new").keys("esc").shows("message 39").send(tea.MouseWheelMsg{X: 50, Y: 10, Button: tea.MouseWheelUp}).shows("more below")
		s.send(tea.MouseWheelMsg{X: 50, Y: 10, Button: tea.MouseWheelDown}).hides("more below")
		s.send(tea.MouseClickMsg{X: 50, Y: 10, Button: tea.MouseLeft}).send(tea.MouseClickMsg{X: 50, Y: 10, Button: tea.MouseLeft}).shows("This message")
	})
}

// FuzzEditor holds that nothing that is typed, pasted or pressed takes the cursor out of the text, or lets something in that
// cannot be shown.
func FuzzEditor(f *testing.F) {
	f.Add("hello\nworld", "wwub", uint8(20))
	f.Add("\x1b[31m\u202e", "lrud", uint8(3))
	f.Add("👨‍👩‍👧‍👦 e\u0301", "bdbd", uint8(2))
	f.Fuzz(func(t *testing.T, text, keys string, columns uint8) {
		var e editor
		e.insert(text)
		for _, k := range keys {
			switch k {
			case 'w':
				e.cut(e.wordLeft())
			case 'l':
				e.move(-1)
			case 'r':
				e.move(1)
			case 'u':
				e.up()
			case 'd':
				e.down()
			case 'b':
				e.backspace()
			case 'x':
				e.remove()
			case 't':
				e.take()
			case 'h':
				e.recall(1)
			default:
				e.insert(string(k))
			}
			if e.at < 0 || e.at > len(e.text) {
				t.Fatalf("the cursor is at %d of %d", e.at, len(e.text))
			}
		}
		if strings.ContainsAny(e.String(), "\x1b\x00\u202e") || len(e.String()) > control.TextMax {
			t.Errorf("the text is %q", e.String())
		}
		w := max(int(columns), 3)
		rows, x, y := e.view(w)
		if y < 0 || y >= len(rows) || x < 0 || x >= max(w, 2) || len(rows) > editorRowsMax {
			t.Errorf("the cursor is at %d, %d of %q on %d cells", x, y, rows, w)
		}
	})
}
