package verify

import (
	"sottovoce/mesh/goldentest"
	"sottovoce/mesh/wire"
)

// bytesOf are 32 bytes that count up.
func bytesOf(from byte) []byte { return goldentest.Counted(from, 32) }

func counted(from byte) [32]byte { return [32]byte(bytesOf(from)) }

func hashes(from ...byte) (all []wire.Hash) {
	for _, f := range from {
		all = append(all, wire.Hash(counted(f)))
	}
	return all
}
