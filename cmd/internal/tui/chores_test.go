package tui

import (
	"context"
	"iter"
	"strconv"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"

	"sottovoce/cmd/internal/control"
	"sottovoce/cmd/internal/control/controltest"
)

// Two contacts are introduced, and who is introduced to us is shown on whose word.
func TestIntroduce(t *testing.T) {
	onStage(t, true, func(s *stage) {
		s.talkative("Bruno", 1)
		s.begin().types("/introduce").keys("enter").shows("no second contact").keys("esc")
		s.talkative("Carla", 1)
		s.do(nil)
		s.types("/introduce Bruno").keys("enter").shows("Introduce Bruno", "Carla").hides("▸ Bruno")
		s.golden("introduce")
		s.keys("enter").shows("Bruno and Carla hear of each other")
		s.fake.Introduced("Dario", "Bruno")
		s.do(nil)
		s.keys("alt+a").shows("Bruno tells you of Dario", "their word").keys("enter").shows("Accept")
		s.golden("introduced")
	})
}

// After a backup one begins anew; who asks that of us is let in only when the person says that they have asked.
func TestReset(t *testing.T) {
	onStage(t, true, func(s *stage) {
		bruno := s.talkative("Bruno", 1)
		s.begin().types("/reset").keys("enter").shows("Begin anew with Bruno?", "older copy")
		s.golden("reset")
		s.keys("enter").hides("Begin anew").types("/reset").keys("enter", "down", "enter").shows("Bruno is asked to begin anew")

		notice := `Bruno wants to begin anew without the keys you two share; ask Bruno in person, then: sottovoce reset "Bruno" --accept`
		s.life.change = func(s *control.Status) { s.Notices = control.Strings{notice} }
		s.fake.AskReset(bruno.ID)
		s.do(nil)
		s.wait(deafTime).keys("enter")
		s.fake.NoticeAbout(bruno.ID, notice)
		s.do(nil)
		s.wait(deafTime).shows("person, then: /reset Bruno").hides("sottovoce reset").hides("--accept")
		s.golden("notice")
		s.keys("down", "enter").shows("ask them in person first")
		s.golden("reset-asked")
		s.keys("down", "enter").shows("You and Bruno begin anew; what did not arrive goes out again.")
		s.life.change = func(*control.Status) {}
		s.wait(tickEvery).types("/reset").keys("enter").shows("older copy")
	})
}

// Sentences of the node name commands of the face; a name that looks like a command offers none, and takes none away.
func TestInFace(t *testing.T) {
	hostile := `x: sottovoce remove "Anna"`
	for _, c := range []struct {
		text, about, want string
		commands          string
	}{
		{"all is well", "", "all is well", ""},
		{`compare again: sottovoce verify "Bruno Rossi"`, "Bruno Rossi", "compare again: /verify Bruno Rossi", "verify"},
		{`if all is well: sottovoce verify "B" --accept-change; if not: sottovoce remove "B"`, "B", "if all is well: /verify B; if not: /remove B", "verify|remove"},
		{"see: sottovoce community list", "", "see: /communities", ""},
		{"to change that: sottovoce visibility everyone|contacts|nobody", "", "to change that: /settings", "settings"},
		{"x: sottovoce visibility everyone|contacts|nobody is near", "", "x: /settings is near", ""},
		{"stop it with: sottovoce down", "", "stop it with: sottovoce down", ""},
		{"sottovoce sottovoce doctor", "", "sottovoce /doctor", ""},
		{hostile + " wants to compare: sottovoce verify " + strconv.Quote(hostile), hostile, `x: /remove Anna wants to compare: /verify ` + hostile, "verify"},
		{hostile + " declined to be a contact", "", `x: /remove Anna declined to be a contact`, ""},
		{`sottovoce verify "open`, "open", `/verify "open`, ""},
	} {
		said, commands := inFace(c.text, c.about)
		if said != c.want || strings.Join(commands, "|") != c.commands {
			t.Errorf("%q: %q %q", c.text, said, commands)
		}
	}
}

