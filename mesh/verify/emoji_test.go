package verify

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"sottovoce/mesh/goldentest"
	"sottovoce/mesh/identity"
)

// The table is frozen, and the one in the protocol's text.
func TestTable(t *testing.T) {
	var text strings.Builder
	for i, s := range table {
		fmt.Fprintf(&text, "%d %s %s / %s\n", i, s.Emoji, s.English, s.Italian)
	}
	goldentest.File(t, "emoji.txt", text.String())
	page, err := os.ReadFile("../../docs/protocol/05-contacts.md")
	if err != nil {
		t.Fatal(err)
	}
	row := regexp.MustCompile(`(\d+) (\S+) ([a-z ]+) / ([a-z ]+?) *(?:\||\n)`)
	var found int
	for _, cell := range row.FindAllStringSubmatch(string(page), -1) {
		want := table[found%64]
		if cell[1] != fmt.Sprint(found) || (Symbol{cell[2], cell[3], cell[4]}) != want {
			t.Errorf("the text has %q in place %d", cell[0], found)
		}
		found++
	}
	if found != 64 {
		t.Errorf("%d emoji in the text", found)
	}
}

// No picture and no name stands twice or could be taken for another in its language.
func TestUnmistakable(t *testing.T) {
	names := func(s Symbol) [2]string { return [2]string{s.English, s.Italian} }
	for i, a := range table {
		if utf8.RuneCountInString(a.Emoji) != 1 {
			t.Errorf("%s is more than one code point", a.Emoji)
		}
		for _, b := range table[:i] {
			if a.Emoji == b.Emoji {
				t.Errorf("%s stands twice", a.Emoji)
			}
			for l := range 2 {
				x, y := names(a)[l], names(b)[l]
				if distance(x, y) < 2 || strings.HasPrefix(x, y) || strings.HasPrefix(y, x) {
					t.Errorf("%q and %q are too much alike", x, y)
				}
			}
		}
	}
}

// distance counts letters that are changed, added or left out.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		before := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := before
			if a[i] != b[j] {
				change++
			}
			before = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}

// The two sides read the same names in either language, and each place has its own.
func TestSameInAllLanguages(t *testing.T) {
	p := newPair(t)
	p.start(0)
	p.deliverAll()
	p.start(1)
	p.deliverAll()
	a, _ := p.ends[0].Emoji()
	b, _ := p.ends[1].Emoji()
	english, italian := map[string]string{}, map[string]string{}
	for _, s := range table {
		english[s.English], italian[s.Italian] = s.Emoji, s.Emoji
	}
	for i, s := range a.Symbols() { // Anna reads in English, Bruno in Italian
		if english[s.English] != italian[b.Symbols()[i].Italian] || s != b.Symbols()[i] {
			t.Errorf("emoji %d: %v and %v", i, s, b.Symbols()[i])
		}
	}
}

func TestWords(t *testing.T) {
	anna, bruno := Owner{identity.AccountID{1}, [32]byte{2}}, Owner{identity.AccountID{3}, [32]byte{4}}
	want := WordsOf(anna, bruno)
	if WordsOf(bruno, anna) != want {
		t.Error("the two sides have different words")
	}
	swapped := [2]Owner{{anna.Account, bruno.Root}, {bruno.Account, anna.Root}}
	other := bruno
	other.Account[31]++
	successor := bruno
	successor.Root[31]++
	for name, w := range map[string]Words{
		"another account": WordsOf(anna, other), "another root": WordsOf(anna, successor), "the roots swapped": WordsOf(swapped[0], swapped[1]),
	} {
		same := 0
		for i := range w {
			if w[i] == want[i] {
				same++
			}
		}
		if same > 6 {
			t.Errorf("%s: %d words are the same", name, same)
		}
	}
	if len(want.Symbols()) != WordCount {
		t.Error("not sixteen")
	}
}

func TestVectors(t *testing.T) {
	c := NewContext(
		Party{identity.AccountID(counted(0)), hashes(0x10, 0x20), counted(0x30)},
		Party{identity.AccountID(counted(0x40)), hashes(0x50), counted(0x60)}, counted(0x70), counted(0x80),
	)
	committer, responder := identity.AccountID(counted(0x40)), identity.AccountID(counted(0))
	n, m := nonce(counted(0x90)), nonce(counted(0xa0))
	commitment := commit(c, committer, n)
	e := derive(c, committer, n, responder, m)
	w := WordsOf(Owner{committer, counted(0xb0)}, Owner{responder, counted(0xc0)})
	var text strings.Builder
	for _, line := range []struct {
		name string
		b    []byte
	}{
		{"first account", responder[:]},
		{"first heads", append(bytesOf(0x10), bytesOf(0x20)...)},
		{"first device", bytesOf(0x30)},
		{"second account", committer[:]},
		{"second heads", bytesOf(0x50)},
		{"second device", bytesOf(0x60)},
		{"transcript", bytesOf(0x70)},
		{"binding", bytesOf(0x80)},
		{"context", c[:]},
		{"nonce of the second, who commits", n[:]},
		{"commitment", commitment[:]},
		{"nonce of the first", m[:]},
		{"places of the emoji", e[:]},
		{"first root", bytesOf(0xc0)},
		{"second root", bytesOf(0xb0)},
		{"places of the words", w[:]},
	} {
		fmt.Fprintf(&text, "%s = %x\n", line.name, line.b)
	}
	goldentest.File(t, "sas.txt", text.String())
}
