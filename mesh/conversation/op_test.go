package conversation

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"sottovoce/mesh/goldentest"
	"sottovoce/mesh/identity"
	"sottovoce/mesh/peer"
	"sottovoce/mesh/wire"
)

var (
	noon  = time.UnixMilli(1_800_000_000_123)
	anna  = peer.ID{0xaa}
	bruno = peer.ID{0xbb}
	talk  = ID{0xcc}
)

func fatal(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// say makes the author's next op and admits it.
func say(t testing.TB, l *Log, author peer.ID, text string) *Op {
	t.Helper()
	op, err := l.Next(author, noon, Text(text))
	fatal(t, err)
	_, err = l.Admit(op, author)
	fatal(t, err)
	return op
}

// raw encodes an op with any fields.
func raw(t testing.TB, w wireOp) []byte {
	t.Helper()
	b, err := wire.Marshal(w)
	fatal(t, err)
	return b
}

// plain is an op that parses.
func plain() wireOp {
	return wireOp{Conversation: talk, Author: anna, Seq: 1, Lamport: 1, Time: 5, Kind: KindText, Body: []byte("\xa1\x00\x62hi")}
}

// TestOpVector pins the bytes and ids of a first and of a later op.
//
// spec: 06-conversations#ops
func TestOpVector(t *testing.T) {
	l := NewLog(DirectID(identity.AccountID{1}, identity.AccountID{2}))
	first := say(t, l, anna, "ciao")
	second := say(t, l, bruno, "ciao, Anna! \u2615")
	got := fmt.Sprintf("conversation = %x\nfirst op = %x\nfirst id = %x\nsecond op = %x\nsecond id = %x\n",
		[32]byte(l.ID()), first.Raw(), [32]byte(first.ID()), second.Raw(), [32]byte(second.ID()))
	goldentest.File(t, "ops.txt", got)
}

// TestOpRoundTrip: what Next makes parses to the same op, and no cut of it does.
func TestOpRoundTrip(t *testing.T) {
	l := NewLog(talk)
	say(t, l, bruno, "hello")
	say(t, l, anna, "one")
	op := say(t, l, anna, "two")
	got, err := ParseOp(op.Raw())
	fatal(t, err)
	if got.ID() != op.ID() || got.Seq != 2 || got.Lamport != 3 || got.Time != noon.UnixMilli() || got.Author != anna {
		t.Errorf("parsed %+v", got)
	}
	if text, ok := got.Text(); text != "two" || !ok {
		t.Errorf("text %q %t", text, ok)
	}
	for i := range op.Raw() {
		if _, err := ParseOp(op.Raw()[:i]); err == nil {
			t.Errorf("cut at %d parses", i)
		}
	}
	buf := slices.Clone(op.Raw())
	got, err = ParseOp(buf)
	fatal(t, err)
	clear(buf)
	if !bytes.Equal(got.Raw(), op.Raw()) {
		t.Error("the op shares the caller's bytes")
	}
}

// TestParseOpRefuses one fault at a time.
func TestParseOpRefuses(t *testing.T) {
	one, two := OpID{1}, OpID{2}
	for name, change := range map[string]func(*wireOp){
		"seq 0":            func(w *wireOp) { w.Seq = 0 },
		"seq too large":    func(w *wireOp) { w.Seq, w.Prev = SeqMax+1, &one },
		"first with prev":  func(w *wireOp) { w.Prev = &one },
		"second, no prev":  func(w *wireOp) { w.Seq = 2 },
		"zero prev":        func(w *wireOp) { w.Seq, w.Prev = 2, &OpID{} },
		"lamport 0":        func(w *wireOp) { w.Lamport = 0 },
		"lamport too big":  func(w *wireOp) { w.Lamport = LamportMax + 1 },
		"time before 1970": func(w *wireOp) { w.Time = -1 },
		"time after 9999":  func(w *wireOp) { w.Time = timeMax + 1 },
		"kind 0":           func(w *wireOp) { w.Kind = 0 },
		"frontier order":   func(w *wireOp) { w.Frontier = []OpID{two, one} },
		"frontier twice":   func(w *wireOp) { w.Frontier = []OpID{one, one} },
		"frontier prev":    func(w *wireOp) { w.Seq, w.Prev, w.Frontier = 2, &one, []OpID{one} },
		"frontier of 9": func(w *wireOp) {
			for i := range FrontierMax + 1 {
				w.Frontier = append(w.Frontier, OpID{byte(i + 1)})
			}
		},
		"empty text":     func(w *wireOp) { w.Body = []byte("\xa1\x00\x60") },
		"text missing":   func(w *wireOp) { w.Body = []byte("\xa0") },
		"text in bytes":  func(w *wireOp) { w.Body = []byte("\xa1\x00\x42hi") },
		"text too long":  func(w *wireOp) { w.Body = longText(TextMax + 1) },
		"op too long":    func(w *wireOp) { w.Kind, w.Body = 99, longText(OpMax) },
		"body no object": func(w *wireOp) { w.Body = []byte("\x01") },
	} {
		w := plain()
		change(&w)
		if _, err := ParseOp(raw(t, w)); !errors.Is(err, wire.ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
	bad := plain()
	b := raw(t, bad)
	i := bytes.Index(b, []byte("hi"))
	b[i] = 0xff
	if _, err := ParseOp(b); !errors.Is(err, wire.ErrMalformed) {
		t.Errorf("not UTF-8: %v", err)
	}
}

func longText(n int) []byte {
	b, err := wire.Marshal(textBody{Text: strings.Repeat("x", n)})
	if err != nil {
		panic(err)
	}
	return b
}

// TestLaterVersions: unknown kinds and keys are kept byte for byte, critical keys are
// for a newer version.
func TestLaterVersions(t *testing.T) {
	w := plain()
	w.Kind, w.Body = 200, []byte("\xa1\x07\x07")
	op, err := ParseOp(raw(t, w))
	fatal(t, err)
	if _, ok := op.Text(); ok || op.Kind != 200 {
		t.Error("an unknown kind has a text")
	}
	if _, err := NewLog(talk).Admit(op, anna); err != nil {
		t.Errorf("an unknown kind is not admitted: %v", err)
	}
	b := raw(t, plain())
	b[0]++ // one more pair: via
	b = append(b, 0x0a, 0xa1, 0x01, 0x02)
	if op, err = ParseOp(b); err != nil || !bytes.Equal(op.Raw(), b) {
		t.Errorf("unknown key: %v", err)
	}
	b = raw(t, plain())
	b[0]++
	b = append(b, 0x19, 0x80, 0x00, 0x01)
	if _, err := ParseOp(b); !errors.Is(err, wire.ErrNewer) {
		t.Errorf("critical key: %v", err)
	}
}

// TestTextLimits: to the byte, and the error names the limit.
func TestTextLimits(t *testing.T) {
	l := NewLog(talk)
	op, err := l.Next(anna, noon, Text(strings.Repeat("x", TextMax)))
	fatal(t, err)
	if len(op.Raw()) > OpMax {
		t.Errorf("the longest text makes an op of %d bytes", len(op.Raw()))
	}
	_, err = l.Next(anna, noon, Text(strings.Repeat("x", TextMax+1)))
	if !errors.Is(err, ErrTooLong) || !strings.Contains(err.Error(), "60,000") {
		t.Errorf("too long: %v", err)
	}
	for _, text := range []string{"", "\xff"} {
		if _, err := l.Next(anna, noon, Text(text)); !errors.Is(err, ErrText) {
			t.Errorf("%q: %v", text, err)
		}
	}
	for _, at := range []time.Time{time.UnixMilli(-5), time.UnixMilli(timeMax + 5)} {
		if _, err := l.Next(anna, at, Text("x")); err != nil {
			t.Errorf("a clock at %v makes no op: %v", at, err)
		}
	}
}

// TestLongestOpFits: a longest text with a full frontier stays below OpMax.
func TestLongestOpFits(t *testing.T) {
	l := NewLog(talk)
	for i := range FrontierMax + 3 {
		author := peer.ID{byte(i + 1)}
		w := plain()
		w.Author, w.Lamport = author, LamportMax
		op, err := ParseOp(raw(t, w))
		fatal(t, err)
		_, err = l.Admit(op, author)
		fatal(t, err)
	}
	say(t, l, anna, "first")
	for i := range FrontierMax {
		author := peer.ID{byte(i + 100)}
		w := plain()
		w.Author = author
		op, err := ParseOp(raw(t, w))
		fatal(t, err)
		_, err = l.Admit(op, author)
		fatal(t, err)
	}
	op, err := l.Next(anna, noon, Text(strings.Repeat("\u20ac", TextMax/3)))
	fatal(t, err)
	if len(op.Frontier) < FrontierMax-1 || len(op.Raw()) > OpMax {
		t.Errorf("frontier of %d, %d bytes", len(op.Frontier), len(op.Raw()))
	}
}

func TestIDs(t *testing.T) {
	a, b := identity.AccountID{1}, identity.AccountID{2}
	if DirectID(a, b) != DirectID(b, a) || DirectID(a, b) == DirectID(a, a) {
		t.Error("direct ids")
	}
	id, op := DirectID(a, b), OpID{5, 6, 7}
	if got, err := ParseID(id.String()); err != nil || got != id || !strings.HasPrefix(id.String(), "conv-") {
		t.Errorf("%s: %v", id, err)
	}
	if got, err := ParseOpID(op.String()); err != nil || got != op || !strings.HasPrefix(op.String(), "msg-") {
		t.Errorf("%s: %v", op, err)
	}
	if _, err := ParseOpID(id.String()); err == nil {
		t.Error("a conversation's id is a message's")
	}
	if _, err := ParseID(op.String()); err == nil {
		t.Error("a message's id is a conversation's")
	}
}

// TestOpIDPrefix: every prefix of an id's text gives a prefix of its bytes.
func TestOpIDPrefix(t *testing.T) {
	raw, err := hex.DecodeString("00443214c74254b635cf84653a56d7c675be77df00443214c74254b635cf8465")
	fatal(t, err)
	id := OpID(raw)
	text := id.String()
	for n := len("msg-") + 2; n <= len(text); n++ {
		got, err := OpIDPrefix(text[:n])
		if err != nil || !bytes.HasPrefix(id[:], got) || len(got) != (n-4)*5/8 {
			t.Errorf("%s: %x %v", text[:n], got, err)
		}
	}
	for _, bad := range []string{"", "msg-", "msg-a", "conv-abcd", "msg-ABCD", "msg-0189", text + "a"} {
		if _, err := OpIDPrefix(bad); err == nil {
			t.Errorf("%q is a prefix", bad)
		}
	}
}

func FuzzParseOp(f *testing.F) {
	l := NewLog(talk)
	f.Add(say(f, l, anna, "ciao").Raw())
	f.Add(say(f, l, bruno, "ciao, Anna").Raw())
	f.Add(say(f, l, anna, "come stai?").Raw())
	f.Add(utter(f, l, anna, Profile{Name: "Anna B."}).Raw())
	f.Add(utter(f, l, bruno, Read{{Author: anna, Seq: 3}}).Raw())
	f.Add(utter(f, l, bruno, Account("an account")).Raw())
	for _, body := range changesOfAText {
		f.Add(utter(f, l, anna, body).Raw())
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		op, err := ParseOp(b)
		if err != nil {
			return
		}
		if !bytes.Equal(op.Raw(), b) || op.Seq < 1 || op.Lamport < 1 || len(op.Frontier) > FrontierMax {
			t.Fatalf("parsed %+v", op)
		}
		log := NewLog(op.Conversation)
		if _, err := log.Admit(op, op.Author); err != nil {
			t.Fatal(err)
		}
		if _, err := LoadLog(log.Save()); err != nil {
			t.Fatal(err)
		}
	})
}

func FuzzParseID(f *testing.F) {
	f.Add(ID{1}.String())
	f.Add(OpID{2}.String())
	f.Add("msg-ab")
	f.Fuzz(func(t *testing.T, s string) {
		if id, err := ParseID(s); err == nil && id.String() != s {
			t.Errorf("%q and %q are the same conversation", s, id)
		}
		if id, err := ParseOpID(s); err == nil && id.String() != s {
			t.Errorf("%q and %q are the same message", s, id)
		}
		if prefix, err := OpIDPrefix(s); err == nil && (len(prefix) == 0 || len(prefix) > len(OpID{})) {
			t.Errorf("%q begins an id with %x", s, prefix)
		}
	})
}
