package community

import (
	"crypto/ed25519"
	"encoding/binary"
	"slices"

	"sottovoce/mesh/peer"
)

// Place is where something is proven: on one link, to one supernode, for one community, on one
// day.
//
// spec: 10-communities#log-in
type Place struct {
	Exporter  [32]byte // E of the link (03-links)
	Supernode peer.ID
	Community ID
	Day       uint32 // that the member believes it is, since the Unix epoch
}

// message is what is signed under a label at a place.
func (p Place) message(label string, more ...byte) []byte {
	b := slices.Concat([]byte(label), p.Exporter[:], p.Supernode[:], p.Community[:])
	return append(binary.BigEndian.AppendUint32(b, p.Day), more...)
}

// Login returns the signature by which a persona logs in.
//
// spec: 10-communities#log-in
func (k PersonaKey) Login(at Place) [64]byte { return k.sign(at.message(labelLogin)) }

// VerifyLogin reports whether a key has logged in at a place: a persona's, or that by which a
// supernode signs.
//
// spec: 10-communities#log-in
func VerifyLogin(key [32]byte, at Place, sig [64]byte) bool {
	return ed25519.Verify(key[:], at.message(labelLogin), sig[:])
}

// LoginAs returns the signature by which a supernode logs in at another one, under the key by
// which it signs.
//
// spec: 10-communities#log-in
func LoginAs(sign ed25519.PrivateKey, at Place) [64]byte {
	return [64]byte(ed25519.Sign(sign, at.message(labelLogin)))
}

// proofSize is the length of a proof: invite ‖ signature.
const proofSize = 32 + 64

// Proof shows at a place that a persona has been given the link.
//
// spec: 10-communities#joining
func (l *Link) Proof(at Place, persona Persona) []byte {
	key := l.Secret.key()
	defer key.Erase()
	sig := key.sign(at.message(labelJoin, persona[:]...))
	return slices.Concat(key.pub[:], sig[:])
}

// verifyProof returns which link a persona has been given.
func verifyProof(proof []byte, at Place, persona Persona) (Invite, bool) {
	if len(proof) != proofSize {
		return Invite{}, false
	}
	invite := Invite(proof[:32])
	return invite, ed25519.Verify(invite[:], at.message(labelJoin, persona[:]...), proof[32:])
}
