package contact

import (
	"crypto/ed25519"
	"crypto/mlkem"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"

	"golang.org/x/crypto/chacha20poly1305"

	"sottovoce/mesh/identity"
	"sottovoce/mesh/ratchet"
	"sottovoce/mesh/wire"
)

// ErrSlot says that what was in a slot does not open with the link's secret, or is not whole.
var ErrSlot = errors.New("what the supernode keeps under this link is not of who gave it")

// ErrRoom says that our card is too large for a slot.
var ErrRoom = errors.New("your card has grown too large for a slot at a supernode")

// slotOffer is what the giver of a link leaves in its slot: map {1: card, 2: share, 3: mailbox card, 4: X25519 key and 5:
// ML-KEM-768 key that the answer is sealed to, 6: signature by a device of the card}.
//
// spec: 05-contacts#while-the-giver-is-away
type slotOffer struct {
	Card    []byte   `cbor:"1,keyasint"`
	Share   [32]byte `cbor:"2,keyasint"`
	Mailbox []byte   `cbor:"3,keyasint,omitempty"`
	Agree   [32]byte `cbor:"4,keyasint"`
	KEM     []byte   `cbor:"5,keyasint"`
	Sig     [64]byte `cbor:"6,keyasint"`
}

// signed is what the giver's device signs: who only has the link could else put keys of its own beside the giver's card, and
// read what is answered.
func (o *slotOffer) signed(id wire.SlotID) []byte {
	card := wire.HashOf(labelCard, o.Card)
	return slices.Concat([]byte(labelSlotOffer), id[:], o.Share[:], o.Agree[:], o.KEM, card[:], o.Mailbox)
}

// verify fails with ErrSlot where no device on the card has signed the offer for this slot.
func (o *slotOffer) verify(id wire.SlotID) error {
	p, err := parseParty(Profile{}, o.Card)
	if errors.Is(err, wire.ErrNewer) {
		return fmt.Errorf("slot: %w", err)
	}
	if err != nil {
		return ErrSlot
	}
	said := o.signed(id)
	if !slices.ContainsFunc(p.Account.Devices(), func(d identity.DeviceKeys) bool { return ed25519.Verify(d.Sign[:], said, o.Sig[:]) }) {
		return ErrSlot
	}
	return nil
}

// slotAnswer is what the user of a link answers: map {1: label, 2: card, 3: share}.
type slotAnswer struct {
	Label [32]byte `cbor:"1,keyasint"`
	Card  []byte   `cbor:"2,keyasint"`
	Share [32]byte `cbor:"3,keyasint"`
}

// Reply is what an answer in a slot says: the frame that would have come by a link, and the label of who answers.
type Reply struct {
	Label Profile
	Card  wire.CardFrame
}

// Visit is what the user of a link found in its slot.
type Visit struct {
	Card    []byte
	Share   [32]byte
	Mailbox []byte // where the giver collects, and what lets who is no member there deposit

	id     wire.SlotID
	key    Secret // of answers
	bundle wire.Hash
	agree  [32]byte
	kem    *mlkem.EncapsulationKey768
}

// SlotID names the slot of a link.
func (m Meeting) SlotID() (id wire.SlotID) {
	expand(id[:], m.Secret[:], nil, labelSlotID)
	return id
}

// answerKey returns the secret that answers in the slot are sealed under, among others.
func (m Meeting) answerKey() (s Secret) {
	expand(s[:], m.Secret[:], nil, labelSlotAnswers)
	return s
}

// bundleKey returns the secret that the offer in the slot is sealed under.
func (m Meeting) bundleKey() (s Secret) {
	expand(s[:], m.Secret[:], nil, labelSlotBundle)
	return s
}

// Visit opens what was found in the slot of a link. It fails with ErrSlot, or wire.ErrNewer.
//
// spec: 05-contacts#while-the-giver-is-away
func (m Meeting) Visit(bundle []byte) (*Visit, error) {
	if len(bundle) != wire.SlotSize {
		return nil, ErrSlot
	}
	id, key := m.SlotID(), m.bundleKey()
	defer key.Erase()
	salt, sealed := bundle[:slotSaltSize], bundle[slotSaltSize:]
	said, err := openSlot[slotOffer](ratchet.Derive(key[:], salt, labelSlotSeal, slotKeySize), sealed, id)
	if err != nil {
		return nil, err
	}
	kem, err := mlkem.NewEncapsulationKey768(said.KEM) // of one length
	if err != nil {
		return nil, ErrSlot
	}
	if err := said.verify(id); err != nil {
		return nil, err
	}
	return &Visit{
		Card: said.Card, Share: said.Share, Mailbox: said.Mailbox,
		id: id, key: m.answerKey(), bundle: wire.HashOf(labelSlotBundle, bundle), agree: said.Agree, kem: kem,
	}, nil
}

