package ratchet

import (
	"crypto/mlkem"
	"errors"
	"fmt"
	"io"
	"time"

	"sottovoce/mesh/wire"
)

// State is the ratchet of one session, one of two ends. Its methods change it
// in place; whoever must be able to take a step back works on a Clone.
type State struct{ s state }

type state struct {
	Starter       bool     `cbor:"1,keyasint,omitempty"`
	Root          Secret   `cbor:"2,keyasint"`
	OurDH         Secret   `cbor:"3,keyasint"`           // private key of our sending chain
	TheirDH       [32]byte `cbor:"4,keyasint"`           // their newest ratchet key
	Turn          bool     `cbor:"5,keyasint,omitempty"` // TheirDH is new: our next message begins a chain
	Sending       chain    `cbor:"6,keyasint"`
	SendingNext   ahead    `cbor:"7,keyasint"`
	Receiving     chain    `cbor:"8,keyasint"`
	ReceivingNext ahead    `cbor:"9,keyasint"`
	PQ            pq       `cbor:"10,keyasint"`
}

// New returns the state that follows a start. sk is the start's secret. For
// the starter ourDH is the private ratchet key whose public half its start
// names, and theirDH the signed prekey of the responder's bundle; for the
// responder they are the signed prekey and what the start names. It fails when
// theirDH has low order.
//
// spec: 04-sessions#session-secrets
func New(starter bool, sk, ourDH Secret, theirDH [32]byte, now time.Time) (State, error) {
	s := state{Starter: starter, OurDH: ourDH, TheirDH: theirDH}
	e := epoch{}
	from, to := &s.SendingNext, &s.ReceivingNext // of the starter, of the responder
	if !starter {
		from, to = to, from
	}
	DeriveAll(sk[:], nil, labelSession, &s.Root,
		&from.HeaderKey, &from.TagKey, &to.HeaderKey, &to.TagKey,
		&e.Root, &e.Messages, &e.Link, &e.Reset)
	s.PQ = pq{Epochs: []epoch{e}, Since: now.UnixMilli()}
	var err error
	if starter {
		err = s.begin(ourDH)
	} else {
		_, err = s.enter(Header{DH: theirDH})
		s.OurDH.Erase() // it outlives its bundle nowhere: their next chain answers to a key of ours
	}
	if err != nil {
		return State{}, err
	}
	return State{s}, nil
}

// Message is everything needed to seal the next message.
type Message struct {
	Chain, N       uint32
	Tag            [TagSize]byte
	Header         Header
	HeaderKey, Key Secret
	EK, CT         []byte // ride in the content when not empty
}

// Next returns the keys of our next message and forgets them. It begins a new
// chain if a key of theirs has arrived since the last one, and draws 32 bytes
// from rand for that, 64 when it makes a post-quantum key, and what
// encapsulate takes when it answers one.
//
// spec: 04-sessions#sending
func (st *State) Next(now time.Time, rand io.Reader, encapsulate Encapsulate) (Message, error) {
	s := &st.s
	if s.Turn {
		var private Secret
		if _, err := io.ReadFull(rand, private[:]); err != nil {
			return Message{}, fmt.Errorf("draw a ratchet key: %w", err)
		}
		if err := s.begin(private); err != nil {
			return Message{}, err
		}
	}
	ek, ct, err := s.ride(now, rand, encapsulate)
	if err != nil {
		return Message{}, err
	}
	c := &s.Sending
	m := Message{Chain: c.Number, N: c.N, Tag: Tag(c.TagKey, c.N), Header: c.Header, HeaderKey: c.HeaderKey, EK: ek, CT: ct}
	m.Key = c.key()
	return m, nil
}

// ErrChain says that a number lies in neither the current nor the next chain,
// or before what was opened.
var ErrChain = errors.New("message of a chain or number that is not open")

// HeaderKey returns the key that seals headers of their chain, which is the
// current or the next one.
func (st *State) HeaderKey(chain uint32) (Secret, error) {
	s := &st.s
	switch {
	case s.Receiving.Live && chain == s.Receiving.Number:
		return s.Receiving.HeaderKey, nil
	case chain == s.Receiving.next():
		return s.ReceivingNext.HeaderKey, nil
	}
	return Secret{}, ErrChain
}

// IsNext reports whether chain is their next one, whose key is known only by
// its header.
func (st *State) IsNext(chain uint32) bool { return chain == st.s.Receiving.next() }

// Enter begins their next chain with the header of one of its messages, and
// returns the keys that the old chain still owes. What it read must be
// authentic under HeaderKey.
//
// spec: 04-sessions#receiving
func (st *State) Enter(h Header) ([]Skipped, error) { return st.s.enter(h) }

