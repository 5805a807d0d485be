package community

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"fmt"
	"slices"

	"sottovoce/mesh/identity"
	"sottovoce/mesh/peer"
	"sottovoce/mesh/wire"
)

// Descriptor is what the root says of its community. It is immutable once it is signed.
//
// spec: 10-communities#descriptor
type Descriptor struct {
	Root       [32]byte
	Sequence   uint64 // a higher one replaces it
	Name       string // hostile until shown by peer.ShowName
	Until      uint32 // the last day on which a newcomer takes it, in days since the Unix epoch
	Supernodes []Supernode
	Seats      []Seat
	Operators  []Operator
	Policy     Policy

	raw []byte // as received
	id  wire.Hash
}

// Supernode is one that the root names.
type Supernode struct {
	Sign  [32]byte `cbor:"1,keyasint"` // Ed25519
	Agree [32]byte `cbor:"2,keyasint"` // X25519
	Token [32]byte `cbor:"3,keyasint"` // public key of its tokens for this community (11-tokens)
}

// ID returns the supernode's peer id.
func (s Supernode) ID() peer.ID { return identity.DeviceKeys{Sign: s.Sign, Agree: s.Agree}.ID() }

// Seat is a place that is kept for a further supernode: who holds the secret of a link for it
// takes it with keys of its own.
//
// spec: 10-communities#further-supernodes
type Seat struct {
	Key   Invite `cbor:"1,keyasint"`
	Until uint64 `cbor:"2,keyasint"` // Unix seconds after which it is not taken any more
}

// Operator is a key whose entries in the roster count. One that is closed adds nothing more, and of
// what it has added counts what led to Last.
//
// spec: 10-communities#operators
type Operator struct {
	Key    [32]byte    `cbor:"1,keyasint"`
	Closed bool        `cbor:"2,keyasint,omitempty"`
	Last   []wire.Hash `cbor:"3,keyasint,omitempty"`
}

// Policy is what members may expect of each supernode. An operator can allow less.
//
// spec: 10-communities#policy
type Policy struct {
	Days   uint16 `cbor:"1,keyasint"` // that a blob is kept at most
	Disk   uint64 `cbor:"2,keyasint"` // bytes for the community
	Tokens uint16 `cbor:"3,keyasint"` // for each member and day
}

// descriptorBody is the signed part. Key 9 is reserved for peers of this community.
type descriptorBody struct {
	Algs       []uint64    `cbor:"0,keyasint"`
	Root       [32]byte    `cbor:"1,keyasint"`
	Sequence   uint64      `cbor:"2,keyasint"`
	Name       string      `cbor:"3,keyasint"`
	Until      uint32      `cbor:"4,keyasint"`
	Supernodes []Supernode `cbor:"5,keyasint"`
	Seats      []Seat      `cbor:"6,keyasint,omitempty"`
	Operators  []Operator  `cbor:"7,keyasint"`
	Policy     Policy      `cbor:"8,keyasint"`
}

// Sign returns the descriptor signed by its root. It fails for what ParseDescriptor would refuse.
//
// spec: 10-communities#descriptor
func (r Root) Sign(d Descriptor) (*Descriptor, error) {
	body, err := wire.Marshal(descriptorBody{
		Algs: identity.Algs(), Root: r.pub, Sequence: d.Sequence, Name: d.Name, Until: d.Until,
		Supernodes: d.Supernodes, Seats: d.Seats, Operators: d.Operators, Policy: d.Policy,
	})
	if err != nil {
		return nil, err
	}
	signed, err := ParseDescriptor(r.signObject(labelDescriptor, body), r.ID())
	if err != nil {
		return nil, fmt.Errorf("our descriptor: %w", err)
	}
	return signed, nil
}

// signObject makes a signed object (00-encoding).
func (s signer) signObject(label string, body []byte) (object []byte) {
	s.with(func(key ed25519.PrivateKey) { object = identity.Sign(label, body, key) })
	return object
}

// ParseDescriptor parses a descriptor of at most 16 KiB, and verifies that the root of the community
// has signed it.
//
// spec: 10-communities#descriptor
func ParseDescriptor(b []byte, of ID) (*Descriptor, error) {
	said, err := peek[descriptorBody](b, descriptorSizeMax)
	if err != nil {
		return nil, fmt.Errorf("descriptor: %w", err)
	}
	if IDOf(said.Root) != of {
		return nil, fmt.Errorf("descriptor: %w: of another community", identity.ErrSignature)
	}
	_, id, err := identity.Verify(labelDescriptor, b, said.Root)
	if err != nil {
		return nil, fmt.Errorf("descriptor: %w", err)
	}
	if err := said.check(); err != nil {
		return nil, fmt.Errorf("%w: descriptor: %v", wire.ErrMalformed, err)
	}
	return &Descriptor{
		Root: said.Root, Sequence: said.Sequence, Name: said.Name, Until: said.Until,
		Supernodes: said.Supernodes, Seats: said.Seats, Operators: said.Operators, Policy: said.Policy,
		raw: bytes.Clone(b), id: id,
	}, nil
}

func (d *descriptorBody) check() error {
	switch {
	case d.Sequence == 0:
		return errors.New("sequence 0")
	case len(d.Name) == 0 || len(d.Name) > peer.NameBytesMax:
		return fmt.Errorf("name of %d bytes", len(d.Name))
	case d.Until > dayMax:
		return fmt.Errorf("until day %d", d.Until)
	case len(d.Supernodes) == 0 || len(d.Supernodes) > SupernodesMax:
		return fmt.Errorf("%d supernodes", len(d.Supernodes))
	case len(d.Seats) > SeatsMax:
		return fmt.Errorf("%d seats", len(d.Seats))
	case len(d.Operators) > OperatorsMax:
		return fmt.Errorf("%d operator keys", len(d.Operators))
	case d.Policy.Days == 0 || d.Policy.Days > wire.ExpiryDaysMax:
		return fmt.Errorf("a policy of %d days", d.Policy.Days)
	}
	keys := make(map[[32]byte]bool)
	twice := func(key [32]byte) bool {
		was := keys[key]
		keys[key] = true
		return was
	}
	for _, s := range d.Supernodes {
		if twice(s.Sign) || twice(s.Agree) || twice(s.Token) {
			return errors.New("one key for two things")
		}
	}
	for _, s := range d.Seats {
		if twice(s.Key) {
			return errors.New("a seat stands there twice")
		}
	}
	for _, o := range d.Operators {
		if twice(o.Key) {
			return errors.New("an operator key stands there twice")
		}
		if len(o.Last) > lastMax || len(o.Last) > 0 && !o.Closed {
			return errors.New("heads of an operator key that do not belong there")
		}
	}
	return nil
}

// Bytes returns the signed object, as it was received.
func (d *Descriptor) Bytes() []byte { return bytes.Clone(d.raw) }

// Hash names the descriptor: the id of the signed object.
func (d *Descriptor) Hash() wire.Hash { return d.id }

// ID returns the community's.
func (d *Descriptor) ID() ID { return IDOf(d.Root) }

// operator finds an operator key.
func (d *Descriptor) operator(key [32]byte) (Operator, bool) {
	at := slices.IndexFunc(d.Operators, func(o Operator) bool { return o.Key == key })
	if at < 0 {
		return Operator{}, false
	}
	return d.Operators[at], true
}
