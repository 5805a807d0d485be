package jetstream

import (
	"context"
	"time"
)

// turns has processes that write to one log write by turns: whoever is refused has sent a commit for nothing.
//
// spec: 13-mailbox#commits-on-a-cluster
type turns struct {
	rival bool      // another process has written, or wants to, since this one wrote
	until time.Time // until when the other one may write first
}

// wanted says that another process wants to write.
func (t *turns) wanted() { t.rival = true }

// taken says that another process has written.
func (t *turns) taken() { t.rival, t.until = true, time.Time{} }

// wrote says that this process has written, which took so long: if another one wants to, it has time for reading that and writing as much.
func (t *turns) wrote(now time.Time, took time.Duration) {
	if t.rival {
		t.rival, t.until = false, now.Add(min(2*took, turnMost))
	}
}

// rest is how long this process lets another one write first.
func (t *turns) rest(now time.Time) time.Duration { return max(0, t.until.Sub(now)) }

// wakeOthers has the other processes look at the log. They look by themselves, too.
func (l *log) wakeOthers() { _ = l.journal.conn.Publish(l.journal.wake(), nil) }

// overtaken reads what was first in the place of a commit, once it is there: the stream is said to end with it, but it may be on its way still.
// It waits for it, since a commit that is sent meanwhile is refused again.
func (l *log) overtaken(ctx context.Context, nonce [16]byte, said uint64) (moved, ours bool, err error) {
	for end := time.Now().Add(againTime); ; {
		if moved, ours, err = l.catchUp(ctx, nonce, true); err == nil && !moved {
			moved, ours, err = l.elsewhere(ctx, nonce, said)
		}
		if moved || ours || err != nil || time.Now().After(end) || !pause(ctx, movedPause) {
			return moved, ours, err
		}
	}
}
