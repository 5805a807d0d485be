package wire

import (
	"testing"
	"time"
)

func TestClassSizes(t *testing.T) {
	for c, want := range map[Class]int{Class0: 4096, Class1: 16384, Class2: 65536, Class3: 1048576, 4: 0, 255: 0} {
		if got := c.Size(); got != want {
			t.Errorf("class %d has %d bytes, want %d", c, got, want)
		}
	}
}

func TestClassFor(t *testing.T) {
	for n, want := range map[int]Class{
		0: Class0, 40: Class0, 4096: Class0, 4097: Class1, 16384: Class1, 16385: Class2, 65536: Class2, 65537: Class3, 1 << 20: Class3,
	} {
		if got, err := ClassFor(n); err != nil || got != want {
			t.Errorf("%d bytes go to class %d, %v; want %d", n, got, err, want)
		}
	}
	if c, err := ClassFor(1<<20 + 1); err == nil {
		t.Errorf("more than a mebibyte goes to class %d", c)
	}
}

func TestClassHolds(t *testing.T) {
	for _, c := range []struct {
		class Class
		n     int
		want  bool
	}{
		{Class0, 4096, true},
		{Class0, 4095, false},
		{Class0, 16384, false},
		{Class0, 0, false},
		{Class1, 16384, true},
		{Class2, 65536, true},
		{Class3, 4096, true},
		{Class3, 4095, false},
		{Class3, 4097, false},
		{Class3, 4352, true},
		{Class3, 1 << 20, true},
		{Class3, Padme(1<<20 + 1), false},
		{4, 0, false},
	} {
		if got := c.class.Holds(c.n); got != c.want {
			t.Errorf("class %d holds %d bytes: %v", c.class, c.n, got)
		}
	}
}

func TestPadme(t *testing.T) {
	for n, want := range map[int]int{
		0: 0, 1: 1, 2: 2, 3: 3, 8: 8, 9: 10, 4096: 4096, 4097: 4352, 65537: 67584, 1_000_000: 1_015_808, 1 << 20: 1 << 20,
	} {
		if got := Padme(n); got != want {
			t.Errorf("%d is padded to %d, want %d", n, got, want)
		}
	}
	sizes := make(map[int]bool)
	for n := 2; n <= 1<<20; n++ {
		p := Padme(n)
		if p < n || Padme(p) != p {
			t.Fatalf("%d is padded to %d", n, p)
		}
		if over := float64(p-n) / float64(n); over > 0.12 || n >= 4096 && over > 0.0625 {
			t.Fatalf("%d is padded to %d, by %f", n, p, over)
		}
		if n >= 4096 {
			sizes[p] = true
		}
	}
	if len(sizes) > 200 {
		t.Errorf("chunks have %d sizes", len(sizes))
	}
}

func TestDayAt(t *testing.T) {
	for unix, want := range map[int64]uint16{
		0: 0, 86399: 0, 86400: 1, -1: 0, 1_800_000_000: 20833, 1 << 40: 65535,
	} {
		if got := DayAt(time.Unix(unix, 0)); got != want {
			t.Errorf("second %d is on day %d, want %d", unix, got, want)
		}
	}
}

func TestHashOf(t *testing.T) {
	// SHA-256("abc")
	want := unhex(t, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
	for _, got := range []Hash{HashOf("abc"), HashOf("a", []byte("bc")), HashOf("", []byte("a"), nil, []byte("bc"))} {
		if got != Hash(want) {
			t.Errorf("hash is %x", got)
		}
	}
}
