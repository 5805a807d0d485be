package mesh

import (
	"testing"

	"sottovoce/mesh/handshake"
)

// BenchmarkHintScan is one look-up among as many keys as count as one: some 680 devices
// with three generations each.
func BenchmarkHintScan(b *testing.B) {
	const keys = 2048
	pairs := make([]handshake.Pair, keys)
	for i := range pairs {
		pairs[i].Key = handshake.NewLinkKey([]byte{byte(i), byte(i >> 8)})
	}
	var ring keyring
	ring.replace(handshake.Statics{}, pairs)
	for b.Loop() {
		if _, ok := ring.Find(handshake.Exporter{1}, [handshake.HintSize]byte{2}); ok {
			b.Fatal("found")
		}
	}
}
