package mailbox

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"errors"
	"testing"

	"sottovoce/mesh/wire"
)

func aFrame() (frame, []byte) {
	body := bytes.Repeat([]byte{0xab}, 64)
	return frame{kind: kindBlob, size: len(body), cursor: 7, commit: 5, frames: 3, before: Chain{1}, id: wire.BlobID{2}}, body
}

func TestFrameVector(t *testing.T) {
	body := appendTombstone(nil, Tombstone{D: [16]byte{1, 2, 3}, Day: 0x4e21}, 9)
	f := frame{kind: kindTombstone, size: len(body), cursor: 10, commit: 8, frames: 2, before: Chain{0xcc}, id: wire.BlobID{0xdd}}
	want := "c5997417" + "02000020" + "000000000000000a" + "0000000000000008" + "00000002" + "00000000" +
		"cc" + zeros(31) + "dd" + zeros(31) + "010203" + zeros(13) + "4e21" + "0000000000000009" + zeros(6)
	if got := hex.EncodeToString(f.append(nil, body)); got != want {
		t.Fatalf("got  %s\nwant %s", got, want)
	}
	r, err := recordOf(f, body, 3200)
	if err != nil {
		t.Fatal(err)
	}
	commit := wire.CommitTo([16]byte{1, 2, 3})
	wantSide := "000000000000000a" + "00000064" + "0004" + "02" + "00" + "010203" + zeros(13) + hex.EncodeToString(commit[:]) + "dd" + zeros(31)
	if got := hex.EncodeToString(r.append(nil)); got != wantSide {
		t.Fatalf("got  %s\nwant %s", got, wantSide)
	}
}

func zeros(n int) string { return hex.EncodeToString(make([]byte, n)) }

func TestFrameCutAndChanged(t *testing.T) {
	f, body := aFrame()
	b := f.append(nil, body)
	got, gotBody, err := parseFrame(append(bytes.Clone(b), 1, 2, 3))
	if err != nil || got != f || !bytes.Equal(gotBody, body) {
		t.Fatal(got, err)
	}
	for n := range b {
		if _, _, err := parseFrame(b[:n]); !errors.Is(err, errTorn) {
			t.Fatalf("cut at %d: %v", n, err)
		}
		changed := bytes.Clone(b)
		changed[n] ^= 0x10
		if _, _, err := parseFrame(changed); !errors.Is(err, errTorn) {
			t.Fatalf("changed at %d: %v", n, err)
		}
	}
	if _, _, err := parseFrame(make([]byte, 4096)); !errors.Is(err, errTorn) {
		t.Fatal("zeros are no frame:", err)
	}
	f.kind = 9
	if _, _, err := parseFrame(f.append(nil, body)); !errors.Is(err, wire.ErrNewer) {
		t.Fatal("a kind of later:", err)
	}
}

func TestSlotCutAndChanged(t *testing.T) {
	b := appendSlot(nil, 3, []byte("value"))
	if number, value, err := parseSlot(b); number != 3 || string(value) != "value" || err != nil || len(b) != slotSize {
		t.Fatal(number, value, err, len(b))
	}
	for n := range slotHeader + 5 {
		changed := bytes.Clone(b)
		changed[n] ^= 1
		if _, _, err := parseSlot(changed); err == nil {
			t.Fatal("changed at", n)
		}
		if _, _, err := parseSlot(b[:n]); err == nil {
			t.Fatal("cut at", n)
		}
	}
	h := headOf{head: Head{5, Chain{6}}, free: 7}
	if got, err := parseHead(h.append(nil)); got != h || err != nil {
		t.Fatal(got, err)
	}
	if _, err := parseHead(make([]byte, 47)); err == nil {
		t.Fatal("short head")
	}
}

