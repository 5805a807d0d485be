package conversation

// State is how far an op is known to have come. Each state has its evidence:
//
//	queued     on our disk
//	held       supernodes signed that they hold it
//	expired    every blob of it reached the end of its life without a receipt
//	failed     it cannot be sent any more
//	delivered  a device of the recipient receipted it
//	read       the recipient told us that it was read
//
// A state is only ever left for a later one of this list (expired and failed are one
// step): a receipt that comes after expiry is still the truth.
//
// spec: 06-conversations#delivery-states
type State uint8

// The states. Zero is the state of what others wrote.
const (
	StateNone      State = 0
	StateQueued    State = 1
	StateHeld      State = 2
	StateDelivered State = 3
	StateRead      State = 4
	StateExpired   State = 5
	StateFailed    State = 6
)

// String returns the word that faces and scripts use; "" for StateNone.
func (s State) String() string {
	switch s {
	case StateQueued:
		return "queued"
	case StateHeld:
		return "held"
	case StateDelivered:
		return "delivered"
	case StateRead:
		return "read"
	case StateExpired:
		return "expired"
	case StateFailed:
		return "failed"
	}
	return ""
}

// rank orders the states.
func (s State) rank() int {
	switch s {
	case StateQueued:
		return 1
	case StateHeld:
		return 2
	case StateExpired, StateFailed:
		return 3
	case StateDelivered:
		return 4
	case StateRead:
		return 5
	}
	return 0
}

// Final reports whether nothing more will be tried.
func (s State) Final() bool { return s.rank() >= StateExpired.rank() }

// Advance returns the state after evidence for next: the later of the two, and s
// when neither is.
func (s State) Advance(next State) State {
	if next.rank() > s.rank() {
		return next
	}
	return s
}

// Summary is what is known of one op over all devices it goes to.
type Summary struct {
	State     State
	Delivered int // devices that receipted it
	Devices   int
}

// Summarise sums up the states of an op's deliveries, one a device. One receipt
// makes the op delivered; it has expired or failed only when no device can get it
// any more. What is shown is Advance of what was shown and this.
//
// spec: 06-conversations#delivery-states
func Summarise(devices []State) Summary {
	sum := Summary{Devices: len(devices)}
	best, pending := StateNone, StateNone
	for _, s := range devices {
		best = best.Advance(s)
		if !s.Final() {
			pending = pending.Advance(s)
		}
		if s.rank() >= StateDelivered.rank() {
			sum.Delivered++
		}
	}
	sum.State = best
	if sum.Delivered == 0 && pending != StateNone {
		sum.State = pending
	}
	return sum
}
