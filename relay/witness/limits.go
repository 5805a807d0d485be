package witness

// spec: 12-replication#checkpoints
const (
	labelCheckpoint = "sv1 day close"
	labelCustody    = "sv1 custody"
	labelChain      = "sv1 chain"
)

// Constants of ours.
const (
	// pointStep is how many cursors lie between two places of a log whose chain is remembered: a request may begin there.
	pointStep = 64
	// pointsMax is how many are: 80 KB, the last 130,000 blobs.
	pointsMax = 2048
	// recentMax is of how many blobs that were passed last the chain is remembered at every cursor: 50 KB. The close of a day that brought
	// fewer than pointStep may stand anywhere.
	recentMax = 1024
	// closesMax is how many checkpoints of ours are kept: what others were given for the same day has to be the same.
	closesMax = 32
	// toldMax is how many checkpoints of others wait until the log was followed up to them: one a contact and day.
	toldMax = 64
	// dueMax is how many receipts wait for their place in the log, and how many blobs are known to stand where they should; the
	// oldest give way.
	dueMax = 4096
	// dueBlobsMax is of how many blobs those receipts may be together: 400 KB.
	dueBlobsMax = 8192
	// shownMax is how many entries of pages are remembered for receipts that come behind them: 10 KB, more than comes while an
	// answer is on its way.
	shownMax = 256
	// savedMax bounds what a Watch is kept as, in bytes: all of the above together, and half as much again.
	savedMax = 3 << 19
)
