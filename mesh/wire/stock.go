package wire

import (
	"encoding/binary"
	"errors"
	"iter"
)

// Stock says what a supernode holds of a community, so that another one sees where to look for
// differences: map {1: finished, ? 2: days, 3: mark of the papers}.
//
// spec: 12-replication#stock
type Stock struct {
	Finished uint16    `cbor:"1,keyasint"`           // the last expiry day that is over here
	Days     StockDays `cbor:"2,keyasint,omitempty"` // later ones of which anything is held, ascending, at most StockDaysMax
	Papers   [8]byte   `cbor:"3,keyasint"`           // changes with the community's papers
}

// StockDay says how much is held of an expiry day. The numbers never go back to what they were before.
type StockDay struct {
	Day        uint16
	Blobs      uint32
	Tombstones uint32
}

// StockDays hold a StockDay in 10 bytes.
type StockDays []byte

const stockDaySize = 2 + 4 + 4

// Add returns s with one more.
func (s StockDays) Add(d StockDay) StockDays {
	s = binary.BigEndian.AppendUint16(s, d.Day)
	s = binary.BigEndian.AppendUint32(s, d.Blobs)
	return binary.BigEndian.AppendUint32(s, d.Tombstones)
}

// All goes through them in order.
func (s StockDays) All() iter.Seq[StockDay] {
	return func(yield func(StockDay) bool) {
		for item := range items(s, stockDaySize) {
			d := StockDay{binary.BigEndian.Uint16(item), binary.BigEndian.Uint32(item[2:]), binary.BigEndian.Uint32(item[6:])}
			if !yield(d) {
				return
			}
		}
	}
}

// FrameType returns FrameStock.
func (Stock) FrameType() FrameType { return FrameStock }

// Check fails for too many days, and for some that are over or out of order.
func (f Stock) Check() error {
	if err := checkItems("days", f.Days, stockDaySize, 0, StockDaysMax); err != nil {
		return err
	}
	last := f.Finished
	for d := range f.Days.All() {
		if d.Day <= last {
			return errors.New("days of a stock that are over or out of order")
		}
		last = d.Day
	}
	return nil
}
