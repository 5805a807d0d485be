package wire

import "fmt"

// Range is a run of message numbers of one sending chain, both ends included.
type Range struct {
	_     struct{} `cbor:",toarray"`
	Chain uint32
	First uint32
	Last  uint32
}

// Receipt tells the peer which of its messages of one session are stored here
// for good: map {1: session, 2: start, 3: [* [chain, first, last]]}.
//
// spec: 00-encoding#receipt
type Receipt struct {
	Session [8]byte `cbor:"1,keyasint"`
	Start   bool    `cbor:"2,keyasint,omitempty"` // the start blob itself
	Ranges  []Range `cbor:"3,keyasint,omitempty"` // at most 64, ascending, none overlapping
}

// FrameType returns FrameReceipt.
func (Receipt) FrameType() FrameType { return FrameReceipt }

// Check fails unless the receipt names something and its ranges ascend
// by chain and number without overlapping.
func (f Receipt) Check() error {
	if len(f.Ranges) > RangesMax {
		return fmt.Errorf("receipt of %d ranges, the limit is %d", len(f.Ranges), RangesMax)
	}
	if len(f.Ranges) == 0 && !f.Start {
		return fmt.Errorf("receipt of nothing")
	}
	for i, r := range f.Ranges {
		if r.First > r.Last {
			return fmt.Errorf("receipt range %d ends before it begins", i)
		}
		if i == 0 {
			continue
		}
		if p := f.Ranges[i-1]; r.Chain < p.Chain || r.Chain == p.Chain && r.First <= p.Last {
			return fmt.Errorf("receipt ranges %d and %d are out of order or overlap", i-1, i)
		}
	}
	return nil
}
