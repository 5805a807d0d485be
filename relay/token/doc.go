// Package token is how a deposit is paid for by somebody whom the supernode has let in
// and cannot name: tokens that a persona draws blinded and anybody redeems, what a
// persona may draw, which tokens are spent, and the wallet they lie in until then.
//
// It is pure: randomness and the day come in. Frames, links, disk, and who a persona is
// are left to its callers.
package token
