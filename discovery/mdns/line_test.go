package mdns

import (
	"crypto/rand"
	"testing"
)

// No two questions have the same id, but for chance; answers to the last two are taken.
func TestQuestionIDs(t *testing.T) {
	g, seen := &leg{}, make(map[uint16]bool)
	for range 200 {
		last := g.id
		g.idBefore, g.id = g.id, newID(rand.Reader)
		seen[g.id] = true
		if !g.knows(g.id) || !g.knows(last) || g.knows(g.id^1) && g.id^1 != last {
			t.Fatalf("%d after %d", g.id, last)
		}
	}
	if len(seen) < 190 {
		t.Errorf("%d ids of 200 questions", len(seen))
	}
}
