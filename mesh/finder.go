package mesh

import (
	"context"
	"time"

	"sottovoce/mesh/peer"
)

// Finder finds other nodes and lets them find this one.
// spec: 02-discovery#announcing
type Finder interface {
	// Announce replaces what is announced; nil says goodbye and stops announcing. Goodbye
	// is said only where the old announcement was heard. What is meant for other networks
	// than stands told last is not announced: the node has yet to hear of those. Networks
	// that are nil are all.
	Announce(a *peer.Announcement, on []peer.Network)
	// Run browses until ctx ends. It calls seen for every new, changed and gone sighting,
	// and stands with all networks that the node stands on, at the start and after each
	// change: from then on it announces nothing until Announce is called again, so that
	// nothing of one network is heard on another. Neither blocks.
	Run(ctx context.Context, seen func(peer.Sighting), stands func([]peer.Network)) error
	// Refresh announces and asks again, as at the start. It returns at once.
	Refresh()
	// Heard is how long ago an instance in sight was heard to announce itself to the group,
	// by IPv4 and by IPv6; 0: never. It answers at once.
	Heard(instance string) (ip4, ip6 time.Duration)
}
