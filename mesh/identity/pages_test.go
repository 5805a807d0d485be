package identity

import (
	"crypto/ed25519"
	"testing"

	"sottovoce/mesh/goldentest"
	"sottovoce/mesh/pagetest"
	"sottovoce/mesh/wire"
)

// TestPages: ops of accounts are what the page says; where they stand and who signed them is another matter.
func TestPages(t *testing.T) {
	var vectors [][]byte
	for name, b := range goldentest.Hex(t, "account.txt") {
		var account accountBody
		if wire.Unmarshal(b, &account) != nil { // keys and ids
			continue
		}
		for _, op := range account.Ops {
			o, err := parseObject(op)
			if err != nil {
				t.Fatal(name, err)
			}
			vectors = append(vectors, o.Body)
		}
	}
	pagetest.Agree(t, "01-identity#op-body", vectors, func(b []byte) error {
		object, err := wire.Marshal(signedObject{Body: b, Sigs: map[uint64][]byte{algEd25519: make([]byte, ed25519.SignatureSize)}})
		if err != nil {
			t.Fatal(err)
		}
		_, err = parseOp(object)
		return err
	})
}
