package ratchet

import (
	"errors"
	"fmt"
)

// ErrSkip says that a message jumps over more than SkipMax numbers.
var ErrSkip = fmt.Errorf("message skips more than %d numbers", SkipMax)

// chain is one sending or receiving chain: the messages under one ratchet key.
type chain struct {
	Live      bool   `cbor:"1,keyasint,omitempty"` // false until its ratchet key is known
	Number    uint32 `cbor:"2,keyasint,omitempty"` // 0, 1, 2 … in each direction
	N         uint32 `cbor:"3,keyasint,omitempty"` // the next message: one past the highest seen
	Header    Header `cbor:"4,keyasint"`
	Key       Secret `cbor:"5,keyasint"` // classical half
	PQ        Secret `cbor:"6,keyasint"` // post-quantum half
	HeaderKey Secret `cbor:"7,keyasint"`
	TagKey    Secret `cbor:"8,keyasint"`
}

// ahead is what is known of a chain before its ratchet key: enough to find and
// read the header of its first messages.
type ahead struct {
	HeaderKey Secret `cbor:"1,keyasint"`
	TagKey    Secret `cbor:"2,keyasint"`
}

// key steps both halves of the chain and returns the key of number c.N.
//
// spec: 04-sessions#message-keys
func (c *chain) key() Secret {
	classical, quantum := step(&c.Key), step(&c.PQ)
	var mk Secret
	both := append(classical[:], quantum[:]...)
	DeriveAll(both, nil, labelMessage, &mk)
	clear(both)
	c.N++
	return mk
}

// Skipped is a key that was passed over: its message may still come.
type Skipped struct {
	Tag      [TagSize]byte
	Chain, N uint32
	Key      Secret // of the message; see 04-sessions#skipped-keys
}

// skip passes over the numbers before n.
func (c *chain) skip(n uint32, skipped []Skipped) []Skipped {
	for c.N < n {
		s := Skipped{Tag: Tag(c.TagKey, c.N), Chain: c.Number, N: c.N}
		s.Key = c.key()
		skipped = append(skipped, s)
	}
	return skipped
}

// next returns the number of the chain after c.
func (c *chain) next() uint32 {
	if c.Live {
		return c.Number + 1
	}
	return 0
}

// turn makes a root step with our private and their public key and returns the
// chain that it begins.
//
// spec: 04-sessions#root-step
func (s *state) turn(old *chain, next *ahead, fromStarter bool, h Header) (chain, error) {
	epoch, found := s.PQ.epoch(h.Epoch)
	if !found {
		return chain{}, fmt.Errorf("chain of post-quantum epoch %d, which is not held", h.Epoch)
	}
	shared, err := Agree(s.OurDH, s.TheirDH)
	if err != nil {
		return chain{}, err
	}
	c := chain{Live: true, Number: old.next(), Header: h, HeaderKey: next.HeaderKey, TagKey: next.TagKey}
	DeriveAll(shared[:], s.Root[:], labelRoot, &s.Root, &c.Key, &next.HeaderKey, &next.TagKey)
	shared.Erase()
	c.PQ = epoch.chain(fromStarter, c.Number)
	return c, nil
}

// begin starts our next sending chain under the ratchet key private.
func (s *state) begin(private Secret) error {
	s.OurDH = private
	h := Header{DH: Public(private), PN: s.Sending.N, Epoch: s.PQ.Confirmed}
	c, err := s.turn(&s.Sending, &s.SendingNext, s.Starter, h)
	if err != nil {
		return err
	}
	s.Sending, s.Turn = c, false
	return nil
}

// enter starts their next receiving chain, as h announces it, and returns the
// keys of what the old one still owes.
func (s *state) enter(h Header) ([]Skipped, error) {
	old := &s.Receiving
	switch {
	case h.PN < old.N:
		return nil, errors.New("their header gives a previous chain shorter than what was opened of it")
	case h.PN-old.N > SkipMax:
		return nil, ErrSkip
	case old.Live && !s.Sending.Live:
		return nil, errors.New("their chain answers to nothing of ours")
	case !old.Live && h.PN != 0:
		return nil, errors.New("their first header names a previous chain")
	case h.Epoch < old.Header.Epoch:
		return nil, errors.New("their header goes back to an older post-quantum epoch")
	}
	skipped := old.skip(h.PN, nil)
	s.TheirDH = h.DH
	c, err := s.turn(old, &s.ReceivingNext, !s.Starter, h)
	if err != nil {
		return nil, err
	}
	s.Receiving, s.Turn = c, true
	return skipped, nil
}
