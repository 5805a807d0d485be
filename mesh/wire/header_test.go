package wire

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"testing"
)

func specimenHeader() Header {
	return Header{Class: Class1, ExpiryDay: 0x5161, Tag: [16]byte(counted(0x10, 16)), DelCommit: [16]byte(counted(0x40, 16))}
}

func TestHeaderVectors(t *testing.T) {
	d := [16]byte(counted(0xd0, 16))
	h := specimenHeader()
	blob := append(Header{Class: Class0, ExpiryDay: 20833, DelCommit: CommitTo(d)}.Append(nil), make([]byte, 4096-HeaderSize)...)
	id := IDOf(blob)
	commit := CommitTo(d)
	checkVectors(t, "header.txt", []vector{
		{"class 1, day 20833, counted tag and commitment", h.Append(nil)},
		{"last class, last day", Header{Class: Class3, ExpiryDay: 65535}.Append(nil)},
		{"deletion secret d0 d1 ...", d[:]},
		{"its commitment", commit[:]},
		{"header with it, class 0, day 20833", blob[:HeaderSize]},
		{"id of that header and 4056 zeros", id[:]},
	})
}

func TestHeaderLayout(t *testing.T) {
	want := unhex(t, "01 01 5161 101112131415161718191a1b1c1d1e1f 404142434445464748494a4b4c4d4e4f 00000000")
	got := specimenHeader().Append([]byte{0xaa})
	if len(got) != 1+HeaderSize || !bytes.Equal(got[1:], want) || got[0] != 0xaa {
		t.Errorf("header is %x, want %x", got, want)
	}
	h, err := ParseHeader(append(want, 1, 2, 3))
	if err != nil || h != specimenHeader() {
		t.Errorf("parsed %+v %v", h, err)
	}
}

func TestParseHeaderRefuses(t *testing.T) {
	good := specimenHeader().Append(nil)
	for i := range good {
		if _, err := ParseHeader(good[:i]); !errors.Is(err, ErrMalformed) {
			t.Errorf("cut at %d: %v", i, err)
		}
	}
	for _, c := range []struct {
		at   int
		to   byte
		want error
	}{
		{0, 0, ErrMalformed},
		{0, 2, ErrNewer},
		{0, 255, ErrNewer},
		{1, 4, ErrMalformed},
		{1, 255, ErrMalformed},
		{36, 1, ErrMalformed},
		{37, 1, ErrMalformed},
		{38, 1, ErrMalformed},
		{39, 128, ErrMalformed},
	} {
		bad := bytes.Clone(good)
		bad[c.at] = c.to
		if _, err := ParseHeader(bad); !errors.Is(err, c.want) {
			t.Errorf("byte %d as %d: %v", c.at, c.to, err)
		}
	}
	if _, err := ParseHeader([]byte{2}); !errors.Is(err, ErrNewer) {
		t.Errorf("a later version may be shorter: %v", err)
	}
}

func TestParseBlob(t *testing.T) {
	for _, c := range []struct {
		class Class
		size  int
		ok    bool
	}{
		{Class0, 4096, true},
		{Class0, 4095, false},
		{Class0, 4097, false},
		{Class0, 16384, false},
		{Class1, 16384, true},
		{Class2, 65536, true},
		{Class3, 65536, true},
		{Class3, 65537, false},
		{Class3, 1 << 20, true},
		{Class3, 1<<20 + 1<<15, false},
		{Class3, 40, false},
	} {
		blob := append(Header{Class: c.class}.Append(nil), make([]byte, c.size-HeaderSize)...)
		if h, err := ParseBlob(blob); (err == nil) != c.ok || c.ok && h.Class != c.class {
			t.Errorf("class %d with %d bytes: %v", c.class, c.size, err)
		}
	}
	if _, err := ParseBlob(nil); !errors.Is(err, ErrMalformed) {
		t.Errorf("no bytes: %v", err)
	}
}

func TestBlobIDCoversEveryByte(t *testing.T) {
	blob := append(specimenHeader().Append(nil), counted(0, 200)...)
	if IDOf(blob) != sha256.Sum256(blob) {
		t.Error("the id is not SHA-256")
	}
	for i := range blob {
		changed := bytes.Clone(blob)
		changed[i] ^= 1
		if IDOf(changed) == IDOf(blob) {
			t.Errorf("byte %d is not covered", i)
		}
	}
}

func FuzzParseHeader(f *testing.F) {
	f.Add(specimenHeader().Append(nil))
	f.Add([]byte{2})
	f.Add(make([]byte, HeaderSize))
	f.Add(append(Header{Class: Class0}.Append(nil), make([]byte, 4096-HeaderSize)...))
	f.Fuzz(func(t *testing.T, b []byte) {
		h, err := ParseHeader(b)
		if err != nil {
			if errors.Is(err, ErrMalformed) == errors.Is(err, ErrNewer) {
				t.Errorf("error is neither or both: %v", err)
			}
			return
		}
		if again := h.Append(nil); !bytes.Equal(again, b[:HeaderSize]) {
			t.Errorf("%x becomes %x", b[:HeaderSize], again)
		}
		if _, err := ParseBlob(b); (err == nil) != h.Class.Holds(len(b)) {
			t.Errorf("blob of class %d with %d bytes: %v", h.Class, len(b), err)
		}
	})
}
