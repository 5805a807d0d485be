package demo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"sottovoce/cmd/internal/tui/paint"
)

var verb = regexp.MustCompile(`%(\[\d\])?[a-z]`)

// Both catalogues have every word, with the same arguments.
func TestComplete(t *testing.T) { same(t, "it", reflect.ValueOf(english), reflect.ValueOf(italian)) }

func same(t *testing.T, name string, one, other reflect.Value) {
	t.Helper()
	switch one.Kind() {
	case reflect.String:
		if strings.TrimSpace(other.String()) == "" {
			t.Errorf("%s is missing", name)
		}
		if want, got := verb.FindAllString(one.String(), -1), verb.FindAllString(other.String(), -1); !reflect.DeepEqual(want, got) {
			t.Errorf("%s takes %q, in English %q", name, got, want)
		}
	case reflect.Struct:
		for i := range one.NumField() {
			same(t, name+" "+one.Type().Field(i).Name, one.Field(i), other.Field(i))
		}
	case reflect.Array:
		for i := range one.Len() {
			same(t, fmt.Sprint(name, i), one.Index(i), other.Index(i))
		}
	case reflect.Map:
		if one.Len() != other.Len() {
			t.Errorf("%s has %d, in English %d", name, other.Len(), one.Len())
		}
		for _, key := range one.MapKeys() {
			if !other.MapIndex(key).IsValid() {
				t.Errorf("%s has no %s", name, key)
				continue
			}
			same(t, name+" "+key.String(), one.MapIndex(key), other.MapIndex(key))
		}
	default:
		t.Errorf("%s is of a kind that is not compared", name)
	}
}

// The environment chooses the language.
func TestLanguage(t *testing.T) {
	for lang, want := range map[string]*catalogue{"": &english, "it_IT.UTF-8": &italian, "de_DE": &english} {
		if got := speaks(func(key string) string { return map[string]string{"LANG": lang}[key] }); got != want {
			t.Errorf("for %q it speaks %s", lang, got.Language)
		}
	}
	if got := english.list([]string{"a", "b", "c"}) + "; " + italian.list([]string{"a", "b"}) + "; " + english.list([]string{"a"}); got != "a, b and c; a e b; a" {
		t.Error(got)
	}
	if got := italian.day(20838); got != "20 gennaio 2027" {
		t.Error(got)
	}
}

// some statements of both sides, and one that belongs to neither.
var some = []Statement{
	{Event: "act", Act: "away", Side: ofAll, Says: "Away"},
	{Event: "writes", Side: ofPeople, Says: "Anna writes to Bruno: “The key is under the third flowerpot, the one with the 🌻.”"},
	{Event: "blob", Side: ofShelf, Says: "It keeps a message:\n01 00 51 66"},
	{Event: "missing", Side: ofAll, Says: "This did not happen.\x1b[2J"},
}

func tellAll(t *testing.T, shape func(*teller)) string {
	t.Helper()
	var out bytes.Buffer
	teller := teller{out: &out, words: &english}
	shape(&teller)
	for _, s := range some {
		if err := teller.tell(s); err != nil {
			t.Fatal(err)
		}
	}
	if err := teller.flush(); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestColumns(t *testing.T) {
	plain := tellAll(t, func(t *teller) { t.shape(100, false, false, true) })
	want := []string{
		"", "── Away ─────────────────────────────────────────┬─ What the supernode sees ────────────────────────",
		"Anna writes to Bruno: “The key is under the      │ It keeps a message:",
		"third flowerpot, the one with the 🌻.”           │ 01 00 51 66",
		"                                                 │",
		"This did not happen.", "",
	}
	got := strings.Split(strings.ReplaceAll(plain, "[2J", ""), "\n")
	for i := range got {
		if strings.ContainsRune(got[i], '\x1b') || paint.Width(got[i]) > 100 {
			t.Errorf("row %d is %q", i, got[i])
		}
	}
	if len(got) < len(want) || got[1] != want[1] {
		t.Fatalf("%q", got)
	}
	for i := range want {
		if !strings.HasPrefix(got[i], want[i]) {
			t.Errorf("row %d is %q, not %q", i, got[i], want[i])
		}
	}
	coloured := tellAll(t, func(t *teller) { t.shape(100, false, false, false) })
	if !strings.Contains(coloured, "\x1b["+looks[anna]+"mAnna\x1b[m") || !strings.Contains(coloured, "\x1b["+red+"m") {
		t.Errorf("%q", coloured)
	}
}

// In a narrow terminal, a dumb one, and a file there is one thing after the other.
func TestLinear(t *testing.T) {
	for name, shape := range map[string]func(*teller){
		"narrow": func(t *teller) { t.shape(60, false, false, true) }, "dumb": func(t *teller) { t.shape(200, false, true, false) },
		"lines": func(t *teller) { t.shape(200, true, false, true) }, "file": func(*teller) {},
	} {
		told := tellAll(t, shape)
		for _, want := range []string{"\nAway\n\n", "\nAnna writes to Bruno: “The key is under the ", "\n   Supernode: It keeps a message:\n   01 00 51 66\n", "\nThis did not happen."} {
			if !strings.Contains(told, want) || strings.ContainsRune(told, '\x1b') || strings.ContainsRune(told, '│') {
				t.Errorf("%s: %q lacks %q", name, told, want)
			}
		}
	}
}

func TestPace(t *testing.T) {
	if err := (*pace)(nil).wait(t.Context(), 1<<20); err != nil {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := new(pace).wait(ctx, 0); !errors.Is(err, context.Canceled) {
		t.Errorf("a pause that is interrupted ends with %v", err)
	}
	p := &pace{keys: make(chan struct{})}
	p.pressed([]byte("x"), t.FailNow) // nobody waits: it is left out, and does not block
	on := make(chan struct{})
	go func() {
		defer close(on)
		for begin := time.Now(); time.Since(begin) < pauseMin; time.Sleep(time.Millisecond) {
			select {
			case on <- struct{}{}:
				return
			default:
				p.pressed([]byte("\x1b[A"), t.FailNow)
			}
		}
	}()
	begin := time.Now()
	if err := p.wait(t.Context(), 1<<20); err != nil || time.Since(begin) > pauseMax/2 {
		t.Errorf("a key goes on after %s, %v", time.Since(begin), err)
	}
	<-on
	ctx, cancel = context.WithCancel(t.Context())
	p.pressed([]byte{ctrlC}, cancel)
	if err := p.wait(ctx, 1<<20); !errors.Is(err, context.Canceled) {
		t.Errorf("Ctrl-C goes on with %v", err)
	}
}

// Who cannot be told anything ends it.
func TestTellerFails(t *testing.T) {
	r, w := io.Pipe()
	r.Close()
	teller := teller{out: w, words: &english}
	if err := teller.tell(some[1]); !errors.Is(err, io.ErrClosedPipe) {
		t.Error(err)
	}
}
