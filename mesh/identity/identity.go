// Package identity holds who a person and a device are: device keys and their
// ids, the signed list (DAG) of an account's devices, open profiles, contact
// cards, and the discovery keys by which contacts recognise each other.
//
// It verifies everything it parses and is deterministic: randomness and time are
// passed in. Storing keys, merging lists, prekey bundles and deciding what a
// changed list means are left to others.
package identity

import (
	"bytes"
	"crypto/ed25519"
	"fmt"
	"slices"

	"sottovoce/mesh/peer"
	"sottovoce/mesh/wire"
)

// Labels under which this package hashes, signs and derives.
//
// spec: 00-encoding#hashes-and-labels
const (
	labelPeerID       = "sv1 peer id"
	labelOpenProfile  = "sv1 open profile"
	labelAccountOp    = "sv1 account op"
	labelNewRoot      = "sv1 new root"
	labelDiscoveryDay = "sv1 discovery day"
	labelHeads        = "sv1 heads"
	labelPairwise     = "sv1 pairwise beacon"
)

// Limits.
const (
	// AccountOpsMax is the number of ops in one account: decades of devices, and
	// a bound on the signatures that a hostile list makes us verify.
	AccountOpsMax = 256
	// AccountSizeMax bounds an account in bytes: 256 ops of 256 bytes.
	AccountSizeMax = 64 << 10
	// parentsMax is the number of heads an op may join.
	parentsMax = 8
	// objectSizeMax bounds a signed object in bytes.
	objectSizeMax = 64 << 10
	// algsMax is the number of algorithms that one body may list.
	algsMax = 8
	// bundlesMax is the number of devices on one contact card: as many bundles
	// as fit into its 48 KiB.
	bundlesMax = 32
	// stepsMax is how many days a discovery key is stepped ahead: a clock that is
	// further off than a year is not believed.
	stepsMax = 400
)

// AccountID is the id of the first op of an account's DAG.
type AccountID [32]byte

const accountPrefix = "acct-"

// String returns "acct-" and 52 characters of base32.
func (id AccountID) String() string { return peer.EncodeText(accountPrefix, id[:]) }

// ParseAccountID parses what String returned.
func ParseAccountID(s string) (AccountID, error) {
	var id AccountID
	if err := peer.DecodeText(accountPrefix, s, id[:]); err != nil {
		return AccountID{}, fmt.Errorf("account %w", err)
	}
	return id, nil
}

// HashHeads names a set of account heads by one hash.
//
// spec: 04-sessions#bundle
func HashHeads(heads []wire.Hash) wire.Hash {
	sorted := slices.SortedFunc(slices.Values(heads), func(a, b wire.Hash) int { return bytes.Compare(a[:], b[:]) })
	var all []byte
	for _, h := range sorted {
		all = append(all, h[:]...)
	}
	return wire.HashOf(labelHeads, all)
}

// DeviceKeys are the public keys of a device.
//
// spec: 01-identity#device
type DeviceKeys struct {
	Sign  [32]byte `cbor:"1,keyasint"` // Ed25519
	Agree [32]byte `cbor:"2,keyasint"` // X25519
}

// ID returns the device's peer id.
func (k DeviceKeys) ID() peer.ID {
	return peer.ID(wire.HashOf(labelPeerID, k.Sign[:], k.Agree[:]))
}

// OpenKeys are the public keys of an open profile.
//
// spec: 01-identity#open-profile
type OpenKeys struct {
	Sign  [32]byte `cbor:"1,keyasint"` // Ed25519
	Agree [32]byte `cbor:"2,keyasint"` // X25519
}

// Handle returns the profile's name on the LAN.
func (k OpenKeys) Handle() peer.Handle {
	sum := wire.HashOf(labelOpenProfile, k.Sign[:], k.Agree[:])
	return peer.Handle(sum[:6])
}

func publicSign(key ed25519.PrivateKey) [32]byte {
	return [32]byte(key.Public().(ed25519.PublicKey))
}
