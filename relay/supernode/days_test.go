package supernode

import (
	"testing"
	"time"

	"sottovoce/mesh/clock"
)

// at is noon of a day since 1970.
func at(day int) time.Time { return time.Unix(int64(day)*86400+43200, 0) }

func TestNothingExpiresUnderADoubtfulClock(t *testing.T) {
	d := newDays[string](clock.Mark{Day: 20000})
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
	d.heard("anna", 20010, now)
	d.heard("bruno", 20010, now)
	expect("two members with another day", ClockDoubted, now, false)
	d.heard("carla", 30000, now)
	d.heard("carla", 30000, now)
	expect("one who agrees, twice", ClockDoubted, now, false)
	d.heard("dario", 29999, now)
	expect("two who agree", ClockAgreed, now, true)

	// The operator sets the clock: what members said of the old one is void.
	now = at(20010)
	if d.raise(now, time.Minute, false); d.state() != ClockAlone {
		t.Errorf("after the clock was set: %s", d.state())
	}
	if d.raise(now, time.Minute, true); d.state() != ClockVouched {
		t.Errorf("with a battery: %s", d.state())
	}
	if day, ok := d.finished(now); !ok || day != 20009 {
		t.Errorf("finished %d, %v", day, ok)
	}
}

func TestTheDayNeverFalls(t *testing.T) {
	d := newDays[int](clock.Mark{Day: 20000})
	if got := d.today(at(3)); got != 20000 {
		t.Errorf("with a clock in 1970: day %d", got)
	}
	if changed := d.raise(at(20005), time.Minute, true); !changed || d.mark.Day != 20005 {
		t.Errorf("vouched: %+v", d.mark)
	}
	if d.raise(at(19000), time.Minute, true); d.today(at(19000)) != 20005 {
		t.Errorf("a vouched clock that falls: day %d", d.today(at(19000)))
	}
	// Midnight is no clock that was set.
	d.raise(at(20005), time.Minute, false)
	d.heard(1, 20005, at(20005))
	d.heard(2, 20005, at(20005))
	if d.raise(at(20006), 24*time.Hour, false); d.state() != ClockAgreed {
		t.Errorf("after a day: %s", d.state())
	}
}

func TestWhoDiffersIsBounded(t *testing.T) {
	d := newDays[int](clock.Mark{Day: 20000})
	for who := range 1000 {
		d.heard(who, 5, at(20000))
		d.heard(who+1000, 20000, at(20000))
	}
	if len(d.differ) > differMax || len(d.agree) > membersNeeded {
		t.Errorf("%d and %d are kept", len(d.differ), len(d.agree))
	}
}
