package wire

import (
	"errors"
	"testing"
)

// mostStock holds something of as many days as there may be.
func mostStock() (f Stock) {
	for i := range uint16(StockDaysMax) {
		f.Days = f.Days.Add(StockDay{Day: 60000 + i, Blobs: 1<<32 - 1, Tombstones: 1<<32 - 1})
	}
	return f
}

func TestReplicationFramesRefused(t *testing.T) {
	for name, f := range map[string]Frame{
		"stock of a day that is over": Stock{Finished: 20000, Days: StockDays{}.Add(StockDay{Day: 20000, Blobs: 1})},
		"stock out of order":          Stock{Days: StockDays{}.Add(StockDay{Day: 9}).Add(StockDay{Day: 8})},
		"stock with half a day":       Stock{Days: make(StockDays, 11)},
		"stock of 65 days":            Stock{Days: append(mostStock().Days, 255, 255, 0, 0, 0, 0, 0, 0, 0, 0)},
		"reconcile without a shelf":   Reconcile{Day: 1},
		"reconcile at length":         Reconcile{Shelf: 1, Message: make([]byte, ReconcileMax+1)},
		"papers at length":            Papers{Papers: make([]byte, PapersSizeMax+1)},
	} {
		if _, err := AppendFrame(nil, f); err == nil {
			t.Errorf("%s is encoded", name)
		}
		body, err := Marshal(f)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := read(framed(f.FrameType(), body)); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s is read as %v, %v", name, got, err)
		}
	}
}

// TestStockDays: what is packed comes out as it was put in.
func TestStockDays(t *testing.T) {
	var days StockDays
	want := []StockDay{{1, 2, 3}, {1 << 15, 1 << 31, 1 << 30}}
	for _, d := range want {
		days = days.Add(d)
	}
	i := 0
	for d := range days.All() {
		if d != want[i] {
			t.Errorf("day %d: %v", i, d)
		}
		i++
	}
	if i != len(want) {
		t.Errorf("%d days", i)
	}
}
