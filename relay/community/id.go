package community

import (
	"fmt"

	"sottovoce/mesh/peer"
	"sottovoce/mesh/wire"
)

// The prefixes of textual ids.
const (
	idPrefix      = "comm-"
	personaPrefix = "pers-"
	invitePrefix  = "join-"
)

// ID names a community: H("sv1 community" ‖ root public key).
//
// spec: 10-communities#the-root
type ID [32]byte

// IDOf returns the id of the community with this root.
func IDOf(root [32]byte) ID { return ID(wire.HashOf(labelID, root[:])) }

// String returns "comm-" and 52 characters of base32.
func (id ID) String() string { return peer.EncodeText(idPrefix, id[:]) }

// ParseID parses what String returned.
func ParseID(s string) (id ID, err error) {
	if err := peer.DecodeText(idPrefix, s, id[:]); err != nil {
		return ID{}, fmt.Errorf("community %w", err)
	}
	return id, nil
}

// Persona is a member as the community knows it: an Ed25519 public key.
//
// spec: 10-communities#personas
type Persona [32]byte

// String returns "pers-" and 52 characters of base32.
func (p Persona) String() string { return peer.EncodeText(personaPrefix, p[:]) }

// ParsePersona parses what String returned.
func ParsePersona(s string) (p Persona, err error) {
	if err := peer.DecodeText(personaPrefix, s, p[:]); err != nil {
		return Persona{}, fmt.Errorf("persona %w", err)
	}
	return p, nil
}

// Invite names a join link: the Ed25519 public key whose private half the link's secret makes.
//
// spec: 10-communities#join-links
type Invite [32]byte

// String returns "join-" and 52 characters of base32.
func (i Invite) String() string { return peer.EncodeText(invitePrefix, i[:]) }

// ParseInvite parses what String returned.
func ParseInvite(s string) (i Invite, err error) {
	if err := peer.DecodeText(invitePrefix, s, i[:]); err != nil {
		return Invite{}, fmt.Errorf("join link %w", err)
	}
	return i, nil
}
