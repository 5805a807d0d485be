package tui

import (
	"fmt"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"

	"sottovoce/cmd/internal/control"
)

// known is a contact of whom everything was read.
func (s *stage) known(name string) control.Person {
	p := s.talkative(name, 1)
	if _, err := s.fake.Read(s.t.Context(), p.ID); err != nil {
		s.t.Fatal(err)
	}
	return p
}

// receives lets so many messages come.
func (s *stage) receives(from control.Person, n int) *stage {
	for i := range n {
		s.fake.Receive(from.ID, fmt.Sprintf("kept %d for you", i))
		s.do(nil)
	}
	return s
}

// reads is how often the node was told that something was read.
func (s *stage) reads() int { return len(s.fake.Reads) }

// What was kept comes a moment after the face is there: it stands below the line, with its number, and is read when somebody is there.
func TestKeptComesLate(t *testing.T) {
	onStage(t, true, func(s *stage) {
		bruno := s.known("Bruno")
		before := s.reads()
		s.begin().hides("─ new ─").receives(bruno, 4).shows("─ new ─", "kept 0", "kept 3", "● Bruno              4")
		s.golden("kept")
		if got := s.reads(); got != before {
			t.Error("it is read before anybody is there")
		}
		s.types("h").shows("─ new ─", "kept 3").hides("4 │")
		if got := s.reads(); got != before+1 {
			t.Errorf("read %d times", got-before)
		}
		s.wait(catchUpTime).receives(bruno, 1).shows("─ new ─")
		if n := strings.Count(s.text(), "─ new ─"); n != 1 {
			t.Errorf("%d lines", n)
		}
	})
}

// What is handed over in another order than it was written is fetched anew, and stands below the line, too.
func TestKeptInDisorder(t *testing.T) {
	onStage(t, true, func(s *stage) {
		bruno := s.known("Bruno")
		s.begin().receives(bruno, 30).shows("─ new ─", "kept 0", "more below").keys("esc").receives(bruno, 1)
		s.there = false
		early := s.fake.Receive(bruno.ID, "earlier")
		early.Time = early.Time.Add(-90 * time.Second)
		_, fetch := s.Update(happened{{Event: control.EventMessage, Message: &early}})
		s.do(fetch)
		s.shows("─ new ─", "earlier")
	})
}

// A face that nobody touches goes on showing the end.
func TestOnlyLookedAt(t *testing.T) {
	onStage(t, true, func(s *stage) {
		bruno := s.known("Bruno")
		s.begin().wait(catchUpTime).receives(bruno, 40).shows("kept 39", "40 │").hides("more below").keys("x").hides("40 │").keys("pgup", "pgup").shows("─ new ─")
	})
}

// Of many the first is shown, and who goes to their end has read them.
func TestManyKept(t *testing.T) {
	onStage(t, true, func(s *stage) {
		bruno := s.known("Bruno")
		s.begin().receives(bruno, 40).shows("─ new ─", "kept 0", "more below", "40 ").hides("kept 39")
		s.types("h").shows("─ new ─", "40 ").keys("esc").shows("kept 39").hides("40 ").receives(bruno, 2).shows("kept 1 for you").hides("more below")
	})
}

// Who comes near while the first screen is asked for has written before, too.
func TestUnreadOfWhoComes(t *testing.T) {
	onStage(t, true, func(s *stage) {
		bruno := s.known("Bruno")
		s.receives(bruno, 3)
		s.do(s.attach(func(m *Model) tea.Cmd { return m.event(control.Event{Event: control.EventPerson, Person: &bruno}) }))
		s.size(80, 24).shows("─ new ─", "kept 2", "3 │")
	})
}

// Somebody who begins to write at once finds the line, too; in a conversation that goes on there is none.
func TestKeptWhileWriting(t *testing.T) {
	onStage(t, true, func(s *stage) {
		bruno := s.known("Bruno")
		s.begin().types("hel").receives(bruno, 30).shows("─ new ─", "kept 0", "more below", "▸ hel")
	})
	onStage(t, true, func(s *stage) {
		bruno := s.known("Bruno")
		s.begin().types("hel").wait(catchUpTime).receives(bruno, 30).hides("─ new ─").shows("kept 29")
	})
}

// What comes while the terminal is not looked at stands below the line when it is again: each time below a new one.
func TestAwayFromTheTerminal(t *testing.T) {
	onStage(t, true, func(s *stage) {
		bruno := s.known("Bruno")
		s.begin().keys("esc").wait(catchUpTime)
		s.send(tea.BlurMsg{}).receives(bruno, 2).shows("─ new ─", "2 │").send(tea.FocusMsg{}).shows("─ new ─").hides("2 │")
		s.send(tea.BlurMsg{}).receives(bruno, 40).shows("kept 39", "40 │").send(tea.FocusMsg{}).shows("─ new ─", "more below", "40 │").hides("kept 39")
		if n := strings.Count(s.text(), "─ new ─"); n != 1 {
			t.Errorf("%d lines", n)
		}
		s.keys("esc").shows("kept 39").hides("40 │")
	})
}

// What comes while the page is on its way is not missed by the line.
func TestKeptDuringThePage(t *testing.T) {
	onStage(t, true, func(s *stage) {
		bruno := s.known("Bruno")
		carla := s.known("Carla")
		s.begin().keys("esc").wait(catchUpTime)
		s.fake.Receive(bruno.ID, "first")
		s.do(nil)
		_, turn := s.Update(press("alt+down"))
		other := bruno
		if s.open == carla.ID {
			other = carla
		}
		s.fake.Receive(other.ID, "late")
		s.do(turn)
		if s.shows("─ new ─", "late"); s.people.all[s.open].unread != 0 {
			t.Error("it is not read")
		}
	})
}
