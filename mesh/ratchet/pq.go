package ratchet

import (
	"crypto/mlkem"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"io"
	"slices"
	"time"
)

// Encapsulate makes a shared secret and its ciphertext for ek. The standard
// library draws the randomness of ML-KEM itself, so a run that must replay
// hands in another function than Random; that one takes its bytes from rand.
type Encapsulate func(ek *mlkem.EncapsulationKey768, rand io.Reader) (secret, ciphertext []byte, err error)

// Random encapsulates with the standard library's own randomness.
func Random(ek *mlkem.EncapsulationKey768, _ io.Reader) (secret, ciphertext []byte, err error) {
	secret, ciphertext = ek.Encapsulate()
	return secret, ciphertext, nil
}

// Epoch is what one completed post-quantum step gave, besides message keys.
type Epoch struct {
	Number uint32
	Link   Secret // of links between the two devices
	Reset  Secret // keys a start that replaces this session
}

type epoch struct {
	Number   uint32 `cbor:"1,keyasint,omitempty"`
	Root     Secret `cbor:"2,keyasint"` // enters the next epoch
	Messages Secret `cbor:"3,keyasint"` // enters the chains that begin in this one
	Link     Secret `cbor:"4,keyasint"`
	Reset    Secret `cbor:"5,keyasint"`
}

// chain returns the post-quantum half that a sending chain of this epoch
// begins with.
//
// spec: 04-sessions#message-keys
func (e *epoch) chain(fromStarter bool, number uint32) Secret {
	direction := byte(1)
	if fromStarter {
		direction = 0
	}
	var key Secret
	info := binary.BigEndian.AppendUint32(append([]byte(labelPQChain), direction), number)
	DeriveAll(e.Messages[:], nil, string(info), &key)
	return key
}

// pq is the sparse ML-KEM ratchet. One step, epoch e to e+1:
//
//	maker                                   answerer
//	  due: draws Seed
//	  ek in every message  ───────────────▶  TheirEK kept
//	                                          next seal: epoch e+1 made
//	  epoch e+1 made       ◀───────────────  CT in every message
//	  next chain in e+1    ───────────────▶  Confirmed = e+1; CT dropped
//	                       ◀───────────────  next chain in e+1
//
// The maker of odd epochs is the starter, of even ones the responder: roles
// swap with each step, and one key at a time is outstanding.
//
// spec: 04-sessions#post-quantum-ratchet
type pq struct {
	Epochs    []epoch `cbor:"1,keyasint"`           // at most 3, ascending; the last is the newest
	Confirmed uint32  `cbor:"2,keyasint,omitempty"` // the newest that the peer is known to hold
	Seed      []byte  `cbor:"3,keyasint,omitempty"` // of our outstanding key: 64 bytes
	TheirEK   []byte  `cbor:"4,keyasint,omitempty"` // to be answered: 1184 bytes
	CT        []byte  `cbor:"5,keyasint,omitempty"` // our answer, until it is confirmed: 1088 bytes
	Since     int64   `cbor:"6,keyasint,omitempty"` // Unix milliseconds of the last completed step
	Messages  uint32  `cbor:"7,keyasint,omitempty"` // sealed and opened since
	EK        []byte  `cbor:"8,keyasint,omitempty"` // what Seed is the seed of: 1184 bytes, which take long to make
}

func (p *pq) newest() *epoch { return &p.Epochs[len(p.Epochs)-1] }

func (p *pq) epoch(number uint32) (*epoch, bool) {
	i := slices.IndexFunc(p.Epochs, func(e epoch) bool { return e.Number == number })
	if i < 0 {
		return nil, false
	}
	return &p.Epochs[i], true
}

// ours reports whether we make the key of epoch number.
func (s *state) ours(number uint32) bool { return (number%2 == 1) == s.Starter }

