package supernode

import (
	"bytes"
	"testing"

	"sottovoce/mesh/identity"
	"sottovoce/mesh/wire"
)

// FuzzParseKeys reads key files of any content: what is taken is what was written.
func FuzzParseKeys(f *testing.F) {
	whole, err := wire.Marshal(keyFile{Version: directoryVersion, Seed: [64]byte{1, 2, 3}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(whole)
	f.Add(whole[:len(whole)-1])
	f.Add([]byte{0xa1, 0x01, 0x02})
	f.Add([]byte{0xa2, 0x01, 0x01, 0x19, 0x80, 0x00, 0x01})
	f.Fuzz(func(t *testing.T, b []byte) {
		seed, err := parseKeys(b)
		if err != nil {
			if seed != (identity.DeviceSeed{}) {
				t.Fatal("a seed and an error")
			}
			return
		}
		if !bytes.Contains(b, seed[:]) {
			t.Fatalf("a seed that does not stand in %x", b)
		}
	})
}
