// Package outbox decides, for one device of a peer, what is still to be done so that
// the device gets everything that is meant for it: when ops are sealed into blobs,
// when a blob is transmitted and again, when it is sealed anew, when it has expired.
// It lets go of a blob only on the recipient's own receipt or on expiry.
//
// It is a pure state machine: Step takes the time and one event and returns actions.
// It holds ids, sizes and times, never bytes; packing and sealing, the bytes, the
// receipts' meaning, links and disk are left to its caller.
package outbox
