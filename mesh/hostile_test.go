package mesh

import (
	"crypto/rand"
	"fmt"
	"slices"
	"testing"
	"time"

	"sottovoce/mesh/conversation"
	"sottovoce/mesh/peer"
	"sottovoce/mesh/session"
	"sottovoce/mesh/wire"
)

// content is one op that says text, of nobody's log: its author is zero.
func content(text string) session.Content {
	op, err := conversation.NewLog(conversation.ID{}).Next(peer.ID{}, time.Now(), conversation.Text(text))
	if err != nil {
		panic(err)
	}
	payload, err := conversation.Pack([][]byte{op.Raw()})
	if err != nil {
		panic(err)
	}
	return session.Content{Payload: payload}
}

// sends puts blobs on the link to a contact, past the outbox.
func (p *person) sends(to string, make func(t *turn, d *device) ([][]byte, error)) {
	p.t.Helper()
	p.inside(func(t *turn) error {
		d := p.device(to)
		blobs, err := make(t, d)
		if err != nil {
			return err
		}
		t.touch(d)
		v := d.route.live
		t.then(func() { v.post.put(parcel{blobs: blobs}) })
		return nil
	})
}

// sealed are blobs with these ops, in the session there is.
func sealed(t *turn, d *device, payloads ...[]byte) (blobs [][]byte, err error) {
	for _, p := range payloads {
		s, err := d.pair.Seal(t.now, session.Content{Payload: p}, t.n.rand)
		if err != nil {
			return nil, err
		}
		blobs = append(blobs, s.Blob)
	}
	return blobs, nil
}

func packed(ops ...*conversation.Op) []byte {
	raw := make([][]byte, len(ops))
	for i, op := range ops {
		raw[i] = op.Raw()
	}
	payload, err := conversation.Pack(raw)
	if err != nil {
		panic(err)
	}
	return payload
}

// attacks are what a contact can send besides ops of its own.
var attacks = map[string]func(t *turn, d *device) ([][]byte, error){
	"garbage under unknown tags": func(t *turn, d *device) (blobs [][]byte, err error) {
		for range 3 * unmatchedMax {
			blobs = append(blobs, noiseBlob(wire.Class0, [16]byte{}))
		}
		return blobs, nil
	},
	"large garbage": func(t *turn, d *device) (blobs [][]byte, err error) {
		for range 2 * unmatchedBytes / wire.Class2.Size() {
			blobs = append(blobs, noiseBlob(wire.Class2, [16]byte{}))
		}
		return blobs, nil
	},
	"garbage under the next tags": func(t *turn, d *device) ([][]byte, error) {
		blobs, err := sealed(t, d, packed(foreignOp("x")))
		if err != nil {
			return nil, err
		}
		h, err := wire.ParseHeader(blobs[0])
		return append([][]byte{noiseBlob(wire.Class0, h.Tag), noiseBlob(wire.Class1, h.Tag)}, blobs...), err
	},
	"ops of another author": func(t *turn, d *device) ([][]byte, error) { return sealed(t, d, packed(foreignOp("x"))) },
	"payloads that are none": func(t *turn, d *device) ([][]byte, error) {
		return sealed(t, d, []byte{0}, []byte{1, 2, 3}, make([]byte, 3000), []byte{0, 0xff, 0xff, 0xff, 0xff, 0x0f})
	},
	"ops of another conversation": func(t *turn, d *device) ([][]byte, error) {
		op, err := conversation.NewLog(conversation.ID{1}).Next(t.n.me.device.ID(), t.now, conversation.Text("x"))
		if err != nil {
			return nil, err
		}
		return sealed(t, d, packed(op))
	},
	"a fork": func(t *turn, d *device) ([][]byte, error) {
		log := conversation.NewLog(d.contact.talk.log.ID())
		op, err := log.Next(t.n.me.device.ID(), t.now, conversation.Text("another first message"))
		if err != nil {
			return nil, err
		}
		return sealed(t, d, packed(op), packed(op))
	},
	"a replay": func(t *turn, d *device) ([][]byte, error) {
		blobs, err := sealed(t, d, packed(foreignOp("again")))
		if err != nil {
			return nil, err
		}
		return [][]byte{blobs[0], blobs[0], blobs[0]}, nil
	},
	"jumps": func(t *turn, d *device) (blobs [][]byte, err error) {
		for range 40 {
			if blobs, err = sealed(t, d, packed(foreignOp("x"))); err != nil {
				return nil, err
			}
		}
		return blobs, nil
	},
	"backwards": func(t *turn, d *device) ([][]byte, error) {
		var all [][]byte
		for range 20 {
			all = append(all, packed(foreignOp("x")))
		}
		blobs, err := sealed(t, d, all...)
		slices.Reverse(blobs)
		return blobs, err
	},
}

