package mdns

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"

	"sottovoce/discovery"
	"sottovoce/mesh/goldentest"
	"sottovoce/mesh/peer"
)

func txtOf(t testing.TB, a *peer.Announcement) []string {
	t.Helper()
	txt, err := appendTXT(nil, a)
	if err != nil {
		t.Fatal(err)
	}
	return txt
}

// TestVectors pins the TXT record and the whole announcement on the air.
func TestVectors(t *testing.T) {
	var got bytes.Buffer
	hidden, longest := sample(2), sample(3)
	hidden.Open = nil
	longest.Epoch, longest.Caps = 1<<32-1, 1<<64-1
	longest.Open.Name = strings.Repeat("ä", 64) + strings.Repeat("z", 100)
	for i, a := range []*peer.Announcement{sample(1), hidden, longest} {
		fmt.Fprintf(&got, "# announcement %d\n", i+1)
		for _, s := range txtOf(t, a) {
			fmt.Fprintf(&got, "txt = %s\n", s)
		}
		fmt.Fprintf(&got, "packet = %s\n", hex.EncodeToString(response(t, a)))
	}
	goldentest.File(t, "announcement.txt", got.String())
}

func TestTXTRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a := peer.Announcement{Version: 1, Epoch: rapid.Uint32().Draw(t, "epoch"), Caps: rapid.Uint64().Draw(t, "caps")}
		fill := func(b []byte) { copy(b, rapid.SliceOfN(rapid.Byte(), len(b), len(b)).Draw(t, "bytes")) }
		fill(a.Nonce[:])
		fill(a.Fingerprint[:])
		for i := range a.Slots {
			fill(a.Slots[i][:])
		}
		if rapid.Bool().Draw(t, "open") {
			proper := func(name string) bool { return peer.CutName(name, nameMax) != "" }
			a.Open = &peer.Open{Name: rapid.StringN(1, 40, nameMax).Filter(proper).Draw(t, "name")}
			fill(a.Open.Handle[:])
		}
		txt, err := appendTXT(nil, &a)
		if err != nil {
			t.Fatal(err)
		}
		back, err := parseTXT(txt)
		if err != nil {
			t.Fatalf("%q: %v", txt, err)
		}
		if a.Open != nil && back.Open != nil && strings.HasPrefix(a.Open.Name, back.Open.Name) {
			a.Open.Name = back.Open.Name // CutName may have shortened it
		}
		if !discovery.Same(&a, &back) {
			t.Fatalf("%+v came back as %+v", a, back)
		}
	})
}

func TestTXTSize(t *testing.T) {
	a := sample(1)
	a.Epoch, a.Caps = 1<<32-1, 1<<64-1
	for _, name := range []string{strings.Repeat("字", 64), strings.Repeat("🎈", 64)} {
		a.Open.Name = name
		size := 0
		for _, s := range txtOf(t, a) {
			if len(s) > txtString {
				t.Errorf("a string of %d bytes", len(s))
			}
			size += 1 + len(s)
		}
		back, err := parseTXT(txtOf(t, a))
		if err != nil || size > txtMax {
			t.Fatalf("%d bytes: %v", size, err)
		}
		if !strings.HasPrefix(name, back.Open.Name) || len(back.Open.Name) < nameMax-4 || !utf8.ValidString(back.Open.Name) {
			t.Errorf("name was cut to %q", back.Open.Name)
		}
	}
	if b := response(t, a, "10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4", "fe80::1", "fe80::2", "fd00::1", "fd00::2", "fd00::3", "fd00::4", "fd00::5", "fd00::6"); len(b) > 1232 {
		t.Errorf("the largest announcement has %d bytes", len(b))
	}
}

func TestParseTXTRefuses(t *testing.T) {
	good := txtOf(t, sample(1))
	if _, err := parseTXT(append(good, "unknown=1", "novalue", "=nokey", "")); err != nil {
		t.Fatalf("unknown keys must be ignored: %v", err)
	}
	for i := range good {
		if strings.HasPrefix(good[i], "o=") {
			continue
		}
		if _, err := parseTXT(slices.Delete(slices.Clone(good), i, i+1)); err == nil {
			t.Errorf("accepted without %q", good[i])
		}
		for cut := range good[i] {
			if _, err := parseTXT(replaced(good, i, good[i][:cut])); err == nil && cut != len(good[i]) && !strings.HasPrefix(good[i], "e=") {
				t.Errorf("accepted %q", good[i][:cut])
			}
		}
		if _, err := parseTXT(append(slices.Clone(good), good[i])); err == nil {
			t.Errorf("accepted %q twice", good[i])
		}
	}
	for _, bad := range []string{
		"v=0", "v=01", "v=+1", "v=", "v=x", "v=300", "e=-1", "e=4294967296", "e=007", "c=05", "c=5F", "c=0x5", "c=11111111111111111",
		"x=AAAAAAAAAAB", "x=AAAAAAAAAA\n", "x=AAAAAAAAAAA=", "x=AAAAAAAAAAAAAA", "x=AAAA/AAAAAA", `x=\065AAAAAAAAA`,
		"o=", "o=AAAAAAAA", "o=AAAAAAAA_w", "o=AAAA", "o=" + encode(bytes.Repeat([]byte{'a'}, 6+nameMax+1)),
	} {
		i := slices.IndexFunc(good, func(s string) bool { return s[0] == bad[0] })
		if a, err := parseTXT(replaced(good, i, bad)); err == nil || errors.Is(err, errNewer) {
			t.Errorf("accepted %q: %+v", bad, a)
		}
	}
	for _, newer := range []string{"v=2", "v=255"} {
		if _, err := parseTXT([]string{newer}); !errors.Is(err, errNewer) {
			t.Errorf("%q: %v, want errNewer", newer, err)
		}
	}
	long := append(slices.Clone(good), strings.Repeat("y", 200), strings.Repeat("y", 100))
	many := append(slices.Clone(good), strings.Split(strings.Repeat("y", 10), "")...)
	for _, bad := range [][]string{nil, long, many, append(slices.Clone(good), strings.Repeat("y", 256))} {
		if _, err := parseTXT(bad); err == nil {
			t.Errorf("accepted %d strings", len(bad))
		}
	}
}

func replaced(txt []string, i int, with string) []string {
	out := slices.Clone(txt)
	out[i] = with
	return out
}

func TestAppendTXTRefuses(t *testing.T) {
	for name, change := range map[string]func(*peer.Announcement){
		"version":  func(a *peer.Announcement) { a.Version = 2 },
		"no name":  func(a *peer.Announcement) { a.Open.Name = "" },
		"not UTF8": func(a *peer.Announcement) { a.Open.Name = "a\xff" },
	} {
		a := sample(1)
		change(a)
		if txt, err := appendTXT(nil, a); err == nil || txt != nil {
			t.Errorf("%s: made %q", name, txt)
		}
	}
}

func FuzzTXT(f *testing.F) {
	f.Add(strings.Join(txtOf(f, sample(1)), "\n"))
	f.Add("v=2\nx=")
	f.Add("v=1\nv=1\n\n=\no=AAAAAAAAQQ")
	f.Fuzz(func(t *testing.T, s string) {
		a, err := parseTXT(strings.Split(s, "\n"))
		if err != nil {
			return
		}
		back, err := parseTXT(txtOf(t, &a))
		if err != nil {
			t.Fatal(err)
		}
		if a.Open != nil && strings.HasPrefix(a.Open.Name, back.Open.Name) {
			back.Open.Name = a.Open.Name
		}
		if !discovery.Same(&a, &back) {
			t.Fatalf("%+v came back as %+v", a, back)
		}
	})
}
