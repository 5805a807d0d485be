package supernode

import (
	"crypto/hkdf"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/binary"
	"net"
	"net/netip"
	"slices"

	"sottovoce/mesh/handshake"
	"sottovoce/mesh/link"
)

// keyring is what dials are answered by: a key for each community and week.
type keyring struct{ pairs []handshake.Pair }

// Statics returns the key that this supernode proves itself with; it has no other.
func (s *Supernode) Statics() handshake.Statics {
	secret := s.device.AgreeSecret()
	defer secret.Erase()
	return handshake.Statics{Supernode: handshake.Static(secret)}
}

// labelReset is that of the key by which links of before are ended. spec: 08-custody#labels
const labelReset = "sv1 stateless reset"

// resetKey is the same each time this supernode starts in one place: at one port, under the same IPv4
// addresses. Elsewhere it is another one, as what it makes would tell who has been here.
//
// spec: 08-custody#links-of-before
func (s *Supernode) resetKey(port uint16, addresses []net.Addr) (key link.ResetKey) {
	var places []netip.Addr
	for _, a := range addresses {
		if p, err := netip.ParsePrefix(a.String()); err == nil && p.Addr().Is4() && !p.Addr().IsLoopback() {
			places = append(places, p.Addr())
		}
	}
	slices.SortFunc(places, netip.Addr.Compare)
	info := binary.BigEndian.AppendUint16([]byte(labelReset), port)
	for _, p := range places {
		info = append(info, p.AsSlice()...)
	}
	seed := s.device.Seed()
	defer seed.Erase()
	made, err := hkdf.Key(sha256.New, seed[:], nil, string(info), len(key))
	if err != nil {
		panic("supernode: deriving a key: " + err.Error())
	}
	return link.ResetKey(made)
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
