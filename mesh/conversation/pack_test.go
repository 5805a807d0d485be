package conversation

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"sottovoce/mesh/wire"
)

func raws(ops []*Op) (all [][]byte) {
	for _, op := range ops {
		all = append(all, op.Raw())
	}
	return all
}

func TestPackRoundTrip(t *testing.T) {
	ops := chain(t, anna, 20)
	payload, err := Pack(raws(ops))
	fatal(t, err)
	got, err := Unpack(payload)
	fatal(t, err)
	if !slices.EqualFunc(got, ops, func(a, b *Op) bool { return a.ID() == b.ID() && bytes.Equal(a.Raw(), b.Raw()) }) {
		t.Error("ops do not come back")
	}
	for i := range payload {
		if _, err := Unpack(payload[:i]); err == nil {
			t.Errorf("cut at %d unpacks", i)
		}
	}
}

func TestPackRefuses(t *testing.T) {
	for name, ops := range map[string][][]byte{
		"none":      nil,
		"too many":  make([][]byte, OpsPerPayloadMax+1),
		"too large": slices.Repeat([][]byte{make([]byte, OpMax)}, PayloadMax/OpMax+1),
	} {
		if _, err := Pack(ops); err == nil {
			t.Errorf("%s packs", name)
		}
	}
}

func TestUnpackRefuses(t *testing.T) {
	array := func(ops ...[]byte) []byte {
		b, err := wire.Marshal(ops)
		fatal(t, err)
		return wire.Compress(nil, b)
	}
	one, other := chain(t, anna, 1)[0].Raw(), chain(t, bruno, 1)[0].Raw()
	for name, payload := range map[string][]byte{
		"nothing":     {},
		"no ops":      array(),
		"no op":       array([]byte("x")),
		"two authors": array(one, other),
		"bad one":     array(one, one[:20]),
		"513":         array(slices.Repeat([][]byte{one}, OpsPerPayloadMax+1)...),
		"bomb":        wire.Compress(nil, make([]byte, 4*PayloadMax)),
		"a map":       wire.Compress(nil, []byte{0xa0}),
	} {
		if ops, err := Unpack(payload); err == nil || ops != nil {
			t.Errorf("%s: %d ops, %v", name, len(ops), err)
		}
	}
}

// TestUnpackNewer: one op for a newer version does not take the others with it.
func TestUnpackNewer(t *testing.T) {
	old := raw(t, plain())
	newer := slices.Clone(old)
	newer[0]++
	newer = append(newer, 0x19, 0x80, 0x00, 0x01)
	payload, err := Pack([][]byte{newer, old})
	fatal(t, err)
	ops, err := Unpack(payload)
	if !errors.Is(err, wire.ErrNewer) || len(ops) != 1 || !bytes.Equal(ops[0].Raw(), old) {
		t.Errorf("%d ops, %v", len(ops), err)
	}
}

// TestFit: what Fit promises does fit, and it promises at least one.
func TestFit(t *testing.T) {
	if Fit(nil, 100) != 0 {
		t.Error("none fits of none")
	}
	noise := make([]byte, 1000)
	_, _ = rand.NewChaCha8([32]byte{1}).Read(noise)
	rapid.Check(t, func(t *rapid.T) {
		var ops [][]byte
		for _, size := range rapid.SliceOfN(rapid.IntRange(0, 400), 1, 30).Draw(t, "sizes") {
			ops = append(ops, noise[size:2*size])
		}
		ops = slices.Repeat(ops, rapid.IntRange(1, 20).Draw(t, "times"))
		room := rapid.IntRange(0, 5000).Draw(t, "room")
		n := Fit(ops, room)
		if n < 1 || n > min(len(ops), OpsPerPayloadMax) {
			t.Fatalf("%d of %d", n, len(ops))
		}
		payload, err := Pack(ops[:n])
		if err != nil {
			t.Fatal(err)
		}
		if len(payload) > room && n > 1 {
			t.Fatalf("%d ops make %d bytes, room is %d", n, len(payload), room)
		}
	})
}

// TestLongestTextFits into a blob of class 2 beside what a session adds.
func TestLongestTextFits(t *testing.T) {
	noise := make([]byte, TextMax)
	for i := range noise {
		noise[i] = byte(33 + (i*i*7919+i*104729)%90)
	}
	l := NewLog(talk)
	op, err := l.Next(anna, noon, Text(noise))
	fatal(t, err)
	payload, err := Pack([][]byte{op.Raw()})
	fatal(t, err)
	if room := wire.Class2.Size() - 3000; len(payload) > room {
		t.Errorf("payload of %d bytes", len(payload))
	}
}

// TestChatCompresses: several short texts take less room than raw.
func TestChatCompresses(t *testing.T) {
	l := NewLog(talk)
	var ops [][]byte
	for range 30 {
		ops = append(ops, say(t, l, anna, strings.Repeat("see you there at eight ", 3)).Raw())
	}
	payload, err := Pack(ops)
	fatal(t, err)
	if n := len(slices.Concat(ops...)); len(payload) >= n {
		t.Errorf("%d bytes for %d", len(payload), n)
	}
}

func FuzzUnpack(f *testing.F) {
	for _, n := range []int{1, 3, 40} {
		payload, err := Pack(raws(chain(f, anna, n)))
		fatal(f, err)
		f.Add(payload)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		ops, err := Unpack(b)
		if err != nil && !errors.Is(err, wire.ErrNewer) && ops != nil {
			t.Fatal("ops with an error")
		}
		if len(ops) > OpsPerPayloadMax {
			t.Fatal("too many")
		}
	})
}
