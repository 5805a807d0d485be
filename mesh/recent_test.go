package mesh

import (
	"testing"

	"sottovoce/mesh/store"
)

func TestRecentIsBounded(t *testing.T) {
	var r recent
	for seq := range int64(3 * recentOps) {
		r.add(&sent{row: store.Op{Seq: seq, Body: make([]byte, 10)}})
	}
	if len(r.ops) != recentOps || len(r.order) != recentOps || r.bytes != 10*recentOps {
		t.Errorf("%d ops, %d in order, %d bytes", len(r.ops), len(r.order), r.bytes)
	}
	if r.ops[2*recentOps-1] != nil || r.ops[2*recentOps] == nil {
		t.Error("it is not the oldest that goes")
	}
	const large = recentBytes/4 + 1
	for seq := range int64(8) {
		r.add(&sent{row: store.Op{Seq: -seq - 1, Body: make([]byte, large)}})
	}
	if len(r.ops) != 3 || r.bytes != 3*large {
		t.Errorf("%d ops of %d bytes in all", len(r.ops), r.bytes)
	}
}
