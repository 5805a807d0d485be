package store

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"
)

// talkative is a home with a conversation of two ops, indexed and not, and a second one.
func talkative(t *testing.T) *library {
	l := newLibrary(t, 2, t.Name())
	l.say(2*indexBatch, func() string { return sampleText })
	l.index(100)
	l.say(10, func() string { return sampleText })
	return l
}

// dropAndGoOn drops a conversation and puts a new one in its place.
func dropAndGoOn(t testing.TB, tx *Tx, c *Conversation) {
	t.Helper()
	must(t, tx.DropConversation(c.ID))
	c.ID = 0
	must(t, tx.PutConversation(c))
}

// What was erased cannot be read any more, in the home or in copies of its database
// from before, whoever has all keys that are left.
func TestErasedIsGoneForGood(t *testing.T) {
	l := talkative(t)
	old, c := l.talk[0].ID, &l.talk[0]
	key := l.s.Secrets().Conversations[old]
	seq := int64(0)
	for _, op := range l.ops {
		if op.Conversation == old {
			seq = op.Seq
		}
	}
	before := copyHome(t, l.s.home)
	doUpdate(t, l.s, func(tx *Tx) {
		dropAndGoOn(t, tx, c)
		if _, err := tx.AppendOp(&Op{Conversation: c.ID, AuthorSeq: 1, Body: []byte("afterwards")}); err != nil {
			t.Fatal(err)
		}
	})
	must(t, l.s.Shred())
	if _, there := l.s.Secrets().Conversations[old]; there || c.ID == old {
		t.Fatal("the old key is there")
	}
	doView(t, l.s, func(tx *Tx) {
		all, err := tx.Conversations()
		must(t, err)
		same(t, all, []Conversation{l.talk[1], *c})
		_, err = tx.Op(seq)
		if !errors.Is(err, ErrNotFound) {
			t.Errorf("an erased op: %v", err)
		}
		ops, err := tx.OpsByPrefix([]byte("1"), 4000)
		must(t, err)
		for _, op := range ops {
			if op.Conversation == old {
				t.Fatal("an erased op is found by its id")
			}
		}
		ops, err = tx.Log(c.ID, nil, 10)
		must(t, err)
		same(t, len(ops), 1)
	})

	// The copy has the erased rows, but none of the keys that are left open them.
	closeStore(t, l.s)
	keys, err := os.ReadFile(inHome(l.s.home, keysName))
	must(t, err)
	must(t, os.WriteFile(inHome(before, keysName), keys, 0o600))
	s := openHome(t, before)
	for name, read := range map[string]func(tx *Tx) error{
		"op": func(tx *Tx) error { _, err := tx.Op(seq); return err },
		"index": func(tx *Tx) error {
			_, err := tx.Search(t.Context(), Query{Words: []string{"boats"}, Conversation: old, Limit: 1000}, bodyText)
			return err
		},
	} {
		if err := s.View(read); !errors.Is(err, ErrTampered) {
			t.Errorf("%s: %v", name, err)
		}
	}
	plain := dump(t, s.writer, s.Secrets().Conversations)
	for _, word := range []string{sampleText, "boats"} {
		if strings.Contains(plain, word) || strings.Contains(plain, strings.ToUpper(hex.EncodeToString([]byte(word)))) {
			t.Errorf("%q stands in the database", word)
		}
	}
	if strings.Contains(plain, hex.EncodeToString(key[:])) {
		t.Error("the key stands in the database")
	}
}

