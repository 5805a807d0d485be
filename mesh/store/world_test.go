package store

import (
	"bytes"
	"errors"
	"fmt"
	"testing"
)

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
	w.Pairs = []Pair{{State: make([]byte, 32<<10), Fixed: make([]byte, 6000)}, {State: []byte{1}}}
	pattern(w.Pairs[0].Peer[:], "peer id of anna's device")
	pattern(w.Pairs[0].State, "pair state")
	pattern(w.Pairs[0].Fixed, "pair fixed")
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
