package cli

import (
	"strings"
	"testing"
)

// TestRootWordsFit: no root word is broken at the edge of a terminal of 80 columns, however long all of them are.
func TestRootWordsFit(t *testing.T) {
	const longest = "alarm-clock"
	rows := inRows([]byte(strings.Repeat(longest+" ", 24)))
	if got := strings.Count(rows, longest); got != 24 {
		t.Errorf("%d words", got)
	}
	for row := range strings.Lines(rows) {
		if row = strings.TrimSuffix(row, "\n"); len(row) > 80 {
			t.Errorf("a row of %d columns: %q", len(row), row)
		}
	}
	if short := inRows([]byte("a b c d e")); short != "     1 a                2 b                3 c                4 d\n     5 e\n" {
		t.Errorf("%q", short)
	}
}
