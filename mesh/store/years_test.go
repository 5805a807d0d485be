package store

import (
	"crypto/rand"
	"encoding/binary"
	"fmt"
	mathrand "math/rand/v2"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sottovoce/mesh/peer"
)

// The library of these benchmarks: a million messages of about ten words in twenty
// conversations, from a vocabulary of 50,000 words in which few are frequent and most
// are rare, as in a language.
const (
	yearsOps     = 1_000_000
	yearsTalks   = 20
	yearsWords   = 50_000
	yearsRare    = "needle" // in one message of the first thousand
	yearsCommits = 1000     // ops a commit
)

// fillYears makes it, indexed.
func fillYears(b *testing.B, home string, ops int) {
	s, err := Open(home, rand.Reader)
	must(b, err)
	random := mathrand.New(seeded("years"))
	frequency := mathrand.NewZipf(random, 1.1, 3, yearsWords-1)
	var talks []Conversation
	doUpdate(b, s, func(tx *Tx) {
		for i := range yearsTalks {
			c := Conversation{Key: [32]byte{byte(i), 1}}
			must(b, tx.PutConversation(&c))
			talks = append(talks, c)
		}
	})
	began := time.Now()
	for n := 0; n < ops; n += yearsCommits {
		doUpdate(b, s, func(tx *Tx) {
			for i := range yearsCommits {
				var text strings.Builder
				for range 5 + random.IntN(10) {
					fmt.Fprintf(&text, "w%x ", frequency.Uint64())
				}
				if n+i == 777 {
					text.WriteString(yearsRare)
				}
				op := Op{
					Conversation: talks[random.IntN(yearsTalks)].ID, Author: peer.ID{byte(random.IntN(2))}, AuthorSeq: uint64(n + i + 1), Lamport: uint64(n + i + 1),
					Time: int64(n+i) * 60_000, Body: []byte(text.String()),
				}
				binary.BigEndian.PutUint64(op.ID[:], random.Uint64())
				_, err := tx.AppendOp(&op)
				must(b, err)
			}
		})
	}
	b.Logf("%d ops written in %v", ops, time.Since(began).Round(time.Second))
	began = time.Now()
	steps := 0
	for more := true; more; steps++ {
		more, err = s.Index(bodyText)
		must(b, err)
	}
	b.Logf("indexed in %d steps in %v", steps, time.Since(began).Round(time.Second))
	closeStore(b, s)
}

// BenchmarkSearch asks a library of a million messages.
func BenchmarkSearch(b *testing.B) {
	home := filepath.Join(b.TempDir(), "home")
	must(b, Init(home, sampleSecrets(), rand.Reader))
	fillYears(b, home, yearsOps)
	began := time.Now()
	s := openHome(b, home)
	b.Logf("opened in %v", time.Since(began))
	doView(b, s, func(tx *Tx) {
		all, err := tx.segments()
		must(b, err)
		pages, err := tx.c.number("SELECT count(*) FROM words")
		must(b, err)
		b.Logf("%d segments of %d blocks", len(all), pages)
	})
	last := int64(0)
	doView(b, s, func(tx *Tx) {
		all, err := tx.Conversations()
		must(b, err)
		last = all[len(all)-1].ID
	})
	for name, q := range map[string]Query{
		"frequent":          {Words: []string{"w0"}},
		"rare":              {Words: []string{yearsRare}},
		"nowhere":           {Words: []string{"nowhere"}},
		"two-frequent":      {Words: []string{"w0", "w1"}},
		"frequent-and-rare": {Words: []string{"w0", yearsRare}},
		"in-one":            {Words: []string{"w2"}, Conversation: last},
		"by-one":            {Words: []string{"w2"}, Authors: []peer.ID{{1}}},
		"long-ago":          {Words: []string{"w2"}, Until: yearsOps / 2 * 60_000},
		"middling-pair":     {Words: []string{"w40", "w50"}},
	} {
		b.Run(name, func(b *testing.B) {
			q.Limit = 20
			n := 0
			for range b.N {
				doView(b, s, func(tx *Tx) {
					ops, err := tx.Search(b.Context(), q, bodyText)
					must(b, err)
					n = len(ops)
				})
			}
			b.ReportMetric(float64(n), "found")
		})
	}
}
