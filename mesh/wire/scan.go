package wire

// Scan asks for the tags of a log behind a cursor, not for the blobs: map {1: since}. Entries answer it.
//
// spec: 08-custody#scan-and-get
type Scan struct {
	Since uint64 `cbor:"1,keyasint"` // a multiple of CursorStep
}

// FrameType returns FrameScan.
func (Scan) FrameType() FrameType { return FrameScan }

// Check fails for a cursor that is not rounded.
func (f Scan) Check() error { return checkRounded(f.Since) }
