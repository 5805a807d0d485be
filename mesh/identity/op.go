package identity

import (
	"bytes"
	"crypto/ed25519"
	"fmt"
	"slices"

	"sottovoce/mesh/peer"
	"sottovoce/mesh/wire"
)

// opKind says what an op does to the account.
//
// spec: 01-identity#account-ops
type opKind uint8

const (
	addDevice    opKind = 1
	revokeDevice opKind = 2
	setRoot      opKind = 3 // the first op only
	succession   opKind = 4
)

// opBody is the signed part of an op. Which fields stand depends on the kind.
type opBody struct {
	Algs    []uint64    `cbor:"0,keyasint"`
	Kind    opKind      `cbor:"1,keyasint"`
	Account *AccountID  `cbor:"2,keyasint,omitempty"`
	Parents []wire.Hash `cbor:"3,keyasint,omitempty"` // ascending
	Time    uint64      `cbor:"4,keyasint"`           // Unix milliseconds, never trusted
	Root    *[32]byte   `cbor:"5,keyasint,omitempty"` // setRoot, succession
	Salt    *[16]byte   `cbor:"6,keyasint,omitempty"` // setRoot
	Proof   *[64]byte   `cbor:"7,keyasint,omitempty"` // succession: the new root's consent
	Device  *DeviceKeys `cbor:"8,keyasint,omitempty"` // addDevice
	Revoked *peer.ID    `cbor:"9,keyasint,omitempty"` // revokeDevice
}

// op is one parsed op of an account.
type op struct {
	opBody
	id     wire.Hash
	object signedObject
	raw    []byte // as received
}

// parseOp parses one op by itself: form and fields, not signatures or place.
func parseOp(raw []byte) (*op, error) {
	o := &op{raw: raw}
	var err error
	if o.object, err = parseObject(raw); err != nil {
		return nil, err
	}
	o.id = wire.HashOf(labelAccountOp, o.object.Body)
	if err := wire.Unmarshal(o.object.Body, &o.opBody); err != nil {
		return nil, err
	}
	if o.Kind < addDevice {
		return nil, fmt.Errorf("%w: account op without a kind", wire.ErrMalformed)
	}
	if o.Kind > succession {
		return nil, fmt.Errorf("%w: account op of kind %d", wire.ErrNewer, o.Kind)
	}
	genesis := o.Kind == setRoot
	fits := genesis == (o.Account == nil) &&
		genesis == (len(o.Parents) == 0) &&
		genesis == (o.Salt != nil) &&
		(genesis || o.Kind == succession) == (o.Root != nil) &&
		(o.Kind == succession) == (o.Proof != nil) &&
		(o.Kind == addDevice) == (o.Device != nil) &&
		(o.Kind == revokeDevice) == (o.Revoked != nil)
	if !fits {
		return nil, fmt.Errorf("%w: account op of kind %d has the wrong fields", wire.ErrMalformed, o.Kind)
	}
	if len(o.Parents) > parentsMax {
		return nil, fmt.Errorf("%w: account op with %d parents", wire.ErrMalformed, len(o.Parents))
	}
	for i := 1; i < len(o.Parents); i++ {
		if bytes.Compare(o.Parents[i-1][:], o.Parents[i][:]) >= 0 {
			return nil, fmt.Errorf("%w: parents of an account op are out of order", wire.ErrMalformed)
		}
	}
	return o, nil
}

// verify checks that root has signed o, and that the new root of a succession
// has consented.
func (o *op) verify(root [32]byte) error {
	if !ed25519.Verify(root[:], append([]byte(labelAccountOp), o.object.Body...), o.object.Sigs[algEd25519]) {
		return fmt.Errorf("account op: %w", ErrSignature)
	}
	if o.Kind == succession && !ed25519.Verify(o.Root[:], consent(*o.Account, root, *o.Root, o.Parents), o.Proof[:]) {
		return fmt.Errorf("consent of the new root: %w", ErrSignature)
	}
	return nil
}

// consent is what a new root signs: that it follows the old one at this place.
//
// spec: 01-identity#succession
func consent(account AccountID, oldRoot, newRoot [32]byte, parents []wire.Hash) []byte {
	b := slices.Concat([]byte(labelNewRoot), account[:], oldRoot[:], newRoot[:])
	for _, p := range parents {
		b = append(b, p[:]...)
	}
	return b
}

// signOp encodes and signs body, which this package has just built.
func signOp(body opBody, root *Root) ([]byte, error) {
	body.Algs = Algs()
	b, err := wire.Marshal(body)
	if err != nil {
		return nil, err
	}
	key := root.key()
	defer clear(key)
	return Sign(labelAccountOp, b, key), nil
}
