package replica

import (
	"strings"
	"testing"

	"sottovoce/mesh/peer"
	"sottovoce/mesh/wire"
)

// TestDaysThatHaveNotCome: who says that days are over which are not is brought what it takes of them all the same, and
// told of where it refuses; it is not called level. Without a clock of ours nobody is complained of.
func TestDaysThatHaveNotCome(t *testing.T) {
	for _, c := range []struct {
		name                  string
		today                 uint16 // ours
		says                  uint16
		refuses               bool
		brought, level, ahead bool
	}{
		{"yesterday is over", testDay, testDay - 1, false, true, true, false},
		{"midnight was there first", testDay, testDay, true, false, true, false},
		{"all days are over, it says, and takes them", testDay, 1<<16 - 1, false, true, true, true},
		{"all days are over", testDay, 1<<16 - 1, true, false, false, true},
		{"we have no clock", 0, 1<<16 - 1, true, false, false, false},
		{"we have no clock, and it takes all", 0, testDay - 1, false, true, true, false},
	} {
		ours, theirs := newMemoryStock(), newMemoryStock()
		ours.today = c.today
		keep(t, ours, testDay, 1)
		if c.refuses {
			theirs.expire(c.says)
		}
		conn := newPipeConn(served(theirs))
		var told event
		by := callerOf(ours, conn, func(e event) { told.level, told.ahead = told.level || e.level, told.ahead || e.ahead })
		err := by.level(t.Context(), by.plan(wire.Stock{Finished: c.says}))
		conn.Close()
		if err != nil || theirs.has(1, testDay) != c.brought || told.level != c.level || told.ahead != c.ahead {
			t.Errorf("%s: brought %v, %+v, %v", c.name, theirs.has(1, testDay), told, err)
		}
	}
	r := New(Config{})
	r.Allies([]peer.ID{{1}})
	r.note(peer.ID{1}, event{ahead: true})
	if got := r.Status(); len(got) != 1 || !strings.Contains(got[0].Complain, "not come yet") || !got[0].Level.IsZero() {
		t.Errorf("the operator is told %+v", got)
	}
}
