package identity

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding"
	"encoding/binary"
	"fmt"
	"hash"

	"sottovoce/mesh/peer"
)

const (
	// instanceSize is the length of an instance label in characters.
	instanceSize = 16
	// coveredSize: "m", epoch, nonce, fingerprint, port, instance.
	coveredSize = 1 + 4 + 8 + 16 + 2 + instanceSize
	// stateSize is the length of a saved SHA-256.
	stateSize = 108
)

// covered is what a slot covers of an announcement.
type covered [coveredSize]byte

// coveredOf fails for an instance that has not 16 characters.
func coveredOf(a *peer.Announcement) (c covered, err error) {
	if len(a.Instance) != instanceSize {
		return c, fmt.Errorf("instance of %d characters", len(a.Instance))
	}
	b := append(c[:0], 'm')
	b = binary.BigEndian.AppendUint32(b, a.Epoch)
	b = append(b, a.Nonce[:]...)
	b = append(b, a.Fingerprint[:]...)
	b = binary.BigEndian.AppendUint16(b, a.Port)
	copy(c[len(b):], a.Instance)
	return c, nil
}

// epochKey is K of one device in one epoch.
func (k DiscoveryKey) epochKey(device peer.ID, epoch uint32) DaySecret {
	mac := hmac.New(sha256.New, k.key.get()[:])
	mac.Write([]byte("epoch"))
	mac.Write(binary.BigEndian.AppendUint32(nil, epoch))
	mac.Write(device[:])
	var key DaySecret
	mac.Sum(key[:0])
	return key
}

// Slot returns the beacon by which our contacts know that device made the
// announcement a: it covers epoch, nonce, fingerprint, port and instance. Errors
// are At's for the day of the epoch, and an instance that has not 16 characters.
//
// spec: 01-identity#slots
func (k DiscoveryKey) Slot(device peer.ID, a peer.Announcement) (peer.Slot, error) {
	c, err := coveredOf(&a)
	if err != nil {
		return peer.Slot{}, err
	}
	today, err := k.At(a.Epoch / epochsPerDay)
	if err != nil {
		return peer.Slot{}, err
	}
	defer today.Erase()
	key := today.epochKey(device, a.Epoch)
	defer key.Erase()
	mac := hmac.New(sha256.New, key[:])
	mac.Write(c[:])
	return peer.Slot(mac.Sum(nil)), nil
}

// Match reports whether one of the four slots of a is the beacon of device, in constant
// time; an announcement of a day that is past or too far ahead does not match. For many
// keys there is Watch.
//
// spec: 01-identity#slots
func (k DiscoveryKey) Match(device peer.ID, a peer.Announcement) bool {
	want, err := k.Slot(device, a)
	if err != nil {
		return false
	}
	found := 0
	for _, s := range a.Slots {
		found |= subtle.ConstantTimeCompare(s[:], want[:])
	}
	return found == 1
}

// Watch tests the announcements of one epoch for the slots of many devices, each under
// its key: it keeps K of each, hashed as far as it goes without an announcement, which
// makes one test two blocks of SHA-256. It is not safe for concurrent use.
//
// spec: 01-identity#slots
type Watch struct {
	epoch  uint32
	keys   hidden[[]watched]
	hash   hash.Hash // scratch
	inner  [sha256.Size]byte
	outer  [sha256.Size]byte
	loaded encoding.BinaryUnmarshaler // of hash
}

// watched is HMAC under one K, before the message and before the inner hash.
type watched struct{ inner, outer [stateSize]byte }

// NewWatch returns a watch for nobody yet.
func NewWatch(epoch uint32) *Watch {
	h := sha256.New()
	return &Watch{epoch: epoch, keys: hide([]watched(nil)), hash: h, loaded: h.(encoding.BinaryUnmarshaler)}
}

// Len returns how many keys there are.
func (w *Watch) Len() int { return len(*w.keys.get()) }

// Add adds the slot of a device under a key; it is the one with the number that Len was.
// Errors are At's for the day of the epoch.
func (w *Watch) Add(k DiscoveryKey, device peer.ID) error {
	today, err := k.At(w.epoch / epochsPerDay)
	if err != nil {
		return err
	}
	defer today.Erase()
	key := today.epochKey(device, w.epoch)
	defer key.Erase()
	keys := w.keys.get()
	*keys = append(*keys, watched{inner: begun(&key, innerPad), outer: begun(&key, outerPad)})
	return nil
}

// begun is SHA-256 after the first block of HMAC, which holds the key and a pad.
//
// spec: 01-identity#slots
func begun(key *DaySecret, with byte) (state [stateSize]byte) {
	var block [sha256.BlockSize]byte
	pad(block[:], key, with)
	h := sha256.New()
	h.Write(block[:])
	clear(block[:])
	saved, err := h.(encoding.BinaryAppender).AppendBinary(state[:0])
	if err != nil || len(saved) != stateSize {
		panic(fmt.Sprintf("identity: a saved SHA-256 of %d bytes: %v", len(saved), err))
	}
	return state
}

// Find returns the number of the first key, from one on, whose slot is among those of a;
// tried is how many were looked at. An announcement of another epoch has none.
//
// spec: 01-identity#slots
func (w *Watch) Find(a *peer.Announcement, from int) (number, tried int, found bool) {
	c, err := coveredOf(a)
	if err != nil || a.Epoch != w.epoch {
		return 0, 0, false
	}
	keys := *w.keys.get()
	for i := from; i < len(keys); i++ {
		if w.matches(&keys[i], &c, a) {
			return i, i - from + 1, true
		}
	}
	return 0, max(len(keys)-from, 0), false
}

// matches compares in constant time.
func (w *Watch) matches(key *watched, c *covered, a *peer.Announcement) bool {
	w.finish(&key.inner, c[:], &w.inner)
	w.finish(&key.outer, w.inner[:], &w.outer)
	found := 0
	for i := range a.Slots {
		found |= subtle.ConstantTimeCompare(a.Slots[i][:], w.outer[:len(a.Slots[i])])
	}
	return found == 1
}

// finish hashes the rest of what began with state.
func (w *Watch) finish(state *[stateSize]byte, rest []byte, sum *[sha256.Size]byte) {
	if err := w.loaded.UnmarshalBinary(state[:]); err != nil {
		panic(fmt.Sprintf("identity: a saved SHA-256: %v", err))
	}
	w.hash.Write(rest)
	w.hash.Sum(sum[:0])
}

// Erase zeroes all keys.
func (w *Watch) Erase() {
	keys := w.keys.get()
	clear(*keys)
	*keys = nil
}

// Format prints the epoch only.
func (w *Watch) Format(f fmt.State, _ rune) { fmt.Fprintf(f, "watch for epoch %d", w.epoch) }
