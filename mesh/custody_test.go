package mesh

import (
	"crypto/rand"
	"slices"
	"testing"
	"time"

	"sottovoce/mesh/conversation"
	"sottovoce/mesh/wire"
)

var cryptoRand = rand.Reader

const waitLong = 30 * time.Second // for what takes a second, on a machine that six tests share

// reaches reports whether a message has come to a state.
func (p *person) reaches(m Message, s conversation.State) func() bool {
	return func() bool {
		now, err := p.Message(p.t.Context(), m.ID)
		if err != nil {
			p.t.Fatal(err)
		}
		return now.State == s
	}
}

// keptBy reports whether a supernode has signed for a message.
func (p *person) keptBy(m Message, by *keeper) func() bool {
	return func() bool {
		now, err := p.Message(p.t.Context(), m.ID)
		if err != nil {
			p.t.Fatal(err)
		}
		return slices.ContainsFunc(now.HeldBy, func(k Keeper) bool { return k.ID == by.id })
	}
}

// What Anna writes while Bruno is away is held by two supernodes, and he has it once and in
// order when she is away; that he has it, she hears with what he writes.
func TestHeld(t *testing.T) {
	t.Parallel()
	s := newSky(3)
	anna, bruno := meetUnder(t, s)
	first := anna.says("Bruno", "ciao")
	anna.within(waitLong, "delivered", anna.delivered(first))
	bruno.stop()
	words := numbered("while away", 20)
	var last Message
	for _, w := range words {
		last = anna.says("Bruno", w)
	}
	anna.within(waitLong, "held", anna.reaches(last, conversation.StateHeld))
	anna.within(waitLong, "two hold it", func() bool {
		m, _ := anna.Message(t.Context(), last.ID)
		return len(m.HeldBy) == 2 && m.HeldBy[0].Name == "cupboard a (Villa)" && m.HeldBy[0].Until == wire.DayAt(time.Now())+58
	})
	if s.held(2) != 0 {
		t.Errorf("the third supernode holds %d blobs", s.held(2))
	}
	status, err := anna.Status(t.Context())
	if err != nil || status.Held != 20 || len(status.Supernodes) != 3 || !status.Supernodes[0].Reached {
		t.Errorf("status %+v, %v", status, err)
	}
	anna.kill()
	bruno.start()
	bruno.within(waitLong, "has it all", func() bool { return len(bruno.texts("Anna")) == 21 })
	if got := bruno.texts("Anna"); !slices.Equal(got, append([]string{"ciao"}, words...)) {
		t.Errorf("bruno has %q", got)
	}
	answer := bruno.says("Anna", "eccomi")
	bruno.within(waitLong, "held", bruno.reaches(answer, conversation.StateHeld))
	bruno.kill()
	anna.start()
	anna.within(waitLong, "delivered", anna.delivered(last))
	if got := anna.texts("Bruno"); len(got) != 22 || got[21] != "eccomi" {
		t.Errorf("anna has %q", got)
	}
}

// Receipts for what came by supernode leave in slots of five minutes.
func TestReceiptSlot(t *testing.T) {
	t.Parallel()
	s := newSky(2)
	anna, bruno := meetUnder(t, s)
	bruno.stop()
	m := anna.says("Bruno", "ciao")
	anna.within(waitLong, "held", anna.reaches(m, conversation.StateHeld))
	anna.kill()
	before := s.held(0)
	bruno.start()
	bruno.within(waitLong, "has it", func() bool { return len(bruno.texts("Anna")) == 1 })
	var owes int64
	bruno.inside(func(turn *turn) error {
		d := bruno.device("Anna")
		owes = d.owes
		if at := turn.slotOf(d); at.Sub(time.UnixMilli(owes)) > receiptSlot || at.Unix()%300 != 0 {
			t.Errorf("the slot of %v is %v", time.UnixMilli(owes), at)
		}
		return nil
	})
	if owes == 0 || s.held(0) != before {
		t.Errorf("receipts are owed since %d, %d blobs were left", owes, s.held(0)-before)
	}
	bruno.stop() // and they are still owed after that
	bruno.start()
	bruno.inside(func(turn *turn) error { // five minutes pass
		d := bruno.device("Anna")
		d.owes -= receiptSlot.Milliseconds()
		turn.n.custody.since = turn.n.custody.since.Add(-receiptSlot)
		turn.n.wakeBy(turn.now)
		return turn.slotComes()
	})
	bruno.within(waitLong, "the receipt is left", func() bool { return s.held(0) == before+1 })
	bruno.kill()
	anna.start()
	anna.within(waitLong, "delivered", anna.delivered(m))
	anna.inside(func(*turn) error {
		if owes := anna.device("Bruno").owes; owes != 0 {
			t.Errorf("a receipt for a receipt is owed")
		}
		return nil
	})
}

// One supernode after another is of no use, or lies: as long as one is honest everything
// comes, once, and nobody is told of a copy.
func TestDishonestSupernodes(t *testing.T) {
	for name, make := range map[string]func(k *keeper){
		"drops":    func(k *keeper) { k.drops = true },
		"replays":  func(k *keeper) { k.replays = true },
		"reorders": func(k *keeper) { k.reorders = true },
		"invents":  func(k *keeper) { k.invents = true },
		"leaps":    func(k *keeper) { k.leaps = true },
		"starves":  func(k *keeper) { k.reorders, k.starves = true, true },
		"refuses":  func(k *keeper) { k.refuse = wire.ReasonDiskFull },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSky(2)
			s.change(func() { make(s.nodes[0]) })
			anna, bruno := meetUnder(t, s)
			var want []string
			for round := range 3 {
				bruno.stop()
				words := numbered(string(rune('a'+round)), 30)
				want = append(want, words...)
				last := anna.saysAll("Bruno", words)
				anna.within(waitLong, "the honest one holds it", anna.keptBy(last, s.nodes[1]))
				anna.stop()
				bruno.start()
				bruno.within(waitLong, "has it all", func() bool { return len(bruno.texts("Anna")) >= len(want) })
				if got := bruno.texts("Anna"); !slices.Equal(got, want) {
					t.Errorf("bruno has %d: %q", len(got), got)
				}
				bruno.within(waitLong, "the honest one holds it", bruno.keptBy(bruno.says("Anna", "grazie"), s.nodes[1]))
				want = append(want, "grazie")
				status, err := bruno.Status(t.Context())
				if err != nil || len(status.Notices) > 0 {
					t.Errorf("notices %q, %v", status.Notices, err)
				}
				bruno.stop()
				anna.start()
				anna.within(waitLong, "delivered", anna.delivered(last))
			}
			bruno.start()
		})
	}
}
