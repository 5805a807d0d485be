package sim

import (
	"slices"
	"sync"
	"time"

	"sottovoce/mesh/simlan"
)

// step is something that happens, more or less often.
type step struct {
	weight int
	do     func(w *world)
}

// steps of a world by the trouble that it is in.
var (
	quiet = []step{{10, (*world).chat}, {4, (*world).burst}, {6, (*world).pause}}
	storm = append(slices.Clip(quiet), step{3, (*world).weather}, step{3, (*world).cut}, step{3, (*world).mend}, step{2, (*world).move}, step{2, (*world).interrupt})
	power = append(slices.Clip(quiet), step{5, (*world).loseInChat}, step{2, (*world).lose}, step{3, (*world).restart}, step{6, (*world).come})
	aways = append(slices.Clip(quiet), step{3, (*world).leave}, step{4, (*world).come}, step{2, (*world).absence}, step{2, (*world).restart})
	times = append(slices.Clip(aways), step{6, (*world).clock}, step{4, (*world).interrupt}, step{3, (*world).mend})
	rooms = append(slices.Clip(quiet), step{4, (*world).fill}, step{4, (*world).free}, step{3, (*world).restart}, step{1, (*world).loseInChat}, step{4, (*world).come})
	all   = slices.Concat(quiet, quiet, storm[3:], power[3:], aways[3:], times[len(times)-3:len(times)-2], rooms[3:])
)

var troubles = [][]step{storm, power, aways, times, rooms, power, all}

// happens does one step of a world's trouble.
func (w *world) happens(trouble []step) {
	sum := 0
	for _, s := range trouble {
		sum += s.weight
	}
	n := w.random.IntN(sum)
	for _, s := range trouble {
		if n -= s.weight; n < 0 {
			s.do(w)
			break
		}
	}
	if w.amends && w.chance(amendEach) {
		w.amend()
	}
	w.settle()
}

// settle lets what was begun come to rest, and takes the power from whom it failed.
func (w *world) settle() {
	w.pass(w.between(time.Millisecond, 3*time.Second))
	for _, p := range w.people {
		if p.disk.isDead() {
			w.note("%s's power has failed", p.name)
			p.end()
			p.repower()
		}
	}
}

// anybody draws a person that fits, nil if there is none.
func (w *world) anybody(fits func(*person) bool) *person {
	found := slices.DeleteFunc(slices.Clone(w.people), func(p *person) bool { return !fits(p) })
	if len(found) == 0 {
		return nil
	}
	return found[w.random.IntN(len(found))]
}

func up(p *person) bool   { return p.run != nil }
func down(p *person) bool { return p.run == nil }
func any1(*person) bool   { return true }

// two draws two people who have met, in some order.
func (w *world) two() (a, b *person) {
	var pairs [][2]*person
	for _, a := range w.people {
		for _, b := range w.people {
			if w.met[[2]*person{a, b}] {
				pairs = append(pairs, [2]*person{a, b})
			}
		}
	}
	pair := pairs[w.random.IntN(len(pairs))]
	return pair[0], pair[1]
}

// size draws the length of a text: mostly a line.
func (w *world) size() int {
	switch n := w.random.IntN(100); {
	case n < 85:
		return 30 + w.random.IntN(100)
	case n < 97:
		return 200 + w.random.IntN(6000)
	}
	return 20000 + w.random.IntN(39000)
}

func (w *world) sizes(count int) []int {
	sizes := make([]int, count)
	for i := range sizes {
		sizes[i] = w.size()
	}
	return sizes
}

// chat lets two write to each other at the same time.
func (w *world) chat() {
	a, b := w.two()
	w.talks2(a, b, w.random.IntN(4), w.random.IntN(4))
}

// talks2 lets two write so many texts each, beside each other.
func (w *world) talks2(a, b *person, fromA, fromB int) {
	var both sync.WaitGroup
	for _, part := range []struct {
		from, to *person
		count    int
	}{{a, b, fromA}, {b, a, fromB}} {
		sizes := w.sizes(part.count)
		pauses := make([]time.Duration, part.count)
		for i := range pauses {
			pauses[i] = w.between(time.Millisecond, time.Second)
		}
		both.Go(func() {
			for i, size := range sizes {
				time.Sleep(pauses[i])
				w.says(part.from, part.to, size)
			}
		})
	}
	both.Wait()
}

// burst lets somebody write much at once.
func (w *world) burst() {
	a, b := w.two()
	for range 1 + w.random.IntN(3) {
		w.says(a, b, w.sizes(1+w.random.IntN(40))...)
	}
}

// pause lets some time go by, with links up.
func (w *world) pause() { w.pass(w.between(100*time.Millisecond, 20*time.Minute)) }

