package cluster

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"sottovoce/cmd/internal/netlab"
)

// idleTime is how long is looked at what is taken where nothing happens; idleBefore is how long nothing has happened by then.
const idleTime, idleBefore = time.Minute, 15 * time.Second

// BenchmarkIdle measures what two processes before a cluster, and its servers, take where no member is there.
func BenchmarkIdle(b *testing.B) {
	lan := netlab.New(b, netlab.IPv4)
	servers := StartServers(b, lan)
	front, _ := Found(b, lan.Host("front0"), "--store", servers.URL())
	fronts := []*Front{front, front.Beside(lan.Host("front1"))}
	for _, f := range fronts {
		f.Up()
	}
	time.Sleep(idleBefore)
	pids := []int{fronts[0].process.PID(), fronts[1].process.PID()}
	busyServers, busyFronts, sent, written := servers.Busy(), busy(b, pids...), fronts[0].sent(), servers.written()
	time.Sleep(idleTime)
	s := idleTime.Seconds()
	b.ReportMetric((servers.Busy()-busyServers).Seconds()/s*100, "servers-%")
	b.ReportMetric((busy(b, pids...)-busyFronts).Seconds()/s/float64(len(pids))*100, "process-%")
	b.ReportMetric(float64(fronts[0].sent()-sent)/s, "process-sent-B/s")
	b.ReportMetric(float64(servers.written()-written)/s, "servers-written-B/s")
}

// sent is how many bytes the host of a front has sent.
func (f *Front) sent() (n int64) {
	f.t.Helper()
	got := f.Run(f.t.Context(), "ip", "-s", "-s", "link", "show", "dev", "eth0")
	_, tx, _ := strings.Cut(got.Stdout, "TX:")
	_, tx, _ = strings.Cut(tx, "\n")
	if _, err := fmt.Sscan(tx, &n); err != nil {
		f.t.Fatal(err, got)
	}
	return n
}

// written is how many bytes the servers have had written to their disks.
func (s *Servers) written() (sum int64) {
	s.t.Helper()
	for _, one := range s.all {
		text, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(one.process.PID()), "io"))
		if err != nil {
			s.t.Fatal(err)
		}
		_, count, _ := strings.Cut(string(text), "\nwrite_bytes: ")
		var n int64
		if _, err := fmt.Sscan(count, &n); err != nil {
			s.t.Fatal(err)
		}
		sum += n
	}
	return sum
}
