package jetstream

import (
	"crypto/rand"
	"runtime"
	"testing"

	"sottovoce/mesh/wire"
	"sottovoce/relay/mailbox"
)

// BenchmarkIndex measures what a process keeps in memory for each blob of 4 KiB, and for the token that was spent for it.
func BenchmarkIndex(b *testing.B) {
	const blobs, together, day = 200_000, 100, 20000
	for _, tokens := range []int{0, 1} {
		b.Run(map[int]string{0: "blobs", 1: "blobs and tokens"}[tokens], func(b *testing.B) {
			before := heap()
			x := newIndex()
			for range blobs / together {
				p := newPlan(x, 0, -1, [16]byte{})
				var deposits []mailbox.Deposit
				for range together {
					d := mailbox.Deposit{Blob: make([]byte, wire.Class0.Size()), Paid: make([]mailbox.Token, tokens)}
					h := wire.Header{Class: wire.Class0, ExpiryDay: day}
					_, _ = rand.Read(h.Tag[:])
					h.Append(d.Blob[:0])
					for i := range d.Paid {
						d.Paid[i].Day = day
						_, _ = rand.Read(d.Paid[i].ID[:])
					}
					deposits = append(deposits, d)
				}
				p.take(newRequest(deposits, nil))
				p.seal()
				c, err := parseCommit(p.commit.append(nil))
				if err != nil {
					b.Fatal(err)
				}
				if err := x.apply(c, x.seq+uint64(len(p.bodies))+1, 0); err != nil {
					b.Fatal(err)
				}
			}
			if len(x.records) != blobs {
				b.Fatalf("%d of %d are kept", len(x.records), blobs)
			}
			b.ReportMetric(float64(heap()-before)/blobs, "B/blob")
			runtime.KeepAlive(x)
		})
	}
}

// heap is how many bytes are in use.
func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
