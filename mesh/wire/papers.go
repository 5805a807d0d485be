package wire

import "fmt"

// Papers brings what a supernode or a member knows of a community beside its blobs, in turns on one
// stream: map {? 1: papers, ? 2: community}. What they are, the community says.
//
// spec: 10-communities#exchange-of-papers
type Papers struct {
	Papers    []byte    `cbor:"1,keyasint,omitempty"` // at most PapersSizeMax bytes; none: nothing that is new to the far end
	Community *[32]byte `cbor:"2,keyasint,omitempty"` // where nobody has logged in: whose
}

// FrameType returns FramePapers.
func (Papers) FrameType() FrameType { return FramePapers }

// Check fails for too much.
func (f Papers) Check() error {
	if len(f.Papers) > PapersSizeMax {
		return fmt.Errorf("papers of %d bytes, the limit is %d", len(f.Papers), PapersSizeMax)
	}
	return nil
}

// Format prints nothing of them: they hold the keys by which supernodes are recognised.
func (f Papers) Format(s fmt.State, _ rune) { fmt.Fprintf(s, "wire.Papers[%d bytes]", len(f.Papers)) }

// MarshalText returns what Format prints, for JSON and structured logs.
func (f Papers) MarshalText() ([]byte, error) { return fmt.Appendf(nil, "%v", f), nil }
