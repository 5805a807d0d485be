package jetstream

import (
	"testing"
	"time"
)

// TestTurn: who wrote lets another one write first if that one wants to, for twice as long as it took, and no longer than until it has.
func TestTurn(t *testing.T) {
	var of turns
	now := time.Unix(1e9, 0)
	rests := func(when string, want time.Duration) {
		t.Helper()
		if got := of.rest(now); got != want {
			t.Errorf("%s it rests for %v, not %v", when, got, want)
		}
	}
	of.wrote(now, time.Millisecond)
	rests("alone", 0)
	of.wanted()
	rests("before it has written", 0)
	of.wrote(now, 3*time.Millisecond)
	rests("where another one wants to write", 6*time.Millisecond)
	now = now.Add(4 * time.Millisecond)
	rests("later", 2*time.Millisecond)
	now = now.Add(4 * time.Millisecond)
	rests("when the turn of the other one is over", 0)
	of.wrote(now, 3*time.Millisecond)
	rests("where the other one has not taken its turn", 0)
	of.taken()
	of.wrote(now, time.Hour)
	rests("where servers are slow", turnMost)
	of.taken()
	rests("once the other one has written", 0)
}
