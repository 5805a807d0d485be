package mdns

import (
	"net/netip"
	"testing"

	"sottovoce/mesh/peer"
)

// response returns the announcement as it goes on the air.
func response(t testing.TB, a *peer.Announcement, addrs ...string) []byte {
	t.Helper()
	if len(addrs) == 0 {
		addrs = []string{"10.9.0.3", "fe80::3"}
	}
	var parsed []netip.Addr
	for _, s := range addrs {
		parsed = append(parsed, netip.MustParseAddr(s))
	}
	made, err := newAnswer(a, parsed, ttl)
	if err != nil {
		t.Fatal(err)
	}
	b, err := made.packet()
	if err != nil {
		t.Fatal(err)
	}
	return b
}
