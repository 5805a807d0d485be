package wire

import (
	"encoding/binary"
	"fmt"
	"iter"
)

// Custody reports whether frames of the type have their place on custody streams: 0x30 to 0x4f.
//
// spec: 08-custody#streams
func (t FrameType) Custody() bool { return t >= FrameDeposit && t <= lastCustodyFrame }

// custodySizeMax bounds the body of a custody frame in bytes.
func (t FrameType) custodySizeMax() int {
	switch t {
	case FrameRange, FrameScan, FrameLogin, FrameAttest, FrameCheckpoint, FrameRefused, FrameAlly, FrameStock, FrameFetch:
		return smallFrameMax
	case FrameKept, FrameGet, FrameJoin:
		return listFrameMax
	case FrameDraw, FrameDrawn:
		return drawFrameMax
	}
	return FrameSizeMax
}

func parseCustodyFrame(t FrameType, body []byte) (Frame, error) {
	switch t {
	case FrameDeposit:
		return parseInto[Deposit](body)
	case FrameKept:
		return parseInto[Kept](body)
	case FrameRange:
		return parseInto[RangeFrame](body)
	case FramePage:
		return parseInto[Page](body)
	case FrameScan:
		return parseInto[Scan](body)
	case FrameEntries:
		return parseInto[Entries](body)
	case FrameGet:
		return parseInto[Get](body)
	case FrameDelete:
		return parseInto[Delete](body)
	case FrameLogin:
		return parseInto[Login](body)
	case FrameGrant:
		return parseInto[Grant](body)
	case FrameJoin:
		return parseInto[Join](body)
	case FrameDraw:
		return parseInto[Draw](body)
	case FrameDrawn:
		return parseInto[Drawn](body)
	case FrameAttest:
		return parseInto[Attest](body)
	case FrameCheckpoint:
		return parseInto[Checkpoint](body)
	case FrameAlly:
		return parseInto[Ally](body)
	case FrameStock:
		return parseInto[Stock](body)
	case FrameReconcile:
		return parseInto[Reconcile](body)
	case FramePapers:
		return parseInto[Papers](body)
	case FrameSlot:
		return parseInto[Slot](body)
	case FrameFetch:
		return parseInto[Fetch](body)
	case FrameAnswer:
		return parseInto[Answer](body)
	case FrameAnswers:
		return parseInto[Answers](body)
	case FrameRefused:
		return parseInto[Refused](body)
	}
	return Unknown{t}, nil
}

// packed is a byte string that holds items of one size, one after the other.
type packed interface{ ~[]byte }

// items goes through packed items of size bytes.
func items[P packed](p P, size int) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		for at := 0; at+size <= len(p); at += size {
			if !yield(p[at : at+size : at+size]) {
				return
			}
		}
	}
}

// checkItems fails unless p holds least to most whole items of size bytes.
func checkItems[P packed](what string, p P, size, least, most int) error {
	n := len(p) / size
	if len(p)%size != 0 || n < least || n > most {
		return fmt.Errorf("%d bytes of %s, %d to %d of %d bytes each are allowed", len(p), what, least, most, size)
	}
	return nil
}

func checkTokens(tokens []byte) error {
	if len(tokens) > TokensSizeMax {
		return fmt.Errorf("%d bytes of tokens, the limit is %d", len(tokens), TokensSizeMax)
	}
	return nil
}

// Cursors are places in a supernode's log, of 8 bytes each, big endian.
type Cursors []byte

const cursorSize = 8

// Len is how many there are.
func (c Cursors) Len() int { return len(c) / cursorSize }

// At returns the i-th.
func (c Cursors) At(i int) uint64 { return binary.BigEndian.Uint64(c[i*cursorSize:]) }

// Add returns c with one more.
func (c Cursors) Add(cursor uint64) Cursors { return binary.BigEndian.AppendUint64(c, cursor) }

// rising fails unless the numbers that the items begin with ascend, all of them above from and not above until.
func rising[P packed](what string, p P, size int, from, until uint64) error {
	for item := range items(p, size) {
		cursor := binary.BigEndian.Uint64(item)
		if cursor <= from || cursor > until {
			return fmt.Errorf("%s out of order, or outside of the page", what)
		}
		from = cursor
	}
	return nil
}
