package observer

import (
	"testing"
	"testing/cryptotest"
	"testing/synctest"
	"time"
)

// begin is when virtual days begin.
var begin = time.Date(2027, time.January, 1, 0, 0, 0, 0, time.UTC)

// TestDay observes a day of eight people who come to one network six times.
func TestDay(t *testing.T) {
	twice(t, func(t *testing.T, seed uint64) (against disproved) {
		cryptotest.SetGlobalRandom(t, seed)
		dir := t.TempDir()
		synctest.Test(t, func(t *testing.T) {
			time.Sleep(time.Until(begin))
			homes, secrets := Homes(t, dir, names)
			w := newTown(t, homes, seed)
			w.live(6, 3*time.Hour, time.Hour)
			against = w.log.check(t, w.packets, secrets)
		})
		return against
	})
}
