package mesh

import (
	"context"
	"time"

	"sottovoce/mesh/peer"
)

// Finder finds other nodes and lets them find this one.
// spec: 02-discovery#announcing
type Finder interface {
	// Announce replaces what is announced; nil says goodbye and stops announcing.
	Announce(a *peer.Announcement)
	// Run browses until ctx ends and calls seen for every new, changed and gone
	// sighting. seen does not block.
	Run(ctx context.Context, seen func(peer.Sighting)) error
	// Heard is how long ago an instance in sight was heard to announce itself to the group,
	// by IPv4 and by IPv6; 0: never. It answers at once.
	Heard(instance string) (ip4, ip6 time.Duration)
}
