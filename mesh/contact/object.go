package contact

import (
	"crypto/hkdf"
	"crypto/sha256"
	"fmt"

	"sottovoce/mesh/identity"
	"sottovoce/mesh/session"
	"sottovoce/mesh/wire"
)

// Party is one of the two people of a contact, as they were when it came about.
type Party struct {
	Profile Profile
	Card    identity.Card
	Account *identity.Account // of the card
	raw     []byte            // the card as it was sent
}

// Discovery returns the key by which the party's announcements are recognised.
func (p *Party) Discovery() identity.DiscoveryKey {
	return identity.DiscoveryKeyOf(p.Card.DiscoveryDay, p.Card.DiscoveryKey)
}

// Introducer is who introduced a contact to us, by the name that it had then.
//
// spec: 05-contacts#introductions
type Introducer struct {
	Account identity.AccountID `cbor:"1,keyasint"`
	Name    string             `cbor:"2,keyasint"`
}

// Object is what an exchange ends in, the same on both sides but for who is ours.
//
// spec: 05-contacts#the-contact-object
type Object struct {
	Asker      bool // we asked
	Our, Their Party
	Secret     Secret
	Transcript [32]byte
	// Introduced is by whom, where it came about so; nil otherwise.
	Introduced *Introducer

	// Bundle holds the secrets to the bundle in our card. It comes with Commit, is
	// for the sessions, and is not part of Save.
	Bundle *session.BundleSecrets
}

// Pairs returns what a session with each of their devices is made of, in the order
// of the devices of Their.Account. Each takes over bundle secrets: the first Bundle,
// further ones a copy. It is called once, on an object that Commit brought.
func (o *Object) Pairs(device *identity.Device) ([]session.PairConfig, error) {
	saved := o.Bundle.Save()
	defer clear(saved)
	var configs []session.PairConfig
	for i, keys := range o.Their.Account.Devices() {
		bundle := o.Bundle
		if i > 0 {
			var err error
			if bundle, err = session.LoadBundle(saved); err != nil {
				return nil, fmt.Errorf("our bundle: %w", err)
			}
		}
		configs = append(configs, session.PairConfig{
			Our: device, OurAccount: o.Our.Account.ID(), OurHeads: o.Our.Account.Heads(), OurBundle: bundle,
			Their: keys, TheirAccount: o.Their.Account.ID(), TheirHeads: o.Their.Account.Heads(), TheirBundle: o.Their.Card.Bundles[i],
			Secret: o.Secret,
		})
	}
	return configs, nil
}

// Erase zeroes the secrets.
func (o *Object) Erase() {
	o.Secret.Erase()
	if o.Bundle != nil {
		o.Bundle.Erase()
	}
}

// side is what one side puts into the transcript.
type side struct {
	profile Profile
	card    []byte
	share   [32]byte
}

// conclude makes the object of an exchange between asker and asked, and keeps its
// transcript.
func (x *Exchange) conclude(asker, asked side, bundle *session.BundleSecrets, their Party) (*Object, error) {
	our := asker.card
	if asker.profile != x.our {
		our = asked.card
	}
	o := &Object{Asker: asker.profile == x.our, Their: their, Bundle: bundle}
	var err error
	if o.Our, err = parseParty(x.our, our); err != nil {
		return nil, fmt.Errorf("our contact card: %w", err)
	}
	o.Transcript, o.Secret = agree(asker, asked)
	if err := o.try(x.ours.Device); err != nil {
		return nil, err
	}
	x.transcript = o.Transcript
	return o, nil
}

// try makes sessions of a copy of the object, so that Commit brings none that the
// session package would refuse.
func (o *Object) try(device *identity.Device) error {
	saved := o.Bundle.Save()
	defer clear(saved)
	bundle, err := session.LoadBundle(saved)
	if err != nil {
		return fmt.Errorf("our bundle: %w", err)
	}
	trial := *o
	trial.Bundle = bundle
	configs, err := trial.Pairs(device)
	if err != nil {
		return err
	}
	for _, cfg := range configs {
		defer cfg.OurBundle.Erase()
		pair, err := session.NewPair(cfg)
		if err != nil {
			return fmt.Errorf("%w: %w", ErrCard, err)
		}
		pair.Erase()
	}
	return nil
}

// agree derives what both sides share.
//
// spec: 05-contacts#transcript-and-secret
func agree(asker, asked side) (transcript [32]byte, secret Secret) {
	askerCard, askedCard := wire.HashOf(labelCard, asker.card), wire.HashOf(labelCard, asked.card)
	transcript = wire.HashOf(
		labelTranscript, asker.profile[:], asked.profile[:], asker.share[:], asked.share[:], askerCard[:], askedCard[:],
	)
	shares := append(asker.share[:], asked.share[:]...)
	defer clear(shares)
	key, err := hkdf.Key(sha256.New, shares, transcript[:], labelSecret, len(secret))
	if err != nil {
		panic(fmt.Sprintf("contact: deriving the secret: %v", err))
	}
	defer clear(key)
	return transcript, Secret(key)
}

func parseParty(profile Profile, raw []byte) (Party, error) {
	card, err := identity.ParseCard(raw)
	if err != nil {
		return Party{}, err
	}
	account, err := identity.ParseAccount(card.Account)
	if err != nil {
		return Party{}, err
	}
	return Party{Profile: profile, Card: card, Account: account, raw: raw}, nil
}