func TestBackup(t *testing.T) {
	onStage(t, true, func(s *stage) {
		s.talkative("Bruno", 3)
		s.begin().types("/backup").keys("enter").shows("Back up everything").keys("enter").shows("needs a passphrase")
		s.golden("backup")
		s.types("one").keys("enter").shows("once more").types("two").keys("enter").shows("another one")
		s.keys("ctrl+u").types("one").keys("enter").shows("~/sottovoce-2026-11-22.age")
		s.golden("backup-file")
		s.keys("enter").shows("~/sottovoce-2026-11-22.age is written")
		s.golden("backup-done")
		if got := s.shelf.files["~/sottovoce-2026-11-22.age"]; got != "Anna and 3 messages\n" {
			t.Errorf("written: %q", got)
		}
		s.keys("enter").types("/backup").keys("enter").types("one").keys("enter").types("one").keys("enter", "enter").shows("exists already", "Choose another place")
		s.keys("down", "enter").shows("exists already", "File:").keys("backspace").types("x").keys("enter").shows("is written")
	})
}

// A backup that takes long is given up by Esc, and nothing is left of it; nor when the face is left meanwhile.
func TestBackupGivenUp(t *testing.T) {
	onStage(t, true, func(s *stage) {
		s.begin().types("/backup").keys("enter").types(controltest.StuckPassphrase).keys("enter").types(controltest.StuckPassphrase).keys("enter", "enter")
		s.shows("1.0 MB written", "Stop")
		s.golden("backup-writing")
		s.keys("esc").shows("stopped; nothing was changed").hides("MB written")
		if len(s.shelf.files) != 0 {
			t.Errorf("left: %v", s.shelf.files)
		}
		s.works.Wait()
	})
}

func TestExport(t *testing.T) {
	onStage(t, true, func(s *stage) {
		p := s.fake.Befriend(s.fake.Meet("Br/../uno").ID)
		s.fake.Receive(p.ID, "hello")
		s.begin().types("/export").keys("enter").shows("It is not locked")
		s.golden("export")
		s.keys("enter").shows("sottovoce-Br----uno-2026-11-22.html").keys("enter").shows("with 1 messages")
		if got := s.shelf.files["~/sottovoce-Br----uno-2026-11-22.html"]; got != "true hello\n" {
			t.Errorf("written: %v", s.shelf.files)
		}
		s.keys("enter").types("/export").keys("enter", "2", "enter")
		if got := s.shelf.files["~/sottovoce-Br----uno-2026-11-22.jsonl"]; got != "false hello\n" {
			t.Errorf("written: %v", s.shelf.files)
		}
	})
}

func TestDiagnostics(t *testing.T) {
	onStage(t, true, func(s *stage) {
		s.begin().types("/diagnostics").keys("enter").shows("Not in it: what was said", "connections are (1)")
		s.golden("diagnostics")
		s.keys("enter").shows("version fake", "the node is up").keys("esc", "2", "enter").shows("Read it before you show it")
		if got := s.shelf.files["~/sottovoce-help-2026-11-22.json"]; !strings.HasPrefix(got, "version fake") {
			t.Errorf("written: %v", s.shelf.files)
		}
	})
}

// Who has a backup begins with it: from one that is found or from any other, by its passphrase.
func TestRestore(t *testing.T) {
	onStage(t, false, func(s *stage) {
		s.begin().keys("enter").shows("Welcome to Sottovoce").keys("down", "enter").shows("Bring back a backup", "anna.age")
		s.golden("restore")
		s.keys("esc").shows("Welcome").keys("down", "up").types("A").keys("enter").shows("Who may see").keys("esc")
		s.keys("down", "enter").shows("Bring back").types("~/other.age").keys("enter").shows("passphrase of ~/other.age").types("shut").keys("enter")
		s.shows("does not open ~/other.age", "~/other.age").keys("down", "enter").shows("The passphrase of ~/sottovoce-2026-11-20.age")
		s.types(controltest.StuckPassphrase).keys("enter").shows("2 messages are back").keys("esc").shows("Bring back").keys("down", "down", "enter")
		s.types("open").keys("enter").shows("7 messages and all your contacts", "/reset")
		s.golden("restored")
		s.keys("enter").shows("Anna", "nobody is near yet")
	})
}

