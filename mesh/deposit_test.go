package mesh

import (
	"strings"
	"testing"
	"time"

	"sottovoce/mesh/conversation"
	"sottovoce/mesh/peer"
	"sottovoce/mesh/store"
)

// The order in which a supernode is left what waits for five friends does not show which blobs belong together: neither
// the first time, nor when all of it is offered at once.
func TestDepositsAreMixed(t *testing.T) {
	t.Parallel() // it waits, mostly
	const friends, each = 5, 8
	s, lan := newSky(2), newAir()
	s.set(1, false)
	anna := newPersonUnder(t, lan, "Anna", s)
	var names []string
	for i := range friends {
		p := newPersonUnder(t, lan, "Friend"+string(rune('A'+i)), s)
		anna.befriends(p)
		names = append(names, p.name)
		anna.within(waitLong, "she knows the mailbox", func() (ok bool) {
			anna.inside(func(*turn) error {
				c, err := anna.contactCalled(p.name)
				ok = err == nil && c.mailbox.Card != nil
				return nil
			})
			return ok
		})
		p.stop()
	}
	for range each {
		var said []Message
		for _, name := range names {
			said = append(said, anna.says(name, "ciao"))
		}
		for _, m := range said {
			anna.within(waitLong, "held", anna.reaches(m, conversation.StateHeld))
		}
	}
	s.set(1, true)
	anna.within(waitLong, "the second has it all", func() bool { return s.held(1) >= friends*each })
	of := make(map[string]int64) // whom a blob is for
	if err := anna.store.View(func(tx *store.Tx) error {
		for id := int64(1); id < 10*friends*each; id++ {
			if blob, err := tx.OutBlob(id); err == nil {
				of[string(blob.Bytes)] = blob.Pair
			}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	same := 0
	log := s.nodes[1].log
	for i := range log[1:] {
		if of[string(log[i].blob)] == of[string(log[i+1].blob)] {
			same++
		}
	}
	// By chance it is one in five, 8 of 40; in one of 100,000 runs 20.
	if same >= 20 {
		t.Errorf("%d of %d blobs are for the same friend as the one before", same, len(log))
	}
}

// One message that a supernode has deleted is not said to be held, waits for another way, and delays no other.
func TestDeletedThere(t *testing.T) {
	t.Parallel()
	s := newSky(1)
	anna, bruno := meetUnder(t, s)
	bruno.stop()
	first := anna.says("Bruno", "one")
	anna.within(waitLong, "held", anna.reaches(first, conversation.StateHeld))
	s.change(func() {
		k := s.nodes[0]
		for _, b := range k.log {
			k.gone = append(k.gone, string(b.blob))
		}
	})
	s.lose(0)
	anna.within(waitLong, "it is not held any more", anna.reaches(first, conversation.StateQueued))
	anna.within(waitLong, "it was offered", func() bool { return strings.Contains(anna.journey(first).Copies[0].Waits, "deleted") })
	c := anna.waitsFor(first, "for another way to them", "cupboard a (Villa) says that it was deleted there", "it stays here")
	if len(c.HeldBy) > 0 {
		t.Errorf("held by %+v", c.HeldBy)
	}
	second := anna.says("Bruno", "two")
	anna.within(depositAgainMin, "the next is held", anna.reaches(second, conversation.StateHeld))
	s.change(func() { s.nodes[0].gone = nil })
	s.set(0, false)
	s.set(0, true)
	anna.within(waitLong, "on the next link it is taken", anna.reaches(first, conversation.StateHeld))
}

// depositAgainMin is less than the pause after one refusal.
const depositAgainMin = 4 * time.Second

// What is offered for the first time keeps its order among the rest, and what is offered again does not.
func TestShuffled(t *testing.T) {
	of := &deposit{}
	var first []int64
	for id := range int64(64) {
		of.blobs = append(of.blobs, id)
		if id >= 32 {
			first = append(first, id)
		}
	}
	slips, err := shuffled(of, first, cryptoRand)
	if err != nil {
		t.Fatal(err)
	}
	box := newDepositBox()
	box.put(slips)
	inOrder, last, mixed := 0, [2]int{-1, -1}, 0
	all := box.take()
	for i, s := range all {
		kind := s.k / 32
		if s.k > last[kind] {
			inOrder += 1 - kind
		} else if kind == 1 {
			t.Errorf("blob %d is behind blob %d", s.k, last[1])
		}
		if last[kind] = s.k; i > 0 && all[i-1].k/32 != kind {
			mixed++
		}
	}
	if len(all) != 64 || inOrder > 28 || mixed < 10 {
		t.Errorf("of %d blobs %d of 32 that were offered before are in order, and %d times one kind follows the other", len(all), inOrder, mixed)
	}
}

// Ever other supernodes that a contact names do not stay in memory, unless something is on its way to them.
func TestDepotsAreForgotten(t *testing.T) {
	t.Parallel()
	anna := newPersonUnder(t, newAir(), "Anna", newSky(0))
	most, dead := 0, 0
	var busy, again *depot
	numbers := make(map[int64]bool)
	anna.inside(func(turn *turn) error {
		n := turn.n
		for i := range 10 * depotsKept {
			turn.reach([]Reached{{At: peer.ID{1, byte(i >> 8), byte(i)}, Link: uint64(i) + 1}})
			d, number := n.depotOf(n.custody.reached[0].At)
			if i == 0 {
				busy, d.box.busy = d, true
			}
			if err := turn.lookForDepots(); err != nil {
				return err
			}
			numbers[number] = true
			most = max(most, len(n.custody.depots))
		}
		again, _ = n.depotOf(busy.at)
		for _, d := range n.custody.depots {
			select {
			case <-d.box.gone:
				dead++
			default:
			}
		}
		return nil
	})
	if most > depotsKept+2 || len(numbers) != 10*depotsKept {
		t.Errorf("%d are in memory, under %d numbers", most, len(numbers))
	}
	if again != busy || dead != 0 {
		t.Errorf("%d that are remembered do nothing any more, one that has something to do is forgotten: %v", dead, again != busy)
	}
}
