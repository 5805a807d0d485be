package daemon

import (
	"testing"

	"sottovoce/mesh"
	"sottovoce/mesh/wire"
)

// What a scan tells of a blob reaches the node whole: by another day it finds no start, and notes nothing.
func TestEntries(t *testing.T) {
	listed := wire.Entry{Tag: [16]byte{1}, ID: wire.ShortID{2}, ExpiryDay: 20_000}
	got := entriesOf([]wire.Entry{listed})
	if want := (mesh.Entry{Tag: listed.Tag, ID: listed.ID, ExpiryDay: listed.ExpiryDay}); len(got) != 1 || got[0] != want {
		t.Errorf("%+v", got)
	}
}
