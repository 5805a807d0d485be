package cli

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestFirstFile(t *testing.T) {
	for text, want := range map[string]firstFile{
		"community = Orchard": {community: "Orchard", invite: supernodeInviteCommand{Uses: 1, Expires: inviteLife}},
		"\ufeff# hers\r\n\r\ncommunity=Am See = 2\r\nuses= 20": {community: "Am See = 2", invite: supernodeInviteCommand{Uses: 20, Expires: inviteLife}},
		"expires = 48h\n community = a#b ":                     {community: "a#b", invite: supernodeInviteCommand{Uses: 1, Expires: 48 * time.Hour}},
		"join = sottovoce:ag4t":                                {join: "sottovoce:ag4t", invite: supernodeInviteCommand{Uses: 1, Expires: inviteLife}},
	} {
		if got, err := parseFirstFile([]byte(text)); err != nil || got != want {
			t.Errorf("%q: %+v, %v", text, got, err)
		}
	}
	for text, want := range map[string]string{
		"":                                "say one of the two",
		"uses = 3":                        "say one of the two",
		"community = A\njoin = B":         "say one of the two",
		"join = A\nuses = 2":              "do not go with join",
		"# x\ncommunity":                  "line 2: a line is such as",
		"community =":                     "line 1: a line is such as",
		"= A":                             `line 1: "" is unknown`,
		"Community = A":                   `line 1: "Community" is unknown`,
		"community = \"A\"":               "line 1: write what is meant without quotes",
		"community = A\n\ncommunity = B":  "line 3: community is said twice",
		"community = A\r\nuses = 0\r\n":   "line 2: --uses 0",
		"uses = many":                     "line 1: uses is a number",
		"expires = 7 days":                "line 1: expires is a time",
		"expires = 1s":                    "line 1: --expires 1s",
		"expires = 9999h":                 "line 1: --expires 9999h0m0s",
		"root-words = abandon":            "line 1: root words do not belong on a card",
		"community = A\xff":               "no text in UTF-8",
		"community = A\ndisk = 2GiB\n###": `line 2: "disk" is unknown`,
	} {
		if got, err := parseFirstFile([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %+v, %v; not: %s", text, got, err, want)
		}
	}
	long := filepath.Join(t.TempDir(), "long")
	if err := os.WriteFile(long, bytes.Repeat([]byte("#"), firstFileMax+1), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := readFirstFile(long); err == nil || !strings.Contains(err.Error(), long+": it has more than") {
		t.Error(err)
	}
}

func FuzzFirstFile(f *testing.F) {
	f.Add([]byte("# Orchard\r\ncommunity = Orchard\nuses = 20\nexpires = 48h"))
	f.Add([]byte("join = sottovoce:ag4t"))
	f.Fuzz(func(t *testing.T, text []byte) {
		got, err := parseFirstFile(text)
		if err != nil {
			if strings.ContainsAny(err.Error(), "\n") {
				t.Fatalf("an error of several lines: %q", err)
			}
			return
		}
		if (got.community == "") == (got.join == "") || got.invite.check() != nil {
			t.Fatalf("%+v", got)
		}
	})
}

// The code for logs has the black of one for terminals where that has white, and no line that begins or ends with a space: a log would
// cut it off.
func TestPlainCode(t *testing.T) {
	c, err := newCode("sottovoce:" + strings.Repeat("abcdefgh", 30))
	if err != nil {
		t.Fatal(err)
	}
	rows := c.Rows(quietZone)
	drawn := strings.Split(strings.TrimSuffix(c.plain(), "\n"), "\n")
	if len(drawn) != len(rows) {
		t.Fatalf("%d lines, not %d", len(drawn), len(rows))
	}
	opposite := map[rune]rune{' ': '█', '█': ' ', '▀': '▄', '▄': '▀'}
	for y, line := range drawn {
		if strings.TrimSpace(line) != line {
			t.Errorf("line %d: %q", y, line)
		}
		row := []rune(rows[y])
		for x, r := range []rune(line) {
			if r != opposite[row[x]] {
				t.Fatalf("%d, %d: %q for %q", x, y, r, row[x])
			}
		}
	}
}
