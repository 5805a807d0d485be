package sim

import (
	"cmp"
	"context"
	"crypto/sha256"
	"fmt"
	"hash"
	"maps"
	"math/rand/v2"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"sottovoce/mesh"
	"sottovoce/mesh/peer"
	"sottovoce/mesh/simlan"
)

// world is one run of the simulation: everything in it follows from its seed.
type world struct {
	t      *testing.T
	dir    string
	random *rand.Rand // of the schedule; the world's goroutine only
	net    *simlan.Net
	lans   []*simlan.LAN
	people []*person
	sky    *sky // nil: there are no supernodes
	met    map[[2]*person]bool
	begin  time.Time

	amends   bool // what was said is changed, too
	wordings int  // that were made of texts

	mu     sync.Mutex // guards the fields below
	trace  hash.Hash
	told   strings.Builder // the schedule, in words
	wrong  []string        // what was found
	tags   map[[16]byte]string
	salts  map[[16]byte]string
	talks  map[[2]*person]*talk
	number int // of texts
}

// talk is what one person wrote to another, in order.
type talk struct {
	said []*said
	by   map[string]*said // by text
	byID map[string]*said // by the message's id, those that were edited or deleted
}

// said is one text.
type said struct {
	text  string
	at    time.Time
	acked bool // Send reported it durable
	doubt bool // Send failed with the power: it may be there or not

	now             []string // what it may say since it was edited
	gone, goneDoubt bool     // it was deleted, or may have been
}

// skyEach says in which worlds there are supernodes: one of so many, from one on that no
// planted bug is looked for in.
const (
	skyEach = 4
	skyFrom = plantedSeedsMax
)

var names = []string{"Anna", "Bruno", "Carla", "Dario"}

// newWorld founds so many people on one LAN of two.
func newWorld(t *testing.T, dir string, seed uint64, people int) *world {
	w := &world{
		t: t, dir: dir, random: rand.New(rand.NewPCG(seed, 1)), net: simlan.New(seed), met: make(map[[2]*person]bool),
		begin: time.Now(), trace: sha256.New(), tags: make(map[[16]byte]string), salts: make(map[[16]byte]string),
		talks: make(map[[2]*person]*talk),
	}
	w.amends = seed > plantedSeedsMax
	if seed > skyFrom && seed%skyEach == skyEach-1 {
		w.sky = newSky(1 + int(seed/skyEach%3))
	}
	w.lans = []*simlan.LAN{w.net.LAN(fair), w.net.LAN(fair)}
	for _, name := range names[:people] {
		p := &person{
			w: w, name: name, home: filepath.Join(dir, name), host: w.net.Host(), random: newSource(w.random.Uint64()),
			shown: make(map[string]bool), ranks: make(map[string]int), eras: make(map[peer.ID]int), clockOfItsOwn: w.random.IntN(2) == 0,
		}
		p.disk = allDisks.insert(p.home, rand.New(rand.NewPCG(w.random.Uint64(), 2)))
		p.disk.synced, p.disk.died = p.observe, p.host.Leave
		if err := mesh.Found(p.home, name, p.random); err != nil {
			t.Fatal(err)
		}
		w.people = append(w.people, p)
		p.host.Join(w.lans[0])
		p.start()
	}
	return w
}

// fair is how LANs mostly are.
var fair = simlan.Weather{Delay: 300 * time.Microsecond, Jitter: 200 * time.Microsecond}

// note adds a line to the trace.
func (w *world) note(format string, args ...any) {
	line := fmt.Sprintf("%14v  ", time.Since(w.begin)) + strings.ReplaceAll(fmt.Sprintf(format, args...), w.dir, "") + "\n"
	w.mu.Lock()
	defer w.mu.Unlock()
	w.trace.Write([]byte(line))
	w.told.WriteString(line)
}

// fail notes that an invariant does not hold.
func (w *world) fail(format string, args ...any) {
	found := fmt.Sprintf(format, args...)
	w.note("WRONG: %s", found)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.wrong = append(w.wrong, found)
}

func (w *world) failed() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.wrong) > 0
}

// pass lets time go by, and everything come to rest.
func (w *world) pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// chance is true in so many of a hundred cases.
func (w *world) chance(percent int) bool { return w.random.IntN(100) < percent }

// between draws a duration, short ones as often as long ones.
func (w *world) between(least, most time.Duration) time.Duration {
	d := least
	for d < most && w.chance(70) {
		d = d*3/2 + time.Duration(w.random.Int64N(int64(least)))
	}
	return min(d, most)
}

// talkOf is what from has written to to.
func (w *world) talkOf(from, to *person) *talk {
	c := w.talks[[2]*person{from, to}]
	if c == nil {
		c = &talk{by: make(map[string]*said), byID: make(map[string]*said)}
		w.talks[[2]*person{from, to}] = c
	}
	return c
}

// text makes a text that was never said, of about the size.
func (w *world) text(from, to *person, size int) *said {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.number++
	s := &said{at: time.Now()}
	var b strings.Builder
	fmt.Fprintf(&b, "%s to %s %d ", from.name, to.name, w.number)
	filler := rand.New(rand.NewPCG(uint64(w.number), 3))
	for b.Len() < size {
		b.WriteByte(byte(' ' + filler.IntN(95)))
	}
	s.text = b.String()
	c := w.talkOf(from, to)
	c.said = append(c.said, s)
	c.by[s.text] = s
	return s
}

// says sends texts in one batch. Whoever is not running says nothing.
func (w *world) says(from, to *person, sizes ...int) {
	n := from.running()
	if n == nil {
		return
	}
	var batch []mesh.Outgoing
	var texts []*said
	for _, size := range sizes {
		s := w.text(from, to, size)
		texts = append(texts, s)
		batch = append(batch, mesh.Outgoing{To: to.name, Text: s.text})
	}
	results := n.Send(context.Background(), batch)
	w.mu.Lock()
	var wrong error
	for i, r := range results {
		texts[i].acked = r.Err == nil
		texts[i].doubt = r.Err != nil && from.disk.isDead()
		if r.Err != nil && !from.disk.isDead() && !from.disk.isFull() {
			wrong = r.Err
		}
	}
	w.mu.Unlock()
	w.note("%s writes %d to %s: %v", from.name, len(sizes), to.name, results[0].Err)
	if wrong != nil {
		w.fail("%s could not write to %s: %v", from.name, to.name, wrong)
	}
}

// tapped is a socket whose packets are part of the trace.
type tapped struct {
	*simlan.Conn
	p *person
}

func (c tapped) WriteTo(b []byte, to net.Addr) (int, error) {
	sum := sha256.Sum256(b)
	w := c.p.w
	w.mu.Lock()
	fmt.Fprintf(w.trace, "%d %s %v %x\n", time.Since(w.begin), c.p.name, to, sum[:8])
	w.mu.Unlock()
	return c.Conn.WriteTo(b, to)
}

// sortedKeys are the keys of a map in their order.
func sortedKeys[K cmp.Ordered, V any](m map[K]V) []K { return slices.Sorted(maps.Keys(m)) }

// source is a person's randomness.
type source struct {
	mu sync.Mutex // guards r
	r  *rand.ChaCha8
}

func newSource(seed uint64) *source {
	return &source{r: rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8), byte(seed >> 16), byte(seed >> 24), byte(seed >> 32), byte(seed >> 40)})}
}

func (s *source) Read(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.r.Read(p)
}