func TestRetention(t *testing.T) {
	onStage(t, true, func(s *stage) {
		s.begin().types("/settings").keys("enter").shows("How long messages are kept").keys("7").shows("for ever", "12.6 MB")
		s.golden("retention")
		s.keys("enter").shows("Days:", "365 days")
		s.golden("retention-days")
		s.keys("down", "enter").shows("within the hour").keys("enter").hides("within the hour")
		if kept, _ := s.fake.Retention(t.Context()); kept.Days != 0 {
			t.Errorf("kept %+v without a yes", kept)
		}
		s.keys("esc").types("/retention").keys("enter", "enter").types("x").keys("enter").shows("no such number").keys("ctrl+u").types("31").keys("enter", "down", "enter")
		s.shows("31 days", "That holds").keys("2").shows("Megabytes:").keys("esc").shows("31 days")
		s.keys("1", "enter").shows("for ever").hides("within the hour") // more is kept: nothing to ask
		if kept, _ := s.fake.Retention(t.Context()); kept.Days != 0 {
			t.Errorf("kept %+v", kept)
		}
	})
}

// slow is a node whose scan waits between its steps.
type slow struct {
	*mortal
	step chan struct{}
}

func (n slow) Scan(ctx context.Context) (iter.Seq2[control.Scan, error], error) {
	return func(yield func(control.Scan, error) bool) {
		for _, s := range controltest.Scans() {
			if !yield(s, nil) {
				return
			}
			select {
			case <-n.step:
			case <-ctx.Done():
				yield(control.Scan{}, ctx.Err())
				return
			}
		}
	}, nil
}

func TestScan(t *testing.T) {
	onStage(t, true, func(s *stage) {
		n := slow{s.life, make(chan struct{})}
		s.node = n
		s.begin().types("/scan").keys("enter").shows("1 of 253 asked", "nobody has answered", "Stop")
		n.step <- struct{}{}
		s.do(nil)
		s.shows("253 of 253 asked", "1 has answered")
		s.golden("scan")
		s.keys("enter").hides("253").shows("stopped")
		s.works.Wait()
		s.fake.Wide()
		s.node = s.life
		s.types("/doctor").keys("enter", "down", "enter").shows("more than the 1024")
	})
}

func TestLinks(t *testing.T) {
	onStage(t, true, func(s *stage) {
		s.begin().types("/links").keys("enter").shows("None is open").keys("enter").shows("Who uses this link first").keys("esc")
		made, _ := s.fake.Invite(t.Context(), 2*time.Hour)
		used, _ := s.fake.Invite(t.Context(), 0)
		s.fake.Use(used.ID, "Eve", true)
		s.types("/links").keys("enter").shows("open until 2026-11-22 20:00", "used by Eve, and somebody else")
		s.golden("links")
		s.keys("down", "enter").shows("It works once").keys("r").shows("taken back")
		s.types("/links").keys("enter", "down", "enter").shows("go from this list").keys("down", "enter")
		if all, _ := s.fake.Invites(t.Context()); len(all) != 1 || all[0].ID == made.ID || all[0].ID == used.ID {
			t.Errorf("left: %+v", all)
		}
	})
}

// The card of somebody has all that can be done about them; a click on the name opens it.
func TestAbout(t *testing.T) {
	onStage(t, true, func(s *stage) {
		bruno := s.talkative("Bruno", 1)
		s.begin().types("/about").keys("enter").shows("not compared yet", bruno.ID[:15], "/introduce", "/remove")
		s.golden("about")
		s.keys("esc").send(tea.MouseClickMsg{X: 30, Y: 1, Button: tea.MouseLeft}).shows("not compared yet")
		s.keys("7").shows("Your name for them").keys("ctrl+u").types("Uncle").keys("enter").shows("Uncle it is")
		s.types("/about").keys("enter").shows("calls themselves", "Bruno").keys("8").shows("Uncle is blocked")
		s.types("/about").keys("enter").shows("/unblock").keys("esc")
		s.fake.Meet("Eve")
		s.do(nil)
		s.types("/about Eve").keys("enter").shows("Ask to become contacts")
	})
}

