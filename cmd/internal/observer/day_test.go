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
	cryptotest.SetGlobalRandom(t, 1)
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(begin))
		homes, secrets := Homes(t, dir, names)
		w := newTown(t, homes)
		w.live(6, 3*time.Hour, time.Hour)
		w.log.check(t, w.packets, secrets)
	})
}
