package store

import (
	"bytes"
	"crypto/rand"
	"errors"
	"flag"
	"fmt"
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

// world is one or more records of every table.
type world struct {
	Contacts      []Contact
	Pairs         []Pair
	Skipped       []SkippedKey
	Requests      []Request
	Conversations []Conversation
	Ops           []Op
	Deliveries    []Delivery
	OutBlobs      []OutBlob
	Events        []Event
	Setting       []byte
}

const (
	sampleName  = "Annabella Sottile"
	sampleAlias = "the one from the harbour"
	sampleText  = "meet me where the three boats lie"
)

func newWorld() *world {
	w := &world{
		Contacts: []Contact{{Name: sampleName, Alias: sampleAlias, Added: 1700000000000, Object: make([]byte, 9000)}, {Name: "B", Removed: true}},
		Requests: []Request{{Name: sampleName + " asks", Incoming: true, State: []byte("exchange state bytes"), Time: 5, Done: true}, {}},
		Events:   []Event{{Kind: 3, Ref: 9, Time: 1700000000001, Detail: []byte("event detail " + sampleName)}, {Kind: 255}},
		Setting:  []byte("setting " + sampleName),
	}
	pattern(w.Contacts[0].Account[:], "account id of anna")
	pattern(w.Contacts[0].Object, "contact object")
	pattern(w.Requests[0].Handle[:], "handle")
	w.Pairs = []Pair{{State: make([]byte, 32<<10)}, {State: []byte{1}}}
	pattern(w.Pairs[0].Peer[:], "peer id of anna's device")
	pattern(w.Pairs[0].State, "pair state")
	w.Skipped = []SkippedKey{{Chain: 1<<32 - 1, N: 7, Until: 20000}, {Chain: 3, N: 1<<32 - 1, Until: 20001}}
	for i := range w.Skipped {
		k := &w.Skipped[i]
		pattern(k.Tag[:], fmt.Sprint("tag ", i))
		pattern(k.Session[:], "\xffsession")
		pattern(k.Key[:], "skipped message key")
	}
	w.Conversations = []Conversation{{Kind: 1, Log: []byte("conversation log")}, {Kind: 200, Key: [32]byte{9}}}
	pattern(w.Conversations[0].Key[:], "conversation id")
	w.Ops = []Op{
		{AuthorSeq: 1, Lamport: 1, Time: -1, Received: 2, Kind: 1, Mine: true, State: 1, Body: []byte(sampleText)},
		{AuthorSeq: 1<<63 - 1, Lamport: 1<<63 - 1, Kind: 255, State: 255, Body: bytes.Repeat([]byte(sampleText), 2000)},
	}
	for i := range w.Ops {
		pattern(w.Ops[i].ID[:], fmt.Sprint("op id ", i))
		pattern(w.Ops[i].Author[:], fmt.Sprint("author id ", i))
	}
	w.Deliveries = []Delivery{{State: stateQueued, Time: 1}, {State: 6, Reason: "reason " + sampleName, Time: 2}}
	w.OutBlobs = []OutBlob{{Start: true, N: 3, Bytes: make([]byte, 4096), ExpiryDay: 65535, Created: 3}, {Chain: 4, N: 5, Bytes: make([]byte, 65536)}}
	for i := range w.OutBlobs {
		pattern(w.OutBlobs[i].Bytes, "out blob bytes")
		pattern(w.OutBlobs[i].Delete[:], "delete secret")
		pattern(w.OutBlobs[i].Session[:], "\xffsession")
	}
	return w
}

// put writes the world and sets its ids.
func (w *world) put(t testing.TB, tx *Tx) {
	t.Helper()
	for i := range w.Contacts {
		must(t, tx.PutContact(&w.Contacts[i]))
	}
	for i := range w.Pairs {
		w.Pairs[i].Contact = w.Contacts[i].ID
		must(t, tx.PutPair(&w.Pairs[i]))
		w.Skipped[i].Pair = w.Pairs[i].ID
	}
	must(t, tx.AddSkipped(w.Skipped))
	for i := range w.Requests {
		must(t, tx.PutRequest(&w.Requests[i]))
	}
	w.Conversations[0].Contact = w.Contacts[0].ID
	for i := range w.Conversations {
		must(t, tx.PutConversation(&w.Conversations[i]))
	}
	for i := range w.Ops {
		w.Ops[i].Conversation = w.Conversations[0].ID
		dup, err := tx.AppendOp(&w.Ops[i])
		must(t, err)
		same(t, dup, false)
	}
	for i := range w.OutBlobs {
		w.OutBlobs[i].Pair = w.Pairs[0].ID
		must(t, tx.PutOutBlob(&w.OutBlobs[i]))
	}
	for i := range w.Deliveries {
		w.Deliveries[i].Op, w.Deliveries[i].Pair, w.Deliveries[i].Blob = w.Ops[0].Seq, w.Pairs[i].ID, w.OutBlobs[0].ID
		must(t, tx.PutDelivery(&w.Deliveries[i]))
	}
	for i := range w.Events {
		must(t, tx.AppendEvent(&w.Events[i]))
	}
	must(t, tx.SetSetting("name", w.Setting))
}

// readWorld reads everything that newWorld wrote, in whatever home.
func readWorld(tx *Tx) (*world, error) {
	w := new(world)
	var errs []error
	note := func(err error) { errs = append(errs, err) }
	var err error
	w.Contacts, err = tx.Contacts()
	note(err)
	w.Pairs, err = tx.Pairs()
	note(err)
	for i := range 2 {
		var tag [16]byte
		pattern(tag[:], fmt.Sprint("tag ", i))
		k, err := tx.Skipped(tag)
		note(err)
		if k != nil {
			w.Skipped = append(w.Skipped, *k)
		}
	}
	w.Requests, err = tx.Requests()
	note(err)
	w.Conversations, err = tx.Conversations()
	note(err)
	for _, c := range w.Conversations {
		ops, err := tx.Log(c.ID, nil, 100)
		note(err)
		w.Ops = append(w.Ops, ops...)
	}
	for _, op := range w.Ops {
		ds, err := tx.DeliveriesOf(op.Seq)
		note(err)
		w.Deliveries = append(w.Deliveries, ds...)
	}
	for _, p := range w.Pairs {
		blobs, err := tx.OutBlobs(p.ID, 0, 100)
		note(err)
		w.OutBlobs = append(w.OutBlobs, blobs...)
	}
	w.Events, err = tx.Events(0, 100)
	note(err)
	w.Setting, err = tx.Setting("name")
	note(err)
	return w, errors.Join(errs...)
}

func checkWorld(t testing.TB, s *Store, want *world) {
	t.Helper()
	doView(t, s, func(tx *Tx) {
		got, err := readWorld(tx)
		must(t, err)
		same(t, got, want)
	})
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
		must(t, tx.PutRequest(&w.Requests[1]))
		must(t, tx.PutConversation(&w.Conversations[1]))
		must(t, tx.SetOpState(w.Ops[0].Seq, 4))
		must(t, tx.SetDelivery(w.Deliveries[0].ID, 5, "gone"))
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
		"PutRequest":      func(tx *Tx) error { return tx.PutRequest(&Request{ID: id}) },
		"DeleteRequest":   func(tx *Tx) error { return tx.DeleteRequest(id) },
		"PutConversation": func(tx *Tx) error { return tx.PutConversation(&Conversation{ID: id}) },
		"AppendOp":        func(tx *Tx) error { _, err := tx.AppendOp(&Op{Conversation: id}); return err },
		"Op":              func(tx *Tx) error { _, err := tx.Op(id); return err },
		"SetOpState":      func(tx *Tx) error { return tx.SetOpState(id, 1) },
		"PutDelivery":     func(tx *Tx) error { return tx.PutDelivery(&Delivery{ID: id}) },
		"SetDelivery":     func(tx *Tx) error { return tx.SetDelivery(id, 1, "") },
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
	for _, err := range []error{
		s.Update(func(*Tx) error { return nil }), s.View(func(*Tx) error { return nil }),
		s.SaveSecrets(func(*Secrets) {}), s.Scrub(),
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
