// Package replica keeps the supernodes of one community alike: each brings the others what they lack of blobs, of
// tombstones, and of the community's papers.
//
//	Replicator.Run ── dials the others, and for each of them
//	   └─ caller   ── one link that we dialled: compares stocks, reconciles what differs, moves it both ways
//	Guest          ── one link that another supernode dialled: tells our stock, answers
//
// It leaves links and log-ins, who the others are, what is on the disk and what may be kept there to the supernode.
package replica
