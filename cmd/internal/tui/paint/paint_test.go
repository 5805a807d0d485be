package paint

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestVisual(t *testing.T) {
	for _, c := range []struct{ row, want string }{
		{"hello", "hello"},
		{"שלום", "םולש"},
		{"abc שלום def", "abc םולש def"},
		{"say שלום 123 עולם now", "say םלוע 123 םולש now"},
		{"שלום abc", "abc םולש"},
		{"שלום (ab)", "(ab) םולש"},
		{"مرحبا 42", "42 ابحرم"},
	} {
		if got := visual(c.row, rightToLeft(c.row)); got != c.want {
			t.Errorf("%q is shown as %q, want %q", c.row, got, c.want)
		}
	}
}

func TestWrap(t *testing.T) {
	for _, c := range []struct {
		text  string
		width int
		want  []string
	}{
		{"", 10, []string{""}},
		{"one two three", 7, []string{"one two", "three"}},
		{"a\n\nb", 5, []string{"a", "", "b"}},
		{"abcdefghij", 4, []string{"abcd", "efgh", "ij"}},
		{"one  two", 4, []string{"one", "two"}},
		{"a bcdefgh i", 4, []string{"a", "bcde", "fgh", "i"}},
		{"------", 4, []string{"----", "--"}},
		{"ab   ", 3, []string{"ab"}},
		{"日本語です", 4, []string{"日本", "語で", "す"}},
		{"שלום עולם", 5, []string{" םולש", " םלוע"}},
	} {
		if got := Wrap(c.text, c.width); strings.Join(got, "|") != strings.Join(c.want, "|") {
			t.Errorf("%q on %d cells: %q, want %q", c.text, c.width, got, c.want)
		}
	}
}

func TestRender(t *testing.T) {
	l := Line{{Text: "name", Look: Strong}, {Text: " text"}}
	for width, want := range map[int]string{12: "name text   ", 9: "name text", 7: "name t…", 4: "nam…", 1: "…", 0: ""} {
		if got := Monochrome.Render(l, width); strip(got) != want {
			t.Errorf("on %d cells: %q, want %q", width, strip(got), want)
		}
	}
}

func strip(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == 0x1b {
			for s[i] != 'm' {
				i++
			}
			continue
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// FuzzWrap holds that whatever anybody writes stays in its rows and columns and moves no cursor.
func FuzzWrap(f *testing.F) {
	for _, s := range []string{"hello", "\x1b[2J\x1b]0;x\a", "שלום\u202eabc", "e" + strings.Repeat("\u0301", 10_000), "👨‍👩‍👧‍👦 family", "\t\ta", "日本語 text\r\nnext", strings.Repeat("-", 300)} {
		f.Add(s, uint8(20))
	}
	f.Fuzz(func(t *testing.T, text string, width uint8) {
		w := int(width)%100 + 2
		for _, row := range Wrap(Safe(text), w) {
			if Width(row) > w {
				t.Errorf("%q takes %d cells of %d in %q", row, Width(row), w, Safe(text))
			}
			if !utf8.ValidString(row) || strings.ContainsFunc(row, func(r rune) bool { return r < 0x20 || r >= 0x7f && r < 0xa0 }) {
				t.Errorf("%q holds controls", row)
			}
		}
		if one := OneLine(text); strings.ContainsAny(one, "\n\t\x1b") {
			t.Errorf("%q is not one line", one)
		}
	})
}
