// Package verify is how two contacts make sure that nobody stands between them: by
// comparing seven emoji that a dialogue of their devices ends in, or sixteen words that
// anybody can read aloud at any time.
//
// The dialogue is a pure state machine: events, time and randomness come in, actions go
// out. Links, what a person sees, and what follows from the answer are left to its
// caller, and so is what a changed account means.
package verify
