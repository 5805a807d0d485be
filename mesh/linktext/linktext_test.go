package linktext

import (
	"errors"
	"strings"
	"testing"

	"sottovoce/mesh/wire"
)

// body is what the links of these tests say.
type body struct {
	Said []byte `cbor:"1,keyasint"`
}

var form = Form{Name: "test link", Version: 5, Label: "sv1 test link", Max: 64}

// TestText: a text is read however it was broken, and in upper case; what is not exact, of another kind or too long is not.
func TestText(t *testing.T) {
	text := form.Text(body{[]byte("ciao")})
	for name, as := range map[string]string{
		"as it is": text, "in upper case": strings.ToUpper(text), "broken": " " + text[:20] + "\n" + text[20:30] + "\u200b" + text[30:] + "\r\n",
	} {
		var got body
		if err := form.Parse(as, &got); err != nil || string(got.Said) != "ciao" || !Is(as) || VersionOf(as) != 5 {
			t.Errorf("%s: %q, %v", name, got.Said, err)
		}
	}
	older, later := form, form
	older.Version, later.Version = 4, 6
	other := form
	other.Label = "sv1 other link"
	for name, as := range map[string]string{
		"nothing": "", "no link": "Anna", "nothing in it": Scheme, "an odd bit": text[:len(text)-1] + "9", "one that is cut": text[:len(text)-1],
		"another kind": other.Text(body{}), "an older one": older.Text(body{}), "too long": form.Text(body{make([]byte, 64)}),
		"too much white space": text + strings.Repeat(" ", textMax), "another thing in it": form.Text([]int{1}),
	} {
		if err := form.Parse(as, new(body)); !errors.Is(err, ErrText) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := form.Parse(later.Text(body{}), new(body)); !errors.Is(err, wire.ErrNewer) {
		t.Errorf("a later one: %v", err)
	}
	if VersionOf("Anna") != 0 || VersionOf(Scheme) != 0 || VersionOf(Scheme+"!!") != 0 || Is("Anna") {
		t.Error("what is no link has a version")
	}
}

func FuzzParse(f *testing.F) {
	text := form.Text(body{[]byte("ciao")})
	f.Add(text)
	f.Add(strings.ToUpper(text[:20]) + "\n" + text[20:])
	f.Fuzz(func(t *testing.T, text string) {
		var got body
		if err := form.Parse(text, &got); err != nil {
			return
		}
		var again body
		if err := form.Parse(form.Text(got), &again); err != nil || string(again.Said) != string(got.Said) {
			t.Errorf("%q became %q, %v", got.Said, again.Said, err)
		}
	})
}
