package sim

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
)

// seedMax is how long one seed may take in real time; most take a second.
const seedMax = 3 * time.Minute

// result is what came of a seed that was played in a process of its own.
type result struct {
	seed uint64
	ok   bool
	out  string
}

// trace is the line with the hash of everything that happened.
func (r result) trace() string { return lineWith(r.out, "trace ") }

// found is the first invariant that did not hold.
func (r result) found() string {
	if found := lineWith(r.out, "WRONG: "); found != "" {
		return found
	}
	return lineWith(r.out, "panic: ")
}

func lineWith(text, word string) string {
	for line := range strings.Lines(text) {
		if _, found, ok := strings.Cut(line, word); ok {
			return strings.TrimSpace(found)
		}
	}
	return ""
}

// replay plays a seed on one processor and without a collection in the background: the order
// of things is the seed's.
func replay(ctx context.Context, t *testing.T, program string, seed uint64) result {
	cmd := exec.CommandContext(ctx, program, "-test.run", "^TestSeed$", "-test.timeout", seedMax.String())
	cmd.Env = append(os.Environ(), fmt.Sprint(seedEnv, "=", seed), traceEnv+"=1", "GOMAXPROCS=1", "GOGC=off", "TMPDIR="+scratch(t))
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	return result{seed: seed, ok: err == nil, out: out.String()}
}

// scratch is a folder in memory, where there is one: what is durable is simulated.
func scratch(t *testing.T) string {
	dir, err := os.MkdirTemp("/dev/shm", "sim")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// runAll plays seeds, one on each processor, until done does not want any more: what is being played then is of no interest.
func runAll(t *testing.T, program string, seeds []uint64, done func(result) (more bool)) {
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	next := make(chan uint64, len(seeds))
	for _, seed := range seeds {
		next <- seed
	}
	close(next)
	var mu sync.Mutex // of done
	var all sync.WaitGroup
	for range runtime.NumCPU() {
		all.Go(func() {
			for seed := range next {
				r := replay(ctx, t, program, seed)
				mu.Lock()
				if ctx.Err() == nil && !done(r) {
					stop()
				}
				mu.Unlock()
				if ctx.Err() != nil {
					return
				}
			}
		})
	}
	all.Wait()
}

// Seeds that are played when nobody says how many.
const (
	seedsInCI   = 200
	seedsAtHome = 20
)

// TestSeeds plays many seeds. Each can be played again, bit for bit.
func TestSeeds(t *testing.T) {
	otherwise := uint64(seedsAtHome)
	if os.Getenv("CI") == "true" {
		otherwise = seedsInCI
	}
	first, count := number(firstEnv, 1), number(countEnv, otherwise)
	seeds := make([]uint64, count)
	for i := range seeds {
		seeds[i] = first + uint64(i)
	}
	runAll(t, build(t, sameAgain...), seeds, func(r result) bool {
		if !r.ok {
			t.Errorf("seed %d: %s\n%s\nplay it again: make sim FIRST=%d SEEDS=1", r.seed, r.found(), tail(r.out), r.seed)
		}
		return !t.Failed() || os.Getenv(traceEnv) != ""
	})
}

// tail is the end of what a seed told, all of it if the environment wants it.
func tail(out string) string {
	const most = 40
	lines := strings.SplitAfter(out, "\n")
	if os.Getenv(traceEnv) == "" && len(lines) > most {
		lines = lines[len(lines)-most:]
	}
	return strings.Join(lines, "")
}

// A seed of every trouble makes the same packets at the same times whenever it is played.
func TestSameAgain(t *testing.T) {
	program := build(t, sameAgain...)
	var twice []uint64
	for seed := range uint64(len(troubles)) {
		twice = append(twice, seed+1, seed+1)
	}
	for seed := skyFrom + 3; seed < skyFrom+9; seed += skyEach {
		twice = append(twice, uint64(seed), uint64(seed))
	}
	traces := make(map[uint64]string)
	runAll(t, program, twice, func(r result) bool {
		before := traces[r.seed]
		traces[r.seed] = r.trace()
		if r.trace() == "" || before != "" && before != r.trace() {
			t.Errorf("seed %d: %q, then %q", r.seed, before, r.trace())
		}
		return true
	})
}
