package wire

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
)

// Header is the fixed beginning of a blob, all that a supernode parses:
//
//	offset  size
//	     0     1  version, 1
//	     1     1  class
//	     2     2  expiry day, big endian
//	     4    16  tag
//	    20    16  deletion commitment
//	    36     4  reserved, zero
//
// spec: 07-blobs#header
type Header struct {
	Class     Class
	ExpiryDay uint16   // days since the Unix epoch; the blob dies when the day ends
	Tag       [16]byte // a hint that finds the key; proves nothing
	DelCommit [16]byte // CommitTo(D): who shows D may delete
}

// Append appends the 40 bytes of h to b.
func (h Header) Append(b []byte) []byte {
	b = append(b, headerVersion, byte(h.Class))
	b = binary.BigEndian.AppendUint16(b, h.ExpiryDay)
	b = append(b, h.Tag[:]...)
	b = append(b, h.DelCommit[:]...)
	return append(b, 0, 0, 0, 0)
}

// ParseHeader parses the header that b begins with. Another version and a
// reserved byte that is not zero give ErrNewer and ErrMalformed; whether the
// blob has the size of its class is for ParseBlob.
func ParseHeader(b []byte) (Header, error) {
	switch {
	case len(b) < 1:
		return Header{}, fmt.Errorf("%w: blob header cut short", ErrMalformed)
	case b[0] == 0:
		return Header{}, fmt.Errorf("%w: blob version 0", ErrMalformed)
	case b[0] != headerVersion:
		return Header{}, fmt.Errorf("%w: blob version %d", ErrNewer, b[0])
	case len(b) < HeaderSize:
		return Header{}, fmt.Errorf("%w: blob header cut short", ErrMalformed)
	case Class(b[1]) > Class3:
		return Header{}, fmt.Errorf("%w: blob class %d", ErrMalformed, b[1])
	case [4]byte(b[36:40]) != [4]byte{}:
		return Header{}, fmt.Errorf("%w: reserved bytes of the blob header are not zero", ErrMalformed)
	}
	return Header{
		Class:     Class(b[1]),
		ExpiryDay: binary.BigEndian.Uint16(b[2:]),
		Tag:       [16]byte(b[4:20]),
		DelCommit: [16]byte(b[20:36]),
	}, nil
}

// ParseBlob parses the header of a whole blob and checks that it has a size of
// its class.
func ParseBlob(blob []byte) (Header, error) {
	h, err := ParseHeader(blob)
	if err != nil {
		return Header{}, err
	}
	if !h.Class.Holds(len(blob)) {
		return Header{}, fmt.Errorf("%w: blob of class %d with %d bytes", ErrMalformed, h.Class, len(blob))
	}
	return h, nil
}

// BlobID is the identity of a blob: SHA-256 of all its bytes.
type BlobID Hash

// IDOf returns the id of blob.
func IDOf(blob []byte) BlobID { return sha256.Sum256(blob) }

// CommitTo returns SHA-256(D)[:16], the commitment in the header to the deletion
// secret D.
//
// spec: 07-blobs#deletion-commitment
func CommitTo(d [16]byte) [16]byte {
	sum := sha256.Sum256(d[:])
	return [16]byte(sum[:])
}
