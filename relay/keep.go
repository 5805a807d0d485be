package relay

import (
	"encoding/hex"
	"fmt"

	"sottovoce/mesh/wire"
	"sottovoce/relay/community"
	"sottovoce/relay/token"
)

// Keep remembers values by key, durably and sealed: they hold secrets. What a node's backup takes
// along is under keys that begin with KeepMembership; all else would make tokens or places in logs
// come back that are spent or passed.
type Keep interface {
	// Load returns nil for what was never saved.
	Load(key string) ([]byte, error)
	// Save returns once the value is on disk. An empty value forgets the key.
	Save(key string, value []byte) error
}

// KeepMembership begins the keys of what says that we are members: few of at most 64 KiB, but for a
// roster of thousands.
const KeepMembership = "membership"

func keyOf(of community.ID) string { return KeepMembership + "/" + hex.EncodeToString(of[:]) }

func (l Log) key() string {
	return "custody/" + hex.EncodeToString(l.Community[:]) + "/" + hex.EncodeToString(l.At[:])
}

// point is a place in a log, and the chain there.
type point struct {
	Cursor uint64   `cbor:"1,keyasint,omitempty"`
	Chain  [32]byte `cbor:"2,keyasint"`
}

// stationState is what is remembered of one supernode of a community.
type stationState struct {
	Wallet   []byte    `cbor:"1,keyasint,omitempty"`
	Mark     point     `cbor:"2,keyasint"`           // the last multiple of wire.CursorStep that was read past
	Head     point     `cbor:"3,keyasint"`           // how far was read
	Receipts receipts  `cbor:"4,keyasint,omitempty"` // what it has signed for
	Signed   point     `cbor:"5,keyasint"`           // its last checkpoint
	Attested uint64    `cbor:"6,keyasint,omitempty"` // Unix seconds of when it gave that
	Ahead    int64     `cbor:"7,keyasint,omitempty"` // how many days its clock is before ours
	Breaches []Breach  `cbor:"8,keyasint,omitempty"`
	Day      uint16    `cbor:"9,keyasint,omitempty"`  // ours, that Bytes are of
	Bytes    uint64    `cbor:"10,keyasint,omitempty"` // of the log that were new on it
	Before   uint64    `cbor:"11,keyasint,omitempty"` // on the day before
	Skipped  uint64    `cbor:"12,keyasint,omitempty"` // how far was scanned: what lies before it was not followed
	Decoys   decoys    `cbor:"13,keyasint,omitempty"`
	Silent   uint8     `cbor:"15,keyasint,omitempty"` // on how many days it gave no new checkpoint since the last
	Counted  uint64    `cbor:"16,keyasint,omitempty"` // Unix seconds of the last of these
	Turns    []point   `cbor:"14,keyasint,omitempty"` // where the log was another than before, one a place: it was read again for that
	Told     *cardTold `cbor:"17,keyasint,omitempty"` // what contacts are told of its card
	Listed   listed    `cbor:"18,keyasint,omitempty"`
	Round    round     `cbor:"19,keyasint,omitempty"`
	Dated    bool      `cbor:"20,keyasint,omitempty"` // Ahead was said on a link without a name once
	Early    uint16    `cbor:"21,keyasint,omitempty"` // the latest day that it says is over, or acts as if it were, before it was by our clock

	wallet *token.Wallet
}

// cardTold is what contacts are told of a supernode's card, as it was at one moment of the day.
//
// spec: 10-communities#gists
type cardTold struct {
	At        uint64         `cbor:"1,keyasint"` // Unix seconds
	Gist      community.Gist `cbor:"2,keyasint"`
	Addresses []string       `cbor:"3,keyasint,omitempty"`
}

// loadState reads what save wrote; a station that is new has nothing.
func loadState(keep Keep, l Log) (*stationState, error) {
	s := &stationState{wallet: token.NewWallet()}
	b, err := keep.Load(l.key())
	if err != nil || len(b) == 0 {
		return s, err
	}
	if err := parseState(b, s); err != nil {
		return nil, fmt.Errorf("what was kept of a supernode: %w", err)
	}
	return s, nil
}

func parseState(b []byte, s *stationState) (err error) {
	if len(b) > savedMax {
		return fmt.Errorf("%w: %d bytes", wire.ErrMalformed, len(b))
	}
	if err = wire.Unmarshal(b, s); err != nil {
		return err
	}
	if len(s.Receipts)%receiptSize != 0 || len(s.Decoys)%decoySize != 0 || len(s.Listed)%len(wire.ShortID{}) != 0 || len(s.Round)%roundSize != 0 || len(s.Breaches) > breachesMax || len(s.Turns) > turnsKept {
		return fmt.Errorf("%w: receipts or breaches", wire.ErrMalformed)
	}
	if s.wallet = token.NewWallet(); len(s.Wallet) > 0 {
		s.wallet, err = token.LoadWallet(s.Wallet)
	}
	return err
}

func (s *stationState) save(keep Keep, l Log) error {
	s.Wallet = s.wallet.Save()
	defer func() { s.Wallet = nil }()
	b, err := wire.Marshal(s)
	if err != nil {
		return err
	}
	return keep.Save(l.key(), b)
}

// receipts are blobs that a supernode has signed for: first 8 of the id ‖ expiry day(2), the newest last.
type receipts []byte

const receiptSize = 8 + 2

func (r receipts) find(id wire.ShortID) int {
	for at := 0; at < len(r); at += receiptSize {
		if wire.ShortID(r[at:]) == id {
			return at
		}
	}
	return -1
}

// add remembers a blob; the oldest gives way.
func (r receipts) add(k Kept) receipts {
	id := k.ID.Short()
	if r.find(id) >= 0 {
		return r
	}
	if len(r) >= receiptsMax*receiptSize {
		r = r[receiptSize:]
	}
	return append(append(r, id[:]...), byte(k.ExpiryDay>>8), byte(k.ExpiryDay))
}

// drop forgets a blob.
func (r receipts) drop(id wire.ShortID) receipts {
	at := r.find(id)
	if at < 0 {
		return r
	}
	return append(r[:at:at], r[at+receiptSize:]...)
}

// after is what is remembered once there are answers for items, and whether any of it is news.
func (r receipts) after(items []*item, today uint16) (left receipts, news bool) {
	left = r.expire(today)
	for _, t := range items {
		before := left.find(t.id.Short()) >= 0
		if left = left.drop(t.id.Short()); t.answer.Reason == 0 {
			left = left.add(Kept{ID: t.id, ExpiryDay: t.header.ExpiryDay})
		}
		news = news || before != (t.answer.Reason == 0)
	}
	return left, news
}

// expire forgets what has expired by the end of yesterday.
func (r receipts) expire(today uint16) receipts {
	var left receipts
	for at := 0; at < len(r); at += receiptSize {
		if day := uint16(r[at+8])<<8 | uint16(r[at+9]); day >= today {
			left = append(left, r[at:at+receiptSize]...)
		}
	}
	return left
}