func (w *world) weather() {
	l := w.lans[w.random.IntN(len(w.lans))]
	weather := simlan.Weather{
		Loss: float64(w.random.IntN(25)) / 100, Duplicate: float64(w.random.IntN(20)) / 100,
		Delay: w.between(100*time.Microsecond, 300*time.Millisecond), Jitter: w.between(time.Millisecond, 100*time.Millisecond),
	}
	if w.chance(30) {
		weather = fair
	}
	w.note("weather %+v", weather)
	l.SetWeather(weather)
}

func (w *world) cut() {
	a, b := w.two()
	w.note("cut between %s and %s", a.name, b.name)
	w.net.Cut(a.host, b.host)
	if w.chance(70) {
		w.net.Cut(b.host, a.host)
	}
	w.pass(w.between(time.Second, 5*time.Minute))
}

// interrupt cuts two off from each other while they write: what is sealed has no receipt.
func (w *world) interrupt() {
	a, b := w.two()
	w.note("cut while %s and %s write", a.name, b.name)
	w.net.Cut(a.host, b.host)
	if w.chance(50) {
		w.net.Cut(b.host, a.host)
	}
	w.talks2(a, b, 1+w.random.IntN(4), w.random.IntN(4))
}

func (w *world) mend() {
	a, b := w.two()
	w.note("mended between %s and %s", a.name, b.name)
	w.net.Mend(a.host, b.host)
	w.net.Mend(b.host, a.host)
}

func (w *world) move() {
	p := w.anybody(any1)
	l := w.random.IntN(len(w.lans) + 1)
	w.note("%s moves to %d", p.name, l)
	if l == len(w.lans) {
		p.host.Leave()
		w.pass(w.between(time.Second, 5*time.Minute))
		l = 0
	}
	p.host.Join(w.lans[l])
}

func (w *world) leave() {
	if p := w.anybody(up); p != nil {
		p.stop()
	}
}

func (w *world) come() {
	if p := w.anybody(down); p != nil {
		p.start()
		w.pass(w.between(time.Second, time.Minute))
	}
}

func (w *world) restart() {
	if p := w.anybody(up); p != nil {
		p.stop()
		w.pass(w.between(time.Millisecond, 10*time.Second))
		p.start()
	}
}

// lose lets the power of somebody fail now.
func (w *world) lose() {
	if p := w.anybody(up); p != nil {
		p.crash()
		if w.chance(70) {
			p.start()
		}
	}
}

// loseInChat lets it fail somewhere in the middle of what two write to each other.
func (w *world) loseInChat() {
	a, b := w.two()
	if !up(a) {
		return
	}
	writes := w.random.IntN(60)
	w.note("%s will lose power after %d writes", a.name, writes)
	a.disk.loseAfter(writes)
	w.talks2(a, b, 1+w.random.IntN(6), 1+w.random.IntN(6))
	w.settle()
	if up(a) {
		a.disk.loseAfter(-1)
	} else if w.chance(70) {
		a.start()
	}
}

// absence is a long time in which at most one is running.
func (w *world) absence() {
	stays := w.anybody(up)
	for _, p := range w.people {
		if p != stays || w.chance(50) {
			p.stop()
		}
	}
	long := []time.Duration{5 * time.Hour, 3 * 24 * time.Hour, 20 * 24 * time.Hour, 70 * 24 * time.Hour}[w.random.IntN(4)]
	if stays != nil && up(stays) && stays.farAhead() {
		long = 5 * time.Hour // it takes a hash for each day that the clock is ahead, every hour
	}
	w.note("%v go by", long)
	w.pass(long)
	if stays != nil && up(stays) && w.chance(50) {
		a, b := w.two()
		w.says(a, b, w.sizes(3)...)
	}
	for _, p := range w.people {
		if down(p) && w.chance(70) {
			p.start()
		}
	}
}

// clock sets somebody's clock wrong, or right.
func (w *world) clock() {
	p := w.anybody(any1)
	now := time.Now()
	off := []time.Duration{
		0, 0, time.Unix(1000, 0).Sub(now), time.Date(2099, 6, 1, 0, 0, 0, 0, time.UTC).Sub(now),
		-36 * time.Hour, 40 * 24 * time.Hour, time.Duration(w.random.IntN(200)-100) * time.Hour,
	}[w.random.IntN(7)]
	w.note("%s's clock is off by %v", p.name, off)
	p.setClock(off)
}

// fill takes the room on somebody's disk.
func (w *world) fill() {
	p := w.anybody(any1)
	w.note("%s's disk is full", p.name)
	p.fill()
	a, b := w.two()
	w.talks2(a, b, 3, 3)
}

func (w *world) free() {
	if p := w.anybody(func(p *person) bool { return p.disk.isFull() }); p != nil {
		w.note("%s's disk has room again", p.name)
		p.disk.setFull(false)
		w.pass(w.between(time.Second, time.Minute))
	}
}