func FuzzFrames(f *testing.F) {
	one, body := aFrame()
	whole := one.append(nil, body)
	f.Add(whole)
	f.Add(append(bytes.Clone(whole), whole[:100]...))
	tomb := frame{kind: kindTombstone, size: tombstoneBody, cursor: 1}
	f.Add(tomb.append(nil, appendTombstone(nil, Tombstone{Day: 3}, 2)))
	f.Fuzz(func(t *testing.T, b []byte) {
		in, at := bufio.NewReader(bytes.NewReader(b)), 0
		var buffer []byte
		for {
			got, body, err := readFrame(in, &buffer)
			if err != nil {
				return
			}
			if again := got.append(nil, body); !bytes.Equal(again[8:28], b[at+8:at+28]) || !bytes.Equal(again[32:], b[at+32:at+len(again)]) {
				t.Fatal("a frame that is written differently")
			}
			if r, err := recordOf(got, body, int64(at)); err == nil && parseSideRecord(r.append(nil)) != r {
				t.Fatal("a record that is read differently")
			}
			at += int(got.length())
		}
	})
}

func FuzzSideBlock(f *testing.F) {
	one, body := aFrame()
	r, _ := recordOf(frame{kind: kindTombstone, size: tombstoneBody, cursor: 1}, appendTombstone(nil, Tombstone{}, 0), 0)
	f.Add(appendSideBlock(nil, r.append(nil), 0, 4))
	f.Add(appendSlot(nil, 1, headOf{free: 3}.append(nil)))
	f.Add(appendSlot(nil, 1, DayClose{Day: 3}.append(nil)))
	f.Add(one.append(nil, body))
	f.Fuzz(func(t *testing.T, b []byte) {
		if records, begin, end, size, err := parseSideBlock(b); err == nil {
			if !bytes.Equal(appendSideBlock(nil, records, begin, end), b[:size]) {
				t.Fatal("a block that is written differently")
			}
		}
		if number, value, err := parseSlot(b); err == nil && len(b) == slotSize {
			if n, v, err := parseSlot(appendSlot(nil, number, value)); n != number || !bytes.Equal(v, value) || err != nil {
				t.Fatal("a slot that is read differently")
			}
			if h, err := parseHead(value); err == nil && !bytes.Equal(h.append(nil), value) {
				t.Fatal("a head that is written differently")
			}
			if c, err := parseDayClose(value); err == nil && !bytes.Equal(c.append(nil), value) {
				t.Fatal("a close that is written differently")
			}
		}
	})
}

func FuzzFileName(f *testing.F) {
	for _, name := range []string{"20000.blobs", "00001.index", "65535.spent", "65536.spent", "head", "1.blobs", "+0001.blobs"} {
		f.Add(name)
	}
	l := &log{name: "x"}
	f.Fuzz(func(t *testing.T, name string) {
		if day, ending, ours := parseFileName(name); ours && l.path(day, ending) != "x/"+name {
			t.Fatalf("%q is read as %d and %q", name, day, ending)
		}
	})
}

// counted counts what is read of a file.
type counted struct {
	file
	content *bytes.Reader
	read    int
}

func (c *counted) ReadAt(b []byte, at int64) (int, error) {
	n, err := c.content.ReadAt(b, at)
	c.read += n
	return n, err
}

// TestSearchIsBounded: blobs full of what looks like large frames do not make a start last for hours where one of them was torn; what
// stands there is set aside.
func TestSearchIsBounded(t *testing.T) {
	head := frame{kind: kindBlob, cursor: 9, commit: 8, frames: 4}.append(nil, make([]byte, bodyMax))[:unit]
	const size = 3 << 20
	of := &counted{content: bytes.NewReader(bytes.Repeat(head, size/unit))}
	behind := &tail{file: of, cursor: 7, commit: 7}
	if next, found := behind.search(0, size, func(frame) bool { return true }); next != size || !found {
		t.Errorf("%d, %v", next, found)
	}
	if of.read > searchMost+2*size {
		t.Errorf("%d MiB are read for 3", of.read>>20)
	}
}
