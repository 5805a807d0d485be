package conversation

import (
	"testing"

	"sottovoce/mesh/goldentest"
	"sottovoce/mesh/pagetest"
)

// TestPages: ops and their bodies are what the pages say.
func TestPages(t *testing.T) {
	parse := func(b []byte) error {
		_, err := ParseOp(b)
		return err
	}
	var vectors [][]byte
	for _, file := range []string{"ops.txt", "bodies.txt", "changes.txt"} {
		for _, b := range goldentest.Hex(t, file) {
			if parse(b) == nil { // the others are ids
				vectors = append(vectors, b)
			}
		}
	}
	pagetest.Agree(t, "op", vectors, parse)
}
