package cli

import (
	"strings"
	"testing"
	"unicode/utf8"

	"sottovoce/cmd/internal/control"
)

func TestWhileAway(t *testing.T) {
	shelf := func(kept bool) *control.Shelf {
		return &control.Shelf{Supernode: "Orchard\x1b peer-k4n2u7q5ta", Address: "orchard.example:4242", Kept: kept}
	}
	for want, made := range map[string]control.Invite{
		"":                             {},
		"not while you are away: no":   {Alone: "no supernode is reached"},
		"works while you are away, to": {Away: shelf(true)},
		"has not answered yet":         {Away: shelf(false)},
	} {
		got := whileAway(made)
		if !strings.Contains(got, want) || want == "" && got != "" || want != "" && strings.Count(got, "\n") != 1 || strings.Contains(got, "\x1b") {
			t.Errorf("%+v: %q", made, got)
		}
		if made.Away != nil && !strings.Contains(got, "orchard.example:4242") {
			t.Errorf("where is not said: %q", got)
		}
	}
}

// The code of a link that names a supernode at two addresses fits the width of a terminal, and its height if that is 32.
func TestCodeOfLinkWithSupernode(t *testing.T) {
	code, err := newCode("sottovoce:" + strings.Repeat("a", 290))
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(code.terminal(), "\n"); n > 31 {
		t.Errorf("%d lines", n)
	}
	for _, row := range code.Rows(quietZone) {
		if n := utf8.RuneCountInString(row); n > 80 {
			t.Fatalf("%d columns", n)
		}
	}
}
