//go:build !race

package handshake

// bitStride 1: every bit.
const bitStride = 1
