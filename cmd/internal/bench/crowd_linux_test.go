package bench

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"sottovoce/cmd/internal/netlab"
)

const (
	crowdPeers  = 20
	crowdSettle = 90 * time.Second // after the last of them came, who asks and announces more often at first
	crowdTime   = 2 * time.Minute  // longer than the longest pause of an announcement
	clockTicks  = 100              // of /proc/PID/stat, a second: USER_HZ on every Linux that Go runs on
)

// BenchmarkCrowd measures a node that has twenty contacts on its LAN, each with a link, and nothing to do.
func BenchmarkCrowd(b *testing.B) {
	results.begin()
	lan := netlab.New(b, netlab.IPv4|netlab.ULA)
	anna := newNode(b, lan, "Anna")
	anna.up()
	for i := range crowdPeers {
		peer := newNode(b, lan, fmt.Sprintf("Peer%d", i))
		peer.up()
		anna.befriends(peer)
	}
	time.Sleep(crowdSettle)
	before := anna.spent()
	time.Sleep(crowdTime)
	after := anna.spent()
	seconds := crowdTime.Seconds()
	for _, f := range []figure{
		{Name: "idle, 20 linked contacts: network", Value: (after.bytes - before.bytes) / 1000 / seconds, Unit: "kB/s", ValueMax: 1},
		{Name: "idle, 20 linked contacts: processor", Value: (after.ticks - before.ticks) / clockTicks / seconds * 100, Unit: "%", ValueMax: 0.5},
		{Name: "idle, 20 linked contacts: disk writes", Value: after.written - before.written, Unit: "B", ValueMax: 1},
		{Name: "idle, 20 linked contacts: memory", Value: megabytes(anna.process.Memory()), Unit: "MB", ValueMax: 30},
	} {
		f.Samples = 1
		results.put(b, f)
	}
}

// spending is what a node's process has used since its start.
type spending struct {
	bytes   float64 // both ways on its host's interfaces, headers of Ethernet included
	ticks   float64 // of processor time
	written float64 // bytes to the disk
}

func (n *node) spent() spending {
	n.b.Helper()
	proc := func(name string) string {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/%s", n.process.PID(), name))
		if err != nil {
			n.b.Fatal(err)
		}
		return string(text)
	}
	var s spending
	for line := range strings.Lines(proc("net/dev")) {
		name, counters, found := strings.Cut(line, ":")
		if fields := strings.Fields(counters); found && strings.TrimSpace(name) != "lo" {
			s.bytes += n.number(fields[0]) + n.number(fields[8])
		}
	}
	stat := strings.Fields(proc("stat")[strings.LastIndex(proc("stat"), ")"):])
	s.ticks = n.number(stat[12]) + n.number(stat[13])
	for line := range strings.Lines(proc("io")) {
		if written, found := strings.CutPrefix(line, "write_bytes: "); found {
			s.written = n.number(strings.TrimSpace(written))
		}
	}
	return s
}

func (n *node) number(text string) float64 {
	n.b.Helper()
	v, err := strconv.ParseFloat(text, 64)
	if err != nil {
		n.b.Fatal(err)
	}
	return v
}
