package session

import (
	"errors"
	"fmt"
	"slices"

	"sottovoce/mesh/identity"
	"sottovoce/mesh/peer"
	"sottovoce/mesh/ratchet"
	"sottovoce/mesh/wire"
)

// pairState is all of a Pair that is saved, in two parts: what changes with a start or a
// bundle, and what moves with every message.
type pairState struct {
	fixed
	moving
}

type fixed struct {
	Generation   uint32             `cbor:"1,keyasint"` // one more with each change
	OurID        peer.ID            `cbor:"2,keyasint"`
	OurAccount   identity.AccountID `cbor:"3,keyasint"`
	TheirAccount identity.AccountID `cbor:"4,keyasint"`
	TheirSign    [32]byte           `cbor:"5,keyasint"`
	TheirAgree   [32]byte           `cbor:"6,keyasint"`
	OurHeads     []wire.Hash        `cbor:"7,keyasint"`
	TheirHeads   wire.Hash          `cbor:"8,keyasint"`
	Contact      Secret             `cbor:"9,keyasint"`            // the contact secret
	Reset        uint32             `cbor:"10,keyasint,omitempty"` // the highest reset number known
	Ours         []prekeys          `cbor:"11,keyasint"`           // bundles of ours, oldest first, never none
	Theirs       []theirBundle      `cbor:"12,keyasint"`           // the same of theirs
	TheirBundle  []byte             `cbor:"13,keyasint"`           // their newest
	TheirUsed    uint8              `cbor:"14,keyasint,omitempty"` // one-time pairs of it that we used
	Seen         []seenStart        `cbor:"15,keyasint,omitempty"`
	Starts       []startCount       `cbor:"16,keyasint,omitempty"` // of the days on which we started last
	Lost         bool               `cbor:"17,keyasint,omitempty"` // our keys were lost, and the peer has not heard of it
	Behind       bool               `cbor:"18,keyasint,omitempty"` // the state is an older copy
	Refused      *refused           `cbor:"19,keyasint,omitempty"` // a start that a person must decide about
	Heard        bool               `cbor:"20,keyasint,omitempty"` // a message of theirs was opened, in whatever session
	Rolled       bool               `cbor:"21,keyasint,omitempty"` // an epoch of 1 or more was confirmed: links have left the contact secret behind
}

type moving struct {
	Fixed    uint32    `cbor:"1,keyasint"`           // generation of the part that it belongs to
	Sessions []session `cbor:"2,keyasint,omitempty"` // the sending one first, in the order of before
	Gone     [][8]byte `cbor:"3,keyasint,omitempty"` // sessions that were erased since the last Expire
}

// changed notes that the fixed part is not what was saved last.
func (p *Pair) changed() {
	if !p.unsaved {
		p.unsaved = true
		p.s.Generation++
		p.s.Fixed = p.s.Generation
	}
}

// FixedChanged reports whether SaveFixed is due: the two parts must be stored together.
func (p *Pair) FixedChanged() bool { return p.unsaved }

// SaveFixed returns the part of the state that few messages change, at most 32 KiB, and
// takes it for stored. It is secret.
func (p *Pair) SaveFixed() []byte {
	p.unsaved = false
	return mustMarshal(p.s.fixed)
}

// Save returns the rest of the state, at most 32 KiB. It is secret, and does not contain
// the skipped keys.
func (p *Pair) Save() []byte { return mustMarshal(p.s.moving) }

// LoadPair is the inverse of SaveFixed and Save; it fails when the two parts do not belong
// together. our must be the device that saved them; encapsulate may be nil for
// ratchet.Random.
func LoadPair(our *identity.Device, fixed, moving []byte, encapsulate ratchet.Encapsulate) (*Pair, error) {
	if len(fixed) > partSizeMax || len(moving) > partSizeMax {
		return nil, fmt.Errorf("load pair: %d and %d bytes", len(fixed), len(moving))
	}
	p := &Pair{our: our, encapsulate: encapsulate}
	if err := errors.Join(wire.Unmarshal(fixed, &p.s.fixed), wire.Unmarshal(moving, &p.s.moving)); err != nil {
		return nil, fmt.Errorf("load pair: %w", err)
	}
	if p.s.OurID != our.ID() {
		return nil, errors.New("load pair: saved by another device")
	}
	if p.s.Fixed != p.s.Generation {
		return nil, fmt.Errorf("load pair: sessions of generation %d with keys of generation %d", p.s.Fixed, p.s.Generation)
	}
	if err := p.s.check(); err != nil {
		return nil, fmt.Errorf("load pair: %w", err)
	}
	p.defaults()
	if !p.s.Rolled && slices.ContainsFunc(p.s.Sessions, func(s session) bool { return s.Ratchet.Confirmed() > 0 }) {
		p.s.Rolled = true // saved before this was noted: the contact secret must not come back
		p.changed()
	}
	return p, nil
}

// check finds what would make a method panic.
func (s *pairState) check() error {
	if len(s.Ours) == 0 || s.Ours[len(s.Ours)-1].Gone != 0 {
		return errors.New("no bundle of ours")
	}
	for i := range s.Ours {
		if err := s.Ours[i].check(); err != nil {
			return err
		}
	}
	if len(s.Sessions) > sessionsMax || len(s.Theirs) == 0 {
		return errors.New("too many sessions, or no bundle of theirs")
	}
	for i := range s.Sessions {
		if len(s.Sessions[i].Ratchet.Epochs()) == 0 {
			return errors.New("session without a ratchet")
		}
	}
	return nil
}
