package contact

import (
	"errors"
	"fmt"
	"time"

	"sottovoce/mesh/identity"
	"sottovoce/mesh/session"
	"sottovoce/mesh/wire"
)

// savedExchange is the form in which an exchange is kept.
type savedExchange struct {
	Our        [32]byte   `cbor:"1,keyasint"`
	Their      [32]byte   `cbor:"2,keyasint"`
	Phase      Phase      `cbor:"3,keyasint"`
	Asker      bool       `cbor:"4,keyasint,omitempty"`
	Name       string     `cbor:"5,keyasint,omitempty"`
	OurNonce   [32]byte   `cbor:"6,keyasint"`
	TheirNonce [32]byte   `cbor:"7,keyasint"`
	Old        [][32]byte `cbor:"8,keyasint,omitempty"`
	Until      int64      `cbor:"9,keyasint,omitempty"` // Unix milliseconds
	Card       []byte     `cbor:"10,keyasint,omitempty"`
	Share      [32]byte   `cbor:"11,keyasint"`
	Bundle     []byte     `cbor:"12,keyasint,omitempty"`
	Transcript [32]byte   `cbor:"13,keyasint"`
}

// Save returns the exchange as bytes, canonical CBOR of at most 128 KiB. They hold
// secrets.
func (x *Exchange) Save() []byte {
	s := savedExchange{
		Our: x.our, Their: x.their, Phase: x.phase, Asker: x.asker, Name: x.name,
		OurNonce: x.ourNonce, TheirNonce: x.theirNonce, Old: x.old,
		Card: x.card, Share: x.share, Transcript: x.transcript,
	}
	if x.phase == PhaseDeclined {
		s.Until = x.until.UnixMilli()
	}
	if x.bundle != nil {
		s.Bundle = x.bundle.Save()
	}
	b, err := wire.Marshal(s)
	if err != nil || len(b) > savedMax {
		panic(fmt.Sprintf("contact: saving an exchange: %d bytes: %v", len(b), err))
	}
	return b
}

// Load reads what Save wrote, and refuses what it could not have written. The
// exchange is on no link.
func Load(ours *Ours, b []byte) (*Exchange, error) {
	if len(b) > savedMax {
		return nil, fmt.Errorf("%w: saved exchange of %d bytes", wire.ErrMalformed, len(b))
	}
	var s savedExchange
	if err := wire.Unmarshal(b, &s); err != nil {
		return nil, fmt.Errorf("saved exchange: %w", err)
	}
	if err := s.check(); err != nil {
		return nil, fmt.Errorf("%w: saved exchange: %v", wire.ErrMalformed, err)
	}
	x := &Exchange{
		ours: ours, our: s.Our, their: s.Their, phase: s.Phase, asker: s.Asker, name: s.Name,
		ourNonce: s.OurNonce, theirNonce: s.TheirNonce, old: s.Old,
		card: s.Card, share: s.Share, transcript: s.Transcript,
	}
	if s.Phase == PhaseDeclined {
		x.until = time.UnixMilli(s.Until)
	}
	if s.Phase == PhaseOffered {
		var err error
		if x.bundle, err = session.LoadBundle(s.Bundle); err != nil {
			return nil, fmt.Errorf("saved exchange: %w", err)
		}
	}
	return x, nil
}

// check holds what was loaded against what Step keeps true.
func (s *savedExchange) check() error {
	switch {
	case s.Our == s.Their:
		return errors.New("with ourselves")
	case s.Phase < PhaseIdle || s.Phase > PhaseRefused:
		return fmt.Errorf("phase %d", s.Phase)
	case len(s.Old) > noncesMax:
		return fmt.Errorf("%d nonces", len(s.Old))
	case s.Phase != PhaseDeclined && s.Until != 0:
		return errors.New("a time without being declined")
	case (s.Card != nil) != (s.Phase == PhaseOffered || s.Phase == PhaseCommitted):
		return fmt.Errorf("phase %d with card %t", s.Phase, s.Card != nil)
	case (s.Bundle != nil) != (s.Phase == PhaseOffered):
		return fmt.Errorf("phase %d with bundle %t", s.Phase, s.Bundle != nil)
	}
	return nil
}

// savedObject is the form in which an object is kept.
type savedObject struct {
	Asker      bool     `cbor:"1,keyasint,omitempty"`
	Our        [32]byte `cbor:"2,keyasint"`
	OurCard    []byte   `cbor:"3,keyasint"`
	Their      [32]byte `cbor:"4,keyasint"`
	TheirCard  []byte   `cbor:"5,keyasint"`
	Secret     [32]byte `cbor:"6,keyasint"`
	Transcript [32]byte `cbor:"7,keyasint"`

	Introduced *Introducer `cbor:"8,keyasint,omitempty"`
}

// Save returns the object without its bundle secrets and discovery keys as bytes, canonical
// CBOR of at most 128 KiB. They hold the contact's secret.
//
// spec: 05-contacts#the-contact-object
func (o *Object) Save() []byte {
	our, err := identity.BlankCard(o.Our.raw)
	their, err2 := identity.BlankCard(o.Their.raw)
	b, err3 := wire.Marshal(savedObject{
		Asker: o.Asker, Our: o.Our.Profile, OurCard: our, Their: o.Their.Profile, TheirCard: their,
		Secret: o.Secret, Transcript: o.Transcript, Introduced: o.Introduced,
	})
	if err := errors.Join(err, err2, err3); err != nil {
		panic(fmt.Sprintf("contact: saving an object: %v", err))
	}
	return b
}

// LoadObject reads what Save wrote and verifies both accounts again.
func LoadObject(b []byte) (*Object, error) {
	if len(b) > objectMax {
		return nil, fmt.Errorf("%w: contact of %d bytes", wire.ErrMalformed, len(b))
	}
	var s savedObject
	if err := wire.Unmarshal(b, &s); err != nil {
		return nil, fmt.Errorf("contact: %w", err)
	}
	o := &Object{Asker: s.Asker, Secret: s.Secret, Transcript: s.Transcript, Introduced: s.Introduced}
	var err error
	if o.Our, err = parseParty(s.Our, s.OurCard); err != nil {
		return nil, fmt.Errorf("contact: our card: %w", err)
	}
	if o.Their, err = parseParty(s.Their, s.TheirCard); err != nil {
		return nil, fmt.Errorf("contact: their card: %w", err)
	}
	return o, nil
}
