package supernode

import (
	"testing"
	"time"

	"sottovoce/mesh/clock"
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

	// A supernode whose clock was never believed has no day to begin with but theirs.
	expect("the first word", agreed(0, 21000), at(21000), 21000, 20999)
	expect("the first word, of 2147", agreed(0, 65000), at(65000), 0, 0)
}
