package bench

import (
	"crypto/rand"
	"fmt"
	mathrand "math/rand/v2"
	"strings"
	"testing"
	"time"

	"sottovoce/cmd/internal/control"
	"sottovoce/mesh/conversation"
	"sottovoce/mesh/identity"
	"sottovoce/mesh/peer"
	"sottovoce/mesh/store"
)

// The home of BenchmarkYears: messages of about ten words with one contact, from a vocabulary in which few words are
// frequent and most are rare, as in a language.
const (
	yearsMessages = 1_000_000
	yearsWords    = 50_000
	yearsCommit   = 1000 // messages
	yearsStarts   = 10
	yearsAsked    = 50 // times each search
	frequentWord  = "w0"
	rareWord      = "needle" // in the first message
)

// BenchmarkYears opens a home with a million messages and searches it.
func BenchmarkYears(b *testing.B) {
	anna, bert := newPair(b)
	bert.down()
	anna.down()
	began := time.Now()
	fillYears(b, anna.home)
	b.Logf("filled in %v", time.Since(began).Round(time.Second))
	results.begin()
	var opened []time.Duration
	for i := range yearsStarts {
		if i > 0 {
			anna.down()
		}
		start := time.Now()
		anna.process = anna.Start(anna.program, "up")
		for {
			if _, err := anna.api.Version(b.Context()); err == nil {
				break
			}
			time.Sleep(time.Millisecond)
		}
		opened = append(opened, time.Since(start))
	}
	results.put(b, figure{Name: "home of 1 M messages, start p50", Value: milliseconds(percentile(opened, 50)), Unit: "ms", Samples: yearsStarts, ValueMax: 300})
	for _, q := range []struct {
		name  string
		query control.SearchQuery
		max   float64
		found int
	}{
		{"a frequent word", control.SearchQuery{Words: frequentWord}, 10, 20},
		{"a rare word", control.SearchQuery{Words: rareWord}, 10, 1},
		{"a word that is nowhere", control.SearchQuery{Words: "nowhere"}, 10, 0},
		{"two words, by one person", control.SearchQuery{Words: "w1 w2", From: "Bert"}, 10, 20},
		{"a frequent word, years ago", control.SearchQuery{Words: frequentWord, Until: yearsBegin.AddDate(1, 0, 0)}, 0, 20},
	} {
		var took []time.Duration
		for range yearsAsked {
			start := time.Now()
			found, err := anna.api.Search(b.Context(), q.query)
			if err != nil || len(found) != q.found {
				b.Fatalf("%s: %d found, %v", q.name, len(found), err)
			}
			took = append(took, time.Since(start))
		}
		results.put(b, figure{Name: "search for " + q.name + " p50", Value: milliseconds(percentile(took, 50)), Unit: "ms", Samples: yearsAsked, ValueMax: q.max})
	}
	results.put(b, figure{Name: "memory after that", Value: megabytes(anna.process.Memory()), Unit: "MB", Samples: 1, ValueMax: 60})
}

var yearsBegin = time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)

// fillYears writes what two people say in some years into the home of one of them, as a node would have, and indexes it.
func fillYears(b *testing.B, home string) {
	db, err := store.Open(home, rand.Reader)
	check(b, err)
	random := mathrand.New(mathrand.NewPCG(1, 2))
	y := &years{words: mathrand.NewZipf(random, 1.1, 3, yearsWords-1), random: random}
	check(b, db.View(func(tx *store.Tx) error {
		talks, err := tx.Conversations()
		check(b, err)
		pairs, err := tx.Pairs()
		check(b, err)
		y.talk, y.pair = talks[0], pairs[0]
		y.log, err = conversation.LoadLog(y.talk.Log)
		y.us = identity.DeviceFromSeed(db.Secrets().Device).ID()
		return err
	}))
	for range yearsMessages / yearsCommit {
		check(b, db.Update(func(tx *store.Tx) error {
			for range yearsCommit {
				if err := y.say(tx); err != nil {
					return err
				}
			}
			y.talk.Log = y.log.Save()
			return tx.PutConversation(&y.talk)
		}))
	}
	for more := true; more; {
		more, err = db.Index(func(_ *store.Tx, op *store.Op) (string, error) {
			parsed, err := conversation.ParseOp(op.Body)
			check(b, err)
			text, _ := parsed.Text()
			return text, nil
		})
		check(b, err)
	}
	check(b, db.Close())
}

func check(b *testing.B, err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}

// years is a conversation that grows.
type years struct {
	talk   store.Conversation
	log    *conversation.Log
	pair   store.Pair
	us     peer.ID
	said   int
	words  *mathrand.Zipf
	random *mathrand.Rand
}

// say adds a message of one of the two, with all that a node keeps of it.
func (y *years) say(tx *store.Tx) error {
	var text strings.Builder
	for range 5 + y.random.IntN(10) {
		fmt.Fprintf(&text, "w%x ", y.words.Uint64())
	}
	if y.said == 0 {
		text.WriteString(rareWord)
	}
	by, mine := y.us, y.random.IntN(2) == 0
	if !mine {
		by = y.pair.Peer
	}
	now := yearsBegin.Add(time.Duration(y.said) * 3 * time.Minute)
	y.said++
	op, err := y.log.Next(by, now, conversation.Text(text.String()))
	if err != nil {
		return err
	}
	admitted, err := y.log.Admit(op, by)
	if err != nil {
		return err
	}
	row := store.Op{
		Conversation: y.talk.ID, ID: op.ID(), Author: by, AuthorSeq: op.Seq, Lamport: admitted.Lamport, Time: op.Time,
		Received: op.Time, Kind: uint8(op.Kind), Mine: mine, Body: op.Raw(),
	}
	if mine {
		row.State = uint8(conversation.StateDelivered)
	}
	if _, err := tx.AppendOp(&row); err != nil || !mine {
		return err
	}
	delivery := store.Delivery{Op: row.Seq, Pair: y.pair.ID, State: row.State, Time: op.Time}
	return tx.PutDelivery(&delivery)
}
