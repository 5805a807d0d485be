package store

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"testing"
)

// The commits of these benchmarks hold ops of a 200-byte body. BenchmarkFdatasync
// is the yardstick: one page appended and made durable in the same directory.

func BenchmarkCommit1(b *testing.B)   { benchmarkCommit(b, 1) }
func BenchmarkCommit256(b *testing.B) { benchmarkCommit(b, 256) }

func benchmarkCommit(b *testing.B, ops int) {
	s := openHome(b, newHome(b))
	c := Conversation{}
	doUpdate(b, s, func(tx *Tx) { must(b, tx.PutConversation(&c)) })
	random := seeded("bench")
	seq := uint64(0)
	b.ResetTimer()
	for range b.N {
		doUpdate(b, s, func(tx *Tx) {
			for range ops {
				seq++
				op := Op{Conversation: c.ID, AuthorSeq: seq, Lamport: seq, State: stateQueued, Body: make([]byte, 200)}
				binary.BigEndian.PutUint64(op.ID[:], random.Uint64())
				if _, err := tx.AppendOp(&op); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "commits/s")
	b.ReportMetric(float64(b.N*ops)/b.Elapsed().Seconds(), "ops/s")
}

func BenchmarkFdatasync(b *testing.B) {
	f, err := os.Create(filepath.Join(b.TempDir(), "log"))
	must(b, err)
	page := make([]byte, 4096)
	b.ResetTimer()
	for range b.N {
		_, err := f.Write(page)
		must(b, err)
		must(b, dataSync(f))
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "commits/s")
	must(b, f.Close())
}
