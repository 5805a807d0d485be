package sim

import (
	"testing"
	"testing/synctest"
	"time"
	"unsafe"
)

// instant is how package time keeps a time with a monotonic reading.
type instant struct {
	wall uint64 // 1 bit: there is one; 33 bits: seconds since 1885; 30 bits: nanoseconds
	ext  int64  // the monotonic reading
	loc  *time.Location
}

var since1885 = time.Date(1885, time.January, 1, 0, 0, 0, 0, time.UTC).Unix()

// clockAt is now on a clock that shows something else: what goes by the monotonic reading
// does not notice that the clock was set. Virtual time has no such reading of its own.
func clockAt(shown, now time.Time) (t time.Time) {
	*(*instant)(unsafe.Pointer(&t)) = instant{
		wall: 1<<63 | uint64(shown.Unix()-since1885)<<30 | uint64(shown.Nanosecond()),
		ext:  now.UnixNano(), loc: time.UTC,
	}
	return t
}

func TestSteppedClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		before := clockAt(time.Now(), time.Now())
		time.Sleep(time.Minute)
		for _, to := range []time.Time{time.Date(1970, 1, 1, 0, 0, 7, 9, time.UTC), time.Date(2099, 12, 31, 0, 0, 0, 0, time.UTC)} {
			set := clockAt(to, time.Now())
			if !set.Round(0).Equal(to) || set.Sub(before) != time.Minute {
				t.Errorf("%v, %v later", set, set.Sub(before))
			}
		}
	})
}
