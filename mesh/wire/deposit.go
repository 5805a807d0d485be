package wire

import "fmt"

// Deposit asks a supernode to keep the blobs that follow on the stream: map {1: number of
// blobs, ? 2: tokens, ? 3: community}.
//
// spec: 08-custody#deposit
type Deposit struct {
	Blobs     uint16    `cbor:"1,keyasint"`           // 1 to BatchBlobsMax, BatchSizeMax bytes in all
	Tokens    []byte    `cbor:"2,keyasint,omitempty"` // what they cost; none where all are held already
	Community *[32]byte `cbor:"3,keyasint,omitempty"` // in mode supernode only: whose log
}

// FrameType returns FrameDeposit.
func (Deposit) FrameType() FrameType { return FrameDeposit }

// Check fails for no blob, or for more than a batch has.
func (f Deposit) Check() error {
	if f.Blobs == 0 || f.Blobs > BatchBlobsMax {
		return fmt.Errorf("deposit of %d blobs, 1 to %d are allowed", f.Blobs, BatchBlobsMax)
	}
	return checkTokens(f.Tokens)
}

// Format prints no token: whoever has one can spend it.
func (f Deposit) Format(s fmt.State, _ rune) { fmt.Fprintf(s, "wire.Deposit[%d blobs]", f.Blobs) }

// MarshalText returns what Format prints, for JSON and structured logs.
func (f Deposit) MarshalText() ([]byte, error) { return fmt.Appendf(nil, "%v", f), nil }
