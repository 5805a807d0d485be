package bench

import (
	"os/exec"
	"strconv"
	"strings"
	"testing"
)

// BenchmarkStore runs the benchmarks of mesh/store, whose yardstick is among them, and takes their figures over.
func BenchmarkStore(b *testing.B) {
	results.begin()
	out, err := exec.Command("go", "test", "-run", "^$", "-bench", "Commit|Fdatasync", "sottovoce/mesh/store").CombinedOutput()
	if err != nil {
		b.Fatalf("%v\n%s", err, out)
	}
	raw, _ := metric(b, string(out), "BenchmarkFdatasync")
	for _, f := range []figure{{Name: "store, 1 op a commit"}, {Name: "store, 256 ops a commit"}} {
		ops := strings.Fields(f.Name)[1]
		f.Value, f.Samples = metric(b, string(out), "BenchmarkCommit"+ops)
		f.Unit, f.Yardstick, f.Yard = "commits/s", "fdatasync of 4 KiB", raw
		results.put(b, f)
	}
}

// metric finds the commits a second of a benchmark in what go test printed, and how many were made.
func metric(b *testing.B, out, benchmark string) (rate float64, samples int) {
	b.Helper()
	for line := range strings.Lines(out) {
		fields := strings.Fields(line)
		if len(fields) < 2 || fields[0] != benchmark && !strings.HasPrefix(fields[0], benchmark+"-") {
			continue
		}
		for i := 2; i < len(fields); i++ {
			if fields[i] != "commits/s" {
				continue
			}
			rate, err := strconv.ParseFloat(fields[i-1], 64)
			if err != nil {
				b.Fatal(err)
			}
			samples, err := strconv.Atoi(fields[1])
			if err != nil {
				b.Fatal(err)
			}
			return rate, samples
		}
	}
	b.Fatalf("%s is not in\n%s", benchmark, out)
	return 0, 0
}
