package wire

import "fmt"

// RangeFrame asks for all of a log behind a cursor: map {1: since, ? 2: follow, ? 3: news}. Pages answer it, and papers among them
// where news are wanted.
//
// spec: 08-custody#range
type RangeFrame struct {
	Since  uint64 `cbor:"1,keyasint"`           // a multiple of CursorStep, so that it does not tell clients apart
	Follow bool   `cbor:"2,keyasint,omitempty"` // go on with what comes
	News   bool   `cbor:"3,keyasint,omitempty"` // with Follow: bring the community's papers, too, now and when they change
}

// FrameType returns FrameRange.
func (RangeFrame) FrameType() FrameType { return FrameRange }

// Check fails for a cursor that is not rounded.
func (f RangeFrame) Check() error { return checkRounded(f.Since) }

func checkRounded(since uint64) error {
	if since%CursorStep != 0 {
		return fmt.Errorf("cursor %d is no multiple of %d", since, CursorStep)
	}
	return nil
}
