package wire_test

import (
	"bufio"
	"bytes"
	"testing"

	"sottovoce/mesh/goldentest"
	"sottovoce/mesh/pagetest"
	"sottovoce/mesh/wire"
)

// TestPages: frames are what the pages say.
func TestPages(t *testing.T) {
	var vectors [][]byte
	for _, file := range []string{"frames.txt", "custody.txt"} {
		for _, frame := range goldentest.Hex(t, file) {
			vectors = append(vectors, frame)
		}
	}
	pagetest.Agree(t, "frame", vectors, func(b []byte) error {
		_, err := wire.ReadFrame(bufio.NewReader(bytes.NewReader(b)))
		return err
	})
}
