package relay

import "testing"

// TestIdleBehindTheClose: whoever is given the close of a day while the last page is on its way asks for the log anew as well, if that ends
// before it.
func TestIdleBehindTheClose(t *testing.T) {
	for _, c := range []struct {
		read, signed uint64
		all, again   bool
	}{{5, 9, true, true}, {5, 9, false, false}, {9, 9, true, false}, {9, 5, true, false}} {
		s := &station{state: &stationState{Head: point{Cursor: c.read}, Signed: point{Cursor: c.signed}}}
		again := false
		s.idles(c.all, func() { again = true })
		if again != c.again {
			t.Errorf("%+v: asks anew: %v", c, again)
		}
	}
}
