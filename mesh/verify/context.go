package verify

import (
	"bytes"
	"slices"

	"sottovoce/mesh/identity"
	"sottovoce/mesh/peer"
	"sottovoce/mesh/wire"
)

// Party is one of the two, as this side knows it.
type Party struct {
	Account identity.AccountID
	Heads   []wire.Hash // of the account: pinned for them, our own for us
	Device  peer.ID     // that talks on the link
}

// Context is a name of everything that says who the two are, and of the link they talk
// on: the same on both sides, and with nobody else. Somebody who is a contact of each can
// pass on a card, so accounts, heads and devices may be alike at both ends; the transcript
// of an exchange that was made with somebody else, and the binding of a link to somebody
// else, never are.
//
// spec: 05-contacts#comparing-emoji
type Context [32]byte

// NewContext names what the two are to each other. transcript is that of the exchange in
// which they became contacts, binding the handshake hash of the link.
func NewContext(our, their Party, transcript, binding [32]byte) Context {
	first, second := our, their
	if bytes.Compare(our.Account[:], their.Account[:]) > 0 {
		first, second = their, our
	}
	var parts [][]byte
	for _, p := range []Party{first, second} {
		heads := identity.HashHeads(p.Heads)
		parts = append(parts, p.Account[:], heads[:], p.Device[:])
	}
	return Context(wire.HashOf(labelContext, slices.Concat(parts...), transcript[:], binding[:]))
}
