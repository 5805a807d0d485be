package supernode

import (
	"context"
	"crypto/hkdf"
	"crypto/sha256"
	"errors"
	"slices"

	"sottovoce/mesh/link"
	"sottovoce/mesh/wire"
	"sottovoce/relay/mailbox"
	"sottovoce/relay/token"
)

// labelSlotPaid is of what is written down of a slot's tokens. spec: 08-custody#labels
const labelSlotPaid = "sv1 slot paid"

// slot opens a slot for a member, who pays for it. When it is answered it is on disk, and its tokens are spent there.
//
// spec: 08-custody#slots
func (v *visit) slot(ctx context.Context, s *link.CustodyStream, f wire.Slot) error {
	if f.Owner == nil {
		return errJunk
	}
	tokens, err := token.Parse(f.Tokens, tokensMax)
	if err != nil {
		return errJunk
	}
	c := v.home
	if err := c.in.wait(ctx, v.block, 0); err != nil {
		return err
	}
	wasted, err := c.openSlot(ctx, f, tokens)
	if err != nil {
		_ = v.at.patience.spend(ctx, v.block, wasted)
		return slotRefusal(err)
	}
	return v.placed(ctx, s, 1)
}

// openSlot has a slot that is paid for on the disk. The tokens are spent first: what is left undone then is done when the same
// slot is opened again, for nothing.
func (c *served) openSlot(ctx context.Context, f wire.Slot, tokens []token.Token) (wasted price, err error) {
	terms := c.terms()
	terms.days.last = terms.days.today + slotDaysMax
	file := &slotFile{Owner: *f.Owner, Day: f.Day, Bundle: f.Bundle}
	if old, err := c.shelf.get(f.ID); err == nil {
		if old.Owner != file.Owner {
			return 0, errSlotTaken
		}
		return 0, c.shelf.put(f.ID, file) // held, and paid for
	}
	if other := c.at.keeping(f.ID); other != nil && other != c { // who comes names no community
		return 0, errSlotTaken
	}
	if reason := terms.judge(f.Day, slotRoom); reason != 0 {
		return 0, refusal{reason, "a slot like that is not taken"}
	}
	if c.shelf.full() { // before anything is paid
		return 0, errSlotFull
	}
	spent := mailbox.Removal{Tombstone: mailbox.Tombstone{D: c.slotPaid(f), Day: f.Day}, HeldOnly: true}
	results, err := c.store.Delete(ctx, c.id, []mailbox.Removal{spent})
	if err != nil {
		return 0, err
	}
	if errors.Is(results[0].Err, mailbox.ErrUnpaid) {
		spent.HeldOnly = false
		if spent.Paid, wasted, err = c.pay(ctx, tokens, wire.SlotCost); err != nil {
			return wasted, refusal{wire.ReasonToken, "a slot costs more tokens than came with it"}
		}
		if results, err = c.store.Delete(ctx, c.id, []mailbox.Removal{spent}); err != nil {
			return 0, err
		}
	}
	if err := results[0].Err; err != nil {
		return 0, refusal{reasonOf(err), "the slot was not paid for"}
	}
	if err := c.shelf.put(f.ID, file); err != nil {
		return 0, err
	}
	c.disk.add(c.number, slotRoom)
	c.in.owe(wire.SlotSize)
	return 0, nil
}

// slotPaid is the secret of the tombstone under which the tokens of a slot are spent: nobody else can know it, and buy a
// slot at the price of a tombstone.
func (c *served) slotPaid(f wire.Slot) (d [16]byte) {
	seed := c.at.device.Seed()
	defer seed.Erase()
	key, err := hkdf.Key(sha256.New, seed[:], nil, labelSlotPaid+string(slices.Concat(c.id[:], f.ID[:], f.Owner[:])), len(d))
	if err != nil {
		panic("supernode: deriving from the keys: " + err.Error())
	}
	return [16]byte(key)
}

