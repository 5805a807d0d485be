package observer

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"time"
)

// signs are what a judge finds about pairs of blobs, or about blobs and those who have collected them.
type signs struct {
	found []sign
	most  float64 // deviations that chance gives the best of all
}

// sign is how often something goes together with the truth.
type sign struct {
	name          string
	of            int     // how many times it was looked at
	rate, usually float64 // how often it was right, and how often chance is
	z             float64 // deviations from that
}

// tells reports whether a sign says more than chance explains.
func (s signs) tells() bool {
	return slices.ContainsFunc(s.found, func(one sign) bool { return one.z > s.most })
}

// String tells each in a line.
func (s signs) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "chance gives at most %.1f deviations", s.most)
	for _, one := range s.found {
		fmt.Fprintf(&b, "\n\t%-44s %.3f of %d, by chance %.3f: %.1f deviations", one.name, one.rate, one.of, one.usually, one.z)
	}
	return b.String()
}

// couple is two arrivals, by index.
type couple [2]int

// together looks whether blobs of one depositor that are close to each other are for one recipient more often than chance has it.
func (o *observation) together() signs { return o.couples(o.close()) }

// lingering looks whether what is offered again together waits for the same people, and what is so for the last time was
// receipted between the same two links.
func (o *observation) lingering() signs {
	var gone, offered []couple
	in := make(map[int][]int)
	last := make(map[int][]int)
	for i, a := range o.arrivals {
		if len(a.offers) > 0 {
			at := a.offers[len(a.offers)-1]
			for _, j := range last[at] {
				gone = append(gone, couple{j, i})
			}
			last[at] = append(last[at], i)
		}
		for _, at := range a.offers {
			for _, j := range in[at] {
				offered = append(offered, couple{j, i})
			}
			in[at] = append(in[at], i)
		}
	}
	return o.couples(map[string][]couple{"offered again in one request": offered, "for the last time": gone})
}

// close are the pairs of blobs of one depositor that are close in one way or another.
func (o *observation) close() map[string][]couple {
	pairs := make(map[string][]couple)
	of := make(map[string][]int)
	for i, a := range o.arrivals {
		mine := of[a.from]
		if n := len(mine); n > 0 {
			pairs["next in the log"] = append(pairs["next in the log"], couple{mine[n-1], i})
		}
		if n := len(mine); n > 1 {
			pairs["next but one in the log"] = append(pairs["next but one in the log"], couple{mine[n-2], i})
		}
		for _, j := range slices.Backward(mine) {
			b := o.arrivals[j]
			apart := a.at.Sub(b.at)
			if apart > time.Minute {
				break
			}
			for name, is := range map[string]bool{
				"in one request": a.request == b.request, "in one commit": a.commit == b.commit, "within a second": apart <= time.Second,
				"within ten seconds": apart <= 10*time.Second, "within a minute": true,
			} {
				if is {
					pairs[name] = append(pairs[name], couple{j, i})
				}
			}
		}
		of[a.from] = append(mine, i)
	}
	return pairs
}

// ordered looks whether blobs that were offered again next to each other are for one recipient more often than others of that request.
func (o *observation) ordered() (all signs) {
	chance := rand.New(rand.NewPCG(uint64(len(o.arrivals)), 8))
	to := make(map[string]int)
	for _, a := range o.arrivals {
		to[string(a.id[:])] = 1 + o.number(a.to)
	}
	var rows [][]int
	pairs := 0
	for _, r := range o.asked {
		var row []int
		for k, id := range r.IDs {
			if who := to[string(id[:])]; who > 0 && r.Held[k] {
				row = append(row, who)
			}
		}
		if len(row) > 2 {
			rows, pairs = append(rows, row), pairs+len(row)-1
		}
	}
	rate := func() (n float64) {
		for _, row := range rows {
			for k := 1; k < len(row); k++ {
				if row[k] == row[k-1] {
					n++
				}
			}
		}
		return n / float64(max(pairs, 1))
	}
	observed, by := rate(), make([]float64, shuffles)
	for s := range by {
		for _, row := range rows {
			chance.Shuffle(len(row), func(i, j int) { row[i], row[j] = row[j], row[i] })
		}
		by[s] = rate()
	}
	all.add("neighbours when offered again", pairs, observed, by)
	return all
}

