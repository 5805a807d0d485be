package community

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"
)

// Invite makes a join link for uses members, until a time, that leads to this supernode. Only its
// public half is kept.
//
// spec: 10-communities#join-links
func (h *House) Invite(uses int, until, now time.Time, rand io.Reader) (*Link, error) {
	switch {
	case !h.stands():
		return nil, ErrNotYet
	case uses < 1 || uses > UsesMax:
		return nil, fmt.Errorf("a join link for %d: 1 to %d can use one", uses, UsesMax)
	}
	link, err := drawLink(rand, h.file.descriptor.Root, until, false)
	if err != nil {
		return nil, err
	}
	link.Stops = []Stop{h.stop()}
	return link, h.write(Entry{Kind: EntryInvite, Subject: link.Invite(), Uses: uint32(uses), Until: link.Until}, now)
}

// stop is this supernode as links name it.
func (h *House) stop() Stop {
	keys := h.device.Public()
	return Stop{Sign: keys.Sign, Agree: keys.Agree, Addresses: h.card.Addresses}
}

// InviteSupernode makes a link for one further supernode, until a time: the root signs a descriptor
// with a seat for it.
//
// spec: 10-communities#further-supernodes
func (h *House) InviteSupernode(root Root, until, now time.Time, rand io.Reader) (*Link, error) {
	link, err := drawLink(rand, root.pub, until, true)
	if err != nil {
		return nil, err
	}
	link.Stops = []Stop{h.stop()}
	return link, h.Amend(root, now, func(d *Descriptor) error {
		d.Seats = append(d.Seats, Seat{Key: link.Invite(), Until: link.Until})
		return nil
	})
}

// Amend has the root sign a changed descriptor, with the next sequence number. Who has taken a seat
// is named by it from then on, and seats that nobody took in time are gone.
//
// spec: 10-communities#descriptor
func (h *House) Amend(root Root, now time.Time, change func(*Descriptor) error) error {
	old := h.file.descriptor
	switch {
	case root.ID() != h.file.id:
		return errors.New("those root words are of another community")
	case old == nil:
		return ErrNotYet
	}
	next := Descriptor{
		Sequence: max(old.Sequence+1, seconds(now)), Name: old.Name, Until: today(now) + descriptorDays, Policy: old.Policy,
		Supernodes: slices.Clone(old.Supernodes), Operators: slices.Clone(old.Operators),
	}
	for _, s := range old.Seats {
		c := h.file.cards[h.file.seats[s.Key]]
		switch {
		case c != nil:
			next.Supernodes = append(next.Supernodes, c.Supernode)
			next.Operators = append(next.Operators, Operator{Key: c.Operator})
		case seconds(now) <= s.Until:
			next.Seats = append(next.Seats, s)
		}
	}
	if err := change(&next); err != nil {
		return err
	}
	signed, err := root.Sign(next)
	if err != nil {
		return err
	}
	_, err = h.file.merge(Papers{Descriptor: signed.raw}, func(Seat) bool { return false })
	return err
}

// Close has the root close the operator keys of a supernode and name it no longer: it is lost, or
// its disk was copied. What its key has added, as far as it is known here, goes on counting.
//
// spec: 10-communities#a-lost-supernode
func (h *House) Close(root Root, supernode [32]byte, now time.Time) error {
	at := slices.IndexFunc(h.file.supernodes(), func(k Known) bool { return k.Sign == supernode })
	if at < 0 {
		return errors.New("no supernode of this community has that key")
	}
	card := h.file.supernodes()[at].card
	if card == nil {
		return errors.New("the operator key of that supernode is not known here: its card was never seen")
	}
	return h.Amend(root, now, func(d *Descriptor) error {
		d.Supernodes = slices.DeleteFunc(d.Supernodes, func(s Supernode) bool { return s.Sign == supernode })
		for i, o := range d.Operators {
			if o.Key == card.Operator {
				heads := h.file.roster.headsOf(o.Key)
				d.Operators[i] = Operator{Key: o.Key, Closed: true, Last: heads[:min(len(heads), lastMax)]}
			}
		}
		return nil
	})
}

// Listed is a member with the name that the operator has given it.
type Listed struct {
	Member
	Name string // empty: none
}

// Members lists all personas that ever joined, by the day on which they did.
func (h *House) Members() []Listed {
	var all []Listed
	for _, m := range h.file.view().list() {
		all = append(all, Listed{Member: m, Name: h.names[m.Persona]})
	}
	return all
}

// Invites lists the join links that were made, the one that ends last at the end.
func (h *House) Invites() []Invited {
	var all []Invited
	for _, one := range h.file.view().invites {
		all = append(all, *one)
	}
	slices.SortFunc(all, func(a, b Invited) int {
		return cmp.Or(cmp.Compare(a.Until, b.Until), bytes.Compare(a.Invite[:], b.Invite[:]))
	})
	return all
}

// Name gives a persona a name for the operator's list, which stays at this supernode; an empty one
// takes it back.
func (h *House) Name(persona Persona, name string) error {
	if h.file.view().members[persona] == nil {
		return ErrNoMember
	}
	if len(name) > nameSizeMax {
		return fmt.Errorf("a name of %d bytes, the limit is %d", len(name), nameSizeMax)
	}
	if name == "" {
		delete(h.names, persona)
		return nil
	}
	if _, had := h.names[persona]; !had && len(h.names) >= namesMax {
		return fmt.Errorf("%d personas have names, the limit", namesMax)
	}
	h.names[persona] = name
	return nil
}
