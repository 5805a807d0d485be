package wire

import "fmt"

// Papers brings what a supernode knows of a community beside its blobs, in turns on one stream:
// map {? 1: papers}. What they are, the community says.
//
// spec: 12-replication#papers
type Papers struct {
	Papers []byte `cbor:"1,keyasint,omitempty"` // at most PapersSizeMax bytes; none: nothing that is new to the far end
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

// Format prints nothing of them: they hold the keys of the week.
func (f Papers) Format(s fmt.State, _ rune) { fmt.Fprintf(s, "wire.Papers[%d bytes]", len(f.Papers)) }

// MarshalText returns what Format prints, for JSON and structured logs.
func (f Papers) MarshalText() ([]byte, error) { return fmt.Appendf(nil, "%v", f), nil }