// couples compares pairs with what chance gives them if recipients are drawn anew within each depositor's round.
func (o *observation) couples(pairs map[string][]couple) (all signs) {
	chance := rand.New(rand.NewPCG(uint64(len(o.arrivals)), 5))
	truth := make([]int, len(o.arrivals))
	groups := make(map[string][]int)
	for i, a := range o.arrivals {
		truth[i] = o.number(a.to)
		key := fmt.Sprint(a.from, a.round)
		groups[key] = append(groups[key], i)
	}
	keys := sortedKeys(groups)
	drawn := make([][]int, shuffles)
	for s := range drawn {
		drawn[s] = slices.Clone(truth)
		for _, key := range keys {
			mine := groups[key]
			for i, j := range chance.Perm(len(mine)) {
				drawn[s][mine[i]] = truth[mine[j]]
			}
		}
	}
	count := func(some []couple, to []int) (n float64) {
		for _, c := range some {
			if to[c[0]] == to[c[1]] {
				n++
			}
		}
		return n / float64(len(some))
	}
	for _, name := range sortedKeys(pairs) {
		if len(pairs[name]) == 0 {
			continue
		}
		by := make([]float64, shuffles)
		for s := range drawn {
			by[s] = count(pairs[name], drawn[s])
		}
		all.add(name, len(pairs[name]), count(pairs[name], truth), by)
	}
	return all
}

// add holds a rate against those that chance gives.
func (all *signs) add(name string, of int, rate float64, by []float64) {
	mean, squares := 0.0, 0.0
	for _, r := range by {
		mean += r / float64(len(by))
	}
	for _, r := range by {
		squares += (r - mean) * (r - mean) / float64(len(by))
	}
	one := sign{name: name, of: of, rate: rate, usually: mean}
	if deviation := math.Sqrt(squares); deviation > 1e-9 {
		one.z = (rate - mean) / deviation
		all.most = max(all.most, (slices.Max(by)-mean)/deviation)
	}
	all.found = append(all.found, one)
}

// reaction is when somebody who has collected something is watched, from then on or from the end of its five minutes on.
type reaction struct {
	name  string
	after time.Duration
	slot  bool
}

var (
	reactions = []reaction{
		{"within 0.1 s", 100 * time.Millisecond, false},
		{"within 0.3 s", 300 * time.Millisecond, false},
		{"within 1 s", time.Second, false},
		{"within 3 s", 3 * time.Second, false},
		{"within 10 s", 10 * time.Second, false},
		{"within 30 s", 30 * time.Second, false},
		{"within 2 min", 2 * time.Minute, false},
	}
	slotEnd = []reaction{{"at the end of the five minutes", 3 * time.Second, true}}
)

const (
	slot   = 5 * time.Minute        // that of receipts
	pushed = 300 * time.Millisecond // in which a page goes to all who follow
)

// answers looks whether whoever a blob is for sends or is sent more, behind the page that brought it, than others who were sent that page.
func (o *observation) answers(when []reaction) (all signs) {
	chance := rand.New(rand.NewPCG(uint64(len(o.arrivals)), 6))
	friends := make(map[string][]string)
	for _, a := range o.arrivals {
		if !slices.Contains(friends[a.from], a.to) {
			friends[a.from] = append(friends[a.from], a.to)
		}
	}
	for _, r := range when {
		for way, word := range []string{"is heard", "is told"} {
			var ranks [][]float64 // of each blob, those of all who might be meant; the first is the one who is
			for _, a := range o.arrivals {
				if one := o.ranks(a, friends[a.from], r, way); len(one) > 1 {
					ranks = append(ranks, one)
				}
			}
			mean := func(pick func(of []float64) float64) (m float64) {
				for _, one := range ranks {
					m += pick(one) / float64(len(ranks))
				}
				return m
			}
			by := make([]float64, shuffles)
			for s := range by {
				by[s] = mean(func(of []float64) float64 { return of[chance.IntN(len(of))] })
			}
			all.add(word+" "+r.name, len(ranks), mean(func(of []float64) float64 { return of[0] }), by)
		}
	}
	return all
}

// ranks are how much each who may be meant was heard from, or told, as a share of the others who were less.
func (o *observation) ranks(a *arrival, friends []string, r reaction, way int) (ranks []float64) {
	from, until := a.at.Add(pushed/10), a.at.Add(r.after)
	if end := a.at.Truncate(slot).Add(slot); r.slot {
		from, until = end, end.Add(r.after)
	} else if until.After(end) {
		return nil // receipts may leave meanwhile
	}
	var all []int
	for i, name := range append([]string{a.to}, friends...) {
		if i > 0 && name == a.to {
			continue
		}
		if o.by[name].bytes(1, a.at.Add(-time.Nanosecond), a.at.Add(pushed)) < len(a.blob) {
			if i == 0 {
				return nil // it is not there
			}
			continue
		}
		all = append(all, o.by[name].bytes(way, from, until))
	}
	if len(all) < 2 {
		return nil
	}
	for i := range all {
		rank := 0.0
		for j := range all {
			switch {
			case i == j:
			case all[j] < all[i]:
				rank++
			case all[j] == all[i]:
				rank += 0.5
			}
		}
		ranks = append(ranks, rank/float64(len(all)-1))
	}
	return ranks
}
