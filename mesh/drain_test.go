package mesh

import (
	"testing"
	"testing/synctest"
	"time"
)

// drained lets a loop that is about to take one patient command drain its inbox, into which another command comes after a
// while. It returns how many commands make the turn, and how long that took.
func drained(t *testing.T, sinceBusy, later time.Duration, patient bool) (commands int, took time.Duration) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		n := &Node{inbox: make(chan command, inboxCommands), ctx: t.Context(), busy: time.Now()}
		time.Sleep(sinceBusy)
		start := time.Now()
		go func() {
			time.Sleep(later)
			n.inbox <- command{patient: patient}
		}()
		commands, took = len(n.drain([]command{{patient: true}})), time.Since(start)
		time.Sleep(later)
	})
	return commands, took
}

func TestWhatIsPatientSharesACommit(t *testing.T) {
	for _, c := range []struct {
		name             string
		sinceBusy, later time.Duration
		patient          bool
		commands         int
		took             time.Duration
	}{
		{"the next send comes", 0, burstPause / 2, false, 2, burstPause / 2},
		{"more of the same comes", 0, burstPause / 2, true, 2, burstPause},
		{"nothing comes in time", burstPause / 4, burstPause, false, 1, burstPause * 3 / 4},
		{"no burst", burstPause, burstPause / 2, false, 1, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			commands, took := drained(t, c.sinceBusy, c.later, c.patient)
			if commands != c.commands || took != c.took {
				t.Errorf("%d commands after %v, want %d after %v", commands, took, c.commands, c.took)
			}
		})
	}
}

// A command that somebody waits for, or a full turn, waits for nothing.
func TestWhatIsImpatientGoesAtOnce(t *testing.T) {
	for _, batch := range [][]command{{{patient: true}, {}}, make([]command, turnCommandsMax)} {
		synctest.Test(t, func(t *testing.T) {
			n := &Node{inbox: make(chan command), ctx: t.Context(), busy: time.Now()}
			start := time.Now()
			if got := n.drain(batch); len(got) != len(batch) || time.Since(start) != 0 {
				t.Errorf("%d commands after %v", len(got), time.Since(start))
			}
		})
	}
}
