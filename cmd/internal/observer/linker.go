package observer

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
)

// link learns from half of the nodes and links the visits of the other half, both ways.
func link(visits []*Visit, pairs []pair, ranks [][]float64, chance *rand.Rand) Linker {
	all := slices.Compact(slices.Sorted(slices.Values(nodesOf(visits))))
	half := len(all) / 2
	total := make([]float64, len(pairs))
	tested := make([]bool, len(pairs))
	for _, split := range [][2][]string{{all[:half], all[half:]}, {all[half:], all[:half]}} {
		weights := learn(visits, pairs, ranks, split[0])
		for i, p := range pairs {
			if !slices.Contains(split[1], visits[p.a].Node) || !slices.Contains(split[1], visits[p.b].Node) {
				continue
			}
			tested[i] = true
			for f, w := range weights {
				total[i] += w * ranks[f][i] / float64(len(pairs))
			}
		}
	}
	l := measure(visits, pairs, total, tested, nodesOf(visits))
	better := 0
	for range shuffles {
		guess := measure(visits, pairs, total, tested, shuffledHalves(visits, all[:half], chance))
		if guess.AUC >= l.AUC {
			better++
		}
	}
	l.P = float64(better+1) / (shuffles + 1)
	l.Chance = guessed(visits, pairs, tested)
	l.Low, l.High = l.bounds(visits, pairs, total, tested, all, chance)
	return l
}

// learn weighs every feature by how well it does on some nodes.
func learn(visits []*Visit, pairs []pair, ranks [][]float64, nodes []string) []float64 {
	var inside []int
	for i, p := range pairs {
		if slices.Contains(nodes, visits[p.a].Node) && slices.Contains(nodes, visits[p.b].Node) {
			inside = append(inside, i)
		}
	}
	weights := make([]float64, len(ranks))
	mine := make([]float64, len(inside))
	for f := range ranks {
		for i, at := range inside {
			mine[i] = ranks[f][at]
		}
		again := ranksOf(mine)
		same, rankSum := 0, 0.0
		for i, at := range inside {
			if p := pairs[at]; visits[p.a].Node == visits[p.b].Node {
				same++
				rankSum += again[i]
			}
		}
		// The cube lets what surely works outweigh many that seem to.
		if found := auc(rankSum, same, len(inside)) - 0.5; found > 0 {
			weights[f] = math.Pow(found, 3)
		}
	}
	return weights
}

// shuffledHalves draws who is who anew within each round and each half, since only those
// are compared.
func shuffledHalves(visits []*Visit, half []string, chance *rand.Rand) []string {
	return drawn(visits, func(v *Visit) string { return fmt.Sprint(v.Place, v.Round, slices.Contains(half, v.Node)) }, chance)
}

// measure compares how alike visits seem with who they are of.
func measure(visits []*Visit, pairs []pair, total []float64, tested []bool, nodes []string) Linker {
	var scores []float64
	var same []bool
	best := make(map[[2]int]int) // the best partner of a visit in another round, as a pair
	for i, p := range pairs {
		if !tested[i] {
			continue
		}
		scores = append(scores, total[i])
		same = append(same, nodes[p.a] == nodes[p.b])
		for _, key := range [][2]int{{p.a, visits[p.b].Round}, {p.b, visits[p.a].Round}} {
			if old, ok := best[key]; !ok || total[i] > total[old] {
				best[key] = i
			}
		}
	}
	var l Linker
	count, rankSum := 0, 0.0
	for i, r := range ranksOf(scores) {
		if same[i] {
			count++
			rankSum += r
		}
	}
	l.AUC = auc(rankSum, count, len(scores))
	for _, i := range best {
		l.Trials++
		if nodes[pairs[i].a] == nodes[pairs[i].b] {
			l.Hits++
		}
	}
	return l
}

// guessed is the share of visits whose partner in another round would be right if it were any of those that it is compared with.
func guessed(visits []*Visit, pairs []pair, tested []bool) (share float64) {
	type partners struct{ all, right int }
	of := make(map[[2]int]partners)
	for i, p := range pairs {
		if !tested[i] {
			continue
		}
		for _, key := range [][2]int{{p.a, visits[p.b].Round}, {p.b, visits[p.a].Round}} {
			one := of[key]
			one.all++
			if visits[p.a].Node == visits[p.b].Node {
				one.right++
			}
			of[key] = one
		}
	}
	for _, one := range of {
		share += float64(one.right) / float64(one.all*len(of))
	}
	return share
}

// bounds draws nodes again, with repetition.
func (l Linker) bounds(visits []*Visit, pairs []pair, total []float64, tested []bool, nodes []string, chance *rand.Rand) (low, high float64) {
	var drawn []float64
	for range resamples {
		weight := make(map[string]int)
		for range nodes {
			weight[nodes[chance.IntN(len(nodes))]]++
		}
		var scores []float64
		var same []bool
		for i, p := range pairs {
			a, b := visits[p.a].Node, visits[p.b].Node
			if !tested[i] {
				continue
			}
			for range weight[a] * weight[b] {
				scores, same = append(scores, total[i]), append(same, a == b)
			}
		}
		count, rankSum := 0, 0.0
		for i, r := range ranksOf(scores) {
			if same[i] {
				count++
				rankSum += r
			}
		}
		drawn = append(drawn, auc(rankSum, count, len(scores)))
	}
	slices.Sort(drawn)
	return drawn[resamples/40], drawn[resamples-1-resamples/40]
}
