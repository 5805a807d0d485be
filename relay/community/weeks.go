package community

import (
	"encoding/binary"
	"fmt"
	"io"

	"sottovoce/mesh/peer"
	"sottovoce/mesh/wire"
)

// WeekOf returns the week since the Unix epoch that a day lies in.
//
// spec: 10-communities#keys-of-the-week
func WeekOf(day uint32) uint32 { return day / daysPerWeek }

// WeekKey is the secret of a week, by which members of a supernode prove that they are some.
//
// spec: 10-communities#keys-of-the-week
type WeekKey struct {
	Week   uint32
	Secret Secret
}

// commit is what a supernode's card says of the secret of a week, so that all members are seen to have the same.
//
// spec: 10-communities#commitments
func (k WeekKey) commit(at peer.ID, of ID) wire.Hash {
	return wire.HashOf(labelWeek, at[:], of[:], binary.BigEndian.AppendUint32(nil, k.Week), k.Secret[:])
}

// weeks are the secrets that a supernode has drawn, of the week before, this and the next. A
// revocation draws all anew, and there is none of the week before then.
type weeks struct {
	week uint32
	keys [3]Secret // zero: none
}

// turn moves on to a week; drawn says that secrets were drawn. A week of the past changes nothing.
func (w *weeks) turn(week uint32, rand io.Reader) (drawn bool, err error) {
	if week <= w.week && w.keys[1] != (Secret{}) {
		return false, nil
	}
	next := weeks{week: week}
	defer next.erase()
	for i := range next.keys {
		if at := int64(week) + int64(i) - int64(w.week); at >= 0 && at < int64(len(w.keys)) {
			next.keys[i] = w.keys[at]
		}
	}
	for i := range next.keys[1:] {
		if next.keys[i+1] == (Secret{}) {
			if next.keys[i+1], err = draw(rand); err != nil {
				return false, fmt.Errorf("the key of week %d: %w", int(week)+i, err)
			}
		}
	}
	w.erase()
	*w = next
	return true, nil
}

// renew draws all secrets of a week anew.
func (w *weeks) renew(rand io.Reader) error {
	next := weeks{week: w.week}
	for i := range next.keys[1:] {
		var err error
		if next.keys[i+1], err = draw(rand); err != nil {
			return err
		}
	}
	w.erase()
	*w = next
	return nil
}

// all are the secrets that there are, by week.
func (w *weeks) all() (all []WeekKey) {
	for i, s := range w.keys {
		if s != (Secret{}) {
			all = append(all, WeekKey{Week: w.week + uint32(i) - 1, Secret: s})
		}
	}
	return all
}

// commit is that of a week: 1 is this, 2 the next.
func (w *weeks) commit(i int, at peer.ID, of ID) wire.Hash {
	return WeekKey{Week: w.week + uint32(i) - 1, Secret: w.keys[i]}.commit(at, of)
}

func (w *weeks) erase() {
	for i := range w.keys {
		w.keys[i].Erase()
	}
}
