package supernode

import (
	"testing"
	"time"

	"sottovoce/mesh/clock"
	"sottovoce/mesh/wire"
)

// at is noon of a day since 1970.
func at(day int) time.Time { return time.Unix(int64(day)*86400+43200, 0) }

func TestNothingExpiresUnderADoubtfulClock(t *testing.T) {
	d := newDays[string](clock.Mark{Day: 21000})
	expect := func(what string, want ClockState, now time.Time, ends bool) {
		t.Helper()
		if got := d.state(); got != want {
			t.Errorf("%s: %s, want %s", what, got, want)
		}
		if _, ok := d.finished(now); ok != ends {
			t.Errorf("%s: expires %v", what, ok)
		}
	}
	now := at(30000) // a clock that was never set, years ahead
	d.raise(now, 0, false)
	expect("at the start", ClockAlone, now, false)
	d.heard("anna", 21010, now)
	d.heard("bruno", 21010, now)
	expect("two members with another day", ClockDoubted, now, false)
	d.heard("carla", 30000, now)
	d.heard("carla", 30000, now)
	expect("one who agrees, twice", ClockDoubted, now, false)
	d.heard("dario", 29999, now)
	expect("two who agree", ClockAgreed, now, true)
	if day, _ := d.finished(now); day != 20999 {
		t.Errorf("by the word of two members day %d is finished, and no time has passed since day 21000", day)
	}

	// The operator sets the clock: what members said of the old one is void.
	now = at(21010)
	if d.raise(now, time.Minute, false); d.state() != ClockAlone {
		t.Errorf("after the clock was set: %s", d.state())
	}
	if d.raise(now, time.Minute, true); d.state() != ClockVouched {
		t.Errorf("with a battery: %s", d.state())
	}
	if day, ok := d.finished(now); !ok || day != 21009 {
		t.Errorf("finished %d, %v", day, ok)
	}
}

func TestTheDayNeverFalls(t *testing.T) {
	d := newDays[int](clock.Mark{Day: 21000})
	if got := d.today(at(3)); got != 21000 {
		t.Errorf("with a clock in 1970: day %d", got)
	}
	if changed := d.raise(at(21005), time.Minute, true); !changed || d.mark.Day != 21005 {
		t.Errorf("vouched: %+v", d.mark)
	}
	if d.raise(at(20900), time.Minute, true); d.today(at(20900)) != 21005 {
		t.Errorf("a vouched clock that falls: day %d", d.today(at(20900)))
	}
	// Midnight is no clock that was set.
	d.raise(at(21005), time.Minute, false)
	d.heard(1, 21005, at(21005))
	d.heard(2, 21005, at(21005))
	if d.raise(at(21006), 24*time.Hour, false); d.state() != ClockAgreed {
		t.Errorf("after a day: %s", d.state())
	}
}

func TestWhoDiffersIsBounded(t *testing.T) {
	d := newDays[int](clock.Mark{Day: 21000})
	for who := range 1000 {
		d.heard(who, 5, at(21000))
		d.heard(who+1000, 21000, at(21000))
	}
	if len(d.differ) > differMax || len(d.agree) > membersNeeded {
		t.Errorf("%d and %d are kept", len(d.differ), len(d.agree))
	}
}

// TestMembersMoveNoDay has a clock years ahead and two members, or one who is two, who say that it is right.
func TestMembersMoveNoDay(t *testing.T) {
	expect := func(what string, d *days[int], now time.Time, mark, want uint16) {
		t.Helper()
		if day, ok := d.finished(now); d.mark.Day != mark || day != want || ok != (want > 0) {
			t.Errorf("%s: the mark is %d, want %d; finished is %d, want %d", what, d.mark.Day, mark, day, want)
		}
	}
	agreed := func(mark, day int) *days[int] {
		d := newDays[int](clock.Mark{Day: uint16(mark)})
		d.raise(at(day), 0, false)
		d.heard(1, uint16(day), at(day))
		d.heard(2, uint16(day), at(day))
		d.raise(at(day), 0, false)
		return d
	}
	d := agreed(21000, 30000)
	expect("no time has passed", d, at(30000), 21000, 20999)
	for range 3 {
		d.raise(at(30000), 24*time.Hour, false)
	}
	expect("three days have passed", d, at(30000), 21003, 21002)
	d.raise(at(21010), time.Hour, true)
	expect("the network vouches for the day", d, at(21010), 21010, 21009)

	d = newDays[int](clock.Mark{Day: 21000})
	d.raise(at(65000), 0, true)
	expect("a battery vouches for 2147", d, at(65000), 21000, 0)

	// A supernode whose clock was never believed has no day to begin with but theirs, when they have agreed for a while.
	never := func(day int, alike time.Duration) *days[int] {
		d := agreed(0, day)
		d.raise(at(day), alike, false)
		return d
	}
	expect("the first word, too early", never(21000, time.Hour), at(21000), 0, 0)
	expect("the first word", never(21000, firstAfter), at(21000), 21000, 20999)
	expect("the first word, of 2147", never(65000, firstAfter), at(65000), 1, 0)
	d = never(30000, firstAfter-time.Hour)
	d.heard(3, 21000, at(30000))
	d.raise(at(30000), 2*time.Hour, false)
	expect("somebody who has another day", d, at(30000), 1, 0)
	d.heard(3, 30000, at(30000))
	d.raise(at(30000), 2*time.Hour, false)
	expect("who has set the clock since", d, at(30000), 1, 0)
}

// TestSafeDate: a clock that nobody believes turns no keys, however far ahead it is, whether it was ever believed or not.
func TestSafeDate(t *testing.T) {
	for name, c := range map[string]struct {
		mark, clock int
		vouched     bool
		agree       int
		want        int
		believed    bool
	}{
		"years ahead":                        {mark: 21000, clock: 30000, want: 21000},
		"years ahead, never believed before": {clock: 30000},
		"in 1970":                            {mark: 21000, clock: 3, want: 21000},
		"by a battery":                       {mark: 21000, clock: 21010, vouched: true, want: 21010, believed: true},
		"by a battery, in 2147":              {mark: 21000, clock: 65000, vouched: true, want: 21000},
		"by one member":                      {mark: 21000, clock: 21010, agree: 1, want: 21000},
		"by two members":                     {mark: 21000, clock: 21010, agree: 2, want: 21010, believed: true},
		"by two members, never before":       {clock: 21010, agree: 2, want: 21010, believed: true},
	} {
		d := newDays[int](clock.Mark{Day: uint16(c.mark)})
		d.raise(at(c.clock), 0, c.vouched)
		for who := range c.agree {
			d.heard(who, uint16(c.clock), at(c.clock))
		}
		if date, believed := d.safe(at(c.clock)); int(wire.DayAt(date)) != c.want || believed != c.believed {
			t.Errorf("%s: day %d, believed %v", name, wire.DayAt(date), believed)
		}
	}
}
