package mesh

import (
	"crypto/rand"
	"encoding/hex"
	"io"
	"math/big"
	"time"

	"sottovoce/mesh/peer"
	"sottovoce/mesh/wire"
)

// epoch is what rotates together: labels, certificate, nonce and slots.
type epoch struct {
	number uint32
	ends   time.Time
	most   time.Duration // that it can last
}

// epochLength is the life of everything that is announced, on the average.
// spec: 02-discovery#epochs
const epochLength = time.Hour

// newEpoch draws the epoch that begins at date, which the clock shows as now. Its length
// and what its number runs ahead by are drawn each time: the instants of a node's rotations
// would else link its epochs, and its visits to two networks.
func newEpoch(random io.Reader, length time.Duration, now, date time.Time) (epoch, error) {
	ahead, err := randomBelow(random, secondsPerNumber)
	if err != nil {
		return epoch{}, err
	}
	more, err := randomBelow(random, int64(length/2))
	return epoch{
		number: uint32((date.Unix() + ahead) / secondsPerNumber),
		ends:   now.Add(length*3/4 + time.Duration(more)),
		most:   length * 5 / 4,
	}, err
}

// over reports whether the epoch is, also when the clock was set back.
func (e epoch) over(now time.Time) bool {
	left := e.ends.Sub(now)
	return left <= 0 || left > e.most
}

// epochDate is the time that an epoch begins at now: the clock's, unless that is behind the
// mark; or so far ahead of it that contacts would not believe it, and nobody vouches for it.
// A mark that comes of a clock that was never set says nothing against one that may be right.
//
// spec: 02-discovery#epochs
func (n *Node) epochDate(now time.Time) time.Time {
	date := n.mark.Date(now)
	day := wire.DayAt(date)
	far := int(day) > int(n.mark.Day)+foreignDaysMax
	if far && !n.trusts(now) && (plausible(n.mark.Day) || !plausible(day)) {
		return n.mark.Past()
	}
	return date
}

// rotate begins an epoch, with a new certificate, and announces it. Links live on; only
// what strangers see changes.
func (n *Node) rotate(now time.Time) {
	next, err := newEpoch(n.rand, n.lasting, now, n.epochDate(now))
	if err == nil {
		err = n.transport.Rotate()
	}
	if err != nil {
		n.log.Error("no new epoch; the old one stays for now", "error", err)
		n.epoch.ends = now.Add(redialDelayMax)
		return
	}
	n.epoch = next
	n.announce()
}

// announce shows the epoch as things stand now, once it is settled on which networks.
// spec: 02-discovery#visibility
func (n *Node) announce() {
	n.announced = nil // what was is over, whether or not this can be said now
	if len(n.settled) == 0 || n.moving != nil || len(n.ground) == 0 {
		return
	}
	if n.visibility() == Nobody {
		n.finder.Announce(nil, nil)
		return
	}
	a, err := n.announcement()
	if err != nil {
		n.log.Error("could not announce this node", "error", err)
		return
	}
	n.labels = append(n.labels[max(0, len(n.labels)+1-labelsKept):], a.Instance)
	n.announced = a
	n.finder.Announce(a, n.ground)
}

// announceAgain goes on as before, or with what became of it while nothing was announced.
func (n *Node) announceAgain() {
	if n.announced == nil {
		n.announce()
		return
	}
	n.finder.Announce(n.announced, n.ground)
}

// announcement is what this epoch shows: what contacts know us by, and the open profile.
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
	if n.visibility() == Everyone {
		a.Open = &peer.Open{Name: n.me.name, Handle: n.me.open.Public().Handle()}
	}
	return a, n.fillSlots(a)
}

// An epoch's number counts hours; divided, it names the day of its discovery key.
// spec: 01-identity#slots
const (
	secondsPerNumber = 3600
	epochsPerDay     = 24
)

// randomBelow draws from [0, n) without bias.
func randomBelow(random io.Reader, n int64) (int64, error) {
	v, err := rand.Int(random, big.NewInt(n))
	if err != nil {
		return 0, err
	}
	return v.Int64(), nil
}
