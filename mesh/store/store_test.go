package store

import (
	"crypto/rand"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

var update = flag.Bool("update", false, "rewrite testdata")

func TestMain(m *testing.M) {
	flag.Parse()
	if child, ok := children[os.Getenv(childEnv)]; ok {
		child(os.Getenv(childHomeEnv))
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// Fill bytes of the samples, to be looked for on the disk.
func pattern[T ~[]byte](to T, name string) {
	for i := range to {
		to[i] = name[i%len(name)] ^ byte(i/len(name))
	}
}

func sampleSecrets() Secrets {
	s := Secrets{Discovery: make([]byte, 40)}
	pattern(s.Root[:], "root seed")
	pattern(s.Device[:], "device seed")
	pattern(s.Open[:], "open seed")
	pattern(s.Discovery, "discovery key")
	pattern(s.Database[:], "database key")
	return s
}

func newHome(t testing.TB) string {
	t.Helper()
	home := filepath.Join(t.TempDir(), "home")
	if err := Init(home, sampleSecrets(), rand.Reader); err != nil {
		t.Fatal(err)
	}
	return home
}

func openHome(t testing.TB, home string) *Store {
	t.Helper()
	s, err := Open(home, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func closeStore(t testing.TB, s *Store) {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

func doUpdate(t testing.TB, s *Store, fn func(*Tx)) {
	t.Helper()
	if err := s.Update(func(tx *Tx) error { fn(tx); return nil }); err != nil {
		t.Fatal(err)
	}
}

func doView(t testing.TB, s *Store, fn func(*Tx)) {
	t.Helper()
	if err := s.View(func(tx *Tx) error { fn(tx); return nil }); err != nil {
		t.Fatal(err)
	}
}

// must stops the test on an error.
func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func same(t testing.TB, got, want any) {
	t.Helper()
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
		t.Fatalf("(-want +got)\n%s", diff)
	}
}

func TestRoundTripOfEveryRecord(t *testing.T) {
	home := newHome(t)
	s := openHome(t, home)
	w := newWorld()
	doUpdate(t, s, func(tx *Tx) { w.put(t, tx) })
	checkWorld(t, s, w)
	closeStore(t, s)
	s = openHome(t, home)
	checkWorld(t, s, w)
}

func TestChangesOfEveryRecord(t *testing.T) {
	home := newHome(t)
	s := openHome(t, home)
	w := newWorld()
	doUpdate(t, s, func(tx *Tx) { w.put(t, tx) })
	w.Contacts[0].Alias, w.Contacts[0].Object, w.Contacts[0].Removed = "other", []byte("new object"), true
	w.Pairs[0].State = []byte("new state")
	w.Pairs[1].State = make([]byte, 20000)
	w.Pairs[0].Fixed, w.Pairs[1].Fixed = []byte("new fixed"), make([]byte, 9000)
	w.Requests[1].Name, w.Requests[1].State = "late", []byte("s")
	w.Conversations[1].Log, w.Conversations[1].Contact = []byte("grown"), w.Contacts[1].ID
	w.Ops[0].State = 4
	w.Deliveries[0].State, w.Deliveries[0].Reason = 5, "gone"
	w.Deliveries[1].Time = 77
	w.Setting = nil
	doUpdate(t, s, func(tx *Tx) {
		must(t, tx.PutContact(&w.Contacts[0]))
		must(t, tx.PutPair(&w.Pairs[0]))
		must(t, tx.SavePair(w.Pairs[1].ID, w.Pairs[1].State))
		must(t, tx.SavePairFixed(w.Pairs[1].ID, w.Pairs[1].Fixed))
		must(t, tx.PutRequest(&w.Requests[1]))
		must(t, tx.PutConversation(&w.Conversations[1]))
		must(t, tx.SetOpState(w.Ops[0].Seq, 4))
		must(t, tx.SetDelivery(w.Deliveries[0].ID, 5, "gone", 0))
		must(t, tx.PutDelivery(&w.Deliveries[1]))
		must(t, tx.SetSetting("name", nil))
		must(t, tx.DeleteRequest(w.Requests[0].ID))
	})
	w.Requests = w.Requests[1:]
	checkWorld(t, s, w)
	closeStore(t, s)
	checkWorld(t, openHome(t, home), w)
}

func TestNotFound(t *testing.T) {
	s := openHome(t, newHome(t))
	const id = 99
	for name, ask := range map[string]func(*Tx) error{
		"PutContact":      func(tx *Tx) error { return tx.PutContact(&Contact{ID: id}) },
		"PutPair":         func(tx *Tx) error { return tx.PutPair(&Pair{ID: id}) },
		"SavePair":        func(tx *Tx) error { return tx.SavePair(id, nil) },
		"SavePairFixed":   func(tx *Tx) error { return tx.SavePairFixed(id, nil) },
		"PutRequest":      func(tx *Tx) error { return tx.PutRequest(&Request{ID: id}) },
		"DeleteRequest":   func(tx *Tx) error { return tx.DeleteRequest(id) },
		"PutConversation": func(tx *Tx) error { return tx.PutConversation(&Conversation{ID: id}) },
		"AppendOp":        func(tx *Tx) error { _, err := tx.AppendOp(&Op{Conversation: id}); return err },
		"Op":              func(tx *Tx) error { _, err := tx.Op(id); return err },
		"SetOpState":      func(tx *Tx) error { return tx.SetOpState(id, 1) },
		"PutDelivery":     func(tx *Tx) error { return tx.PutDelivery(&Delivery{ID: id}) },
		"SetDelivery":     func(tx *Tx) error { return tx.SetDelivery(id, 1, "", 0) },
		"SealDeliveries":  func(tx *Tx) error { return tx.SealDeliveries([]int64{id}, 0) },
		"OutBlob":         func(tx *Tx) error { _, err := tx.OutBlob(id); return err },
		"DropOutBlob":     func(tx *Tx) error { return tx.DropOutBlob(id) },
		"Setting":         func(tx *Tx) error { _, err := tx.Setting("none"); return err },
	} {
		if err := s.Update(ask); !errors.Is(err, ErrNotFound) {
			t.Errorf("%s: %v", name, err)
		}
	}
	doView(t, s, func(tx *Tx) {
		k, err := tx.Skipped([16]byte{1})
		if k != nil || err != nil {
			t.Errorf("Skipped: %v %v", k, err)
		}
		cursor, err := tx.LastCursor()
		if cursor != 0 || err != nil {
			t.Errorf("LastCursor: %v %v", cursor, err)
		}
	})
}

func TestRollbackLeavesNothing(t *testing.T) {
	home := newHome(t)
	s := openHome(t, home)
	before := newWorld()
	doUpdate(t, s, func(tx *Tx) { before.put(t, tx) })
	keys := len(s.Secrets().Conversations)
	refused := errors.New("refused")
	err := s.Update(func(tx *Tx) error {
		w := newWorld()
		w.Conversations[0].Key, w.Conversations[1].Key = [32]byte{100}, [32]byte{101}
		w.put(t, tx)
		must(t, tx.SavePair(before.Pairs[0].ID, []byte("lost")))
		must(t, tx.DeleteSkipped(before.Skipped[0].Tag))
		return refused
	})
	if !errors.Is(err, refused) {
		t.Fatal(err)
	}
	checkWorld(t, s, before)
	same(t, len(s.Secrets().Conversations), keys)

	func() {
		defer func() { same(t, recover(), any("ouch")) }()
		_ = s.Update(func(tx *Tx) error {
			must(t, tx.SetSetting("name", []byte("lost")))
			panic("ouch")
		})
	}()
	checkWorld(t, s, before)
	closeStore(t, s)
	s = openHome(t, home)
	checkWorld(t, s, before)
	doUpdate(t, s, func(tx *Tx) { must(t, tx.SetSetting("name", []byte("kept"))) })
}

// A view that began before a commit goes on seeing what was before it, and does
// not wait for the writer.
func TestViewSeesASnapshot(t *testing.T) {
	s := openHome(t, newHome(t))
	before := newWorld()
	doUpdate(t, s, func(tx *Tx) { before.put(t, tx) })
	err := s.Update(func(tx *Tx) error {
		must(t, tx.SetSetting("name", []byte("uncommitted")))
		checkWorld(t, s, before) // a second connection, in the middle of the update
		return nil
	})
	must(t, err)

	began, committed := make(chan struct{}), make(chan struct{})
	var group sync.WaitGroup
	group.Go(func() {
		doView(t, s, func(tx *Tx) {
			close(began)
			<-committed
			value, err := tx.Setting("name")
			must(t, err)
			same(t, string(value), "uncommitted")
			_, err = tx.Op(before.Ops[0].Seq)
			must(t, err)
		})
	})
	<-began
	doUpdate(t, s, func(tx *Tx) { must(t, tx.SetSetting("name", []byte("second"))) })
	close(committed)
	group.Wait()
	doView(t, s, func(tx *Tx) {
		value, err := tx.Setting("name")
		must(t, err)
		same(t, string(value), "second")
	})
}

func TestManyReadersBesideTheWriter(t *testing.T) {
	s := openHome(t, newHome(t))
	var group sync.WaitGroup
	for range 6 {
		group.Go(func() {
			last := int64(0)
			for last < 100 {
				doView(t, s, func(tx *Tx) {
					es, err := tx.Events(0, rowsMax)
					must(t, err)
					if int64(len(es)) < last {
						t.Errorf("%d events after %d", len(es), last)
					}
					last = int64(len(es))
				})
			}
		})
	}
	for range 100 {
		doUpdate(t, s, func(tx *Tx) { must(t, tx.AppendEvent(&Event{})) })
	}
	group.Wait()
}

// Ids rise over all tables, and none comes back: not after a rollback, not after
// a restart, not when the rows are gone.
func TestIDsAreNeverUsedTwice(t *testing.T) {
	home := newHome(t)
	last := int64(0)
	s := openHome(t, home)
	appendEvents := func(n int) {
		t.Helper()
		doUpdate(t, s, func(tx *Tx) {
			for range n {
				var e Event
				must(t, tx.AppendEvent(&e))
				if e.Cursor <= last {
					t.Fatalf("cursor %d after %d", e.Cursor, last)
				}
				last = e.Cursor
			}
			cursor, err := tx.LastCursor()
			must(t, err)
			same(t, cursor, last)
		})
	}
	for _, n := range []int{1, 10, idsReserved, 2*idsReserved + 1} {
		appendEvents(n)
		err := s.Update(func(tx *Tx) error {
			for range idsReserved + 5 { // takes ids, and the reservation is undone
				must(t, tx.AppendEvent(&Event{}))
			}
			return errors.New("no")
		})
		if err == nil {
			t.Fatal("committed")
		}
		appendEvents(n)
		doUpdate(t, s, func(tx *Tx) { must(t, tx.change("DELETE FROM events").exec()) })
		closeStore(t, s)
		s = openHome(t, home)
	}
}

func TestClosed(t *testing.T) {
	s := openHome(t, newHome(t))
	doView(t, s, func(*Tx) {})
	var kept *Tx
	doUpdate(t, s, func(tx *Tx) { kept = tx })
	closeStore(t, s)
	closeStore(t, s)
	_, scrubbed := s.Scrub()
	for _, err := range []error{
		s.Update(func(*Tx) error { return nil }), s.View(func(*Tx) error { return nil }),
		s.SaveSecrets(func(*Secrets) {}), scrubbed,
	} {
		if !errors.Is(err, ErrClosed) {
			t.Error(err)
		}
	}
	same(t, s.Secrets().Root, [32]byte{})
	defer func() {
		if recover() == nil {
			t.Error("a transaction that ended was of use")
		}
	}()
	_, _ = kept.Contacts()
}

func TestChangeInAViewPanics(t *testing.T) {
	s := openHome(t, newHome(t))
	defer func() {
		if recover() == nil {
			t.Error("no panic")
		}
		doView(t, s, func(*Tx) {})
	}()
	_ = s.View(func(tx *Tx) error { return tx.SetSetting("a", nil) })
}
