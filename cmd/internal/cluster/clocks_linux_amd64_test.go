package cluster

import (
	"strings"
	"testing"
	"time"

	"sottovoce/cmd/internal/netlab"
)

// TestClocks gives the servers other clocks than each other, and then all of them the same wrong one: a year that is to come, and 1970.
func TestClocks(t *testing.T) {
	t.Parallel()
	lan := netlab.New(t, netlab.IPv4)
	day(t, lan, StartServers(t, lan), func(b *bad) {
		ago, ahead := -time.Since(time.Unix(0, 0)).Truncate(time.Second), 400*24*time.Hour
		b.more(20)
		for _, off := range [][]time.Duration{{ago, ahead, 0}, {ahead, ahead, ahead}, {ago, ago, ago}} {
			b.servers.KillAll()
			for i, one := range b.servers.all {
				one.start = func(args ...string) *netlab.Process { return one.StartOff(off[i], args...) }
			}
			b.servers.StartAll()
			for i, one := range b.servers.all {
				if year := time.Now().Add(off[i]).UTC().Format(" 2006/"); !strings.Contains(one.process.Output(), year) {
					t.Fatalf("%s does not believe that it is%s", one.Name, year)
				}
			}
			b.more(60)
		}
	})
}
