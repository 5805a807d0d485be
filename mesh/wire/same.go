package wire

import "fmt"

// Same says to a contact that some open contact request may be between the two of us:
// map {1: tags}, at most SameTagsMax. Only who has made or got the request knows its tag.
//
// spec: 00-encoding#same
type Same struct {
	Tags [][16]byte `cbor:"1,keyasint"`
}

// FrameType returns FrameSame.
func (Same) FrameType() FrameType { return FrameSame }

// Check fails for no tag, or for more than one frame has.
func (f Same) Check() error {
	if len(f.Tags) == 0 || len(f.Tags) > SameTagsMax {
		return fmt.Errorf("%d tags, 1 to %d are allowed", len(f.Tags), SameTagsMax)
	}
	return nil
}
