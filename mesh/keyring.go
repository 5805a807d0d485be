package mesh

import (
	"slices"
	"sync"

	"sottovoce/mesh/handshake"
	"sottovoce/mesh/session"
)

// keyring is what links ask for: the keys to answer with, and whose hint it is. The
// loop replaces it whenever a session moves on.
type keyring struct {
	mu      sync.RWMutex // guards the fields below
	statics handshake.Statics
	pairs   []handshake.Pair
}

// Statics implements link.Keyring.
func (k *keyring) Statics() handshake.Statics {
	k.mu.RLock()
	defer k.mu.RUnlock()
	return k.statics
}

// Find implements link.Keyring: it tries every key of every device, the same number
// whichever fits.
// spec: 03-links#hint
func (k *keyring) Find(e handshake.Exporter, hint [handshake.HintSize]byte) (found handshake.Pair, ok bool) {
	k.mu.RLock()
	pairs := k.pairs // replaced, never changed
	k.mu.RUnlock()
	for i := range pairs {
		if pairs[i].Key.Hint(e) == hint {
			found, ok = pairs[i], true
		}
	}
	return found, ok
}

// Keys implements link.Keyring.
func (k *keyring) Keys() int {
	k.mu.RLock()
	defer k.mu.RUnlock()
	return len(k.pairs)
}

// replace puts new keys in the place of the old ones.
func (k *keyring) replace(statics handshake.Statics, pairs []handshake.Pair) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.statics, k.pairs = statics, pairs
}

// refreshKeyring gives the links what they may be proven with now.
// spec: 03-links#link-keys
func (n *Node) refreshKeyring() {
	statics := handshake.Statics{
		Device: handshake.Static(n.me.device.AgreeSecret()),
		Open:   handshake.Static(n.me.open.AgreeSecret()), OpenSign: n.me.open.Public().Sign, Hidden: n.visibility() != Everyone,
	}
	var pairs []handshake.Pair
	for _, d := range n.devices {
		if d.contact.row.Blocked || !d.active {
			continue // they are answered like a stranger
		}
		pairs = append(pairs, d.accepts...)
	}
	for _, m := range n.meetings {
		if m.Kind == meetingIntroduced && n.requests[m.Their] == nil {
			continue // our person has not said yes
		}
		pairs = append(pairs, m.pair())
	}
	n.keyring.replace(statics, pairs)
}

// rekey brings the keys that links to the device are accepted with up to its session,
// and reports whether they changed.
func (d *device) rekey() bool {
	secrets := d.pair.AcceptSecrets()
	if slices.Equal(secrets, d.secrets) {
		return false
	}
	d.secrets, d.accepts = secrets, nil
	for _, secret := range secrets {
		d.accepts = append(d.accepts, d.linkPair(secret))
	}
	if secret, found := d.pair.RecoverySecret(); found {
		p := d.linkPair(secret)
		p.ID |= recoveryBit
		d.accepts = append(d.accepts, p)
	}
	return true
}

// linkPair is how links know the device under one of the secrets shared with it.
func (d *device) linkPair(secret session.Secret) handshake.Pair {
	return handshake.Pair{ID: uint64(d.row), Their: d.keys.Agree, Key: handshake.NewLinkKey(secret[:])}
}

// oldestPair is what we dial the device with when it does not know our key: an older copy
// of this home has none that is newer, and is told so.
//
// spec: 04-sessions#copies
func (d *device) oldestPair() *handshake.Pair {
	p := d.linkPair(d.pair.ContactSecret())
	return &p
}

// dialPair is what we dial the device with.
func (d *device) dialPair() *handshake.Pair {
	p := d.linkPair(d.pair.DialSecret())
	return &p
}

// crossed is the same device with the keys of an exchange that crossed the contact's; nil if
// there was none.
func (d *device) crossed() *device {
	again := d.contact.again
	if again == nil || !again.crossed {
		return nil
	}
	for _, beside := range again.devices {
		if beside.id == d.id {
			return beside
		}
	}
	return nil
}
