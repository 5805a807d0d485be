// Package link runs links: QUIC connections over a packet socket it is given, whose
// far end has proven itself by mesh/handshake. It dials and accepts, spends bounded
// memory and work on whoever has not proven anything, and carries control frames,
// batches of blobs and contact exchanges between proven ends.
//
//	Transport ── one per socket: accepts, dials, counts
//	   └─ Link ── one per proven far end; Run owns its goroutines and waits for them
//
// It leaves to its user which pairs exist and which keys they have (Keyring), which of
// two links to one peer stays, when to dial again, and what frames and blobs mean.
package link