// Answer seals our card for the giver of the link, to keys that the giver drew for this: the link's secret alone opens no
// answer.
//
// spec: 05-contacts#while-the-giver-is-away
func (v *Visit) Answer(r Reply, encapsulate ratchet.Encapsulate, rand io.Reader) ([]byte, error) {
	var ephemeral ratchet.Secret
	defer ephemeral.Erase()
	if _, err := io.ReadFull(rand, ephemeral[:]); err != nil {
		return nil, fmt.Errorf("drawing a key: %v", err)
	}
	agreed, err := ratchet.Agree(ephemeral, v.agree)
	if err != nil {
		return nil, ErrSlot
	}
	secret, ct, err := encapsulate(v.kem, rand)
	if err != nil {
		return nil, fmt.Errorf("encapsulate: %w", err)
	}
	public := ratchet.Public(ephemeral)
	defer agreed.Erase()
	defer clear(secret)
	key := slotAnswerKey(v.key, v.bundle, agreed, secret, public, ct)
	head := slices.Concat(public[:], ct)
	body, err := sealSlot(key, slotAnswer{Label: r.Label, Card: r.Card.Card, Share: r.Card.Share}, wire.SlotSize-len(head), v.id)
	return append(head, body...), err
}

// Erase zeroes the secrets.
func (v *Visit) Erase() {
	clear(v.Share[:])
	v.key.Erase()
}

// Format prints nothing of it.
func (Visit) Format(f fmt.State, _ rune) { fmt.Fprint(f, "what was in a slot") }

// slotAnswerKey is the key and nonce of an answer.
func slotAnswerKey(key Secret, bundle wire.Hash, agreed ratchet.Secret, secret []byte, public [32]byte, ct []byte) []byte {
	input := slices.Concat(key[:], agreed[:], secret)
	defer clear(input)
	info := wire.HashOf(labelSlotAnswer, bundle[:], public[:], ct)
	return ratchet.Derive(input, nil, labelSlotAnswer+string(info[:]), slotKeySize)
}

// sealSlot seals v so that the result has size bytes: length(2) ‖ v ‖ zeros.
func sealSlot(key []byte, v any, size int, id wire.SlotID) ([]byte, error) {
	defer clear(key)
	said, err := wire.Marshal(v)
	if err != nil {
		return nil, err
	}
	plain := make([]byte, size-chacha20poly1305.Overhead)
	defer clear(plain)
	if slotLengthSize+len(said) > len(plain) {
		return nil, fmt.Errorf("%w: it has %d bytes", ErrRoom, len(said))
	}
	binary.BigEndian.PutUint16(plain, uint16(len(said)))
	copy(plain[slotLengthSize:], said)
	aead, err := chacha20poly1305.New(key[:chacha20poly1305.KeySize])
	if err != nil {
		return nil, err
	}
	return aead.Seal(nil, key[chacha20poly1305.KeySize:], plain, id[:]), nil
}

// openSlot opens what sealSlot has sealed.
func openSlot[T any](key, sealed []byte, id wire.SlotID) (v T, err error) {
	defer clear(key)
	aead, err := chacha20poly1305.New(key[:chacha20poly1305.KeySize])
	if err != nil {
		return v, err
	}
	plain, err := aead.Open(nil, key[chacha20poly1305.KeySize:], sealed, id[:])
	if err != nil || len(plain) < slotLengthSize {
		return v, ErrSlot
	}
	defer clear(plain)
	n := slotLengthSize + int(binary.BigEndian.Uint16(plain))
	if n > len(plain) || slices.ContainsFunc(plain[n:], func(b byte) bool { return b != 0 }) {
		return v, ErrSlot
	}
	switch err := wire.Unmarshal(plain[slotLengthSize:n], &v); {
	case errors.Is(err, wire.ErrNewer):
		return v, fmt.Errorf("slot: %w", err)
	case err != nil:
		return v, ErrSlot
	}
	return v, nil
}
