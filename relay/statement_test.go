package relay_test

import (
	"fmt"
	"strings"
	"testing"

	"sottovoce/mesh/goldentest"
	"sottovoce/mesh/peer"
	"sottovoce/mesh/wire"
	"sottovoce/relay"
)

// TestStatements: what supernodes sign is what it was. The inputs are counted bytes.
//
// spec: 08-custody#kept 08-custody#checkpoint
func TestStatements(t *testing.T) {
	of := relay.Log{At: peer.ID(goldentest.Counted(0, 32)), Community: [32]byte(goldentest.Counted(32, 32))}
	kept := []relay.Kept{
		{ID: wire.BlobID(goldentest.Counted(64, 32)), ExpiryDay: 20800, Cursor: 300},
		{ID: wire.BlobID(goldentest.Counted(96, 32)), ExpiryDay: 20801, Cursor: 1 << 40},
	}
	var out strings.Builder
	fmt.Fprintf(&out, "# What supernodes sign (docs/protocol/08-custody.md), of counted bytes. Written by `go test ./relay -update`.\n")
	fmt.Fprintf(&out, "receipt = %x\n", of.Receipt(kept))
	fmt.Fprintf(&out, "checkpoint = %x\n", of.Checkpoint(300, [32]byte(goldentest.Counted(128, 32)), 20780))
	goldentest.File(t, "statements.txt", out.String())
}
