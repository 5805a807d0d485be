package mdns

import (
	"encoding/binary"
	"io"
	"time"
)

// timeline says when to do something that is done often at first and then at a
// steady pace, and in a crowd less often.
type timeline struct {
	first  []time.Duration      // since the start
	every  func() time.Duration // after the last of first
	gap    func() time.Duration // the least since the last time
	jitter func(time.Duration) time.Duration
	start  time.Time
	done   int       // of first
	last   time.Time // what gap counts from; zero: nothing
	next   time.Time
}

// restart begins anew. The first time waits for no gap.
func (t *timeline) restart(now time.Time) {
	t.start, t.done, t.last, t.next = now, 0, time.Time{}, now.Add(t.first[0])
}

// due reports whether the next time has come, and if so moves on. What was
// missed while the machine slept is not made up for, nor what a gap put off.
func (t *timeline) due(now time.Time) bool {
	if now.Before(t.next) {
		return false
	}
	if !t.last.IsZero() {
		if t.next = t.last.Add(t.gap()); now.Before(t.next) {
			return false
		}
	}
	t.last = now
	for t.done++; t.done < len(t.first); t.done++ {
		if t.next = t.start.Add(t.first[t.done]); t.next.After(now) {
			return true
		}
	}
	t.next = now.Add(t.jitter(t.every()))
	return true
}

// did notes that it was done between times.
func (t *timeline) did(now time.Time) {
	t.last = now
	if t.done >= len(t.first) {
		t.next = now.Add(t.jitter(t.every()))
	}
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
