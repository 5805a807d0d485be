package supernode

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"sottovoce/mesh/wire"
	"sottovoce/relay/mailbox"
	"sottovoce/relay/mailbox/mailboxtest"
)

// BenchmarkLinks tells how much memory a supernode in a process of its own has, and what each of 1,000 member links adds that
// follow the log and are idle. With SOTTOVOCE_MILLION=1 it keeps a million
// blobs besides.
func BenchmarkLinks(b *testing.B) {
	const links = 1000
	for b.Loop() {
		r, p := benched(b)
		time.Sleep(settling)
		idle := residentOf(b, r.pid)
		from := uint64(0)
		for i := range links {
			r.from = net.IPv4(127, 1, byte(i>>8), byte(i))
			s := r.request(p.mustMember(), wire.RangeFrame{Since: 1 << 62, Follow: true})
			from = r.next(s).Until
		}
		time.Sleep(settling)
		all := residentOf(b, r.pid)
		b.ReportMetric(float64(from), "blobs")
		b.ReportMetric(idle/1e6, "MB-idle")
		b.ReportMetric(all/1e6, "MB-linked")
		b.ReportMetric((all-idle)/links/1e3, "KB/link")
	}
}

// settling is how long a supernode is left alone before its memory is taken: its garbage is collected every two minutes at the
// latest, and given back some time after, so this is what it has after work, not the least.
const settling = 15 * time.Second

// fill puts so many blobs of 4 KiB into the log, of days that a log can have.
func (r *rig) fill(blobs uint64) {
	store, err := mailbox.Open(filepath.Join(r.dir, mailboxName), 0)
	if err != nil {
		r.t.Fatal(err)
	}
	const batch = 1000
	today := wire.DayAt(time.Now())
	for n := uint64(0); n < blobs; {
		deposits := make([]mailbox.Deposit, batch)
		for i := range deposits {
			deposits[i].Blob = mailboxtest.Blob(n, 0, today+uint16(n%58))
			n++
		}
		if _, err := store.Append(r.t.Context(), mailbox.Community(r.made.Community), deposits); err != nil {
			r.t.Fatal(err)
		}
	}
	if err := store.Close(); err != nil {
		r.t.Fatal(err)
	}
}

// residentOf is the memory of a process in bytes.
func residentOf(b *testing.B, pid int) float64 {
	b.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	if err != nil {
		b.Fatal(err)
	}
	pages, err := strconv.Atoi(strings.Fields(string(text))[1])
	if err != nil {
		b.Fatal(err)
	}
	return float64(pages * os.Getpagesize())
}
