package tui

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"

	"sottovoce/cmd/internal/control"
	"sottovoce/cmd/internal/tui/paint"
	"sottovoce/cmd/internal/tui/words"
)

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

// What was begun to be written goes along: to whom is chosen then, and from the stranger to the contact that they become.
func TestWrittenBefore(t *testing.T) {
	onStage(t, true, func(s *stage) {
		bruno := s.fake.Meet("Bruno")
		s.begin().types("hello").shows("Press Enter to ask Bruno", "▸ hello").keys("enter").shows("you asked", "▸ hello")
		s.keys("enter").shows("Bruno has not said yes yet", "▸ hello")
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
		s.begin().types("to whom?").shows("chooses at the left").keys("ctrl+u", "down").shows("Bruno is on this network").keys("down")
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
		s.begin().keys("esc")
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

// What is wrong stands at the top, in words that leave room for what else there is, and in full behind /status.
func TestTruth(t *testing.T) {
	onStage(t, true, func(s *stage) {
		away := control.CommunitySupernode{ID: "peer-aaaa"}
		for _, c := range []struct {
			change func(*control.Status)
			member []control.Community
			want   string
		}{
			{func(s *control.Status) { s.Interfaces = nil }, nil, "no network"},
			{func(s *control.Status) {
				s.Notices = control.Strings{"Nothing can be saved: the disk is full. Make room on it."}
			}, nil, "Nothing can be saved: the disk is full."},
			{func(s *control.Status) { s.Notices = control.Strings{"The clock of this machine says 1970.\x1b[2J"} }, nil, "The clock of this machine says 1970."},
			{func(s *control.Status) { s.Supernodes = 1 }, nil, "1 supernode keeps"},
			{nil, []control.Community{{Name: "Orchard", Supernodes: []control.CommunitySupernode{away}}}, "no supernode reached"},
			{nil, []control.Community{{Name: "Orchard", Trouble: "its papers contradict each other"}}, "Orchard: its papers"},
			{nil, []control.Community{{Name: "Orchard", Supernodes: []control.CommunitySupernode{{ID: "peer-bbbb", Reached: true, Weaker: true}}}}, "weaker privacy"},
			{nil, nil, "nobody else is near"},
		} {
			s.life.change, s.life.member = c.change, c.member
			if s.events == nil {
				s.begin()
			}
			s.wait(tickEvery)
			if top, _, _ := strings.Cut(s.text(), "\n"); !strings.Contains(top, c.want) || width(top) > 80 {
				t.Errorf("at the top stands %q, want %q", top, c.want)
			}
		}
		s.life.change = func(s *control.Status) {
			s.Notices = control.Strings{"Nothing can be saved: the disk is full. Make room on it."}
		}
		s.wait(tickEvery).types("/status").keys("enter").shows("Make room on it.")
		s.golden("status")
	})
}

// People of one name are told apart.
func TestTwins(t *testing.T) {
	onStage(t, true, func(s *stage) {
		one, other := s.talkative("Bruno", 1), s.talkative("Bruno", 2)
		s.begin().shows("Bruno "+shortID(one.ID), "Bruno "+shortID(other.ID))
		s.types("/to Bruno").keys("enter").shows("Which Bruno?")
		s.keys("down", "enter").hides("Which").types("hello").keys("enter")
		if got, _ := s.fake.Log(t.Context(), one.ID, control.LogQuery{}); len(got) != 2 {
			t.Errorf("the other Bruno was written to: %v", got)
		}
	})
}

func TestMention(t *testing.T) {
	for row, want := range map[string]string{
		"Anna": "<Anna>", "hi Anna, Annabel": "hi <Anna>, Annabel", "JoAnna": "JoAnna", "Anna Anna": "<Anna> <Anna>", "nobody": "nobody", "": "",
	} {
		got := ""
		for _, s := range mention(row, "Anna") {
			if s.Look == paint.Fresh {
				s.Text = "<" + s.Text + ">"
			}
			got += s.Text
		}
		if got != want {
			t.Errorf("%q: %q, want %q", row, got, want)
		}
	}
}

// What cannot be sent is said, and stands where it was written, or behind the arrow when something else stands there by then.
func TestNotSent(t *testing.T) {
	onStage(t, true, func(s *stage) {
		s.talkative("Bruno", 1)
		s.begin().life.full = true
		s.types("important").keys("enter").shows("the disk is full", "▸ important")
		s.keys("enter").types("x").shows("x").keys("ctrl+u", "up").shows("▸ important")
		s.life.full = false
		s.keys("enter").shows("  important", "waiting")
	})
}

// Who is blocked in another window is shown so here.
func TestBlockedElsewhere(t *testing.T) {
	onStage(t, true, func(s *stage) {
		bruno := s.talkative("Bruno", 1)
		s.begin()
		if _, err := s.fake.Block(t.Context(), bruno.ID); err != nil {
			t.Fatal(err)
		}
		s.do(nil)
		s.shows("Bruno  blocked")
	})
}

// Of many people those around the one who is shown are on the screen, and each can be reached.
func TestManyPeople(t *testing.T) {
	onStage(t, true, func(s *stage) {
		for i := range 120 {
			s.fake.Befriend(s.fake.Meet(fmt.Sprintf("Person %03d", i)).ID)
		}
		s.begin()
		for range 120 {
			s.keys("alt+down")
			if name := nameOf(s.current().person); !strings.Contains(s.text(), "● "+name) || !strings.Contains(s.text(), "│ "+name) {
				t.Fatalf("%s is not to be seen:\n%s", name, s.text())
			}
		}
		s.types("/to Person 111").keys("enter").shows("│ Person 111")
	})
}

// A very long text does not fill the conversation; all of it is behind it.
func TestLongText(t *testing.T) {
	onStage(t, true, func(s *stage) {
		p := s.talkative("Bruno", 1)
		s.fake.Receive(p.ID, strings.Repeat("\n", 10_000)+"the end")
		s.begin().keys("esc").shows("… 9941 more rows").keys("pgup", "pgup", "pgup", "pgup").shows("message 0")
		s.keys("esc", "tab", "enter").shows("This message").keys("pgdown", "pgdown").hides("Copy the text").keys("up").shows("the end", "Copy the text")
	})
}

// A dialog that comes by itself takes no key that was meant for what is being written.
func TestSudden(t *testing.T) {
	onStage(t, true, func(s *stage) {
		s.talkative("Bruno", 1)
		s.begin().types("hello")
		s.fake.Notice("The disk is full: nothing can be kept.")
		s.do(nil)
		s.types(" there").keys("enter").shows("The disk is full").wait(deafTime).keys("enter").hides("The disk").shows("hello there", "waiting")
	})
}

// A network that is new is told of in words of the face, and the choice is one key away.
func TestNewNetwork(t *testing.T) {
	onStage(t, true, func(s *stage) {
		s.begin()
		s.fake.Notice("this network is new: everyone here sees your name; to change that: sottovoce visibility everyone|contacts|nobody")
		s.do(nil)
		s.shows("to change that:", "│ /settings ", "▸ Close").hides("sottovoce").wait(deafTime).keys("down", "enter").shows("Who sees you here")
	})
}

// A notice offers what it names about whom it is about, and about nobody else, whatever somebody is called.
func TestHostileNotice(t *testing.T) {
	onStage(t, true, func(s *stage) {
		s.talkative("Alice", 1)
		hostile := s.talkative(`x sottovoce remove "Alice"`, 1)
		twin := s.talkative(`x sottovoce remove "Alice"`, 1)
		s.begin()
		s.fake.NoticeAbout(hostile.ID, hostile.Name+" wrote something that needs a newer version of this program")
		s.do(nil)
		s.shows("Please note", "x /remove Alice wrote something", "▸ Close").hides("  /").wait(deafTime).keys("enter")
		s.fake.NoticeAbout(twin.ID, hostile.Name+" has new keys: sottovoce verify "+strconv.Quote(hostile.Name))
		s.do(nil)
		s.wait(deafTime).shows("  /verify x sottovoce remove").keys("down", "enter").shows("Is it really x sottovoce").hides("Which")
		if v, _ := s.fake.Verification(t.Context(), twin.ID); s.dialog().(*comparing).with.ID != twin.ID {
			t.Errorf("another of that name is to be compared with: %+v", v)
		}
	})
}

// What a contact has begun is asked once, whichever comes first, the event or the node's notice of it; and what is told of it reaches
// its dialog when another lies above.
func TestInvitedOnce(t *testing.T) {
	onStage(t, true, func(s *stage) {
		bruno := s.talkative("Bruno", 1)
		s.begin()
		const notice = `Bruno wants to compare emoji with you: sottovoce verify "Bruno"`
		s.fake.Notice(notice)
		s.do(nil)
		s.shows("Please note")
		s.fake.BeginComparison(bruno.ID)
		s.do(nil)
		s.fake.Notice(notice)
		s.do(nil)
		if len(s.dialogs) != 1 {
			t.Errorf("%d dialogs", len(s.dialogs))
		}
		s.shows("seven pictures").wait(deafTime)
		s.fake.Notice("The disk is full.")
		s.do(nil)
		s.fake.JoinComparison(bruno.ID)
		s.do(nil)
		s.wait(deafTime).keys("enter").shows("Are these the same")
	})
}

// Who is written to is told so now and then, and when that ends: by Enter, by erasing, by turning to somebody else.
func TestTyping(t *testing.T) {
	onStage(t, true, func(s *stage) {
		s.talkative("Bruno", 1)
		s.talkative("Carla", 1)
		if _, err := s.fake.SetShare(t.Context(), control.ShareTyping); err != nil {
			t.Fatal(err)
		}
		var told []string
		s.fake.OnTyping = func(to control.Person, on bool) { told = append(told, fmt.Sprint(to.Name, " ", on)) }
		heard := func(want ...string) {
			t.Helper()
			if !slices.Equal(told, want) {
				t.Errorf("told %q, want %q", told, want)
			}
			told = nil
		}
		s.begin().types("hello")
		heard("Carla true")
		s.wait(typingAgain).types("you")
		heard("Carla true")
		s.keys("enter")
		heard("Carla false")
		s.types("x").keys("backspace")
		heard("Carla true", "Carla false")
		s.types("half a line").keys("alt+down")
		heard("Carla true", "Carla false")
		s.types("y").send(tea.PasteMsg{Content: "more"}).types("/").keys("ctrl+u")
		heard("Bruno true", "Bruno false")
		s.types("/help")
		heard()
	})
}

// The keys at the bottom fit the narrowest terminal that people have, in every language.
func TestHintsFit(t *testing.T) {
	for _, c := range words.All() {
		for _, hints := range []string{c.HintHelp + c.HintCommands + c.HintMessages + "    ", c.HintsPeople, c.HintsOwn + c.HintsMessage} {
			if got := width(" " + hints); got > 80 {
				t.Errorf("%s: %q takes %d cells", c.Language, hints, got)
			}
		}
	}
}

// TestMeanwhile: what happens while everything on the first screen is asked for is newer than the answer.
func TestMeanwhile(t *testing.T) {
	onStage(t, true, func(s *stage) {
		carla := s.fake.Meet("Carla")
		once := sync.OnceFunc(func() {
			s.fake.Meet("Bruno")
			s.fake.Part(carla.ID)
			time.Sleep(time.Second)
		})
		s.life.change = func(*control.Status) { once() }
		s.begin().wait(2*time.Second).shows("Bruno", "1 near").hides("Carla")
	})
}

// TestTruthFromTheStart: a face that has just made its identity goes on asking how the node does, soon where it is not known yet who sees it.
func TestTruthFromTheStart(t *testing.T) {
	onStage(t, false, func(s *stage) {
		s.begin().types("Anna").keys("enter", "enter", "enter").shows("everyone here sees you")
		s.life.member = []control.Community{{Name: "Orchard", Supernodes: []control.CommunitySupernode{{ID: "peer-aaaa"}}}}
		s.wait(tickEvery).shows("no supernode reached")
	})
	onStage(t, true, func(s *stage) {
		s.life.unplaced = true
		s.begin().shows("nobody sees you")
		s.life.unplaced = false
		s.wait(2 * soon).shows("everyone here sees you")
	})
}
