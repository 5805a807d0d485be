package mesh

import (
	"crypto/rand"
	"encoding/hex"
	"io"
	"math/big"
	"time"

	"sottovoce/mesh/peer"
)

// epoch is what rotates together: labels, certificate, nonce and slots.
type epoch struct {
	number uint32
	jitter time.Duration // fixed for a run: nodes do not rotate in step
	ends   time.Time
}

// epochLength is the life of everything that is announced.
// spec: 02-discovery#epochs
const epochLength = time.Hour

// newEpoch draws this run's jitter.
func newEpoch(random io.Reader) (epoch, error) {
	n, err := randomBelow(random, int64(epochLength/time.Second))
	return epoch{jitter: time.Duration(n) * time.Second}, err
}

// at returns the epoch that date falls into; it ends by the clock that says now.
func (e epoch) at(now, date time.Time) epoch {
	shifted := date.Add(e.jitter)
	start := shifted.Truncate(epochLength)
	e.number = uint32(start.Unix() / int64(epochLength/time.Second))
	e.ends = now.Add(start.Add(epochLength).Sub(shifted))
	return e
}

// over reports whether the epoch is, also when the clock was set back.
func (e epoch) over(now time.Time) bool {
	left := e.ends.Sub(now)
	return left <= 0 || left > epochLength
}

// rotate begins the epoch that now falls into, with a new certificate, and announces
// it. Links live on; only what strangers see changes.
func (n *Node) rotate(now time.Time) {
	if err := n.transport.Rotate(); err != nil {
		n.log.Error("no new certificate; the old one stays for now", "error", err)
		n.epoch.ends = now.Add(redialDelayMax)
		return
	}
	n.epoch = n.epoch.at(now, n.mark.Date(now))
	n.announce()
}

// announce shows the epoch as things stand now.
func (n *Node) announce() {
	a, err := n.announcement()
	if err != nil {
		n.log.Error("could not announce this node", "error", err)
		return
	}
	n.labels = append(n.labels[max(0, len(n.labels)+1-labelsKept):], a.Instance)
	n.finder.Announce(a)
}

// announcement is what this epoch shows: our account's beacon in one of four slots,
// random bytes in the others, and the open profile.
// spec: 02-discovery#txt-record
func (n *Node) announcement() (*peer.Announcement, error) {
	var labels [16]byte
	a := &peer.Announcement{Version: 1, Epoch: n.epoch.number, Port: n.local.Port(), Fingerprint: n.transport.Fingerprint()}
	if _, err := io.ReadFull(n.rand, labels[:]); err != nil {
		return nil, err
	}
	a.Instance, a.Host = hex.EncodeToString(labels[:8]), hex.EncodeToString(labels[8:])
	if _, err := io.ReadFull(n.rand, a.Nonce[:]); err != nil {
		return nil, err
	}
	for i := range a.Slots {
		if _, err := io.ReadFull(n.rand, a.Slots[i][:]); err != nil {
			return nil, err
		}
	}
	ours, err := randomBelow(n.rand, int64(len(a.Slots)))
	if err != nil {
		return nil, err
	}
	key, err := n.me.discovery.Reach(a.Epoch / epochsPerDay)
	if err != nil {
		return nil, err
	}
	a.Open = &peer.Open{Name: n.me.name, Handle: n.me.open.Public().Handle()}
	a.Slots[ours], err = key.Slot(n.me.device.ID(), *a)
	return a, err
}

// epochsPerDay divides an epoch's number into the day of its discovery key.
// spec: 01-identity#discovery-key
const epochsPerDay = 24

// randomBelow draws from [0, n) without bias.
func randomBelow(random io.Reader, n int64) (int64, error) {
	v, err := rand.Int(random, big.NewInt(n))
	if err != nil {
		return 0, err
	}
	return v.Int64(), nil
}
