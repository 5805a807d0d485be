// Package session keeps everything two devices share to write to each other:
// prekey bundles, starts, sessions with their ratchets, the choice of the one
// to send on, one-time tags, the limit of what may be unreceipted, and the
// keys of links. It seals content into blobs and opens them.
//
// It is pure: time, randomness and stored skipped keys are handed in, state is
// handed out. A call that fails has changed nothing. What the content means,
// which blob is sent when, and what is stored are left to conversation, outbox
// and store; message keys to ratchet.
package session
