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

// linksOf are the links of rows, each with what is seen of it; rows have to stay as they were.
func linksOf(t *testing.T, text string, width int) (all []string) {
	t.Helper()
	rows := Wrap(text, width)
	left := 0 // bytes of a link that are to be seen yet
	for i, line := range Linked(text, rows) {
		if line.String() != rows[i] {
			t.Errorf("%q becomes %q", rows[i], line)
		}
		for _, s := range line {
			switch {
			case s.link == "":
				continue
			case left <= 0:
				all = append(all, s.link+" "+s.Text)
				left = len(s.link)
			default:
				all[len(all)-1] += s.Text
			}
			left -= len(s.Text)
		}
	}
	for _, l := range all {
		if link, seen, _ := strings.Cut(l, " "); link != seen {
			t.Errorf("%q is seen as %q", link, seen)
		}
	}
	return all
}

func TestLinked(t *testing.T) {
	long := "https://example.org/" + strings.Repeat("way/", 30)
	for _, c := range []struct {
		text string
		want []string
	}{
		{"nothing", nil},
		{"see https://example.org/a?b=c;d#e.", []string{"https://example.org/a?b=c;d#e"}},
		{"(http://[2001:db8::1]:8080/x) or\nhttps://x.org, https://y.org", []string{"http://[2001:db8::1]:8080/x", "https://x.org", "https://y.org"}},
		{"two  spaces   " + long + "  and " + long, []string{long, long}},
		{"https://bank.example@evil.example/ https:// xhttps://a.org ftp://a.org javascript://a https://\"", nil},
		{"https://a.org/e\u0301", nil},
		{"https://a.org/" + strings.Repeat("x", addressMax), nil},
		{"שלום https://a.org", nil},
		{"é https://a.org/日本 http://a.org", []string{"http://a.org"}},
	} {
		for _, width := range []int{200, 20, 7} {
			var want []string
			for _, l := range c.want {
				want = append(want, l+" "+l)
			}
			if got := linksOf(t, c.text, width); strings.Join(got, "|") != strings.Join(want, "|") {
				t.Errorf("%q on %d cells: %q", c.text, width, got)
			}
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
	for _, s := range []string{"hello", "\x1b[2J\x1b]0;x\a", "שלום\u202eabc", "e" + strings.Repeat("\u0301", 10_000), "👨‍👩‍👧‍👦 family", "\t\ta", "日本語 text\r\nnext", strings.Repeat("-", 300), "  https://example.org/way\n\n   see http://a/b?c, or"} {
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
		linksOf(t, Safe(text), w)
		if one := OneLine(text); strings.ContainsAny(one, "\n\t\x1b") {
			t.Errorf("%q is not one line", one)
		}
	})
}
