package community

import (
	"bytes"
	"crypto/ed25519"
	"fmt"
	"maps"
	"slices"

	"sottovoce/mesh/identity"
	"sottovoce/mesh/peer"
	"sottovoce/mesh/wire"
)

// Card is what a supernode says of itself to the members of one community: where it is reached,
// and how it is recognised on a network. It holds a secret, and goes to members and supernodes
// only.
//
// spec: 10-communities#supernode-cards
type Card struct {
	Supernode Supernode
	Operator  [32]byte // its operator key; heeded when it takes a seat
	Edition   Edition  // a later one replaces it
	Addresses []string // host:port
	Beacon    identity.DiscoveryKey
	Seat      *Claim       // how it came to be a supernode, where the root has not named it
	Weeks     [2]wire.Hash // commitments to the secrets of the edition's week and of the next

	raw  []byte // as received
	id   wire.Hash
	gist Gist

	counted bool // whether its draws were held against the roster
}

// Claim shows that a supernode was given a seat.
//
// spec: 10-communities#further-supernodes
type Claim struct {
	Seat      Invite   `cbor:"1,keyasint"`
	Signature [64]byte `cbor:"2,keyasint"` // by the seat's key
}

// cardBody is the signed part.
type cardBody struct {
	Algs      []uint64           `cbor:"0,keyasint"`
	Community ID                 `cbor:"1,keyasint"`
	Supernode Supernode          `cbor:"2,keyasint"`
	Operator  [32]byte           `cbor:"3,keyasint"`
	Edition   Edition            `cbor:"4,keyasint"`
	Addresses []string           `cbor:"5,keyasint,omitempty"`
	Day       uint32             `cbor:"6,keyasint"`
	Beacon    identity.DaySecret `cbor:"7,keyasint"`
	Seat      *Claim             `cbor:"8,keyasint,omitempty"`
	Weeks     [2]wire.Hash       `cbor:"9,keyasint"`
	Gist      [64]byte           `cbor:"10,keyasint"` // signature
}

// signCard returns the card signed by the supernode's device.
func signCard(c Card, community ID, device *identity.Device) (*Card, error) {
	if err := CheckAddresses(c.Addresses); err != nil {
		return nil, err
	}
	said := cardBody{
		Algs: identity.Algs(), Community: community, Supernode: c.Supernode, Operator: c.Operator, Edition: c.Edition,
		Addresses: c.Addresses, Day: c.Beacon.Day(), Beacon: c.Beacon.Secret(), Seat: c.Seat, Weeks: c.Weeks,
	}
	said.Gist = [64]byte(ed25519.Sign(device.SignKey(), said.gist().statement(c.ID(), community)))
	body, err := wire.Marshal(said)
	if err != nil {
		return nil, err
	}
	return parseCard(identity.Sign(labelCard, body, device.SignKey()), community)
}

// parseCard parses a card of at most 2 KiB and verifies that its supernode has signed it. Whether it
// is a supernode of the community is for Papers to say.
//
// spec: 10-communities#supernode-cards
func parseCard(b []byte, community ID) (*Card, error) {
	said, err := peek[cardBody](b, cardSizeMax)
	if err != nil {
		return nil, fmt.Errorf("supernode card: %w", err)
	}
	_, id, err := identity.Verify(labelCard, b, said.Supernode.Sign)
	if err != nil {
		return nil, fmt.Errorf("supernode card: %w", err)
	}
	if said.Community != community {
		return nil, fmt.Errorf("supernode card: %w: for another community", identity.ErrSignature)
	}
	if said.Seat != nil && !ed25519.Verify(said.Seat.Seat[:], claimed(community, said.Supernode, said.Operator), said.Seat.Signature[:]) {
		return nil, fmt.Errorf("supernode card: %w: its seat", identity.ErrSignature)
	}
	if err := said.check(); err != nil {
		return nil, fmt.Errorf("%w: supernode card: %v", wire.ErrMalformed, err)
	}
	gist := said.gist()
	if !gist.signedBy(said.Supernode, community) {
		return nil, fmt.Errorf("supernode card: %w: its gist", identity.ErrSignature)
	}
	return &Card{
		Supernode: said.Supernode, Operator: said.Operator, Edition: said.Edition, Addresses: said.Addresses,
		Beacon: identity.DiscoveryKeyOf(said.Day, said.Beacon), Seat: said.Seat, Weeks: said.Weeks, raw: bytes.Clone(b), id: id, gist: gist,
	}, nil
}

func (c *cardBody) check() error {
	if c.Edition.Move > movesMax {
		return fmt.Errorf("move %d", c.Edition.Move)
	}
	if c.Day > dayMax {
		return fmt.Errorf("beacon key of day %d", c.Day)
	}
	return CheckAddresses(c.Addresses)
}

// claimed is what the key of a seat signs: who sits there.
//
// spec: 10-communities#further-supernodes
func claimed(community ID, s Supernode, operator [32]byte) []byte {
	return slices.Concat([]byte(labelSeat), community[:], s.Sign[:], s.Agree[:], s.Token[:], operator[:])
}

// claim takes the seat of a link for a supernode.
func (l *Link) claim(s Supernode, operator [32]byte) *Claim {
	key := l.Secret.key()
	defer key.Erase()
	return &Claim{Seat: key.pub, Signature: key.sign(claimed(l.Community(), s, operator))}
}

// ID returns the supernode's peer id.
func (c *Card) ID() peer.ID { return c.Supernode.ID() }

// Format prints the supernode's id only.
func (c Card) Format(f fmt.State, _ rune) { fmt.Fprintf(f, "card of %v", c.Supernode.ID()) }

// Beacon is a key by which a supernode is recognised on a network.
type Beacon struct {
	Supernode peer.ID
	Key       identity.DiscoveryKey // of the day that was asked for
}

// beacons are the keys of a day of all supernodes whose cards are known, by their ids.
func (f *file) beacons(day uint32) (all []Beacon) {
	for _, id := range slices.SortedFunc(maps.Keys(f.cards), peer.ID.Compare) {
		from := f.cards[id].Beacon
		if day > from.Day()+beaconDaysMax {
			continue
		}
		if key, err := from.Reach(day); err == nil {
			all = append(all, Beacon{Supernode: id, Key: key})
		}
	}
	return all
}
