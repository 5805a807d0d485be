package netlab

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// copyTo puts a copy of the home of s, whose node is down, on another host, where nobody has one yet.
func (s *someone) copyTo(h *Host) *someone {
	s.t.Helper()
	other := &someone{Host: h, t: s.t, program: s.program, called: s.called}
	home := func(h *Host) string { return filepath.Join(h.Home, "share", "sottovoce") }
	if err := os.CopyFS(home(h), os.DirFS(home(s.Host))); err != nil {
		s.t.Fatal(err)
	}
	return other
}

// TestHomeRunsTwice has a home copied to another machine, and both run: either owner is told, and so is the contact.
func TestHomeRunsTwice(t *testing.T) {
	t.Parallel()
	lan := New(t, IPv4|ULA)
	anna, bert := settle(t, lan.Host("anna")), settle(t, lan.Host("bert"))
	befriend(anna, bert)
	chat(anna, bert)
	anna.node.Stop()
	other := anna.copyTo(lan.Host("other"))
	anna.up()
	other.up()
	anna.notices("another copy of this home is running on this network", true)
	other.notices("another copy of this home is running on this network", true)
	for end := time.Now().Add(2 * arriveTime); ; {
		anna.ok("send", bert.called, "from the one")
		other.ok("send", bert.called, "from the other")
		if err := bert.noticed(anna.called + "'s device"); err == nil {
			break
		} else if time.Now().After(end) {
			t.Fatal(err)
		}
	}
	other.node.Stop()
	anna.notices("another copy of this home is running on this network", false)
}

// TestOldCopyBeginsAnew starts an old copy of a home in the place of the home: it says so, and goes on when both people say so.
func TestOldCopyBeginsAnew(t *testing.T) {
	t.Parallel()
	lan := New(t, IPv4|ULA)
	first, bert := settle(t, lan.Host("first")), settle(t, lan.Host("bert"))
	befriend(first, bert)
	chat(first, bert)
	first.node.Stop()
	old := first.copyTo(lan.Host("second"))
	first.up()
	first.say(bert, "which the copy does not know of")
	first.node.Stop()
	old.up()
	old.notices("this home is an older copy", true)
	bert.notices(first.called+"'s device was put back", true)
	if got := bert.call("reset", first.called, "--accept"); got.Code != 1 {
		t.Errorf("accepted what nobody asked: %+v", got)
	}
	old.ok("reset", bert.called)
	bert.notices("wants to begin anew", true)
	bert.ok("reset", first.called, "--accept")
	old.say(bert, "here I am again")
	bert.say(old, "so you are")
	old.notices("older copy", false)
	bert.notices(first.called, false)
}

// noticed is an error as long as no notice has these words.
func (s *someone) noticed(words string) error {
	s.t.Helper()
	type statusJSON struct{ Notices []string }
	found := list[statusJSON](s, "status")[0].Notices
	if slices.ContainsFunc(found, func(n string) bool { return strings.Contains(n, words) }) {
		return nil
	}
	return fmt.Errorf("the notices are %q", found)
}