// Receive returns the header and the key of number n of their current chain,
// and forgets the key; skipped is added to what Enter returned.
//
// spec: 04-sessions#receiving
func (st *State) Receive(chain, n uint32, skipped []Skipped) (Header, Secret, []Skipped, error) {
	c := &st.s.Receiving
	if !c.Live || chain != c.Number || n < c.N {
		return Header{}, Secret{}, nil, ErrChain
	}
	if uint64(n-c.N)+uint64(len(skipped)) > SkipMax {
		return Header{}, Secret{}, nil, ErrSkip
	}
	skipped = c.skip(n, skipped)
	return c.Header, c.key(), skipped, nil
}

// Settle takes in the post-quantum part of a message that Receive gave the key
// of and that was opened. Not for skipped keys: what rode in a message that was
// overtaken rides in the one that overtook it, or is settled.
//
// spec: 04-sessions#post-quantum-ratchet
func (st *State) Settle(now time.Time, ek, ct []byte) error { return st.s.settle(now, ek, ct) }

// Window describes where the tags of their chain lie.
type Window struct {
	Chain, N uint32 // N is the first number not yet seen
	Key      Secret
}

// Windows returns the tag windows of their current chain, if there is one yet,
// and of the next one.
//
// spec: 04-sessions#tags
func (st *State) Windows() (current Window, live bool, next Window) {
	c := &st.s.Receiving
	next = Window{Chain: c.next(), Key: st.s.ReceivingNext.TagKey}
	return Window{Chain: c.Number, N: c.N, Key: c.TagKey}, c.Live, next
}

// Unsent returns where the tags of what we seal next lie: in our current chain, if there is one yet, and in the next one.
//
// spec: 04-sessions#copies
func (st *State) Unsent() (current Window, live bool, next Window) {
	c := &st.s.Sending
	next = Window{Chain: c.next(), Key: st.s.SendingNext.TagKey}
	return Window{Chain: c.Number, N: c.N, Key: c.TagKey}, c.Live, next
}

// Sent returns our sending chain and how many numbers of it were sealed; zeros before the
// first.
func (st *State) Sent() (chain, n uint32) { return st.s.Sending.Number, st.s.Sending.N }

// Epochs returns the epochs that are held, ascending: the one that the peer is
// known to hold, with its neighbours as far as they exist.
func (st *State) Epochs() []Epoch {
	var list []Epoch
	for _, e := range st.s.PQ.Epochs {
		list = append(list, Epoch{Number: e.Number, Link: e.Link, Reset: e.Reset})
	}
	return list
}

// Confirmed returns the number of the newest epoch that the peer is known to
// hold.
func (st *State) Confirmed() uint32 { return st.s.PQ.Confirmed }

// Retire erases what only a sender needs. The session stays readable.
func (st *State) Retire() {
	s := &st.s
	clear(s.PQ.Seed)
	s.PQ.Seed, s.PQ.EK, s.PQ.TheirEK, s.PQ.CT = nil, nil, nil, nil
	s.Sending = chain{Live: s.Sending.Live, Number: s.Sending.Number, N: s.Sending.N, Header: s.Sending.Header}
	s.SendingNext = ahead{}
}

// Clone returns a copy that shares nothing that changes.
func (st *State) Clone() State { return *st }

// Erase overwrites all keys.
func (st *State) Erase() {
	for i := range st.s.PQ.Epochs {
		st.s.PQ.Epochs[i] = epoch{}
	}
	clear(st.s.PQ.Seed)
	st.s = state{}
}

// MarshalCBOR makes the state part of what its owner saves: at most 3.5 KiB,
// and secret.
func (st State) MarshalCBOR() ([]byte, error) { return wire.Marshal(st.s) }

// UnmarshalCBOR is the inverse of MarshalCBOR.
func (st *State) UnmarshalCBOR(b []byte) error {
	var s state
	if err := wire.Unmarshal(b, &s); err != nil {
		return fmt.Errorf("load ratchet: %w", err)
	}
	p := &s.PQ
	sized := func(b []byte, size int) bool { return len(b) == 0 || len(b) == size }
	if len(p.Epochs) == 0 || len(p.Epochs) > epochsMax || !sized(p.Seed, mlkem.SeedSize) ||
		!sized(p.EK, EKSize) || len(p.Seed) == 0 != (len(p.EK) == 0) || !sized(p.TheirEK, EKSize) || !sized(p.CT, CTSize) {
		return errors.New("load ratchet: post-quantum part has impossible sizes")
	}
	st.s = s
	return nil
}
