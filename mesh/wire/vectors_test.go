package wire

import (
	"encoding/hex"
	"fmt"
	"strings"
	"testing"

	"sottovoce/mesh/goldentest"
)

// vector is one line "name = hex" of a file in testdata.
type vector struct {
	name string
	b    []byte
}

// checkVectors compares vectors with testdata/file, or writes that file with -update.
func checkVectors(t *testing.T, file string, vectors []vector) {
	t.Helper()
	var text strings.Builder
	for _, v := range vectors {
		fmt.Fprintf(&text, "%s = %x\n", v.name, v.b)
	}
	goldentest.File(t, file, text.String())
}

func counted(from byte, n int) []byte { return goldentest.Counted(from, n) }

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}
