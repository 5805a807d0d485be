package supernode

import (
	"time"

	"sottovoce/mesh/clock"
	"sottovoce/mesh/wire"
)

// ClockState says how far the supernode believes its clock.
type ClockState string

// The states of the clock.
const (
	ClockVouched ClockState = "vouched" // by a battery or the network
	ClockAgreed  ClockState = "agreed"  // two members who logged in have the same day; what expires goes by the mark, if there is one
	ClockAlone   ClockState = "alone"   // nobody has said anything yet; nothing expires
	ClockDoubted ClockState = "doubted" // members have another day; nothing expires
)

// days decides what day it is here and whether that may be acted on. A Raspberry Pi wakes up in the
// past or years ahead: it must neither throw away what is still due nor keep everybody out. Members hear its day from it before
// they say theirs, and two of them may be one person: by their word alone no more expires than the time that it was up for.
//
// spec: 08-custody#the-day
type days[K comparable] struct {
	mark    clock.Mark
	vouched bool
	last    uint16         // the day when the clock was last looked at; 0: not yet
	agree   map[K]struct{} // members of this run whose day is ours; as many as are needed
	differ  map[K]uint16   // those whose day is another one, by what they said
	alike   time.Duration  // that the supernode was up for while members agreed, and none differed
}

// membersNeeded is how many members must have our day before it is acted on: one alone could make
// a supernode throw everything away.
const membersNeeded = 2

// plausibleFrom is the day before which no clock was ever right, and plausibleUntil the first after which none is, for a while:
// 2026-01-01, 2080-01-01. spec: 08-custody#the-day
const (
	plausibleFrom  = 20_454
	plausibleUntil = 40_177
)

// firstAfter is how long members have to agree, and none to differ, before their word makes the first mark. It never falls, and
// whoever is honest logs in once a day.
const firstAfter = 24 * time.Hour

// differMax bounds the members kept whose day is another one.
const differMax = 8

func newDays[K comparable](mark clock.Mark) *days[K] {
	return &days[K]{mark: mark, agree: make(map[K]struct{}), differ: make(map[K]uint16)}
}

// today is the day that deposits are judged by.
func (d *days[K]) today(now time.Time) uint16 { return wire.DayAt(d.mark.Date(now)) }

// heard takes the day that a member had when it logged in. A day's difference is that of time zones
// set wrongly, and of midnight.
func (d *days[K]) heard(who K, theirs uint16, now time.Time) {
	delete(d.agree, who)
	delete(d.differ, who)
	ours := int(d.today(now))
	switch off := int(theirs) - ours; {
	case off >= -1 && off <= 1 && len(d.agree) < membersNeeded:
		d.agree[who] = struct{}{}
	case (off < -1 || off > 1) && len(d.differ) < differMax:
		d.differ[who] = theirs
	}
}

// state is how far the clock is believed.
func (d *days[K]) state() ClockState {
	switch {
	case d.vouched:
		return ClockVouched
	case len(d.agree) >= membersNeeded:
		return ClockAgreed
	case len(d.differ) > 0:
		return ClockDoubted
	}
	return ClockAlone
}

// settled reports whether the clock is believed: before that nothing expires.
func (d *days[K]) settled() bool { s := d.state(); return s == ClockVouched || s == ClockAgreed }

// raise takes that the machine was up for another while, and who vouches for its clock now. It
// reports whether the mark has risen, and is to be saved. A clock that was set makes the word of
// members old.
func (d *days[K]) raise(now time.Time, up time.Duration, vouched bool) (risen bool) {
	today := d.today(now)
	if passed := int(today) - int(d.last); d.last != 0 && (passed < 0 || passed > 1+int(up/(24*time.Hour))) {
		clear(d.agree)
		clear(d.differ)
	}
	if d.alike += up; len(d.agree) < membersNeeded || len(d.differ) > 0 {
		d.alike = 0
	}
	d.last, d.vouched = today, vouched && plausible(today)
	before := d.mark.Day
	first := !plausible(d.mark.Day) && plausible(today) && d.alike >= firstAfter
	d.mark = d.mark.Raise(now, up, d.vouched || first)
	return d.mark.Day != before
}

// plausible reports whether a clock may say that day.
func plausible(day uint16) bool { return plausibleFrom <= day && day < plausibleUntil }

// safe is a date that may be acted on where that cannot be undone, and whether it is believed: that of the clock if it is, else
// that of the mark.
//
// spec: 08-custody#the-day
func (d *days[K]) safe(now time.Time) (date time.Time, believed bool) {
	if d.settled() && plausible(d.today(now)) {
		return d.mark.Date(now), true
	}
	return d.mark.Past(), false
}

// finished is the last day that is over for good, and is to be expired: by the clock if it is vouched for, by the mark if members
// agree. ok is false while the clock is not believed.
//
// spec: 08-custody#the-day
func (d *days[K]) finished(now time.Time) (day uint16, ok bool) {
	day = d.mark.Day
	if d.vouched {
		day = d.today(now)
	}
	if !d.settled() || !plausible(day) {
		return 0, false
	}
	return day - 1, true
}

// theirs is the latest day that members have whose day is not ours; 0 if there are none.
func (d *days[K]) theirs() (latest uint16) {
	for _, day := range d.differ {
		latest = max(latest, day)
	}
	return latest
}
