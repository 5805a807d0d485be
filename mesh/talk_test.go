package mesh

import (
	"slices"
	"testing"
	"time"
)

func TestTwoPeopleTalk(t *testing.T) {
	lan := newAir()
	anna, bruno := newPerson(t, lan, "Anna"), newPerson(t, lan, "Bruno")
	anna.befriends(bruno)
	first := anna.says("Bruno", "ciao")
	anna.within(5*time.Second, "delivered", anna.delivered(first))
	second := bruno.says("Anna", "ciao a te")
	bruno.within(5*time.Second, "delivered", bruno.delivered(second))
	for range 20 {
		anna.within(5*time.Second, "delivered", anna.delivered(anna.says("Bruno", "ping")))
		bruno.within(5*time.Second, "delivered", bruno.delivered(bruno.says("Anna", "pong")))
	}
	if a, b := anna.texts("Bruno"), bruno.texts("Anna"); !slices.Equal(a, b) || len(a) != 42 || a[0] != "ciao" || a[1] != "ciao a te" {
		t.Errorf("the logs differ: %v, %v", a, b)
	}
}
