package contact

import (
	"crypto/ed25519"
	"crypto/mlkem"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"sottovoce/mesh/ratchet"
	"sottovoce/mesh/session"
	"sottovoce/mesh/wire"
)

// Shelved is what the giver of a link keeps of what it left in the link's slot: an offer that was made before anybody has
// asked, and the keys that answers are sealed to. Whoever uses the link gets this offer, whichever way.
//
// spec: 05-contacts#while-the-giver-is-away
type Shelved struct {
	id     wire.SlotID
	card   []byte                 // nil once there is a contact
	share  share                  // zero then
	bundle *session.BundleSecrets // nil then
	key    Secret
	sum    wire.Hash // of what is in the slot
	agree  ratchet.Secret
	kem    kemSeed
}

// kemSeed is the private half of an ML-KEM-768 key. It prints as "[secret]".
type kemSeed [mlkem.SeedSize]byte

// Format prints "[secret]".
func (kemSeed) Format(f fmt.State, _ rune) { fmt.Fprint(f, redacted) }

// MarshalText returns "[secret]".
func (kemSeed) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// Shelve makes the offer for whoever uses a link, and what is to be put into the link's slot, wire.SlotSize bytes. mailbox
// lets the user deposit where we collect. It fails if our card is too large for a slot.
//
// spec: 05-contacts#while-the-giver-is-away
func (o *Ours) Shelve(m Meeting, mailbox []byte, now time.Time, rand io.Reader) (s *Shelved, bundle []byte, err error) {
	s = &Shelved{id: m.SlotID(), key: m.answerKey()}
	if s.card, s.bundle, err = o.newCard(now, rand); err != nil {
		return nil, nil, err
	}
	salt := make([]byte, slotSaltSize)
	for _, b := range [][]byte{s.share[:], s.agree[:], s.kem[:], salt} {
		if _, err := io.ReadFull(rand, b); err != nil {
			return nil, nil, fmt.Errorf("drawing keys: %v", err)
		}
	}
	dk, err := mlkem.NewDecapsulationKey768(s.kem[:])
	if err != nil {
		return nil, nil, err
	}
	offer := slotOffer{Card: s.card, Share: s.share, Mailbox: mailbox, Agree: ratchet.Public(s.agree), KEM: dk.EncapsulationKey().Bytes()}
	offer.Sig = [64]byte(ed25519.Sign(o.Device.SignKey(), offer.signed(s.id)))
	key := m.bundleKey()
	defer key.Erase()
	body, err := sealSlot(ratchet.Derive(key[:], salt, labelSlotSeal, slotKeySize), offer, wire.SlotSize-len(salt), s.id)
	if err != nil {
		return nil, nil, err
	}
	bundle = append(salt, body...)
	s.sum = wire.HashOf(labelSlotBundle, bundle)
	return s, bundle, nil
}

// Open opens an answer. It fails with ErrSlot, or wire.ErrNewer.
//
// spec: 05-contacts#while-the-giver-is-away
func (s *Shelved) Open(answer []byte) (Reply, error) {
	const head = 32 + mlkem.CiphertextSize768
	if len(answer) != wire.SlotSize {
		return Reply{}, ErrSlot
	}
	public, ct := [32]byte(answer), answer[32:head]
	agreed, err := ratchet.Agree(s.agree, public)
	if err != nil {
		return Reply{}, ErrSlot
	}
	defer agreed.Erase()
	dk, err := mlkem.NewDecapsulationKey768(s.kem[:])
	if err != nil {
		return Reply{}, err
	}
	secret, err := dk.Decapsulate(ct)
	if err != nil {
		return Reply{}, ErrSlot
	}
	defer clear(secret)
	said, err := openSlot[slotAnswer](slotAnswerKey(s.key, s.sum, agreed, secret, public, ct), answer[head:], s.id)
	if err != nil {
		return Reply{}, err
	}
	if said.Label[31]&labelBit == 0 {
		return Reply{}, ErrSlot
	}
	return Reply{Label: said.Label, Card: wire.CardFrame{Card: said.Card, Share: said.Share}}, nil
}

// Spend forgets what whoever uses the link is offered, once there is a contact by it. What is left opens further answers, to
// know of them.
//
// spec: 05-contacts#while-the-giver-is-away
func (s *Shelved) Spend() {
	clear(s.share[:])
	if s.bundle != nil {
		s.bundle.Erase()
	}
	s.card, s.bundle = nil, nil
}

// Erase zeroes the secrets.
func (s *Shelved) Erase() {
	s.Spend()
	s.key.Erase()
	s.agree.Erase()
	clear(s.kem[:])
}

