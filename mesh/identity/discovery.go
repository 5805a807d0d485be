package identity

import (
	"crypto/hkdf"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"sottovoce/mesh/wire"
)

const (
	// epochsPerDay: an epoch is an hour.
	epochsPerDay = 24
	// DayMax is the last day that an epoch can name.
	DayMax = (1<<32 - 1) / epochsPerDay
	// savedKeySize: day and key.
	savedKeySize = 4 + 32
)

// ErrPast says that a discovery key cannot make that of an earlier day.
var ErrPast = errors.New("the discovery key of that day is gone")

// DiscoveryKey is a person's discovery key from a day on. Each day's key makes
// the next day's and none of the past. Contacts hold it, and only they recognise
// our announcements by it. Copies share memory.
//
// spec: 01-identity#discovery-key
type DiscoveryKey struct {
	_   [0]func() // not comparable
	day uint32
	key hidden[DaySecret]
}

// NewDiscoveryKey draws the key of day, in days since the Unix epoch, from rand.
func NewDiscoveryKey(rand io.Reader, day uint32) (DiscoveryKey, error) {
	var key DaySecret
	if _, err := io.ReadFull(rand, key[:]); err != nil {
		return DiscoveryKey{}, fmt.Errorf("drawing a discovery key: %v", err)
	}
	return DiscoveryKeyOf(day, key), nil
}

// DiscoveryKeyOf makes the key of day from its secret, for example that on a
// contact card.
func DiscoveryKeyOf(day uint32, key DaySecret) DiscoveryKey {
	return DiscoveryKey{day: day, key: hide(key)}
}

// ParseDiscoveryKey parses what Bytes returned.
func ParseDiscoveryKey(b []byte) (DiscoveryKey, error) {
	if len(b) != savedKeySize {
		return DiscoveryKey{}, fmt.Errorf("%w: discovery key of %d bytes", wire.ErrMalformed, len(b))
	}
	day := binary.BigEndian.Uint32(b)
	if day > DayMax {
		return DiscoveryKey{}, fmt.Errorf("%w: discovery key of day %d", wire.ErrMalformed, day)
	}
	return DiscoveryKeyOf(day, DaySecret(b[4:])), nil
}

// Bytes returns day (4, big endian) ‖ key (32), for the key file.
func (k DiscoveryKey) Bytes() []byte {
	return append(binary.BigEndian.AppendUint32(nil, k.day), k.key.get()[:]...)
}

// Day returns the day since the Unix epoch that the key is of.
func (k DiscoveryKey) Day() uint32 { return k.day }

// Secret returns the key itself, for a contact card.
func (k DiscoveryKey) Secret() DaySecret { return *k.key.get() }

// Erase zeroes the key in all copies of k.
func (k DiscoveryKey) Erase() { k.key.get().Erase() }

// Format prints the day only.
func (k DiscoveryKey) Format(f fmt.State, _ rune) { fmt.Fprintf(f, "discovery key of day %d", k.day) }

// MarshalText returns the day only.
func (k DiscoveryKey) MarshalText() ([]byte, error) {
	return fmt.Appendf(nil, "discovery key of day %d", k.day), nil
}

// At returns the key of a later day, at most 400 days ahead, in memory of its
// own. A day in the past gives ErrPast.
//
// spec: 01-identity#discovery-key
func (k DiscoveryKey) At(day uint32) (DiscoveryKey, error) {
	if day < k.day {
		return DiscoveryKey{}, fmt.Errorf("day %d, the key is of %d: %w", day, k.day, ErrPast)
	}
	if day-k.day > stepsMax {
		return DiscoveryKey{}, fmt.Errorf("day %d is more than %d days ahead", day, stepsMax)
	}
	key := *k.key.get()
	defer key.Erase()
	for range day - k.day {
		key.next()
	}
	return DiscoveryKeyOf(day, key), nil
}

// next makes the key of the day after, with nothing allocated: it may be thousands of days.
//
// spec: 01-identity#discovery-key
func (s *DaySecret) next() {
	var inner [sha256.BlockSize + len(labelDiscoveryDay)]byte
	var outer [sha256.BlockSize + sha256.Size]byte
	defer clear(inner[:])
	defer clear(outer[:])
	pad(inner[:], s, innerPad)
	copy(inner[sha256.BlockSize:], labelDiscoveryDay)
	sum := sha256.Sum256(inner[:])
	pad(outer[:], s, outerPad)
	copy(outer[sha256.BlockSize:], sum[:])
	*s = sha256.Sum256(outer[:])
}

// pad puts the first block of HMAC into block: the key and one of the two pads.
func pad(block []byte, key *DaySecret, with byte) {
	for i := range sha256.BlockSize {
		block[i] = with
		if i < len(key) {
			block[i] ^= key[i]
		}
	}
}

// The pads of HMAC (RFC 2104).
const (
	innerPad = 0x36
	outerPad = 0x5c
)

// Reach is At for a day that is believed however far ahead it lies.
//
// spec: 01-identity#discovery-key
func (k DiscoveryKey) Reach(day uint32) (DiscoveryKey, error) {
	for {
		next, err := k.At(min(day, k.day+stepsMax))
		if err != nil || next.day == day {
			return next, err
		}
		k = next
	}
}

// Leads reports whether k makes later, which may be of the same day. Both are believed
// however far apart they lie.
func (k DiscoveryKey) Leads(later DiscoveryKey) bool {
	made, err := k.Reach(later.day)
	if err != nil {
		return false
	}
	defer made.Erase()
	return subtle.ConstantTimeCompare(made.key.get()[:], later.key.get()[:]) == 1
}

// PairwiseKey is the key of day by which one contact alone recognises the account
// announcer: made of what the two share, so that it needs not to be told.
//
// spec: 01-identity#pairwise-beacons
func PairwiseKey(secret [32]byte, announcer AccountID, day uint32) DiscoveryKey {
	info := binary.BigEndian.AppendUint32(append([]byte(labelPairwise), announcer[:]...), day)
	key, err := hkdf.Key(sha256.New, secret[:], nil, string(info), len(DaySecret{}))
	if err != nil {
		panic(fmt.Sprintf("identity: deriving a pairwise key: %v", err))
	}
	defer clear(key)
	return DiscoveryKeyOf(day, DaySecret(key))
}
