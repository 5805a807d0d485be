package control

import "time"

const (
	// TextMax is the longest text of a message, in bytes: what fits one blob after packing.

	TextMax = 60_000

	// EmojiMax is the longest emoji of a reaction, in bytes.
	EmojiMax = 64

	// SearchMax is the most messages that one search shows.
	SearchMax = 1000

	// bodyMax limits a request body, and each line of a batch, in bytes: the longest text with every byte written as
	// \u00xx, and its recipient.
	bodyMax = 6*TextMax + 4096

	// batchMax is how many lines of a batch are handed to the node at once: enough for one group commit.
	batchMax = 256

	// headerMax limits the header of a request, in bytes; a path with the longest name is far below it.
	headerMax = 16 << 10

	// headerTimeout and bodyTimeout bound how long a request may take to arrive; a batch and an event stream may last.
	headerTimeout = 5 * time.Second
	bodyTimeout   = 10 * time.Second

	// idleTimeout is how long a connection without a request is kept.
	idleTimeout = time.Minute

	// stopTimeout is how long running requests may take to end when the server stops.
	stopTimeout = 2 * time.Second

	// socketPathMax is the longest path a unix socket gets from us, in bytes; systems stop at 104 (BSD, macOS) and 108 (Linux).
	socketPathMax = 100
)
