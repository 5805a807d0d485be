package clock

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"sottovoce/mesh/wire"
)

func on(day int64) time.Time { return time.Unix(day*86400+3600, 0) }

func TestRaise(t *testing.T) {
	const founded = 20_000
	m := At(on(founded))
	for _, step := range []struct {
		name    string
		clock   int64
		up      time.Duration
		vouched bool
		want    uint16
	}{
		{"the day of founding", founded, 0, false, founded},
		{"a clock that jumps years ahead", founded + 3000, time.Hour, false, founded},
		{"after a day up", founded + 3000, 23 * time.Hour, false, founded + 1},
		{"after three more", founded + 3000, 72 * time.Hour, false, founded + 4},
		{"a clock in 1970", 0, 480 * time.Hour, false, founded + 4},
		{"which is no credit for later", founded + 3000, 0, false, founded + 5},
		{"somebody vouches", founded + 100, 0, true, founded + 100},
		{"nobody vouches for the past", founded, 0, true, founded + 100},
		{"a clock that goes on by days", founded + 101, 24 * time.Hour, false, founded + 101},
	} {
		if m = m.Raise(on(step.clock), step.up, step.vouched); m.Day != step.want {
			t.Fatalf("%s: the mark is at %d, want %d", step.name, m.Day, step.want)
		}
	}
}

// Whatever the clock does, the mark never falls, and unvouched it does not rise faster
// than the node is up.
func TestMarkNeverHurries(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := At(on(int64(rapid.Uint16().Draw(t, "founded"))))
		first, up := m.Day, time.Duration(0)
		for range rapid.IntRange(1, 30).Draw(t, "steps") {
			now := on(int64(rapid.Uint16().Draw(t, "clock")))
			more := time.Duration(rapid.Int64Range(0, int64(10*day)).Draw(t, "up"))
			next := m.Raise(now, more, false)
			if up += more; next.Day < m.Day {
				t.Fatalf("the mark falls from %d to %d", m.Day, next.Day)
			}
			m = next
		}
		if risen := time.Duration(m.Day-first) * day; risen > up {
			t.Fatalf("the mark rose %v in %v", risen, up)
		}
	})
}

func TestDateAndPast(t *testing.T) {
	m := Mark{Day: 20_000}
	if got := m.Date(on(0)); wire.DayAt(got) != 20_000 {
		t.Errorf("a clock in 1970 gives day %d", wire.DayAt(got))
	}
	if got := m.Date(on(20_100)); !got.Equal(on(20_100)) {
		t.Errorf("a clock ahead is changed to %v", got)
	}
	if got := wire.DayAt(m.Past()); got != 20_000 {
		t.Errorf("past is day %d", got)
	}
	if got := m.Left(20_000); got != day {
		t.Errorf("of today %v are left", got)
	}
	if got := m.Left(19_990); got > 0 {
		t.Errorf("of a day that is over %v are left", got)
	}
}
