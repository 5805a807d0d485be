package words

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

func of(text string) (all []string) {
	Each(text, func(word string, _, _ int) { all = append(all, word) })
	return all
}

func TestWords(t *testing.T) {
	for text, want := range map[string]string{
		"Meet me, at NINE o'clock!":          "meet me at nine o clock",
		"Grüße aus Łódź":                     "grusse aus łodz",
		"naïve café cafe\u0301":              "naive cafe cafe",
		"STRASSE Straße ẞ":                   "strasse strasse ss",
		"Σίσυφος ΣΊΣΥΦΟΣ":                    "σισυφοσ σισυφοσ",
		"Ёлка елка ЙОД":                      "елка елка иод",
		"IĞDIR ığdır":                        "igdir igdir",
		"ﬁne Ｆｕｌｌ ①":                         "fine full 1",
		"東京へ行く":                              "東 京 へ 行 く",
		"がき ガキ":                              "か\u3099 き カ\u3099 キ",
		"한국어":                                "\u1112\u1161\u11ab\u1100\u116e\u11a8\u110b\u1165",
		"كِتَاب كتـــاب":                     "كتاب كتاب",
		"שָׁלוֹם":                            "שלום",
		"हिन्दी":                             "हिन्दी",
		"pass\u200bword soft\u00adhyphen":    "password softhyphen",
		"\u202egnirts\u202c 💣 \x00 \x1b[31m": "gnirts 31m",
		"a_b-c/d.e@f":                        "a b c d e f",
		"x\xffy":                             "x y",
		"\u200b \u0301":                      "",
		"":                                   "",
	} {
		if got := strings.Join(of(text), " "); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

func TestPlaces(t *testing.T) {
	const text = "«Grüße», 東京"
	var got []string
	Each(text, func(_ string, from, to int) { got = append(got, text[from:to]) })
	if diff := cmp.Diff([]string{"Grüße", "東", "京"}, got); diff != "" {
		t.Error(diff)
	}
}

func TestLongWordsAreCut(t *testing.T) {
	for _, letter := range []string{"a", "é", "ß", "\u0301x"} {
		if w := of(strings.Repeat(letter, 5000)); len(w) != 1 || len(w[0]) > WordMax || len(w[0]) < WordMax-4 {
			t.Errorf("%q: %q", letter, w)
		}
	}
}

func TestQueryAndMatch(t *testing.T) {
	q := Query(`Boat AND "boat" OR (harbour*) -- ; DROP`)
	if diff := cmp.Diff([]string{"boat", "and", "or", "harbour", "drop"}, q); diff != "" {
		t.Fatal(diff)
	}
	for text, want := range map[string]bool{
		"drop the boat and harbour, or": true, "drop the boat and harbour": false, "": false,
	} {
		if Match(text, q) != want {
			t.Errorf("%q", text)
		}
	}
	if n := len(Query(strings.Repeat("a b c d e f g h i j k l m n o p q r s t ", 9))); n != QueryMax {
		t.Errorf("%d words", n)
	}
	if Query("?!") != nil {
		t.Error("a question of nothing has words")
	}
}

func TestSnippet(t *testing.T) {
	long := strings.Repeat("x ", 100) + "the BÖAT\n\tlies " + strings.Repeat("y ", 100)
	for text, want := range map[string]string{
		long:            "…x x x the BÖAT lies y y y y y…",
		"a boat":        "a boat",
		"a\r\n boat\n ": "a boat",
		"no such thing": "no such thing",
	} {
		if got := Snippet(text, []string{"boat"}, 30); got != want {
			t.Errorf("%q", got)
		}
	}
}

func FuzzWords(f *testing.F) {
	f.Add("Grüße, 東京 \xff\u202e pass\u200bword", 20)
	f.Fuzz(func(t *testing.T, text string, width int) {
		end := 0
		Each(text, func(word string, from, to int) {
			if from < end || to <= from || to > len(text) || len(word) > WordMax || word == "" || !utf8.ValidString(word) {
				t.Fatalf("%q at %d to %d", word, from, to)
			}
			end = to
			if again := Fold(word); len(again) < WordMax && again != word {
				t.Fatalf("%q folds to %q", word, again)
			}
		})
		query := Query(text)
		if !Match(text, query) {
			t.Fatalf("%q is not in itself", query)
		}
		width %= 1000
		if s := Snippet(text, query, width); utf8.RuneCountInString(s) > max(width, 0)+2 {
			t.Fatalf("%d runes", utf8.RuneCountInString(s))
		}
	})
}
