package peer

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

const (
	family = "👨‍👩‍👧‍👦" // four pictographs, three joiners
	wave   = "👋🏽"      // a skin tone
)

func TestCleanNameTakes(t *testing.T) {
	for in, want := range map[string]string{
		"Anna":                      "Anna",
		"  Anna  ":                  "Anna",
		"Anna\u00a0\u2003 Rossi":    "Anna Rossi",
		"Zoë":                       "Zoë",
		"Zoe\u0308":                 "Zoe\u0308", // combining form, not normalised
		"Nguyễn Thị Minh":           "Nguyễn Thị Minh",
		"דוד":                       "דוד",
		"محمد":                      "محمد",
		"می\u200cخواهم":             "می\u200cخواهم", // Persian needs the non-joiner
		"क्\u200dष":                 "क्\u200dष",     // and Hindi the joiner
		"山田太郎":                      "山田太郎",
		family:                      family,
		wave + " Bo":                wave + " Bo",
		"🏳️‍🌈":                      "🏳️‍🌈",
		"❤️":                        "❤️",
		"R2-D2 (2)":                 "R2-D2 (2)",
		"<script>":                  "<script>", // whoever shows it escapes it
		strings.Repeat("x", 64):     strings.Repeat("x", 64),
		strings.Repeat("山", 64):     strings.Repeat("山", 64),
		strings.Repeat("😀", 64):     strings.Repeat("😀", 64),
		"e\u0301\u0302\u0303\u030a": "e\u0301\u0302\u0303\u030a", // four marks
	} {
		got, err := CleanName(in)
		if err != nil || got != want {
			t.Errorf("%+q becomes %+q, %v; want %+q", in, got, err, want)
			continue
		}
		if shown := ShowName(got); shown != got {
			t.Errorf("clean name %+q is shown as %+q", got, shown)
		}
	}
}

var hostile = map[string]string{
	"override":            "Anna\u202enimda",
	"embedding":           "\u202aAnna",
	"pop":                 "Anna\u202c",
	"isolate":             "\u2066Anna\u2069",
	"mark left to right":  "An\u200ena",
	"mark right to left":  "An\u200fna",
	"Arabic letter mark":  "An\u061cna",
	"zero width space":    "An\u200bna",
	"word joiner":         "An\u2060na",
	"byte order mark":     "\ufeffAnna",
	"joiner in Latin":     "An\u200dna",
	"non-joiner in Latin": "An\u200cna",
	"joiner at the end":   "Anna\u200d",
	"joiner at the start": "\u200d😀",
	"two joiners":         "👨\u200d\u200d👩",
	"soft hyphen":         "An\u00adna",
	"grapheme joiner":     "An\u034fna",
	"Hangul filler":       "\u3164",
	"half-width filler":   "\uffa0",
	"Braille blank":       "\u2800",
	"tag":                 "Anna\U000e0041",
	"variation selector":  "Anna\U000e0100",
	"escape":              "\x1b[31mAnna",
	"C1 control":          "Anna\u009b31m",
	"bell":                "Anna\a",
	"null":                "An\x00na",
	"delete":              "Anna\x7f",
	"newline":             "Anna\nmsg",
	"carriage return":     "Anna\rmsg",
	"tab":                 "An\tna",
	"line separator":      "An\u2028na",
	"paragraph separator": "An\u2029na",
	"next line":           "An\u0085na",
	"private use":         "An\ue000na",
	"noncharacter":        "An\uffffna",
	"noncharacter 2":      "An\ufdd0na",
	"annotation":          "An\ufff9na",
	"leading mark":        "\u0301Anna",
	"mark after space":    "A \u0301nna",
	"five marks":          "e\u0301\u0302\u0303\u030a\u0323",
	"enclosing marks":     "e\u20dd\u20dd\u20dd\u20dd\u20dd",
	"not UTF-8":           "An\xffna",
	"overlong":            "An\xc0\x80na",
	"surrogate":           "An\xed\xa0\x80na",
	"empty":               "",
	"spaces":              " \u2003\u00a0 ",
	"65 characters":       strings.Repeat("x", 65),
	"65 of four bytes":    strings.Repeat("😀", 65),
	"too many bytes":      strings.Repeat("e\u0301\u0302\u0303\u030a", 40),
	"a megabyte":          strings.Repeat("x", 1<<20),
	"megabyte of marks":   "x" + strings.Repeat("\u0301", 1<<19),
}

func TestCleanNameRefuses(t *testing.T) {
	for what, name := range hostile {
		if got, err := CleanName(name); err == nil {
			t.Errorf("%s: %+q is taken as %+q", what, name, got)
		}
	}
}

