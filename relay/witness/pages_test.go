package witness

import (
	"errors"
	"testing"

	"sottovoce/mesh/goldentest"
	"sottovoce/mesh/identity"
	"sottovoce/mesh/pagetest"
)

// TestPages: evidence is what the page says; whether it convinces is another matter.
func TestPages(t *testing.T) {
	var vectors [][]byte
	for _, b := range goldentest.Hex(t, "evidence.txt") {
		vectors = append(vectors, b)
	}
	pagetest.Agree(t, "12-replication#evidence", vectors, func(b []byte) error {
		_, err := ParseEvidence(b)
		if errors.Is(err, identity.ErrSignature) {
			return nil
		}
		return err
	})
}