func TestCommunityDetails(t *testing.T) {
	onStage(t, true, func(s *stage) {
		s.begin()
		s.types("/join " + controltest.OrchardLink).keys("enter").shows("You are in Orchard now")
		all, _ := s.fake.Communities(t.Context())
		all[0].Supernodes[0].Weaker = true
		s.life.member = all
		s.types("/communities").keys("enter").shows("Orchard", "its supernodes, and the way out").keys("enter").shows("192.0.2.9:4242", "never reached", "known as", "weaker privacy")
		s.golden("community")
		s.keys("down", "enter").shows("Leave Orchard", "join again").keys("enter").hides("join again")
		if left, _ := s.fake.Communities(t.Context()); len(left) != 1 {
			t.Error("left without a yes")
		}
		s.types("/communities").keys("enter", "enter", "down", "enter", "down", "enter").shows("You left Orchard")
		if left, _ := s.fake.Communities(t.Context()); len(left) != 0 {
			t.Error("not left")
		}
	})
}

// Keys in doubt are gone on with only when the person says so twice; who is verified can be taken back.
func TestKeysInDoubt(t *testing.T) {
	onStage(t, true, func(s *stage) {
		bruno := s.talkative("Bruno", 1)
		s.begin()
		s.fake.ChangeKeys(bruno.ID, control.KeysAlarm)
		s.do(nil)
		s.shows("keys in doubt").types("/verify").keys("enter").shows("Go on with the new keys of Bruno").hides("safety words are the same")
		s.golden("keys-in-doubt")
		s.keys("down", "down", "enter").shows("asked them in person").keys("enter").shows("keys in doubt")
		s.types("/verify").keys("enter", "down", "down", "enter", "down", "enter").shows("You go on with Bruno").hides("keys in doubt")
		s.types("/verify").keys("enter", "down", "down", "enter").shows("Bruno is verified")
		s.types("/verify").keys("enter").shows("Take back").keys("down", "down", "enter").shows("not verified any more")
	})
}

// A sheet that is longer than the screen begins at its top; what can be chosen below is reached by going down.
func TestLongSheet(t *testing.T) {
	onStage(t, true, func(s *stage) {
		s.begin().types("/join " + controltest.OrchardLink).keys("enter")
		s.life.member, _ = s.fake.Communities(t.Context())
		s.size(46, 14).types("/communities").keys("enter", "enter").shows("supernode, reached").hides("Leave Orchard").keys("pgdown", "pgup").shows("supernode, reached")
		for range 40 {
			if s.keys("down"); strings.Contains(s.text(), "▸ Leave Orchard") {
				s.keys("pgup", "pgup", "pgup").shows("supernode, reached").keys("up", "down").keys("enter").shows("join again")
				return
			}
		}
		t.Error("the last choice is out of reach")
	})
}

// Who can read what is said at each place where somebody may ask, and of this machine as it is.
func TestPrivate(t *testing.T) {
	onStage(t, true, func(s *stage) {
		s.talkative("Bruno", 1)
		s.begin().types("/private").keys("enter").shows("Who can read this?", "You have no passphrase", "/verify")
		s.golden("private")
		s.keys("enter").hides("Who can read this?").types("/about").keys("enter").shows("/private").keys("3").shows("You have no passphrase").keys("esc")
		s.types("/status").keys("enter", "3").shows("You have no passphrase").keys("esc", "f1").shows("/private").keys("esc")
		s.life.change = func(st *control.Status) { st.Passphrase = true }
		s.wait(tickEvery).types("/private").keys("enter").shows("locked with your")
	})
}
