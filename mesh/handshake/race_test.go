//go:build race

package handshake

// bitStride thins out the flipped bits, as the race detector makes X25519 ten times slower.
const bitStride = 17
