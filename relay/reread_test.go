package relay_test

import (
	"bytes"
	"testing"

	"sottovoce/mesh/wire"
	"sottovoce/relay"
)

// TestReread: a blob is read again that lies many pages behind the cursor it was noted with, and
// what is not wanted is not brought.
func TestReread(t *testing.T) {
	super, id, _ := serve(t)
	anna, _ := member(t, super, id)
	at := relay.Log{At: super.ID(), Community: id}
	var last []byte
	for range 22 { // 4 of this class are a page
		last = append(sealed(t), make([]byte, wire.Class2.Size()-wire.Class0.Size())...)
		last[1] = byte(wire.Class2)
		if n := deposit(t, anna, at, nil, last); n != 1 {
			t.Fatal("not kept")
		}
	}
	got, err := anna.Reread(within(t), at, []relay.Unmatched{{Since: 5, ID: wire.IDOf(last).Short()}})
	if err != nil || len(got) != 1 || !bytes.Equal(got[0], last) {
		t.Errorf("read again: %d blobs, %v", len(got), err)
	}
	got, err = anna.Reread(within(t), at, []relay.Unmatched{{ID: wire.ShortID{1}}})
	if err != nil || len(got) != 0 {
		t.Errorf("of what it does not have: %d blobs, %v", len(got), err)
	}
}
