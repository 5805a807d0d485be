package mesh

import "time"

// Ours, not the protocol's.
const (
	turnCommandsMax = 256                    // commands that share one commit
	inboxCommands   = 1024                   // commands that wait before a producer blocks
	eventsKept      = 1024                   // recent events held in memory for live readers
	dialDelayLarger = 200 * time.Millisecond // the larger PeerID lets the smaller dial first
	simultaneousMax = 5 * time.Second        // two links proven within this were dialled at once
	redialDelayMin  = 200 * time.Millisecond
	redialDelayMax  = 30 * time.Second
	eventsPage      = 256              // stored events read at a time
	strangersMax    = 512              // people nearby that are not contacts
	requestsMax     = 256              // contact requests that wait, both directions
	unmatchedMax    = 256              // blobs a link may leave waiting for their key
	openFramesMax   = 8                // frames of an exchange that wait for one link
	logPage         = 256              // ops read at a time
	opPrefixRows    = 64               // ops looked at for one prefix of an id
	openLinksMax    = 32               // links in mode open, all together
	handOverMax     = 10 * time.Second // until a request counts as not handed over
)
