package ratchet

import "encoding/binary"

// Header is what every message of a sending chain says about its chain; it
// travels sealed under the chain's header key.
//
//	offset  size
//	     0    32  the sender's ratchet key of this chain, X25519
//	    32     4  pn: how many numbers its previous chain had, big endian
//	    36     4  the post-quantum epoch of this chain, big endian
//
// spec: 04-sessions#ratchet-header
type Header struct {
	_     struct{} `cbor:",toarray"`
	DH    [32]byte
	PN    uint32
	Epoch uint32
}

// Append appends the 40 bytes of h to b.
func (h Header) Append(b []byte) []byte {
	b = append(b, h.DH[:]...)
	b = binary.BigEndian.AppendUint32(b, h.PN)
	return binary.BigEndian.AppendUint32(b, h.Epoch)
}

// ParseHeader parses 40 bytes; every value is a header.
func ParseHeader(b [HeaderSize]byte) Header {
	return Header{
		DH:    [32]byte(b[:32]),
		PN:    binary.BigEndian.Uint32(b[32:]),
		Epoch: binary.BigEndian.Uint32(b[36:]),
	}
}
