package peer

import (
	"bytes"
	"strings"
	"testing"
)

// counted returns the bytes 0, 1, 2 …
func counted(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i)
	}
	return b
}

func TestTextualIDs(t *testing.T) {
	id := ID(counted(32))
	if got, want := id.String(), "peer-aaaqeayeaudaocajbifqydiob4ibceqtcqkrmfyydenbwha5dypq"; got != want {
		t.Errorf("id is %s, want %s", got, want)
	}
	if got, err := ParseID(id.String()); err != nil || got != id {
		t.Errorf("parsed %v %v", got, err)
	}
	handle := Handle(counted(6))
	if got, want := handle.String(), "near-aaaqeayeau"; got != want {
		t.Errorf("handle is %s, want %s", got, want)
	}
	if got, err := ParseHandle(handle.String()); err != nil || got != handle {
		t.Errorf("parsed %v %v", got, err)
	}
}

func TestParseIDRefuses(t *testing.T) {
	good := ID(counted(32)).String()
	bad := map[string]string{
		"empty":             "",
		"prefix only":       "peer-",
		"no prefix":         good[5:],
		"other prefix":      "acct-" + good[5:],
		"upper case":        strings.ToUpper(good),
		"upper case digits": "peer-" + strings.ToUpper(good[5:]),
		"padding":           good + "====",
		"padding inside":    good[:len(good)-1] + "=",
		"spare bits":        good[:len(good)-1] + "r",
		"line break":        good[:20] + "\n" + good[20:],
		"line break kept":   good[:20] + "\n" + good[21:],
		"one more":          good + "a",
		"digit of no base":  good[:20] + "1" + good[21:],
		"not ASCII":         good[:20] + "ä" + good[22:],
		"space":             " " + good,
	}
	for name, s := range bad {
		if id, err := ParseID(s); err == nil {
			t.Errorf("%s: %q is parsed as %x", name, s, id)
		}
	}
	for i := range good {
		if _, err := ParseID(good[:i]); err == nil {
			t.Errorf("cut at %d is parsed", i)
		}
	}
}

func TestDecodeTextKeepsTheOldValueOnError(t *testing.T) {
	dst := counted(6)
	if DecodeText("near-", "near-aaaqeayea1", dst) == nil {
		t.Fatal("1 is no digit of base32")
	}
	if !bytes.Equal(dst, counted(6)) {
		t.Errorf("dst is now %x", dst)
	}
}

func TestIDCompare(t *testing.T) {
	a, b := ID{1}, ID{2}
	if a.Compare(b) != -1 || b.Compare(a) != 1 || a.Compare(a) != 0 {
		t.Error("ids are not ordered by their bytes")
	}
	if !(ID{}).IsZero() || a.IsZero() {
		t.Error("IsZero is wrong")
	}
}

func TestSourceNames(t *testing.T) {
	for s, want := range map[Source]string{SourceMDNS: "mdns", SourceManual: "manual", SourceExchange: "exchange", 0: "unknown"} {
		if got := s.String(); got != want {
			t.Errorf("source %d is %q", s, got)
		}
	}
}

func FuzzParseID(f *testing.F) {
	f.Add(ID(counted(32)).String())
	f.Add("peer-")
	f.Add("near-aaaqeayeau")
	f.Add(strings.Repeat("peer-", 12))
	f.Fuzz(func(t *testing.T, s string) {
		if id, err := ParseID(s); err == nil && id.String() != s {
			t.Errorf("%q and %q are the same id", s, id)
		}
		if h, err := ParseHandle(s); err == nil && h.String() != s {
			t.Errorf("%q and %q are the same handle", s, h)
		}
	})
}
