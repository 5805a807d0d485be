package observer

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
)

// Verdict is what a judge finds out about visits whose truth it knows.
type Verdict struct {
	Features int       // that differ at all between pairs of visits
	Found    []Finding // features that go together with who it was more than chance explains, the best first
	Nearest  []Finding // the best of those that chance explains
	Linker   Linker    // all features together
}

// Finding is a feature that tells nodes apart.
type Finding struct {
	Feature string
	AUC     float64 // how often two visits of one node are more alike than two of different ones; 0.5 is chance
	Z       float64 // standard deviations from what chance gives
}

// Linker is how well a classifier does that has learnt the weight of every feature from
// half of the nodes, and links the visits of the other half.
type Linker struct {
	AUC       float64
	Low, High float64 // nineteen of twenty times, nodes drawn again
	Hits      int     // visits whose best partner in another round was the right one,
	Trials    int     // of so many,
	Chance    float64 // which guessing among its partners gets right in this share
	P         float64 // how often chance does as well
}

// String tells it in a line, and one more for each finding.
func (v Verdict) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d features; linked with AUC %.3f (%.3f to %.3f, p %.3f), %d of %d where guessing gets %.0f",
		v.Features, v.Linker.AUC, v.Linker.Low, v.Linker.High, v.Linker.P, v.Linker.Hits, v.Linker.Trials, v.Linker.Chance*float64(v.Linker.Trials))
	for _, f := range v.Found[:min(len(v.Found), 25)] {
		fmt.Fprintf(&b, "\n\t%-60s AUC %.3f, %.1f deviations", f.Feature, f.AUC, f.Z)
	}
	for _, f := range v.Nearest {
		fmt.Fprintf(&b, "\n\tas by chance: %-46s AUC %.3f, %.1f deviations", f.Feature, f.AUC, f.Z)
	}
	return b.String()
}

// Tells reports whether the visits of one node can be told from those of two.
func (v Verdict) Tells() bool { return len(v.Found) > 0 || v.Linker.P <= significance }

const (
	// shuffles is how often chance is asked: who is who is drawn anew within each round.
	shuffles = 2000
	// significance is the chance of crying wolf, over all features together.
	significance = 1.0 / shuffles
	resamples    = 200
	nearestKept  = 4
)

// Judge compares all visits of different rounds: is a feature more alike in two of one node?
// (That two are less alike says nothing: who is seen twice at one time is two.) allowed features are left out: what the
// claim under test grants.
func Judge(visits []*Visit, allowed func(feature string) bool) Verdict {
	w := weigh(visits, allowed)
	if w.Features > 0 {
		w.Linker = link(visits, w.pairs, w.ranks, w.chance)
	}
	return w.Verdict
}

// Weigh judges feature by feature only, which takes a part of the time.
func Weigh(visits []*Visit, allowed func(feature string) bool) Verdict {
	w := weigh(visits, allowed)
	w.Linker.P = 1
	return w.Verdict
}

// weighed is a verdict about each feature, and what it takes to put them together.
type weighed struct {
	Verdict
	pairs  []pair
	ranks  [][]float64
	chance *rand.Rand
}

func weigh(visits []*Visit, allowed func(feature string) bool) (w weighed) {
	w.chance = rand.New(rand.NewPCG(uint64(len(visits)), 7))
	w.pairs = pairsOf(visits)
	scores := scoresOf(visits, w.pairs, allowed)
	names := slices.Sorted(maps.Keys(scores))
	w.Features = len(names)
	if len(names) == 0 {
		return w
	}
	same := sameOf(w.pairs, visits, nodesOf(visits))
	observed := make([]float64, len(names))
	w.ranks = make([][]float64, len(names))
	for i, name := range names {
		w.ranks[i] = ranksOf(scores[name])
		observed[i] = sum(w.ranks[i], same)
	}
	z, most := standardise(observed, w.ranks, visits, w.pairs, w.chance)
	all := make([]Finding, len(names))
	for i, name := range names {
		all[i] = Finding{name, auc(observed[i], len(same), len(w.pairs)), z[i]}
	}
	slices.SortStableFunc(all, func(a, b Finding) int { return cmp.Compare(b.Z, a.Z) })
	found := 0
	for found < len(all) && all[found].Z > most {
		found++
	}
	w.Found, w.Nearest = all[:found], all[found:min(found+nearestKept, len(all))]
	return w
}

// pair is two visits of different rounds to one place, by index.
type pair struct{ a, b int }

func pairsOf(visits []*Visit) (pairs []pair) {
	for b := range visits {
		for a := range b {
			if visits[a].Round != visits[b].Round && visits[a].Place == visits[b].Place {
				pairs = append(pairs, pair{a, b})
			}
		}
	}
	return pairs
}

func nodesOf(visits []*Visit) []string {
	nodes := make([]string, len(visits))
	for i, v := range visits {
		nodes[i] = v.Node
	}
	return nodes
}

