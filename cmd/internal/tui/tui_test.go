package tui

import (
	"fmt"
	"strings"
	"testing"

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
		s.begin().shows("Bruno").keys("alt+down").shows("Press Enter")
		s.golden("stranger")
		s.keys("enter").shows("Ask to become contacts")
		s.golden("ask")
		s.keys("enter").shows("you asked")
		s.fake.Befriend(bruno.ID)
		s.do(nil)
		s.shows("Nothing was said yet")
		s.types("Hello, Bruno!").keys("enter").shows("you", "Hello, Bruno!", "waiting")
		m, err := s.fake.Log(t.Context(), "Bruno", control.LogQuery{})
		if err != nil || len(m) != 1 || m[0].Text != "Hello, Bruno!" {
			t.Fatalf("sent: %+v, %v", m, err)
		}
		s.fake.Advance(m[0].ID, control.StateDelivered)
		s.do(nil)
		s.shows("delivered")
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
		s.types("sear").keys("enter").shows("Search all conversations")
		s.types("many").shows("message 0 of many")
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
		s.keys("esc").hides("Who uses")
	})
}

func TestVerify(t *testing.T) {
	onStage(t, true, func(s *stage) {
		bruno := s.talkative("Bruno", 1)
		s.begin().types("/verify").keys("enter").shows("Is it really Bruno?")
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
		s.shows("seven pictures").keys("esc")
	})
}

func TestSettings(t *testing.T) {
	onStage(t, true, func(s *stage) {
		s.begin().types("/settings").keys("enter").shows("Colours")
		s.golden("settings")
		s.keys("down", "enter").shows("only contacts see you")
		s.keys("7").shows("Impostazioni")
		s.golden("settings-it")
		if s.kept != (Taste{Language: "it"}) {
			t.Errorf("kept %+v", s.kept)
		}
		s.keys("6").shows("chiaro")
	})
}

func TestCommunitiesDoctorDetails(t *testing.T) {
	onStage(t, true, func(s *stage) {
		bruno := s.talkative("Bruno", 1)
		s.begin().types("/communities").keys("enter")
		s.golden("communities")
		s.keys("esc").types("/doctor").keys("enter")
		s.golden("doctor")
		s.keys("esc").types("where are you?").keys("enter", "tab", "tab", "enter").shows("This message")
		s.golden("details")
		s.keys("esc", "esc")
		s.fake.Notice("The disk is full: nothing can be kept.")
		s.do(nil)
		s.shows("The disk is full")
		_ = bruno
	})
}

// Nothing that anybody writes or calls themselves can leave its place on the screen.
func TestHostile(t *testing.T) {
	onStage(t, true, func(s *stage) {
		p := s.fake.Befriend(s.fake.Meet("Mallory \u202egnp").ID)
		for _, text := range []string{
			"\x1b[2J\x1b[H\x1b]0;owned\a\x1b[31mred", "\u202eright to left override\u202c", "e" + strings.Repeat("\u0301", 10_000),
			strings.Repeat("\n", 50), "\r\rover", strings.Repeat("W", 60_000), "שלום abc (x)", "a\tb\u200bc\u0000d", "👨‍👩‍👧‍👦🇮🇹" + strings.Repeat("🏳️‍🌈", 100),
		} {
			s.fake.Receive(p.ID, text)
		}
		s.begin()
		for range 5 {
			content := s.View().Content
			rows := strings.Split(content, "\n")
			if len(rows) != 24 {
				t.Fatalf("%d rows", len(rows))
			}
			for i, row := range rows {
				if w := width(plain(row)); w != 80 {
					t.Errorf("row %d takes %d cells: %q", i, w, plain(row))
				}
				if strings.ContainsAny(plain(row), "\x1b\a\r\x00\u202e\u200b") {
					t.Errorf("row %d: %q", i, row)
				}
			}
			s.keys("pgup")
		}
		s.send(tea.PasteMsg{Content: "\x1b[31mpasted\r\nlines\u202e"}).shows("pasted")
		if got := s.editor().String(); got != "[31mpasted\nlines" {
			t.Errorf("pasted %q", got)
		}
	})
}

