package token

import "fmt"

const redacted = "[secret]"

// hidden keeps a secret where package fmt never follows, whatever verb and whoever's
// struct: behind two pointers. Copies share the secret.
type hidden[T any] struct{ p **T }

func hide[T any](secret T) hidden[T] {
	p := &secret
	return hidden[T]{&p}
}

func (h hidden[T]) get() *T { return *h.p }

// KeySeed is all there is of a Key. It prints as "[secret]".
type KeySeed [32]byte

// String returns "[secret]".
func (KeySeed) String() string { return redacted }

// GoString returns "[secret]".
func (KeySeed) GoString() string { return redacted }

// Format prints "[secret]".
func (KeySeed) Format(f fmt.State, _ rune) { fmt.Fprint(f, redacted) }

// MarshalText returns "[secret]".
func (KeySeed) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// Erase sets the seed to zero.
func (s *KeySeed) Erase() { clear(s[:]) }

// String returns "[secret]".
func (Token) String() string { return redacted }

// GoString returns "[secret]".
func (Token) GoString() string { return redacted }

// Format prints "[secret]".
func (Token) Format(f fmt.State, _ rune) { fmt.Fprint(f, redacted) }

// MarshalText returns "[secret]".
func (Token) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// Erase sets the token to zero.
func (t *Token) Erase() { clear(t[:]) }
