package identity

import (
	"fmt"

	"github.com/fxamacker/cbor/v2"

	"sottovoce/mesh/peer"
	"sottovoce/mesh/wire"
)

// CardSizeMax bounds a contact card in bytes.
const CardSizeMax = wire.CardSizeMax

// Card is what two people give each other when they become contacts. It holds a
// secret, the discovery key, and travels only inside an accepted request.
//
// spec: 01-identity#contact-card
type Card struct {
	Name         string    `cbor:"1,keyasint"` // hostile until shown by peer.ShowName
	Account      []byte    `cbor:"2,keyasint"` // as Account.Bytes returned
	Bundles      [][]byte  `cbor:"3,keyasint"` // one for each of Devices, in that order; parsed by package session
	DiscoveryDay uint32    `cbor:"4,keyasint"` // days since the Unix epoch
	DiscoveryKey DaySecret `cbor:"5,keyasint"` // of that day
}

// Append appends the encoding of c to b. It fails when ParseCard would.
func (c Card) Append(b []byte) ([]byte, error) {
	card, err := wire.Marshal(c)
	if err != nil {
		return b, err
	}
	if _, err := ParseCard(card); err != nil {
		return b, fmt.Errorf("our contact card: %w", err)
	}
	return append(b, card...), nil
}

// ParseCard parses a contact card of at most 48 KiB and verifies the account in
// it: at least one active device, and as many bundles as
// active devices. The bundles themselves are not looked at.
//
// spec: 01-identity#contact-card
func ParseCard(b []byte) (Card, error) {
	if len(b) > CardSizeMax {
		return Card{}, fmt.Errorf("%w: contact card of %d bytes, the limit is %d", wire.ErrMalformed, len(b), CardSizeMax)
	}
	var c Card
	if err := wire.Unmarshal(b, &c); err != nil {
		return Card{}, fmt.Errorf("contact card: %w", err)
	}
	if len(c.Name) == 0 || len(c.Name) > peer.NameBytesMax {
		return Card{}, fmt.Errorf("%w: contact card: name of %d bytes", wire.ErrMalformed, len(c.Name))
	}
	account, err := ParseAccount(c.Account)
	if err != nil {
		return Card{}, fmt.Errorf("contact card: %w", err)
	}
	n := len(account.devices)
	if n == 0 || n > bundlesMax || len(c.Bundles) != n {
		return Card{}, fmt.Errorf("%w: contact card: %d bundles for %d devices", wire.ErrMalformed, len(c.Bundles), n)
	}
	for _, bundle := range c.Bundles {
		if len(bundle) == 0 {
			return Card{}, fmt.Errorf("%w: contact card: empty bundle", wire.ErrMalformed)
		}
	}
	if c.DiscoveryDay > DayMax {
		return Card{}, fmt.Errorf("%w: contact card: discovery day %d", wire.ErrMalformed, c.DiscoveryDay)
	}
	return c, nil
}

// BlankCard returns a card that ParseCard takes, with zeros for the discovery key: for
// keeping, since an old key would recognise what was announced long ago. The rest stays,
// also what later versions say.
//
// spec: 01-identity#what-is-kept
func BlankCard(card []byte) ([]byte, error) {
	var fields map[uint64]cbor.RawMessage
	if err := wire.Unmarshal(card, &fields); err != nil {
		return nil, fmt.Errorf("contact card: %w", err)
	}
	var err error
	if fields[discoveryField], err = wire.Marshal(DaySecret{}); err != nil {
		return nil, err
	}
	return wire.Marshal(fields)
}

// discoveryField is the key of DiscoveryKey.
const discoveryField = 5
