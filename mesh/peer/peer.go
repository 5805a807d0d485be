// Package peer holds the words that discovery, links and the node share: who a
// peer is, where it may be reached, what was announced and what was sighted,
// and how a person's name is checked and shown.
//
// It computes no keys and no hashes (package identity does), knows no wire
// format (package wire), opens no socket and reads no clock.
package peer

import (
	"bytes"
	"net/netip"
)

// ID is the public identity of a device:
// SHA-256("sv1 peer id" ‖ Ed25519 public key ‖ X25519 public key).
//
// spec: 01-identity#device
type ID [32]byte

// Compare orders ids by their bytes: -1, 0 or 1. Of two simultaneous dials the
// one of the smaller id wins.
func (id ID) Compare(other ID) int { return bytes.Compare(id[:], other[:]) }

// IsZero reports whether id was never set.
func (id ID) IsZero() bool { return id == ID{} }

// Handle names an open profile on one LAN: the first 6 bytes of
// SHA-256("sv1 open profile" ‖ Ed25519 public key ‖ X25519 public key).
//
// spec: 01-identity#open-profile
type Handle [6]byte

// Endpoint is a network address where a peer may be reached. The zone of a
// link-local address is kept: without it the address means nothing.
type Endpoint = netip.AddrPort

// Fingerprint is the first 16 bytes of SHA-256 over the SubjectPublicKeyInfo
// of a node's throwaway TLS certificate.
type Fingerprint [16]byte

// Slot is one beacon of an announcement: contacts recognise it, to everybody
// else it is noise.
//
// spec: 01-identity#slots
type Slot [12]byte

// Open is what a node of visibility "everyone" shows about itself.
type Open struct {
	Name   string // as CleanName made it; CutName shortens it where room is scarce
	Handle Handle
}

// Announcement is everything a node announces on a LAN. The node makes it,
// discovery carries it.
type Announcement struct {
	Instance    string // 16 random lower-case hexadecimal digits
	Host        string // 16 others; never the operating system's host name
	Version     uint8  // 1
	Epoch       uint32 // hours since 1970, at most one ahead
	Nonce       [8]byte
	Fingerprint Fingerprint
	Slots       [4]Slot
	Open        *Open // nil unless the visibility is "everyone"
	Caps        uint64
	Port        uint16
}

// Source says how a sighting came about.
type Source uint8

// The sources of sightings.
const (
	SourceMDNS     Source = 1 // heard on the LAN
	SourceManual   Source = 2 // typed, invited, or known from last time
	SourceExchange Source = 3 // told by another peer inside a link
	SourceScan     Source = 4 // answered when each address was asked
)

// String returns the word that logs use for the source.
func (s Source) String() string {
	switch s {
	case SourceMDNS:
		return "mdns"
	case SourceManual:
		return "manual"
	case SourceExchange:
		return "exchange"
	case SourceScan:
		return "scan"
	}
	return "unknown"
}

// Sighting is an unproven claim from discovery: someone at these endpoints.
type Sighting struct {
	Announcement
	Endpoints []Endpoint
	Source    Source
	Gone      bool // said goodbye, or not heard for too long
}
