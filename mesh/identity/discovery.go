package identity

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"sottovoce/mesh/peer"
	"sottovoce/mesh/wire"
)

const (
	// epochsPerDay: an epoch is an hour.
	epochsPerDay = 24
	// dayMax is the last day that an epoch can name.
	dayMax = (1<<32 - 1) / epochsPerDay
	// instanceSize is the length of an instance label in characters.
	instanceSize = 16
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
	if day > dayMax {
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
		mac := hmac.New(sha256.New, key[:])
		mac.Write([]byte(labelDiscoveryDay))
		mac.Sum(key[:0])
	}
	return DiscoveryKeyOf(day, key), nil
}

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

// Slot returns the beacon by which our contacts know that device made the
// announcement a: it covers epoch, nonce, fingerprint, port and instance. Errors
// are At's for the day of the epoch, and an instance that has not 16 characters.
// A caller with many announcements of one day steps once with At and uses that.
//
// spec: 01-identity#slots
func (k DiscoveryKey) Slot(device peer.ID, a peer.Announcement) (peer.Slot, error) {
	if len(a.Instance) != instanceSize {
		return peer.Slot{}, fmt.Errorf("instance of %d characters", len(a.Instance))
	}
	if day := a.Epoch / epochsPerDay; day != k.day {
		var err error
		if k, err = k.At(day); err != nil {
			return peer.Slot{}, err
		}
		defer k.Erase()
	}
	epoch := binary.BigEndian.AppendUint32(nil, a.Epoch)

	mac := hmac.New(sha256.New, k.key.get()[:])
	mac.Write([]byte("epoch"))
	mac.Write(epoch)
	mac.Write(device[:])
	epochKey := mac.Sum(nil)

	mac = hmac.New(sha256.New, epochKey)
	mac.Write([]byte("m"))
	mac.Write(epoch)
	mac.Write(a.Nonce[:])
	mac.Write(a.Fingerprint[:])
	mac.Write(binary.BigEndian.AppendUint16(nil, a.Port))
	mac.Write([]byte(a.Instance))
	return peer.Slot(mac.Sum(nil)), nil
}

// Match reports whether one of the four slots of a is the beacon of device. It
// takes the same time whichever it is; an announcement of a day that is past or
// too far ahead does not match.
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
