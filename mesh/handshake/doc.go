// Package handshake proves the two ends of a link to each other: three flights of
// 512 bytes that carry a Noise handshake bound to the TLS exporter of the
// connection they travel on. It is a pure state machine: flights in, flights and a
// Proof out; randomness is passed in, so the same bytes give the same handshake.
//
//	Initiator                         Responder
//	NewInitiator ── flight 1 ──────▶  Answer
//	Finish       ◀─ flight 2 ───────    │  (or 512 random bytes: a decoy)
//	Proof        ── flight 3 ──────▶  Finish
//	                                  Proof
//
// It leaves sockets, deadlines and cost limits to mesh/link, and to the caller which
// pairs exist, where their link keys come from and what a proof entitles to.
package handshake
