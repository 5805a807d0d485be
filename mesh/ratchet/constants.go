package ratchet

import "time"

// Sizes on the wire.
//
// spec: 04-sessions#constants
const (
	HeaderSize = 40   // bytes: ratchet key 32, pn 4, epoch 4
	TagSize    = 16   // bytes of a one-time tag
	EKSize     = 1184 // bytes of an ML-KEM-768 encapsulation key
	CTSize     = 1088 // bytes of an ML-KEM-768 ciphertext
)

// SkipMax is how many numbers one message may jump over, counted across the
// current and the next chain: a sender never runs further past what was
// receipted, so more is an attack on our time.
//
// spec: 04-sessions#constants
const SkipMax = 1000

// When a new post-quantum step begins. A step costs no bytes (the smallest
// blob hides it) but about 0.1 ms of work. Silence of more than a day is
// covered by the first: a step is never younger than the last message.
//
// spec: 04-sessions#post-quantum-ratchet
const (
	stepAge      = 24 * time.Hour
	stepMessages = 50 // sealed and opened, since the last step was completed
)

// epochsMax: the confirmed epoch and its neighbours, which links accept.
const epochsMax = 3

// Labels of all derivations here; a change of any needs a new version.
//
// spec: 04-sessions#labels
const (
	labelSession = "sv1 session secrets"
	labelRoot    = "sv1 ratchet root"
	labelMessage = "sv1 message key"
	labelEpoch   = "sv1 pq epoch"
	labelPQChain = "sv1 pq chain"
)

// The two inputs of a chain key's HMAC.
const (
	stepMessageKey = 0x01
	stepChainKey   = 0x02
)