// ride returns what the next message of ours must carry, making it if it is
// time.
func (s *state) ride(now time.Time, rand io.Reader, encapsulate Encapsulate) (ek, ct []byte, err error) {
	p := &s.PQ
	newest := p.newest().Number
	age := now.UnixMilli() - p.Since // below zero: a clock was wrong
	due := age < 0 || age >= stepAge.Milliseconds() || p.Messages >= stepMessages
	switch {
	case len(p.TheirEK) > 0:
		if err := p.answer(rand, encapsulate); err != nil {
			return nil, nil, err
		}
	case due && len(p.Seed) == 0 && newest == s.Sending.Header.Epoch && newest == p.Confirmed && s.ours(newest+1):
		p.Seed = make([]byte, mlkem.SeedSize)
		if _, err := io.ReadFull(rand, p.Seed); err != nil {
			return nil, nil, fmt.Errorf("draw a post-quantum key: %w", err)
		}
		dk, err := mlkem.NewDecapsulationKey768(p.Seed)
		if err != nil {
			return nil, nil, fmt.Errorf("our post-quantum key: %v", err)
		}
		p.EK = dk.EncapsulationKey().Bytes()
	}
	p.Messages++
	return p.EK, p.CT, nil
}

// answer encapsulates to their key and makes the epoch that this begins.
func (p *pq) answer(rand io.Reader, encapsulate Encapsulate) error {
	ek, err := mlkem.NewEncapsulationKey768(p.TheirEK)
	if err != nil {
		return fmt.Errorf("their post-quantum key: %v", err)
	}
	secret, ct, err := encapsulate(ek, rand)
	if err != nil {
		return fmt.Errorf("encapsulate: %w", err)
	}
	p.grow(secret, p.TheirEK, ct)
	p.TheirEK, p.CT = nil, ct
	return nil
}

// grow appends the epoch after the newest.
//
// spec: 04-sessions#epoch-keys
func (p *pq) grow(secret, ek, ct []byte) {
	old := p.newest()
	e := epoch{Number: old.Number + 1}
	transcript := sha256.Sum256(slices.Concat(ek, ct))
	info := append(binary.BigEndian.AppendUint32([]byte(labelEpoch), e.Number), transcript[:]...)
	DeriveAll(secret, old.Root[:], string(info), &e.Root, &e.Messages, &e.Link, &e.Reset)
	clear(secret)
	p.Epochs = append(slices.Clone(p.Epochs), e)
	p.Epochs[len(p.Epochs)-2].Root.Erase()
}

// settle takes in what an opened message of their current chain said: the
// epoch of its chain, and the key or ciphertext that rode in it, which belong
// to the epoch after that.
func (s *state) settle(now time.Time, ek, ct []byte) error {
	p := &s.PQ
	at := s.Receiving.Header.Epoch
	if at > p.Confirmed {
		p.completed(now, at)
	}
	next := at == p.newest().Number
	switch {
	case len(ek) > 0 && next && !s.ours(at+1) && len(p.TheirEK) == 0:
		if _, err := mlkem.NewEncapsulationKey768(ek); err == nil {
			p.TheirEK = slices.Clone(ek)
		}
	case len(ct) > 0 && next && len(p.Seed) > 0:
		dk, err := mlkem.NewDecapsulationKey768(p.Seed)
		if err != nil {
			return fmt.Errorf("our post-quantum key: %v", err)
		}
		secret, err := dk.Decapsulate(ct)
		if err != nil {
			return fmt.Errorf("their post-quantum answer: %v", err)
		}
		p.grow(secret, p.EK, ct)
		p.completed(now, at+1)
	}
	p.Messages++
	p.forget(at)
	return nil
}

// completed notes that the peer holds epoch number, which ends a step.
func (p *pq) completed(now time.Time, number uint32) {
	p.Confirmed, p.Seed, p.EK, p.CT = number, nil, nil, nil
	p.Since, p.Messages = now.UnixMilli(), 0
}

// forget erases what no chain and no link can need: message secrets of epochs
// before that of their current chain, and whole epochs more than one before
// the confirmed one.
func (p *pq) forget(theirs uint32) {
	p.Epochs = slices.DeleteFunc(slices.Clone(p.Epochs), func(e epoch) bool { return e.Number+1 < p.Confirmed })
	for i := range p.Epochs {
		if p.Epochs[i].Number < theirs {
			p.Epochs[i].Messages.Erase()
		}
	}
}
