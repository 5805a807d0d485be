package wire

// Draw asks for tokens without showing them: map {1: day, 2: blinded}. It needs a log-in on its link.
// Drawn answers it.
//
// spec: 08-custody#draw
type Draw struct {
	Day     uint32 `cbor:"1,keyasint"` // that the tokens are for, since the Unix epoch
	Blinded []byte `cbor:"2,keyasint"` // elements of ElementSize bytes, at most DrawMax
}

// FrameType returns FrameDraw.
func (Draw) FrameType() FrameType { return FrameDraw }

// Check fails for no element, or for more than one draw has.
func (f Draw) Check() error { return checkItems("elements", f.Blinded, ElementSize, 1, DrawMax) }