// A contact sends everything it should not. The node keeps what is in order, shows
// nothing else, holds little, and goes on.
func TestHostileContact(t *testing.T) {
	t.Parallel()
	lan := newAir()
	anna, mallory := newPerson(t, lan, "Anna"), newPerson(t, lan, "Mallory")
	anna.befriends(mallory)
	want := []string{"hello"}
	mallory.within(waitLong, "delivered", mallory.delivered(mallory.says("Anna", "hello")))
	anna.within(waitLong, "delivered", anna.delivered(anna.says("Mallory", "hello")))
	honest := func(what string) {
		t.Helper()
		want = append(want, what)
		mallory.within(waitLong, what, mallory.delivered(mallory.says("Anna", what)))
		anna.within(waitLong, what, anna.delivered(anna.says("Mallory", what)))
	}
	for what, blobs := range attacks {
		mallory.sends("Anna", blobs)
		honest("after " + what)
		anna.inside(func(t *turn) error {
			size := 0
			for _, b := range anna.device("Mallory").route.live.waiting {
				size += len(b)
			}
			if n := len(anna.device("Mallory").route.live.waiting); n > unmatchedMax || size > unmatchedBytes {
				return fmt.Errorf("%s: %d blobs of %d bytes wait", what, n, size)
			}
			return nil
		})
	}
	mallory.inside(func(t *turn) error { // receipts for what was never sent
		d := mallory.device("Anna")
		id, _ := d.pair.Sending()
		frames := []wire.Frame{
			wire.Receipt{Session: id, Start: true, Ranges: []wire.Range{{Chain: 0, First: 0, Last: 1<<32 - 1}, {Chain: 9, First: 5, Last: 6}}},
			wire.Receipt{Session: [8]byte{1}, Start: true, Ranges: []wire.Range{{Chain: 1<<32 - 1, First: 0, Last: 1<<32 - 1}}},
		}
		v := d.route.live
		t.then(func() { v.post.put(parcel{frames: frames}) })
		return nil
	})
	honest("after receipts")
	var theirs []string
	log, err := anna.Log(t.Context(), "Mallory", LogQuery{})
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range log {
		if !m.Mine {
			theirs = append(theirs, m.Text)
		}
	}
	if !slices.Equal(theirs, want) {
		t.Errorf("shown: %q\nwant: %q", theirs, want)
	}
}

