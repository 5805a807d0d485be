package handshake

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"

	"github.com/flynn/noise"

	"sottovoce/mesh/wire"
)

// countedDH counts X25519 operations, key generation included. X25519 refuses
// low-order points: golang.org/x/crypto fails on an all-zero result.
type countedDH struct {
	noise.DHFunc
	n int
}

func (d *countedDH) GenerateKeypair(rand io.Reader) (noise.DHKey, error) {
	d.n++
	return d.DHFunc.GenerateKeypair(rand)
}

func (d *countedDH) DH(private, public []byte) ([]byte, error) {
	d.n++
	return d.DHFunc.DH(private, public)
}

// topUp spends X25519 operations until n were spent in all.
func (d *countedDH) topUp(n int) {
	private, public := make([]byte, KeySize), make([]byte, KeySize)
	private[0], public[0] = 1, 9
	for d.n < n {
		_, _ = d.DH(private, public)
	}
}

// state is a Noise handshake with the secrets it was given, so that they can be erased.
type state struct {
	*noise.HandshakeState
	private []byte
	psk     []byte
}

// config is the part of a Noise configuration that the published vectors exercise too.
func config(mode Mode, initiator bool, dh noise.DHFunc) noise.Config {
	c := noise.Config{
		CipherSuite: noise.NewCipherSuite(dh, noise.CipherChaChaPoly, noise.HashSHA256),
		Pattern:     noise.HandshakeXX,
		Initiator:   initiator,
	}
	switch mode {
	case Contact:
		c.Pattern = noise.HandshakeIK
	case PairUp:
		c.Pattern = noise.HandshakeNN
	case Member, Supernode:
		c.Pattern = noise.HandshakeNK
	}
	return c
}

// newState begins the Noise handshake of mode. pair may be nil in open mode, and for who answers in
// mode supernode.
// spec: 03-links#noise
func newState(mode Mode, initiator bool, e Exporter, our *Static, pair *Pair, dh noise.DHFunc, rand io.Reader) (*state, error) {
	s := &state{private: bytes.Clone(our[:])}
	public := our.Public()
	c := config(mode, initiator, dh)
	c.Random = rand
	c.Prologue = append(append([]byte(labelPrologue), byte(mode)), e[:]...)
	if !our.IsZero() {
		c.StaticKeypair = noise.DHKey{Private: s.private, Public: public[:]}
	}
	if mode.shares() {
		s.psk = bytes.Clone(pair.Key.psk[:])
		c.PresharedKey = s.psk
	}
	if mode.knows() && initiator {
		c.PeerStatic = bytes.Clone(pair.Their[:])
	}
	hs, err := noise.NewHandshakeState(c)
	if err != nil {
		return nil, fmt.Errorf("beginning the %s handshake: %v", mode, err)
	}
	s.HandshakeState = hs
	return s, nil
}

// erase overwrites what can be reached of the handshake's secrets; the library's own
// copies of chaining key and psk are left to the collector.
func (s *state) erase() {
	if s == nil {
		return
	}
	clear(s.private)
	clear(s.psk)
	clear(s.LocalEphemeral().Private)
}

func (s *state) binding() [32]byte { return [32]byte(s.ChannelBinding()) }

// their is the static key that the far end has proven; zero where it has none.
func (s *state) their() (key [KeySize]byte) {
	copy(key[:], s.PeerStatic())
	return key
}

// payloadMap is what a payload says. Unknown keys are ignored, unknown keys from 0x8000
// up refuse the handshake.
type payloadMap struct {
	// Sign is the Ed25519 key of the sender's open profile: in open mode, beside the
	// sender's static key, it completes the keys behind the handle.
	Sign *[KeySize]byte `cbor:"1,keyasint,omitempty"`
	// Label is what the sender calls itself, in mode pair.
	Label *[LabelSize]byte `cbor:"2,keyasint,omitempty"`
}

// appendPayload appends a payload of size bytes: version, length of the map, the map,
// zeros.
// spec: 03-links#payload
func appendPayload(b []byte, size int, says payloadMap) []byte {
	said, err := wire.Marshal(says)
	if err != nil {
		panic("handshake: encoding a payload: " + err.Error())
	}
	payload := make([]byte, size)
	payload[0] = payloadVersion
	binary.BigEndian.PutUint16(payload[1:], uint16(len(said)))
	copy(payload[payloadHeader:], said)
	return append(b, payload...)
}

// parsePayload reads what appendPayload makes and what later versions may add.
func parsePayload(b []byte) (payloadMap, error) {
	var said payloadMap
	if len(b) < payloadHeader {
		return said, wire.ErrMalformed
	}
	if b[0] != payloadVersion {
		return said, wire.ErrNewer
	}
	n := int(binary.BigEndian.Uint16(b[1:]))
	rest := b[payloadHeader:]
	if n > len(rest) {
		return said, wire.ErrMalformed
	}
	for _, c := range rest[n:] {
		if c != 0 {
			return said, wire.ErrMalformed
		}
	}
	err := wire.Unmarshal(rest[:n], &said)
	return said, err
}
