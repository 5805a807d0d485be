package wire

import "fmt"

// Shelf is what of an expiry day is reconciled. Unknown ones are kept as they are.
type Shelf uint8

// The shelves.
const (
	ShelfBlobs      Shelf = 1 // by their ids
	ShelfTombstones Shelf = 2 // each D with 16 zeros behind it
)

// Reconcile brings the messages of a reconciliation, to and fro on one stream: map {1: day, 2: shelf,
// 3: nonce, ? 4: message}. All of a stream agree in the first three.
//
// spec: 12-replication#sets
type Reconcile struct {
	Day     uint16   `cbor:"1,keyasint"` // expiry day
	Shelf   Shelf    `cbor:"2,keyasint"`
	Nonce   [16]byte `cbor:"3,keyasint"`           // of who began; part of the salt
	Message []byte   `cbor:"4,keyasint,omitempty"` // at most ReconcileMax bytes; none ends it
}

// FrameType returns FrameReconcile.
func (Reconcile) FrameType() FrameType { return FrameReconcile }

// Check fails without a shelf, and for too long a message.
func (f Reconcile) Check() error {
	if f.Shelf == 0 {
		return fmt.Errorf("reconciliation of nothing")
	}
	if len(f.Message) > ReconcileMax {
		return fmt.Errorf("message of %d bytes, the limit is %d", len(f.Message), ReconcileMax)
	}
	return nil
}

// Format prints no message: it may hold the secrets of tombstones.
func (f Reconcile) Format(s fmt.State, _ rune) {
	fmt.Fprintf(s, "wire.Reconcile[day %d, shelf %d, %d bytes]", f.Day, f.Shelf, len(f.Message))
}

// MarshalText returns what Format prints, for JSON and structured logs.
func (f Reconcile) MarshalText() ([]byte, error) { return fmt.Appendf(nil, "%v", f), nil }
