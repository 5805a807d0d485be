package mesh

import (
	"context"

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
}
