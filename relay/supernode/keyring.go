package supernode

import (
	"crypto/subtle"
	"slices"

	"sottovoce/mesh/handshake"
)

// keyring is what dials are answered by: a key for each community and week.
type keyring struct{ pairs []handshake.Pair }

// Statics returns the key that this supernode proves itself with; it has no other.
func (s *Supernode) Statics() handshake.Statics {
	secret := s.device.AgreeSecret()
	defer secret.Erase()
	return handshake.Statics{Supernode: handshake.Static(secret)}
}

// Keys is how many keys Find tries.
func (s *Supernode) Keys() int { return len(s.keyring.Load().pairs) }

// Find returns the community and the week whose key made a hint. It tries all, always.
func (s *Supernode) Find(e handshake.Exporter, hint [handshake.HintSize]byte) (found handshake.Pair, ok bool) {
	for _, p := range s.keyring.Load().pairs {
		if made := p.Key.Hint(e); subtle.ConstantTimeCompare(made[:], hint[:]) == 1 {
			found, ok = p, true
		}
	}
	return found, ok
}

// rekey takes the keys that a community has now.
func (s *Supernode) rekey(number int, pairs []handshake.Pair) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.keys) <= number {
		s.keys = append(s.keys, nil)
	}
	s.keys[number] = pairs
	s.keyring.Store(&keyring{pairs: slices.Concat(s.keys...)})
}