// Blobs that overtake each other open all the same: the tags of what was jumped over
// lead to the stored keys.
func TestOutOfOrder(t *testing.T) {
	t.Parallel()
	lan := newAir()
	anna, bruno := newPerson(t, lan, "Anna"), newPerson(t, lan, "Bruno")
	anna.befriends(bruno)
	anna.within(waitLong, "delivered", anna.delivered(anna.says("Bruno", "0")))
	anna.sends("Bruno", func(t *turn, d *device) ([][]byte, error) {
		var payloads [][]byte
		log := d.contact.talk.log
		for i := range 30 {
			op, err := log.Next(t.n.me.device.ID(), t.now, conversation.Text(fmt.Sprint(i+1)))
			if err != nil {
				return nil, err
			}
			if _, err := log.Admit(op, t.n.me.device.ID()); err != nil {
				return nil, err
			}
			payloads = append(payloads, packed(op))
		}
		blobs, err := sealed(t, d, payloads...)
		slices.Reverse(blobs)
		return blobs, err
	})
	var want []string
	for i := range 31 {
		want = append(want, fmt.Sprint(i))
	}
	bruno.within(3*time.Second, "has all, in order", func() bool { return slices.Equal(bruno.texts("Anna"), want) })
}

// An op of a kind that this version does not show is nothing to crash on.
func TestUnknownKind(t *testing.T) {
	t.Parallel()
	lan := newAir()
	anna, bruno := newPerson(t, lan, "Anna"), newPerson(t, lan, "Bruno")
	anna.befriends(bruno)
	m := anna.says("Bruno", "x")
	bruno.within(waitLong, "arrived", func() bool { return len(bruno.texts("Anna")) == 1 })
	bruno.inside(func(t *turn) error {
		id, err := conversation.ParseOpID(m.ID)
		if err != nil {
			return err
		}
		rows, err := t.tx.OpsByPrefix(id[:], 1)
		if err != nil {
			return err
		}
		op := rows[0]
		op.Seq, op.AuthorSeq, op.ID, op.Kind = 0, op.AuthorSeq+1, conversation.OpID{1, 2, 3}, uint8(conversation.KindCallOffer)
		_, err = t.tx.AppendOp(&op)
		return err
	})
	if m, err := bruno.Message(t.Context(), conversation.OpID{1, 2, 3}.String()); err == nil {
		t.Errorf("a message: %+v", m)
	}
	if got := bruno.texts("Anna"); len(got) != 1 {
		t.Errorf("shown: %v", got)
	}
}

func foreignOp(text string) *conversation.Op {
	op, err := conversation.NewLog(conversation.ID{}).Next(peer.ID{7}, time.Now(), conversation.Text(text))
	if err != nil {
		panic(err)
	}
	return op
}

// noiseBlob is random bytes under a sound header; a zero tag becomes a random one.
func noiseBlob(class wire.Class, tag [16]byte) []byte {
	if tag == ([16]byte{}) {
		_, _ = rand.Read(tag[:])
	}
	blob := wire.Header{Class: class, ExpiryDay: wire.DayAt(time.Now()) + wire.ExpiryDaysMax, Tag: tag}.Append(nil)
	blob = append(blob, make([]byte, class.Size()-len(blob))...)
	_, _ = rand.Read(blob[wire.HeaderSize:])
	return blob
}

// What waits for its key costs one far look and one more receipt, not one every moment.
func TestWaitingIsQuiet(t *testing.T) {
	t.Parallel()
	lan := newAir()
	anna, bruno := newPerson(t, lan, "Anna"), newPerson(t, lan, "Bruno")
	anna.befriends(bruno)
	junk := noiseBlob(wire.Class0, [16]byte{})
	for range 2 {
		bruno.sends("Anna", func(*turn, *device) ([][]byte, error) { return [][]byte{junk}, nil })
		bruno.within(waitLong, "delivered", bruno.delivered(bruno.says("Anna", "x")))
	}
	anna.inside(func(t *turn) error {
		d := anna.device("Bruno")
		v := d.route.live
		if len(v.waiting) != 1 || v.far.IsZero() {
			return fmt.Errorf("%d blobs wait, far look planned for %v", len(v.waiting), v.far)
		}
		if err := t.lookFar(d, v); err != nil {
			return err
		}
		if len(v.waiting) != 1 || !v.far.IsZero() {
			return fmt.Errorf("after the far look %d blobs wait, another planned for %v", len(v.waiting), v.far)
		}
		return nil
	})
}
