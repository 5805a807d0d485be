// Package clock says what day it is as far as the lives of keys are concerned. A machine
// without a clock of its own starts in 1970, or years ahead; neither may make a node
// erase what it still needs, or seal with days that are long past.
//
// It leaves the system's clock, and who vouches for it, to its caller.
package clock

import (
	"time"

	"sottovoce/mesh/wire"
)

// Mark is a day that the node agreed it is past. It never falls, and without somebody
// to vouch for the system's clock it rises at most a day for each day that the node was
// up.
//
// spec: 09-storage#the-clocks-mark
type Mark struct {
	Day uint16        `cbor:"1,keyasint"`           // days since the Unix epoch
	Up  time.Duration `cbor:"2,keyasint,omitempty"` // that the node was up since the day last rose
}

const day = 24 * time.Hour

// At is the mark of a home that is founded at now.
func At(now time.Time) Mark { return Mark{Day: wire.DayAt(now)} }

// Raise returns the mark after the node was up for another while, with the system's
// clock at now. vouched says that a clock of the machine's own or of the network is
// behind it.
func (m Mark) Raise(now time.Time, up time.Duration, vouched bool) Mark {
	m.Up += max(up, 0)
	today := wire.DayAt(now)
	switch {
	case today <= m.Day:
		m.Up = min(m.Up, day)
	case vouched:
		m.Day, m.Up = today, 0
	default:
		rise := min(int64(m.Up/day), int64(today-m.Day))
		m.Day += uint16(rise)
		m.Up -= time.Duration(rise) * day
		m.Up = min(m.Up, day)
	}
	return m
}

// Date is the time to seal and to open by: the system's, unless that is behind the mark.
func (m Mark) Date(now time.Time) time.Time {
	if wire.DayAt(now) < m.Day {
		return m.Past()
	}
	return now
}

// Past is the time to erase by: what had its last day before it is of no use to anybody.
func (m Mark) Past() time.Time { return time.Unix(int64(m.Day)*int64(day/time.Second), 0) }

// Left is how long it takes, as far as the mark knows, until a day is over.
func (m Mark) Left(last uint16) time.Duration {
	return time.Duration(int64(last)+1-int64(m.Day)) * day
}