// An erasing that a kill cuts off between the commit and the destruction of the key is
// finished by the next Shred, and nothing of it is seen before.
func TestErasingCutOff(t *testing.T) {
	l := talkative(t)
	old := l.talk[0].ID
	doUpdate(t, l.s, func(tx *Tx) { dropAndGoOn(t, tx, &l.talk[0]) })
	s := openHome(t, copyHome(t, l.s.home))
	doView(t, s, func(tx *Tx) {
		ops, err := tx.Search(t.Context(), Query{Words: []string{"boats"}, Limit: rowsMax}, bodyText)
		must(t, err)
		for _, op := range ops {
			if op.Conversation == old {
				t.Fatal("an erased op is found")
			}
		}
	})
	if _, there := s.Secrets().Conversations[old]; !there {
		t.Fatal("the test does not test what it is for")
	}
	must(t, s.Shred())
	if _, there := s.Secrets().Conversations[old]; there {
		t.Fatal("the old key is there")
	}
	sweep(t, s)
	for _, table := range []string{"ops", "segments"} {
		n, err := s.writer.number("SELECT count(*) FROM " + table + " WHERE conversation=" + fmt.Sprint(old))
		must(t, err)
		same(t, n, int64(0))
	}
	n, err := s.writer.number("SELECT count(*) FROM conversations")
	must(t, err)
	same(t, n, int64(2))
}

// Ops that were deleted before their conversation was erased do not hold the index up.
func TestDeletedAndErased(t *testing.T) {
	l := talkative(t)
	doUpdate(t, l.s, func(tx *Tx) {
		for _, op := range l.ops {
			if op.Conversation == l.talk[0].ID {
				must(t, tx.DeleteOps([]int64{op.Seq}))
				break
			}
		}
		dropAndGoOn(t, tx, &l.talk[0])
	})
	must(t, l.s.Shred())
	l.index(100)
}

// What of an erased conversation waits to be sent waits no more.
func TestErasedIsNotSent(t *testing.T) {
	s := openHome(t, newHome(t))
	w := newWorld()
	doUpdate(t, s, func(tx *Tx) {
		w.put(t, tx)
		dropAndGoOn(t, tx, &w.Conversations[0])
		waiting, err := tx.Deliveries(w.Pairs[0].ID, false, 10)
		must(t, err)
		same(t, len(waiting), 0)
	})
}

// A body key that no conversation has, because its transaction failed, goes as well.
func TestShredKeepsLiveKeys(t *testing.T) {
	s := openHome(t, newHome(t))
	w := newWorld()
	doUpdate(t, s, func(tx *Tx) { w.put(t, tx) })
	must(t, s.SaveSecrets(func(to *Secrets) { to.Conversations[12345] = [32]byte{1} }))
	must(t, s.Shred())
	same(t, len(s.Secrets().Conversations), len(w.Conversations))
	checkWorld(t, s, w)
	before := s.Secrets()
	must(t, s.Shred())
	if s.Secrets() != before {
		t.Error("the key file was written without need")
	}
}

// Shred waits for whoever reads, and others go on afterwards.
func TestShredWaitsForViews(t *testing.T) {
	l := talkative(t)
	doUpdate(t, l.s, func(tx *Tx) { dropAndGoOn(t, tx, &l.talk[0]) })
	reading, read, shredded := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	go func() {
		_ = l.s.View(func(*Tx) error {
			close(reading)
			<-read
			return nil
		})
	}()
	<-reading
	go func() { shredded <- l.s.Shred() }()
	select {
	case <-shredded:
		t.Error("it did not wait")
	case <-time.After(20 * time.Millisecond):
	}
	close(read)
	must(t, <-shredded)
	for range readersMax + 1 {
		doView(t, l.s, func(*Tx) {})
	}
}

// Where the file system writes in place, the former key file is overwritten.
func TestFormerKeyFileIsOverwritten(t *testing.T) {
	s := openHome(t, newHome(t))
	former := inHome(s.home, "former")
	must(t, os.Link(inHome(s.home, keysName), former))
	must(t, s.SaveSecrets(func(to *Secrets) { must(t, fill(rand.Reader, to.Open[:])) }))
	b, err := os.ReadFile(former)
	must(t, err)
	if len(b) == 0 || strings.Trim(string(b), "\x00") != "" {
		t.Error("it is still there")
	}
	must(t, s.SaveSecrets(func(*Secrets) {}))
}