// Sum names what an answer says: what somebody says again is the same.
func (r Reply) Sum() [32]byte { return wire.HashOf("", r.Card.Share[:], r.Card.Card) }

// Ask returns what the asker would have said by a link before it answered.
func (r Reply) Ask() wire.Ask {
	p, err := parseParty(r.Label, r.Card.Card)
	if err != nil {
		return wire.Ask{}
	}
	return wire.Ask{Name: p.Card.Name, Nonce: wire.HashOf(labelSlotAsk, r.Label[:], r.Card.Share[:])}
}

// Check fails as Step would for a card that is not valid, or our own.
func (o *Ours) Check(r Reply) error {
	_, err := o.verify(r.Label, r.Card.Card)
	return err
}

// Prepare has the exchange make the offer that was left in a slot, and no other: whichever way the other side got it, both
// come to one transcript.
//
// spec: 05-contacts#while-the-giver-is-away
func (x *Exchange) Prepare(s *Shelved) { x.shelved = s }

// Nonce names our latest request.
func (x *Exchange) Nonce() [32]byte { return x.ourNonce }

// Answer is what we say in answer to an offer, while the other side may not have got it.
func (x *Exchange) Answer() (r Reply, ok bool) {
	if x.phase != PhaseCommitted {
		return Reply{}, false
	}
	return Reply{Label: x.our, Card: wire.CardFrame{Card: x.card, Share: x.share}}, true
}

// offered is our card, its bundle and our share for an offer: new ones, or those that are in a slot.
func (x *Exchange) offered(now time.Time, rand io.Reader) (card []byte, bundle *session.BundleSecrets, half share, err error) {
	if s := x.shelved; s != nil {
		if s.bundle == nil {
			return nil, nil, half, ErrState // somebody has it
		}
		saved := s.bundle.Save()
		defer clear(saved)
		bundle, err = session.LoadBundle(saved)
		return slices.Clone(s.card), bundle, s.share, err
	}
	if card, bundle, err = x.ours.newCard(now, rand); err != nil {
		return nil, nil, half, err
	}
	if _, err := io.ReadFull(rand, half[:]); err != nil {
		return nil, nil, half, fmt.Errorf("drawing a share: %v", err)
	}
	return card, bundle, half, nil
}

// savedShelved is the form in which it is kept.
type savedShelved struct {
	ID     wire.SlotID `cbor:"1,keyasint"`
	Card   []byte      `cbor:"2,keyasint,omitempty"`
	Share  [32]byte    `cbor:"3,keyasint"`
	Bundle []byte      `cbor:"4,keyasint,omitempty"`
	Key    [32]byte    `cbor:"5,keyasint"`
	Sum    [32]byte    `cbor:"6,keyasint"`
	Agree  [32]byte    `cbor:"7,keyasint"`
	KEM    [64]byte    `cbor:"8,keyasint"`
}

// Save returns it as bytes, canonical CBOR of at most 64 KiB. They hold secrets.
func (s *Shelved) Save() []byte {
	saved := savedShelved{ID: s.id, Card: s.card, Share: s.share, Key: s.key, Sum: s.sum, Agree: s.agree, KEM: s.kem}
	if s.bundle != nil {
		saved.Bundle = s.bundle.Save()
		defer clear(saved.Bundle)
	}
	b, err := wire.Marshal(saved)
	if err != nil || len(b) > shelvedMax {
		panic(fmt.Sprintf("contact: saving an offer: %d bytes: %v", len(b), err))
	}
	return b
}

// LoadShelved reads what Save wrote.
func LoadShelved(b []byte) (*Shelved, error) {
	if len(b) > shelvedMax {
		return nil, fmt.Errorf("%w: offer of %d bytes", wire.ErrMalformed, len(b))
	}
	var s savedShelved
	if err := wire.Unmarshal(b, &s); err != nil {
		return nil, fmt.Errorf("an offer: %w", err)
	}
	defer clear(s.Bundle)
	offer := &Shelved{id: s.ID, card: s.Card, share: s.Share, key: s.Key, sum: s.Sum, agree: s.Agree, kem: s.KEM}
	var err error
	switch spent := s.Bundle == nil; {
	case spent != (len(s.Card) == 0):
		err = errors.New("a card without its secrets")
	case !spent:
		offer.bundle, err = session.LoadBundle(s.Bundle)
	}
	if err != nil {
		return nil, fmt.Errorf("an offer: %w", err)
	}
	return offer, nil
}

// Format prints nothing of it.
func (Shelved) Format(f fmt.State, _ rune) { fmt.Fprint(f, "what is in a slot of ours") }
