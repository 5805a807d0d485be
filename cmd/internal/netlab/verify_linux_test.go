package netlab

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// comparedJSON is what a person's entry says of comparing.
type comparedJSON struct {
	Name, Keys string
	Verified   bool
}

// emojiLine is an emoji with its names in both languages, as the program shows it.
var emojiLine = regexp.MustCompile(`(?m)^ {4}(\S+ {2}[a-z ]+ / [a-z ]+)\r?$`)

// TestTwoHostsCompareEmoji has two people at their terminals compare what they see, and confirm it.
func TestTwoHostsCompareEmoji(t *testing.T) {
	t.Parallel()
	lan := New(t, IPv4|ULA)
	anna, bert := settle(t, lan.Host("anna")), settle(t, lan.Host("bert"))
	befriend(anna, bert)
	words := anna.ok("verify", bert.called)
	if cut(words) != cut(bert.ok("verify", anna.called)) || strings.Count(cut(words), ",") != 2*12 {
		t.Errorf("the safety words are not the same on both sides: %s", words)
	}
	a := anna.Terminal(anna.program, "verify", bert.called)
	shows := func(s *someone, on *Terminal, text string) {
		t.Helper()
		s.eventually(text, func() error {
			if !strings.Contains(on.Output(), text) {
				return fmt.Errorf("the terminal shows %q", on.Output())
			}
			return nil
		})
	}
	shows(anna, a, "Waiting for "+bert.called)
	b := bert.Terminal(bert.program, "verify", anna.called)
	shows(anna, a, "Type yes or no: ")
	shows(bert, b, "Type yes or no: ")
	seen := func(on *Terminal) (lines []string) {
		for _, m := range emojiLine.FindAllStringSubmatch(on.Output(), -1) {
			lines = append(lines, m[1])
		}
		return lines
	}
	if hers, his := seen(a), seen(b); len(hers) != 7 || !slices.Equal(hers, his) {
		t.Fatalf("they see %q and %q", hers, his)
	}
	a.Type("yes")
	b.Type("yes")
	for at, on := range map[*someone]*Terminal{anna: a, bert: b} {
		shows(at, on, "nobody stands between you two")
		if found := list[comparedJSON](at, "contacts"); len(found) != 1 || !found[0].Verified || found[0].Keys != "ok" {
			t.Errorf("%s has %+v", at.called, found)
		}
	}
}

// cut leaves what is the same on both sides: the words, not the names of people.
func cut(shown string) string {
	_, words, _ := strings.Cut(shown, "\n")
	words, _, _ = strings.Cut(words, "If they are the same")
	return words
}
