package observer

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

// synthetic are visits of made-up nodes that say random things, and whatever plant adds.
func synthetic(seed uint64, plant func(v *Visit, node int, chance *rand.Rand)) []*Visit {
	const nodes, rounds = 8, 5
	chance := rand.New(rand.NewPCG(seed, 0))
	var visits []*Visit
	for round := range rounds {
		for node := range nodes {
			v := NewVisit(fmt.Sprint(node), round)
			for f := range 60 {
				for range 1 + chance.IntN(4) {
					v.Note(fmt.Sprint("noise ", f), fmt.Sprint(chance.IntN(4<<(f%6))))
				}
			}
			if plant != nil {
				plant(v, node, chance)
			}
			v.Finish()
			visits = append(visits, v)
		}
	}
	return visits
}

// Noise is noise, in nearly all cases.
func TestJudgeOfNoise(t *testing.T) {
	cried := 0
	for seed := range uint64(3) {
		if v := Judge(synthetic(seed, nil), nil); v.Tells() {
			cried++
			t.Log(v)
		}
	}
	if cried > 0 { // three times two judgements at 1 in 2000
		t.Errorf("cried wolf %d times in 3", cried)
	}
}

// Whatever a node has of its own is found: a constant, a habit, one of two values, and
// several weak ones together.
func TestJudgeFinds(t *testing.T) {
	for name, plant := range map[string]func(v *Visit, node int, chance *rand.Rand){
		"constant": func(v *Visit, node int, _ *rand.Rand) { v.Note("planted", fmt.Sprint("secret of ", node)) },
		"habit": func(v *Visit, node int, chance *rand.Rand) {
			for range 40 {
				v.Note("planted", fmt.Sprint(chance.IntN(10) < node))
			}
		},
		"half": func(v *Visit, node int, _ *rand.Rand) { v.Note("planted", fmt.Sprint(node%2)) },
	} {
		v := Judge(synthetic(3, plant), nil)
		if !v.Tells() || len(v.Found) == 0 || !strings.HasPrefix(v.Found[0].Feature, "planted") {
			t.Errorf("%s: %s", name, v)
		}
		if granted := Judge(synthetic(3, plant), func(f string) bool { return strings.Contains(f, "planted") }); granted.Tells() {
			t.Errorf("%s: found though granted: %s", name, granted)
		}
	}
	weak := Judge(synthetic(4, func(v *Visit, node int, chance *rand.Rand) {
		for f := range 12 {
			if chance.IntN(3) == 0 {
				node := node + f
				v.Note(fmt.Sprint("weak ", f), fmt.Sprint(node%4))
			}
		}
	}), nil)
	if weak.Linker.P > significance {
		t.Errorf("weak signs do not add up: %s", weak)
	}
}
