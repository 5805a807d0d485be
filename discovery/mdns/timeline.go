package mdns

import (
	"encoding/binary"
	"io"
	"time"
)

// timeline says when to do something that is done often at first and then at a
// steady pace.
type timeline struct {
	first  []time.Duration // since the start
	every  time.Duration   // after the last of first
	jitter func(time.Duration) time.Duration
	start  time.Time
	done   int // of first
	next   time.Time
}

// restart begins anew.
func (t *timeline) restart(now time.Time) {
	t.start, t.done, t.next = now, 0, now.Add(t.first[0])
}

// due reports whether the next time has come, and if so moves on. What was
// missed while the machine slept is not made up for.
func (t *timeline) due(now time.Time) bool {
	if now.Before(t.next) {
		return false
	}
	for t.done++; t.done < len(t.first); t.done++ {
		if t.next = t.start.Add(t.first[t.done]); t.next.After(now) {
			return true
		}
	}
	t.next = now.Add(t.jitter(t.every))
	return true
}

// around returns a function that varies a duration by up to ±20 %, so that
// nodes started together do not stay in step. Without randomness it does not.
func around(random io.Reader) func(time.Duration) time.Duration {
	return func(d time.Duration) time.Duration {
		return d - d/5 + between(random, 0, 2*d/5)
	}
}

// between draws from [low, high).
func between(random io.Reader, low, high time.Duration) time.Duration {
	var b [8]byte
	if _, err := io.ReadFull(random, b[:]); err != nil || high <= low {
		return low + (high-low)/2
	}
	return low + time.Duration(binary.BigEndian.Uint64(b[:])%uint64(high-low))
}
