// Package supernode is the serving side of custody: it takes sealed blobs of one or more
// communities, signs for them once they are on disk, and gives the same pages to whoever
// collects. It could not read what it keeps, and writes down nothing of who deposits or collects.
//
//	Supernode ── one per data directory: keys, communities, one socket
//	   ├─ community ── mailbox, spent tokens, roster, psks of the week
//	   └─ visit     ── one per link; one request per stream, nothing of it outlives the link
//
// It leaves the log of blobs to relay/mailbox, the mathematics of tokens to relay/token, who is a
// member to relay/community, links to mesh/link and the network's announcements to a Finder that
// it is given. How anything looks to an operator is for the command line.
package supernode