// Whatever size a terminal gets, nothing breaks.
func TestResize(t *testing.T) {
	onStage(t, true, func(s *stage) {
		s.talkative("Bruno", 30)
		s.begin().types("a line that is being written")
		for _, open := range []string{"", "f1", "f2", "ctrl+f"} {
			if open != "" {
				s.keys(open)
			}
			for w := 1; w < 130; w += 7 {
				for h := 1; h < 60; h += 5 {
					s.size(w, h)
					for i, row := range strings.Split(s.View().Content, "\n") {
						if got := width(plain(row)); got > w {
							t.Fatalf("%d × %d: row %d takes %d cells", w, h, i, got)
						}
					}
				}
			}
			s.keys("esc")
		}
		s.size(80, 24).shows("a line that is being written", "message 29")
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

// What was begun to be written goes along: to whom is chosen then, and from the stranger to the contact that they become.
func TestWrittenBefore(t *testing.T) {
	onStage(t, true, func(s *stage) {
		bruno := s.fake.Meet("Bruno")
		s.begin().types("hello").keys("enter").shows("choose at the left")
		s.keys("alt+down").shows("▸ hello").keys("enter").shows("Ask to become contacts").keys("enter").shows("you asked")
		s.fake.Befriend(bruno.ID)
		s.do(nil)
		s.shows("▸ hello").keys("enter").shows("  hello", "waiting")
	})
}

// Who chooses nobody gets the first by an arrow or Enter; who asks is told of at once.
func TestChoosing(t *testing.T) {
	onStage(t, true, func(s *stage) {
		s.fake.Meet("Bruno")
		eve := s.fake.Meet("Eve")
		s.begin().keys("down").shows("Bruno is on this network").keys("down")
		s.fake.Ask(eve.ID)
		s.do(nil)
		s.shows("Alt+A: Eve asks").keys("alt+a").shows("Eve would like", "Press Enter").hides("Alt+A goes there")
	})
}

// The line above what was not read goes when the person has been to the end and leaves.
func TestFreshGoes(t *testing.T) {
	onStage(t, true, func(s *stage) {
		s.talkative("Bruno", 60)
		s.talkative("Carla", 2)
		s.begin().shows("─ new ─", "message 0").keys("alt+down").shows("─ new ─", "message 0", "more below")
		s.keys("alt+up", "alt+down").shows("─ new ─", "message 0") // not read to its end
		s.keys("esc").shows("message 59").keys("alt+up").hides("─ new ─").keys("alt+down", "pgup").hides("─ new ─").shows("message 40")
	})
}

// A resized terminal shows the same message at the bottom.
func TestResizeKeepsPlace(t *testing.T) {
	onStage(t, true, func(s *stage) {
		s.talkative("Bruno", 300)
		s.begin().keys("esc", "pgup", "pgup", "pgup")
		lowest := s.talk().lowest()
		for _, w := range []int{60, 200, 41, 120, 80} {
			if s.size(w, 24); s.talk().lowest() != lowest {
				t.Errorf("at %d columns another message is at the bottom", w)
			}
		}
	})
}

// A node that ends is said, looked for, and gone on with when it is back: with what was said in between.
func TestNodeEnds(t *testing.T) {
	onStage(t, true, func(s *stage) {
		bruno := s.talkative("Bruno", 1)
		s.begin().types("half a line")
		s.life.end()
		s.do(nil)
		s.shows("Sottovoce was stopped", "Start it here")
		s.fake.Receive(bruno.ID, "while you were away")
		s.wait(2*retryEvery).keys("esc").shows("stopped", "half a line")
		s.life.rise()
		s.wait(retryEvery)
		s.hides("stopped").shows("while you were away", "half a line")
		s.fake.Receive(bruno.ID, "and now")
		s.do(nil)
		s.shows("and now")
	})
}

// Somebody who is removed in another window goes from this one.
func TestRemovedElsewhere(t *testing.T) {
	onStage(t, true, func(s *stage) {
		bruno := s.talkative("Bruno", 3)
		s.begin().shows("message 2")
		if _, err := s.fake.Remove(t.Context(), bruno.ID); err != nil {
			t.Fatal(err)
		}
		s.do(nil)
		s.hides("Bruno").hides("message 2").types("hello").keys("enter", "alt+down").shows("hello")
	})
}

// Many messages at once are noted as read by few questions, and memory holds the last of them only.
func TestFlood(t *testing.T) {
	onStage(t, true, func(s *stage) {
		bruno := s.talkative("Bruno", 1)
		s.begin()
		const n = 3 * keptMax
		for range n / 100 {
			for i := range 100 {
				s.fake.Receive(bruno.ID, fmt.Sprint("flood ", i))
			}
			s.do(nil)
		}
		s.shows("flood 99").hides("1 │")
		if got := len(s.talk().messages); got > keptMax+pageSize {
			t.Errorf("%d messages in memory", got)
		}
		if talks, _ := s.fake.Conversations(t.Context()); talks[0].Unread != 0 {
			t.Errorf("%d are not read", talks[0].Unread)
		}
	})
}
