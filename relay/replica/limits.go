package replica

import "time"

// Constants of the protocol.
//
// spec: 12-replication#limits
const (
	// settle is how long a change waits for others before it is told, so that what comes close together goes together.
	settle = time.Second / 2
	// answerTimeout is how long the far end may be silent when it is its turn.
	answerTimeout = 30 * time.Second
	// turnsMax bounds the frames of one exchange of papers that one end takes.
	turnsMax = 4096
	// collectedMax is how many ids of either kind a session collects before they are moved: 2 MiB.
	collectedMax = 1 << 16
	// tombstonesMax is how many tombstones of one expiry day are taken from other supernodes: a community of which a
	// million blobs wait deletes fewer, and a hostile one fills 1.2 MB a day with them.
	tombstonesMax = 1 << 16
	// afresh is how often all days are reconciled, changed or not.
	afresh = 24 * time.Hour
)

// Constants of ours.
const (
	// askMax is how many blobs are asked for at once, and pushMax how many bytes of them are sent at once: little, so
	// that members do not wait behind them.
	askMax  = 64
	pushMax = 256 << 10
	// pauseMin and pauseMax are how long a dial that failed waits for the next.
	pauseMin = 5 * time.Second
	// pauseSeen is how long it waits at the least, whoever says that the other supernode is seen.
	pauseSeen = time.Second
	pauseMax  = 10 * time.Minute
	// BandwidthDefault is how many bytes a second are moved where the operator says nothing else.
	BandwidthDefault = 1 << 20
	// sessionsMax is how many sessions in a row one shelf of one day gets before others have their turn.
	sessionsMax = 64
)