// sameOf are the pairs of one node, if the visits are of nodes.
func sameOf(pairs []pair, visits []*Visit, nodes []string) (same []int) {
	index := make(map[pair]int, len(pairs))
	for i, p := range pairs {
		index[p] = i
	}
	of := make(map[string][]int)
	for i := range visits {
		of[nodes[i]] = append(of[nodes[i]], i)
	}
	for _, mine := range of {
		for j := range mine {
			for i := range j {
				if at, ok := index[pair{mine[i], mine[j]}]; ok {
					same = append(same, at)
				}
			}
		}
	}
	return same
}

// scoresOf says of every feature how alike each pair of visits is in it, in two ways: by
// values that few visits share, and by how often each value occurs.
func scoresOf(visits []*Visit, pairs []pair, allowed func(string) bool) map[string][]float64 {
	number := make(map[pair]int, len(pairs))
	for i, p := range pairs {
		number[p] = i
	}
	type holder struct {
		visit int
		share float64
	}
	features := make(map[string]map[string][]holder)
	for i, v := range visits {
		for name, h := range v.histograms {
			if allowed != nil && allowed(name) {
				continue
			}
			if features[name] == nil {
				features[name] = make(map[string][]holder)
			}
			total := 0.0
			for _, n := range h {
				total += n
			}
			for value, n := range h {
				features[name][value] = append(features[name][value], holder{i, n / total})
			}
		}
	}
	scores := make(map[string][]float64)
	for name, values := range features {
		rare, often := make([]float64, len(pairs)), make([]float64, len(pairs))
		for _, holders := range values {
			weight := math.Log(float64(len(visits)) / float64(len(holders)))
			for j, b := range holders {
				for _, a := range holders[:j] {
					if at, ok := number[pair{a.visit, b.visit}]; ok {
						rare[at] += weight
						often[at] += min(a.share, b.share)
					}
				}
			}
		}
		for suffix, score := range map[string][]float64{" (rare values)": rare, " (how often)": often} {
			for i := range score {
				score[i] = math.Round(score[i]*1e9) / 1e9 // the order of adding must not make a difference
			}
			if slices.Min(score) != slices.Max(score) {
				scores[name+suffix] = score
			}
		}
	}
	return scores
}

// ranksOf gives each score its rank; equal scores share theirs.
func ranksOf(score []float64) []float64 {
	order := make([]int, len(score))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Compare(score[a], score[b]) })
	ranks := make([]float64, len(score))
	for i := 0; i < len(order); {
		j := i
		for j < len(order) && score[order[j]] == score[order[i]] {
			j++
		}
		for _, at := range order[i:j] {
			ranks[at] = float64(i+j+1) / 2
		}
		i = j
	}
	return ranks
}

func sum(ranks []float64, of []int) (total float64) {
	for _, i := range of {
		total += ranks[i]
	}
	return total
}

// auc is the share of pairs of one node that are more alike than a pair of two nodes.
func auc(rankSum float64, same, all int) float64 {
	if same == 0 || same == all {
		return 0.5
	}
	return (rankSum - float64(same)*float64(same+1)/2) / (float64(same) * float64(all-same))
}

// shuffled draws who is who anew, within each round of a place.
func shuffled(visits []*Visit, chance *rand.Rand) []string {
	return drawn(visits, func(v *Visit) string { return fmt.Sprint(v.Place, v.Round) }, chance)
}

// drawn draws who is who anew, within each group.
func drawn(visits []*Visit, group func(v *Visit) string, chance *rand.Rand) []string {
	groups := make(map[string][]int)
	for i, v := range visits {
		groups[group(v)] = append(groups[group(v)], i)
	}
	nodes := make([]string, len(visits))
	for _, name := range slices.Sorted(maps.Keys(groups)) {
		mine := groups[name]
		for i, j := range chance.Perm(len(mine)) {
			nodes[mine[i]] = visits[mine[j]].Node
		}
	}
	return nodes
}

// standardise compares every feature with what chance gives it, and returns the largest
// deviation that chance gives any.
func standardise(observed []float64, ranks [][]float64, visits []*Visit, pairs []pair, chance *rand.Rand) (z []float64, most float64) {
	drawn := make([][]int, shuffles)
	for i := range drawn {
		drawn[i] = sameOf(pairs, visits, shuffled(visits, chance))
	}
	z = make([]float64, len(observed))
	for f := range observed {
		sums := make([]float64, shuffles)
		mean, squares := 0.0, 0.0
		for i, same := range drawn {
			sums[i] = sum(ranks[f], same)
			mean += sums[i] / shuffles
		}
		for _, s := range sums {
			squares += (s - mean) * (s - mean) / shuffles
		}
		deviation := math.Sqrt(squares)
		if deviation < 1e-9 {
			continue // chance never moves it: it cannot tell anybody
		}
		z[f] = (observed[f] - mean) / deviation
		for _, s := range sums {
			most = max(most, (s-mean)/deviation)
		}
	}
	return z, most
}