// TestShowNameNeutralises shows every hostile name, and checks that what comes
// out would be taken as a name, or was replaced visibly.
func TestShowNameNeutralises(t *testing.T) {
	for what, name := range hostile {
		shown := ShowName(name)
		checkShown(t, what, shown)
		if shown == "Anna" {
			t.Errorf("%s: a doctored name is shown as the real one", what)
		}
	}
	for in, want := range map[string]string{
		"Anna\u202enimda":                 "Anna\ufffdnimda",
		"\x1b[31mAnna":                    "\ufffd[31mAnna",
		"An\u200bna":                      "An\ufffdna",
		"Anna\nmsg":                       "Anna\ufffdmsg",
		"\u0301Anna":                      "\ufffdAnna",
		"":                                "\ufffd",
		"  Anna   Rossi ":                 "Anna Rossi",
		"An\xffna":                        "An\ufffdna",
		strings.Repeat("x", 65):           strings.Repeat("x", 63) + "…",
		strings.Repeat("😀", 65):           strings.Repeat("😀", 63) + "…",
		"x" + strings.Repeat("\u0301", 9): "x\u0301\u0301\u0301\u0301",
	} {
		if got := ShowName(in); got != want {
			t.Errorf("%+q is shown as %+q, want %+q", in, got, want)
		}
	}
}

func checkShown(t *testing.T, what, shown string) {
	t.Helper()
	if !utf8.ValidString(shown) || shown == "" || len(shown) > NameBytesMax {
		t.Errorf("%s: shown as %+q", what, shown)
	}
	for _, r := range shown {
		if unicode.IsControl(r) || isBidi(r) || isInvisible(r) || unicode.In(r, unicode.Bidi_Control) {
			t.Errorf("%s: shown with %U", what, r)
		}
	}
	if again := ShowName(shown); again != shown {
		t.Errorf("%s: %+q is shown as %+q the second time", what, shown, again)
	}
}

func TestShowText(t *testing.T) {
	for in, want := range map[string]string{
		"one\ntwo\tthree":                  "one\ntwo\tthree",
		"one\r\ntwo":                       "one\ntwo",
		"over\rwrite":                      "over\ufffdwrite",
		"\x1b]0;title\a":                   "\ufffd]0;title\ufffd",
		"\u009b2J":                         "\ufffd2J",
		"a\u202eb":                         "a\ufffdb",
		"a\u2067b\u2069":                   "a\ufffdb\ufffd",
		"שלום\u200f!":                      "שלום!",
		"a\u200bb\u00adc\ufeffd":           "abcd",
		"fine\u2028print":                  "fine\ufffdprint",
		"bad\xff":                          "bad\ufffd",
		family + wave:                      family + wave,
		"می\u200cخواهم":                    "می\u200cخواهم",
		"z" + strings.Repeat("\u0335", 50): "z\u0335\u0335\u0335\u0335",
		"\n\u0301x":                        "\n\ufffdx",
		"":                                 "",
		strings.Repeat("long ", 12_000):    strings.Repeat("long ", 12_000),
	} {
		if got := ShowText(in); got != want {
			t.Errorf("%+q is shown as %+q, want %+q", in, got, want)
		}
	}
}

func TestCutName(t *testing.T) {
	for _, c := range []struct {
		name string
		size int
		want string
	}{
		{"Anna", 4, "Anna"},
		{"Anna", 3, "Ann"},
		{"Anna", 0, ""},
		{"Anna Rossi", 5, "Anna"},
		{"Zoë", 3, "Zo"},
		{"Zoe\u0308", 4, "Zo"}, // not an e without its dots
		{"a" + family, 25, "a"},
		{"a" + family, 26, "a" + family},
		{wave + "x", 8, wave},
		{wave + "x", 7, ""},
		{"山田", 5, "山"},
	} {
		if got := CutName(c.name, c.size); got != c.want {
			t.Errorf("%+q in %d bytes is %+q, want %+q", c.name, c.size, got, c.want)
		}
	}
}

func TestNameErrorsDoNotRepeatTheName(t *testing.T) {
	for what, name := range hostile {
		_, err := CleanName(name)
		if err == nil || !utf8.ValidString(err.Error()) || strings.ContainsFunc(err.Error(), unicode.IsControl) {
			t.Errorf("%s: error is %q", what, err)
		}
	}
}

func FuzzShow(f *testing.F) {
	for _, name := range hostile {
		if len(name) < 1000 {
			f.Add(name)
		}
	}
	f.Add(family + wave + "🏳️‍🌈")
	f.Add("\u200d\u06df")                          // what is dropped is no bearer of a mark
	f.Add("a\u0301\u0301\u0301\u0301\u200b\u0301") // nor between two marks
	f.Fuzz(func(t *testing.T, s string) {
		checkShown(t, "fuzz", ShowName(s))
		if name, err := CleanName(s); err == nil {
			if again, err := CleanName(name); err != nil || again != name {
				t.Errorf("%+q is not clean: %+q %v", name, again, err)
			}
			if shown := ShowName(name); shown != name {
				t.Errorf("clean name %+q is shown as %+q", name, shown)
			}
			for size := range len(name) + 1 {
				if cut := CutName(name, size); len(cut) > size || !strings.HasPrefix(name, cut) {
					t.Errorf("%+q in %d bytes is %+q", name, size, cut)
				}
			}
		}
		text := ShowText(s)
		for _, r := range text {
			if r != '\n' && r != '\t' && unicode.IsControl(r) || isBidi(r) {
				t.Errorf("text is shown with %U", r)
			}
		}
		if again := ShowText(text); again != text {
			t.Errorf("%+q is shown as %+q the second time", text, again)
		}
	})
}
