package supernode

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"sottovoce/mesh/wire"
)

// BenchmarkWritten has a supernode process keep blobs, so many a request, and reports what the kernel counts as written to the disk by it for
// each byte of them: whole pages, of all its files, with what is written again.
func BenchmarkWritten(b *testing.B) {
	const blobs = 480 // of 4 KiB, by one member
	for _, batch := range []int{1, 8, 32} {
		b.Run(fmt.Sprint(batch), func(b *testing.B) {
			for b.Loop() {
				r := found(b)
				s, err := r.open()
				if err != nil {
					b.Fatal(err)
				}
				r.know(s)
				invite, err := s.Invite(r.made.Community, 1, time.Hour)
				if err != nil {
					b.Fatal(err)
				}
				if err := s.Close(); err != nil {
					b.Fatal(err)
				}
				kill := r.spawn()
				p := r.joinBy(invite)
				p.draw(blobs)
				l := p.mustMember()
				before := r.wrote()
				for range blobs / batch {
					if _, err := r.tryDeposit(l, wire.Deposit{Blobs: uint16(batch), Tokens: p.take(batch)}, r.blobs(batch)); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric(float64(r.wrote()-before)/(blobs*4096), "written/stored")
				kill()
			}
		})
	}
}

// wrote is how many bytes the process has had written to the disk.
func (r *rig) wrote() (n int64) {
	r.t.Helper()
	text, err := os.ReadFile(filepath.Join("/proc", fmt.Sprint(r.pid), "io"))
	if err != nil {
		r.t.Fatal(err)
	}
	var read, written, reads, writes, readBytes int64
	_, err = fmt.Sscanf(string(text), "rchar: %d\nwchar: %d\nsyscr: %d\nsyscw: %d\nread_bytes: %d\nwrite_bytes: %d", &read, &written, &reads, &writes, &readBytes, &n)
	if err != nil {
		r.t.Fatal(err)
	}
	return n
}
