package mdns

import "time"

// What one node says is heard by all, and what one asks is answered by all: so
// the pauses grow with the number of nodes in sight, and what a node sends and
// receives in a crowd of any size stays the same.
//
// spec: 02-discovery#crowds

// beyond returns how many of n nodes are more than need no restraint.
func beyond(n int) time.Duration { return time.Duration(max(0, min(n, crowdMax)-crowdFree)) }

// every is the pause between two announcements at rest.
func (r *loop) every() time.Duration {
	return max(announceEvery, beyond(r.table.Len())*announcePer)
}

// life is the TTL of our records: what is lost once costs nothing.
func (r *loop) life() time.Duration {
	return r.every() * (ttl / time.Second) / (announceEvery / time.Second)
}

// announceGap is the least pause between two announcements of a burst: by the
// nodes that were heard since it began, and short enough for the life that the
// first of them claimed.
func (r *loop) announceGap() time.Duration {
	return min(beyond(r.table.Heard(r.announces.start))*announcePer, announceEvery)
}

// newcomerGap is the least pause between an announcement and one that a newcomer
// called for.
func (r *loop) newcomerGap() time.Duration {
	return max(newcomerEvery, beyond(r.table.Len())*announcePer)
}

// askGap is the least pause between two questions. The second, in the other
// family, is free in a crowd that is not too large: who missed our first
// announcement may have missed the first question too.
func (r *loop) askGap() time.Duration {
	heard := r.table.Heard(r.asks.start)
	if r.asks.done == 1 && heard <= askTwiceMax {
		return 0
	}
	return beyond(heard) * askPer
}
