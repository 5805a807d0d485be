package identity

import "fmt"

const redacted = "[secret]"

// DeviceSeed is all there is of a device's private keys: the Ed25519 seed and
// the X25519 private key, 32 bytes each. It prints as "[secret]".
type DeviceSeed [64]byte

// OpenSeed is the same of an open profile.
type OpenSeed [64]byte

// RootSeed is the Ed25519 seed of an account root.
type RootSeed [32]byte

// AgreeSecret is an X25519 private key.
type AgreeSecret [32]byte

// DaySecret is the discovery key of a day in bytes.
type DaySecret [32]byte

// The secrets above print as "[secret]" under every verb (but %p, which vet
// forbids for them), in text, JSON and logs, as long as fmt may call their methods: in an unexported field of a struct
// without Format it may not, so what lives long is kept in hidden. Erase sets
// them to zero.

// hidden keeps a secret where package fmt never follows, whatever verb and
// whoever's struct: behind two pointers. Copies share the secret.
type hidden[T any] struct{ p **T }

func hide[T any](secret T) hidden[T] {
	p := &secret
	return hidden[T]{&p}
}

func (h hidden[T]) get() *T { return *h.p }

// String returns "[secret]".
func (DeviceSeed) String() string { return redacted }

// GoString returns "[secret]".
func (DeviceSeed) GoString() string { return redacted }

// Format prints "[secret]".
func (DeviceSeed) Format(f fmt.State, _ rune) { fmt.Fprint(f, redacted) }

// MarshalText returns "[secret]".
func (DeviceSeed) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// Erase sets the seed to zero.
func (s *DeviceSeed) Erase() { clear(s[:]) }

// String returns "[secret]".
func (OpenSeed) String() string { return redacted }

// GoString returns "[secret]".
func (OpenSeed) GoString() string { return redacted }

// Format prints "[secret]".
func (OpenSeed) Format(f fmt.State, _ rune) { fmt.Fprint(f, redacted) }

// MarshalText returns "[secret]".
func (OpenSeed) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// Erase sets the seed to zero.
func (s *OpenSeed) Erase() { clear(s[:]) }

// String returns "[secret]".
func (RootSeed) String() string { return redacted }

// GoString returns "[secret]".
func (RootSeed) GoString() string { return redacted }

// Format prints "[secret]".
func (RootSeed) Format(f fmt.State, _ rune) { fmt.Fprint(f, redacted) }

// MarshalText returns "[secret]".
func (RootSeed) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// Erase sets the seed to zero.
func (s *RootSeed) Erase() { clear(s[:]) }

// String returns "[secret]".
func (AgreeSecret) String() string { return redacted }

// GoString returns "[secret]".
func (AgreeSecret) GoString() string { return redacted }

// Format prints "[secret]".
func (AgreeSecret) Format(f fmt.State, _ rune) { fmt.Fprint(f, redacted) }

// MarshalText returns "[secret]".
func (AgreeSecret) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// Erase sets the key to zero.
func (s *AgreeSecret) Erase() { clear(s[:]) }

// String returns "[secret]".
func (DaySecret) String() string { return redacted }

// GoString returns "[secret]".
func (DaySecret) GoString() string { return redacted }

// Format prints "[secret]".
func (DaySecret) Format(f fmt.State, _ rune) { fmt.Fprint(f, redacted) }

// MarshalText returns "[secret]".
func (DaySecret) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// Erase sets the key to zero.
func (s *DaySecret) Erase() { clear(s[:]) }
