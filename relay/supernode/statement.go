package supernode

import (
	"encoding/binary"

	"sottovoce/mesh/peer"
	"sottovoce/mesh/wire"
)

// What the supernode signs begins with one of these. spec: 08-custody#labels
const (
	labelCustody    = "sv1 custody"
	labelCheckpoint = "sv1 checkpoint"
)

// labelReset is that of the key by which links of before are ended. spec: 08-custody#labels
const labelReset = "sv1 stateless reset"

// statementOf begins what a supernode signs under a label about a community.
func statementOf(label string, supernode peer.ID, community [32]byte) []byte {
	return append(append([]byte(label), supernode[:]...), community[:]...)
}

// appendKept adds a blob that is kept to what is signed.
//
// spec: 08-custody#kept
func appendKept(b []byte, id wire.BlobID, expiryDay uint16, cursor uint64) []byte {
	b = binary.BigEndian.AppendUint16(append(b, id[:]...), expiryDay)
	return binary.BigEndian.AppendUint64(b, cursor)
}

// appendCheckpoint adds where a log stands to what is signed.
//
// spec: 08-custody#checkpoint
func appendCheckpoint(b []byte, cursor uint64, chain [32]byte, day uint32) []byte {
	b = append(binary.BigEndian.AppendUint64(b, cursor), chain[:]...)
	return binary.BigEndian.AppendUint32(b, day)
}
