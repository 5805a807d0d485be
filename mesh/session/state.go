package session

import (
	"errors"
	"fmt"

	"sottovoce/mesh/identity"
	"sottovoce/mesh/peer"
	"sottovoce/mesh/ratchet"
	"sottovoce/mesh/wire"
)

// pairState is all of a Pair that is saved.
type pairState struct {
	OurID        peer.ID            `cbor:"1,keyasint"`
	OurAccount   identity.AccountID `cbor:"2,keyasint"`
	TheirAccount identity.AccountID `cbor:"3,keyasint"`
	TheirSign    [32]byte           `cbor:"4,keyasint"`
	TheirAgree   [32]byte           `cbor:"5,keyasint"`
	OurHeads     []wire.Hash        `cbor:"6,keyasint"`
	TheirHeads   wire.Hash          `cbor:"7,keyasint"`
	Contact      Secret             `cbor:"8,keyasint"`            // the contact secret
	Reset        uint32             `cbor:"9,keyasint,omitempty"`  // the highest reset number known
	Ours         []prekeys          `cbor:"10,keyasint"`           // bundles of ours, oldest first, never none
	Theirs       []theirBundle      `cbor:"11,keyasint"`           // the same of theirs
	TheirBundle  []byte             `cbor:"12,keyasint"`           // their newest
	TheirUsed    uint8              `cbor:"13,keyasint,omitempty"` // one-time pairs of it that we used
	Sessions     []session          `cbor:"14,keyasint,omitempty"` // the sending one first, in the order of before
	Gone         [][8]byte          `cbor:"17,keyasint,omitempty"` // sessions that were erased since the last Expire
	Seen         []seenStart        `cbor:"15,keyasint,omitempty"`
	Starts       []startCount       `cbor:"16,keyasint,omitempty"` // of the days on which we started last
}

// Save returns the state as bytes, at most 32 KiB. They are secret, and do
// not contain the skipped keys.
func (p *Pair) Save() []byte { return mustMarshal(p.s) }

// LoadPair is the inverse of Save. our must be the device that saved it;
// encapsulate may be nil for ratchet.Random.
func LoadPair(our *identity.Device, state []byte, encapsulate ratchet.Encapsulate) (*Pair, error) {
	if len(state) > stateSizeMax {
		return nil, fmt.Errorf("load pair: %d bytes", len(state))
	}
	p := &Pair{our: our, encapsulate: encapsulate}
	if err := wire.Unmarshal(state, &p.s); err != nil {
		return nil, fmt.Errorf("load pair: %w", err)
	}
	if p.s.OurID != our.ID() {
		return nil, errors.New("load pair: saved by another device")
	}
	if err := p.s.check(); err != nil {
		return nil, fmt.Errorf("load pair: %w", err)
	}
	p.defaults()
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
