//go:build !linux

package fence

import "net/netip"

// bindTo leaves the way to the system: that an address is in one of our subnets decides.
func bindTo(oob []byte, _ int, _ netip.Addr) []byte { return oob }

// cameBy does not know; the sender's address decides.
func cameBy([]byte) int { return 0 }
