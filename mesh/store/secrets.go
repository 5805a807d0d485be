package store

import (
	"fmt"
	"maps"
	"slices"

	"sottovoce/mesh/wire"
)

// Secrets is the content of the key file. It prints as a word and encodes as
// nothing.
//
// spec: 09-storage#secrets
type Secrets struct {
	Root          [32]byte           // account root seed
	Device        [64]byte           // device seed
	Open          [64]byte           // open profile seed, renewable
	Discovery     []byte             // saved form of identity.DiscoveryKey
	Database      [32]byte           // page key of the database; never changes
	Conversations map[int64][32]byte // body key by conversation row; the store's own
}

const secretsWord = "store.Secrets(hidden)"

// String hides the secrets.
func (Secrets) String() string { return secretsWord }

// GoString hides the secrets.
func (Secrets) GoString() string { return secretsWord }

// Format hides the secrets, whatever the verb.
func (Secrets) Format(f fmt.State, _ rune) { fmt.Fprint(f, secretsWord) }

// MarshalText hides the secrets.
func (Secrets) MarshalText() ([]byte, error) { return []byte(secretsWord), nil }

// Erase overwrites the secrets in memory, as far as Go allows it.
func (s *Secrets) Erase() {
	clear(s.Discovery)
	clear(s.Conversations)
	*s = Secrets{}
}

func (s *Secrets) clone() *Secrets {
	c := *s
	c.Discovery = slices.Clone(s.Discovery)
	c.Conversations = maps.Clone(s.Conversations)
	if c.Conversations == nil {
		c.Conversations = make(map[int64][32]byte)
	}
	return &c
}

// secretsBody is the encoding of Secrets.
//
// spec: 09-storage#secrets
type secretsBody struct {
	Root          [32]byte           `cbor:"1,keyasint"`
	Device        [64]byte           `cbor:"2,keyasint"`
	Open          [64]byte           `cbor:"3,keyasint"`
	Discovery     []byte             `cbor:"4,keyasint"`
	Database      [32]byte           `cbor:"5,keyasint"`
	Conversations map[int64][32]byte `cbor:"6,keyasint,omitempty"`
}

func (s *Secrets) append(b []byte) ([]byte, error) {
	enc, err := wire.Marshal(secretsBody(*s))
	if err != nil {
		return nil, err
	}
	defer clear(enc)
	return append(b, enc...), nil
}

func parseSecrets(b []byte) (*Secrets, error) {
	var body secretsBody
	if err := wire.Unmarshal(b, &body); err != nil {
		return nil, err
	}
	s := Secrets(body)
	return s.clone(), nil
}
