package contact

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"sottovoce/mesh/identity"
	"sottovoce/mesh/session"
)

// newCard makes our contact card with a bundle reserved for the other side.
//
// spec: 05-contacts#cards
func (o *Ours) newCard(now time.Time, rand io.Reader) ([]byte, *session.BundleSecrets, error) {
	if !slices.Equal(o.Account.Devices(), []identity.DeviceKeys{o.Device.Public()}) {
		return nil, nil, errors.New("our account does not have this one device")
	}
	bundle, err := session.NewBundle(o.Device, o.Account.Heads(), oneTimePairs, now, rand)
	if err != nil {
		return nil, nil, fmt.Errorf("our contact card: %w", err)
	}
	card, err := identity.Card{
		Name:         o.Name,
		Account:      o.Account.Bytes(),
		Bundles:      [][]byte{bundle.Public()},
		DiscoveryDay: o.Discovery.Day(),
		DiscoveryKey: o.Discovery.Secret(),
	}.Append(nil)
	return card, bundle, err
}

// verify parses their card and checks all that it holds. It fails with ErrCard,
// which also is wire.ErrNewer where that is the reason, or with ErrOwn.
//
// spec: 05-contacts#cards
func (o *Ours) verify(profile Profile, raw []byte) (Party, error) {
	p, err := parseParty(profile, raw)
	if err != nil {
		return Party{}, fmt.Errorf("%w: %w", ErrCard, err)
	}
	if p.Account.ID() == o.Account.ID() {
		return Party{}, ErrOwn
	}
	for i, keys := range p.Account.Devices() {
		if keys.Sign == o.Device.Public().Sign || keys.Agree == o.Device.Public().Agree {
			return Party{}, ErrOwn
		}
		if _, err := session.ParseBundle(p.Card.Bundles[i], keys); err != nil {
			return Party{}, fmt.Errorf("%w: %w", ErrCard, err)
		}
	}
	return p, nil
}
