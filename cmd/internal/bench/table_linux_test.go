package bench

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"
	"text/tabwriter"
	"time"

	"golang.org/x/sys/unix"
)

// figure is one line of the table.
type figure struct {
	Name      string  `json:"figure"`
	Value     float64 `json:"value"`
	Unit      string  `json:"unit"`
	Samples   int     `json:"samples"`
	Yardstick string  `json:"yardstick,omitempty"`
	Yard      float64 `json:"yardstick_value,omitempty"` // in the same unit
	Ratio     float64 `json:"ratio,omitempty"`           // of Value to Yard
	ValueMax  float64 `json:"value_max,omitempty"`       // what is promised; 0 is nothing
	ValueMin  float64 `json:"value_min,omitempty"`
	RatioMax  float64 `json:"ratio_max,omitempty"`
	RatioMin  float64 `json:"ratio_min,omitempty"`
	Met       *bool   `json:"met,omitempty"`
	Load      string  `json:"load"` // of the machine in the minute before
}

// table collects the figures of a run in the order in which they are measured.
type table struct {
	figures []figure
	started time.Time
	load    string // when the running benchmark began
}

var results = table{started: time.Now()}

// begin notes what the machine was doing before a benchmark.
func (t *table) begin() { t.load = loadOfMachine() }

// put adds a figure, or replaces it when the benchmark ran again, and reports it to the testing package too.
func (t *table) put(b *testing.B, f figure) {
	f.Load = t.load
	if f.Yard != 0 {
		f.Ratio = f.Value / f.Yard
	}
	if f.ValueMax != 0 || f.ValueMin != 0 || f.RatioMax != 0 || f.RatioMin != 0 {
		met := (f.ValueMax == 0 || f.Value <= f.ValueMax) && f.Value >= f.ValueMin && (f.RatioMax == 0 || f.Ratio <= f.RatioMax) && f.Ratio >= f.RatioMin
		f.Met = &met
	}
	if i := slices.IndexFunc(t.figures, func(old figure) bool { return old.Name == f.Name }); i >= 0 {
		t.figures[i] = f
	} else {
		t.figures = append(t.figures, f)
	}
	b.ReportMetric(0, "ns/op") // the time of the whole benchmark says nothing
	b.ReportMetric(f.Value, strings.ReplaceAll(f.Name+"-"+f.Unit, " ", "-"))
}

// publish prints the table, and writes it as JSON lines if path is not empty.
func (t *table) publish(w io.Writer, path string) error {
	if len(t.figures) == 0 {
		return nil
	}
	fmt.Fprintf(w, "\n%s, %s\n", t.started.UTC().Format("2006-01-02 15:04 UTC"), machine())
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(tw, "figure\tmeasured\tpromised\tyardstick\t\tratio\tpromised\t\tsamples\tload")
	for _, f := range t.figures {
		verdict := ""
		if f.Met != nil {
			verdict = map[bool]string{true: "met", false: "MISSED"}[*f.Met]
		}
		fmt.Fprintf(tw, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%d\t%s\n", f.Name, cmp.Or(quantity(f.Value, f.Unit), "0 "+f.Unit),
			limit("≤", f.ValueMax, f.Unit)+limit("≥", f.ValueMin, f.Unit), f.Yardstick, quantity(f.Yard, f.Unit), quantity(f.Ratio, ""),
			limit("≤", f.RatioMax, "")+limit("≥", f.RatioMin, ""), verdict, f.Samples, f.Load)
	}
	if err := tw.Flush(); err != nil || path == "" {
		return err
	}
	var lines strings.Builder
	for _, f := range t.figures {
		line, err := json.Marshal(f)
		if err != nil {
			return err
		}
		fmt.Fprintf(&lines, "%s\n", line)
	}
	return os.WriteFile(path, []byte(lines.String()), 0o644)
}

// limit is what is promised, and nothing for nothing.
func limit(sign string, v float64, unit string) string {
	if v == 0 {
		return ""
	}
	return sign + " " + quantity(v, unit)
}

// quantity is a number with three digits that count, and nothing for nothing.
func quantity(v float64, unit string) string {
	if v == 0 {
		return ""
	}
	digits := max(0, 2-int(math.Floor(math.Log10(math.Abs(v)))))
	return strings.TrimSpace(fmt.Sprintf("%.*f %s", digits, v, unit))
}

// machine says what the figures were taken on.
func machine() string {
	processor := "unknown processor"
	if text, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for line := range strings.Lines(string(text)) {
			if name, ok := strings.CutPrefix(line, "model name"); ok {
				processor = strings.TrimLeft(strings.TrimSpace(name), ": ")
				break
			}
		}
	}
	var names unix.Utsname
	_ = unix.Uname(&names) // it cannot fail with our own memory
	return fmt.Sprintf("%d × %s, Linux %s, %s, homes on %s", runtime.NumCPU(), processor,
		unix.ByteSliceToString(names.Release[:]), runtime.Version(), fileSystem(os.TempDir()))
}

// fileSystem names what a folder lies on: a figure with a disk in it means nothing on a RAM disk.
func fileSystem(path string) string {
	var stat unix.Statfs_t
	if err := unix.Statfs(path, &stat); err != nil {
		return err.Error()
	}
	names := map[int64]string{
		unix.EXT4_SUPER_MAGIC: "ext4", unix.TMPFS_MAGIC: "tmpfs (RAM)", unix.OVERLAYFS_SUPER_MAGIC: "overlayfs",
		unix.XFS_SUPER_MAGIC: "xfs", unix.BTRFS_SUPER_MAGIC: "btrfs",
	}
	return cmp.Or(names[stat.Type], fmt.Sprintf("file system %#x", stat.Type))
}

// loadOfMachine is the load average of the last minute.
func loadOfMachine() string {
	text, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "unknown"
	}
	load, _, _ := strings.Cut(string(text), " ")
	return load
}

// percentile is the smallest sample that p of a hundred do not exceed.
func percentile(samples []time.Duration, p int) time.Duration {
	sorted := slices.Sorted(slices.Values(samples))
	return sorted[max(0, (len(sorted)*p+99)/100-1)]
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
