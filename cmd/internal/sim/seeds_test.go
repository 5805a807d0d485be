package sim

import (
	"bytes"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strconv"
	"testing"
	"testing/cryptotest"
	"testing/synctest"
	"time"

	"sottovoce/mesh"
	"sottovoce/mesh/wire"
)

func TestMain(m *testing.M) {
	registerDisks()
	warm()
	os.Exit(m.Run())
}

// warm has the one compressor of the process made before any world begins: what is made in one
// world cannot be used in the next.
func warm() {
	sample := bytes.Repeat([]byte("sotto voce "), 10)
	if back, err := wire.Decompress(wire.Compress(nil, sample), len(sample)); err != nil || !bytes.Equal(back, sample) {
		panic(fmt.Sprintf("compression: %v", err))
	}
}

// The environment says what to play.
const (
	seedEnv  = "SIM_SEED"  // the one seed of this process
	traceEnv = "SIM_TRACE" // not empty: tell the whole schedule
	firstEnv = "FIRST"     // the first of the seeds to play, 1 if empty
	countEnv = "SEEDS"     // how many
)

// epoch is when worlds begin: virtual time begins earlier than any node was built.
var epoch = time.Date(2027, time.January, 1, 0, 0, 0, 0, time.UTC)

// outcome is what one seed came to.
type outcome struct {
	wrong []string
	told  string
	trace string
}

// play runs the world of a seed.
func play(t *testing.T, seed uint64) (o outcome) {
	cryptotest.SetGlobalRandom(t, seed)
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		people := []int{2, 2, 2, 3, 4}[seed%5]
		time.Sleep(time.Until(epoch))
		w := newWorld(t, dir, seed, people)
		w.meetAll()
		trouble := troubles[seed%uint64(len(troubles))]
		if w.sky != nil {
			trouble = slices.Concat(trouble, skies)
		}
		for range 25 + w.random.IntN(15) {
			if w.failed() {
				break
			}
			w.happens(trouble)
			runtime.GC()
			w.check()
		}
		if !w.failed() {
			w.heal()
		}
		for _, p := range w.people {
			p.end()
		}
		o = outcome{wrong: w.wrong, told: w.told.String(), trace: fmt.Sprintf("%x", w.trace.Sum(nil))}
	})
	return o
}

// meetAll makes everybody a contact of everybody.
func (w *world) meetAll() {
	w.pass(5 * time.Second)
	for i, a := range w.people {
		for _, b := range w.people[:i] {
			if w.chance(50) {
				w.meet(a, b)
			} else {
				w.meet(b, a)
			}
		}
	}
}

// meet lets a ask, and b accept.
func (w *world) meet(a, b *person) {
	w.note("%s meets %s", a.name, b.name)
	if _, err := a.running().Add(w.t.Context(), b.name); err != nil {
		w.fail("%s asks %s: %v", a.name, b.name, err)
		return
	}
	w.pass(w.between(100*time.Millisecond, time.Minute))
	if _, err := b.running().Accept(w.t.Context(), a.name); err != nil {
		w.fail("%s accepts %s: %v", b.name, a.name, err)
		return
	}
	w.pass(5 * time.Second)
	for _, pair := range [][2]*person{{a, b}, {b, a}} {
		people, err := pair[0].running().Contacts(w.t.Context())
		found := false
		for _, p := range people {
			found = found || p.Name == pair[1].name && p.Via == mesh.ViaLink
		}
		if err != nil || !found {
			w.fail("%s has no link to %s: %v", pair[0].name, pair[1].name, err)
			return
		}
		w.met[pair] = true
	}
}

// TestSeed plays one seed in this process: by chance of the runtime, runs of one seed differ
// unless TestSeeds started it.
func TestSeed(t *testing.T) {
	seed := number(seedEnv, 1)
	o := play(t, seed)
	if os.Getenv(traceEnv) != "" {
		fmt.Print(o.told)
	}
	fmt.Printf("trace %s\n", o.trace)
	for _, wrong := range o.wrong {
		t.Error(wrong)
	}
}

// number reads a number from the environment.
func number(env string, otherwise uint64) uint64 {
	n, err := strconv.ParseUint(os.Getenv(env), 10, 64)
	if err != nil {
		return otherwise
	}
	return n
}