// fetch shows what is in a slot to whoever has its id, as long as it is answered.
func (v *visit) fetch(ctx context.Context, s *link.CustodyStream, f wire.Fetch) error {
	c := v.at.keeping(f.ID)
	if c == nil {
		return slotRefusal(errNoSlot)
	}
	if err := c.out.wait(ctx, v.block, wire.SlotSize); err != nil {
		return err
	}
	memory, err := v.room(ctx, s, slotRoom)
	if err != nil {
		return err
	}
	defer memory.give()
	slot, err := c.shelf.get(f.ID)
	if err == nil && v.at.today() > slot.Day {
		err = errNoSlot
	}
	if err != nil {
		return slotRefusal(err)
	}
	return v.told(s, s.Send(ctx, wire.Slot{ID: f.ID, Day: slot.Day, Bundle: slot.Bundle}))
}

// reply leaves an answer in a slot, for whoever has its id.
func (v *visit) reply(ctx context.Context, s *link.CustodyStream, f wire.Answer) error {
	if err := v.at.patience.spend(ctx, v.block, wire.SlotSize>>12*priceUnpaid); err != nil {
		return err
	}
	c := v.at.keeping(f.ID)
	if c == nil {
		return slotRefusal(errNoSlot)
	}
	place, err := c.shelf.answer(f.ID, v.at.today(), f.Sealed)
	if err != nil {
		return slotRefusal(err)
	}
	return v.placed(ctx, s, place)
}

// answers shows the answers in a slot to its owner, or gives the slot up.
func (v *visit) answers(ctx context.Context, s *link.CustodyStream, f wire.Answers) error {
	if f.Secret == nil {
		return errJunk
	}
	if err := v.home.out.wait(ctx, v.block, 0); err != nil {
		return err
	}
	memory, err := v.room(ctx, s, slotRoom)
	if err != nil {
		return err
	}
	defer memory.give()
	slot, err := v.home.shelf.get(f.ID)
	if err == nil && slot.Owner != wire.CommitTo(*f.Secret) {
		err = errNoSlot
	}
	if err != nil {
		return slotRefusal(err)
	}
	answer := wire.Answers{ID: f.ID, Sealed: slot.Answers}
	if f.Withdraw {
		answer.Sealed = nil
		if err := v.home.shelf.withdraw(f.ID); err != nil {
			return slotRefusal(err)
		}
	}
	v.home.out.owe(len(answer.Sealed))
	return v.told(s, s.Send(ctx, answer))
}

// placed answers that something is in a slot.
func (v *visit) placed(ctx context.Context, s *link.CustodyStream, place uint64) error {
	return v.told(s, s.Send(ctx, wire.Kept{Results: wire.Results{}.Add(0, place), Day: uint32(v.at.today())}))
}

// told ends an answer that was sent.
func (v *visit) told(s *link.CustodyStream, err error) error {
	if err == nil {
		_ = s.End()
	}
	return err
}

// slotRefusal is what an error says to who asked.
func slotRefusal(err error) error {
	switch {
	case errors.As(err, new(refusal)):
		return err
	case errors.Is(err, errNoSlot):
		return refusal{wire.ReasonLink, "there is no such slot here, or not any more"}
	case errors.Is(err, errSlotTaken):
		return refusal{wire.ReasonLink, errSlotTaken.Error()}
	case errors.Is(err, errSlotFull):
		return refusal{wire.ReasonQuota, "there is no room for more"}
	}
	return refusal{wire.ReasonNotNow, "this supernode cannot read or write its disk now"}
}

// keeping is the community in which a slot is; nil if there is none.
func (s *Supernode) keeping(id wire.SlotID) *served {
	for _, c := range s.all() {
		if c.shelf.has(id) {
			return c
		}
	}
	return nil
}

// stats are what the store and the slots take of the disk.
func (s *Supernode) stats() mailbox.Stats {
	stats := s.store.Stats()
	for _, c := range s.all() {
		c.shelf.account(&stats, c.id)
	}
	return stats
}
