// Package ratchet derives the key of every message between two devices: a
// Double Ratchet with encrypted headers and one-time tags, and beside it a
// sparse ML-KEM-768 ratchet whose secret enters every key. Whoever copied the
// state is locked out again after a round trip, and what was opened cannot be
// derived a second time.
//
// It seals and opens nothing, knows no blobs, bundles, receipts or choice
// between sessions (package session does), reads no clock and draws no
// randomness: both are handed in.
package ratchet
