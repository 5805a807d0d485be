package contact

import "fmt"

const redacted = "[secret]"

// Secret is what the two of a contact share from the exchange on. It prints as
// "[secret]".
//
// spec: 05-contacts#transcript-and-secret
type Secret [32]byte

// String returns "[secret]".
func (Secret) String() string { return redacted }

// GoString returns "[secret]".
func (Secret) GoString() string { return redacted }

// Format prints "[secret]".
func (Secret) Format(f fmt.State, _ rune) { fmt.Fprint(f, redacted) }

// MarshalText returns "[secret]".
func (Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// Erase sets the secret to zero.
func (s *Secret) Erase() { clear(s[:]) }

// share is one side's half of what the secret is derived from. It prints as
// "[secret]".
type share [32]byte

// Format prints "[secret]".
func (share) Format(f fmt.State, _ rune) { fmt.Fprint(f, redacted) }

// MarshalText returns "[secret]".
func (share) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// Format prints where the exchange stands and nothing else.
func (x Exchange) Format(f fmt.State, _ rune) {
	fmt.Fprintf(f, "contact exchange in phase %d", x.phase)
}

// Format prints the other account's id and nothing else.
func (o Object) Format(f fmt.State, _ rune) {
	if o.Their.Account == nil {
		fmt.Fprint(f, "no contact")
		return
	}
	fmt.Fprint(f, o.Their.Account.ID())
}
