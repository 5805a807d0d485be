package mailbox_test

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"testing"
	"time"

	"sottovoce/relay/mailbox"
	"sottovoce/relay/mailbox/mailboxtest"
)

// BenchmarkAppend makes durable deposits of 4 KiB, by batches, without and with a token each, and in turns with them the yardstick: the
// same bytes appended to one file, one sync a batch. x/raw is how much of the yardstick's speed the store reaches, amplification
// what it writes for each byte of a blob.
func BenchmarkAppend(b *testing.B) {
	for _, batch := range []int{1, 32, 256, -1, -32, -256} {
		name, paid := strconv.Itoa(batch), batch < 0
		if paid {
			batch = -batch
			name = strconv.Itoa(batch) + "paid"
		}
		b.Run(name, func(b *testing.B) {
			dir := b.TempDir()
			store, err := mailbox.Open(filepath.Join(dir, "store"), 0)
			if err != nil {
				b.Fatal(err)
			}
			defer store.Close()
			raw, err := os.Create(filepath.Join(dir, "raw"))
			if err != nil {
				b.Fatal(err)
			}
			defer raw.Close()
			var ours, theirs time.Duration
			before := store.Stats().Bytes
			for n := uint64(0); b.Loop(); {
				deposits := make([]mailbox.Deposit, batch)
				var all []byte
				for i := range deposits {
					blob := mailboxtest.Blob(n, 0, today)
					if deposits[i].Blob = blob; paid {
						deposits[i].Paid = []mailbox.Token{mailboxtest.Token(n, today)}
					}
					all = append(all, blob...)
					n++
				}
				start := time.Now()
				if _, err := raw.Write(all); err != nil {
					b.Fatal(err)
				}
				if err := mailbox.SyncData(raw); err != nil {
					b.Fatal(err)
				}
				theirs += time.Since(start)
				start = time.Now()
				if results, err := store.Append(ctx, mailboxtest.Community(1), deposits); err != nil || !results[batch-1].New {
					b.Fatal(results, err)
				}
				ours += time.Since(start)
			}
			blobs := float64(b.N * batch)
			b.ReportMetric(blobs/ours.Seconds(), "blobs/s")
			b.ReportMetric(blobs/theirs.Seconds(), "raw/s")
			b.ReportMetric(float64(theirs)/float64(ours), "x/raw")
			b.ReportMetric(float64(store.Stats().Bytes-before)/(blobs*4096), "amplification")
			b.ReportMetric(0, "ns/op")
		})
	}
}

// BenchmarkSince goes through a log of 40 MB, page by page of 1 MiB, as a range does.
func BenchmarkSince(b *testing.B) {
	store, err := mailbox.Open(b.TempDir(), 0)
	if err != nil {
		b.Fatal(err)
	}
	defer store.Close()
	const blobs = 10_000
	for n := uint64(0); n < blobs; {
		deposits := make([]mailbox.Deposit, 100)
		for i := range deposits {
			deposits[i].Blob = mailboxtest.Blob(n, 0, today)
			n++
		}
		if _, err := store.Append(ctx, mailboxtest.Community(1), deposits); err != nil {
			b.Fatal(err)
		}
	}
	b.SetBytes(blobs * 4096)
	for b.Loop() {
		for since, end := uint64(0), false; !end; {
			p, err := store.Since(ctx, mailboxtest.Community(1), since, 1<<20)
			if err != nil {
				b.Fatal(err)
			}
			since, end = p.Until, p.End
		}
	}
}

// BenchmarkMillion opens a store of a million blobs of 4 KiB of 58 days, which takes 4.3 GB of disk, and tells how long that
// takes and how much memory the process has then. SOTTOVOCE_MILLION=1 lets it run.
func BenchmarkMillion(b *testing.B) {
	if os.Getenv("SOTTOVOCE_MILLION") == "" {
		if os.Getenv("CI") != "" {
			return
		}
		b.Skip("takes 4.3 GB of disk: set SOTTOVOCE_MILLION=1; CI has no use for it")
	}
	const million, batch = 1_000_000, 1000
	dir := b.TempDir()
	store, err := mailbox.Open(dir, 0)
	if err != nil {
		b.Fatal(err)
	}
	for n := uint64(0); n < million; {
		deposits := make([]mailbox.Deposit, batch)
		for i := range deposits {
			deposits[i].Blob = mailboxtest.Blob(n, 0, today+uint16(n%58))
			n++
		}
		if _, err := store.Append(ctx, mailboxtest.Community(1), deposits); err != nil {
			b.Fatal(err)
		}
	}
	if err := store.Close(); err != nil {
		b.Fatal(err)
	}
	runtime.GC()
	debug.FreeOSMemory()
	idle := resident()
	for b.Loop() {
		start := time.Now()
		if store, err = mailbox.Open(dir, 0); err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(time.Since(start).Seconds(), "s/start")
		b.ReportMetric(float64(resident())/1e6, "MB-RSS")
		debug.FreeOSMemory()
		b.ReportMetric(float64(resident()-idle)/million, "B/blob")
		store.Close()
	}
}

// resident is the memory of this process in bytes.
func resident() int {
	text, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0
	}
	pages, err := strconv.Atoi(strings.Fields(string(text))[1])
	if err != nil {
		panic(fmt.Sprintf("statm: %v", err))
	}
	return pages * os.Getpagesize()
}
