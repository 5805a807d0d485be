package mesh

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"sottovoce/mesh/store"
)

// command is one thing for the loop to do. done is nil when nobody waits for it. One
// that is patient may wait for others to share its commit.
type command struct {
	run     func(*turn) error
	done    chan error
	patient bool
}

// turn is what one pass of the loop works with: everything done in it commits
// together, and what is to be seen outside happens after the commit or not at all.
type turn struct {
	n     *Node
	tx    *store.Tx
	now   time.Time
	date  time.Time // to seal and to open by; see clock.Mark
	first []func()
	after []func()

	dirty     map[*device]struct{} // sessions to be saved, outboxes to be fed
	talks     map[*talk]struct{}   // conversation heads to be saved
	moved     map[int64]struct{}   // ops of ours with a delivery that moved
	altered   map[int64]struct{}   // texts that look otherwise now
	fresh     map[int64][]byte     // blobs sealed in this turn
	viewStale bool                 // people changed
	keysStale bool                 // links are proven with other keys now
}

func (n *Node) newTurn() *turn {
	now := n.now()
	return &turn{
		n: n, now: now, date: n.mark.Date(now), dirty: make(map[*device]struct{}), talks: make(map[*talk]struct{}),
		moved: make(map[int64]struct{}), altered: make(map[int64]struct{}), fresh: make(map[int64][]byte),
	}
}

// refusal is an error for the asker alone: the turn goes on, and what was done before
// it stays. Any other error undoes the whole turn.
type refusal struct{ err error }

func (r refusal) Error() string { return r.err.Error() }
func (r refusal) Unwrap() error { return r.err }

func refuse(err error) error { return refusal{err} }

// then runs f once this turn is durable, in the order of the calls.
func (t *turn) then(f func()) { t.after = append(t.after, f) }

// ship runs f once this turn is durable, before all that then runs: blobs have the longest way.
func (t *turn) ship(f func()) { t.first = append(t.first, f) }

// touch marks a device whose outbox or session moved, to be flushed and saved
// before the commit.
func (t *turn) touch(d *device) { t.dirty[d] = struct{}{} }

// touchTalk marks a conversation whose head moved.
func (t *turn) touchTalk(c *talk) { t.talks[c] = struct{}{} }

// do runs a command in the loop and waits until it is durable.
func (n *Node) do(ctx context.Context, run func(*turn) error) error {
	return n.await(ctx, command{run: run, done: make(chan error, 1)})
}

// await hands the loop a command and waits until it is durable.
func (n *Node) await(ctx context.Context, c command) error {
	select {
	case n.inbox <- c:
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-n.stopped:
		return ErrClosed
	}
	select { // the loop answers soon, and may be writing to what run captured
	case err := <-c.done:
		return asked(err)
	case <-n.stopped:
	}
	select { // its last turn may have answered
	case err := <-c.done:
		return asked(err)
	default:
		return ErrClosed
	}
}

// asked is what the asker of a command hears of it.
func asked(err error) error {
	var r refusal
	if errors.As(err, &r) {
		return r.err
	}
	return err
}

// post hands the loop something that nobody waits for. What is large or comes from a
// far end goes through do instead: that slows a flood down.
func (n *Node) post(run func(*turn) error) { n.enqueue(command{run: run}) }

func (n *Node) enqueue(c command) {
	select {
	case n.inbox <- c:
	case <-n.stopped:
	}
}

// loop owns all of the node's state until ctx ends.
func (n *Node) loop(ctx context.Context) {
	defer close(n.stopped)
	timer := time.NewTimer(0)
	defer timer.Stop()
	batch := make([]command, 0, turnCommandsMax)
	for {
		batch = batch[:0]
		select {
		case <-ctx.Done():
			return
		case c := <-n.inbox:
			batch = n.drain(append(batch, c))
		case <-timer.C:
			batch = append(batch, command{run: (*turn).tick})
		}
		if ctx.Err() != nil {
			return // what is in memory may not be whole
		}
		n.take(batch)
		timer.Reset(n.wake.Sub(n.now()))
	}
}

// drain adds what already waits, so that one commit serves many. Soon after a turn with
// messages, what is patient waits a little for the next: whoever sends again as soon as we
// have answered then waits for one commit a message and not for two, and the far end of a
// burst makes one commit of several.
func (n *Node) drain(batch []command) []command {
	impatient := func(c command) bool { return !c.patient }
	var pause <-chan time.Time
	for len(batch) < turnCommandsMax {
		select {
		case c := <-n.inbox:
			batch = append(batch, c)
			continue
		default:
		}
		if left := time.Until(n.busy.Add(burstPause)); pause == nil && left > 0 {
			pause = time.After(left)
		}
		if pause == nil || slices.ContainsFunc(batch, impatient) {
			return batch
		}
		select {
		case c := <-n.inbox:
			batch = append(batch, c)
		case <-pause:
			return batch
		case <-n.ctx.Done():
			return batch
		}
	}
	return batch
}

// take runs a batch as one turn. When that fails each command gets a turn of its own,
// so that one that cannot be done takes no other along. What commands change of this
// run only (routes, links, who is nearby) is not undone, and holds up to that.
func (n *Node) take(batch []command) {
	results, err := n.try(batch)
	if err != nil && len(batch) > 1 {
		for i := range batch {
			if n.ctx.Err() == nil {
				n.take(batch[i : i+1])
			}
		}
		return
	}
	for i, c := range batch {
		if c.done != nil {
			c.done <- results[i]
		}
	}
}

// try runs a batch as one turn: all of it is durable, and then seen outside, or none.
func (n *Node) try(batch []command) ([]error, error) {
	results := make([]error, len(batch))
	t := n.newTurn()
	n.checkClock(t.now)
	err := n.store.Update(func(tx *store.Tx) error {
		t.tx = tx
		for i, c := range batch {
			results[i] = c.run(t)
			var r refusal
			if results[i] != nil && !errors.As(results[i], &r) {
				return results[i]
			}
		}
		return t.settle()
	})
	if err != nil {
		n.undo(err)
		for i := range results {
			results[i] = err
		}
		return results, err
	}
	if n.pause > 0 { // what was due and could not be done is due now
		n.pause = 0
		n.wakeBy(t.now)
	}
	if t.viewStale {
		n.refreshView()
	}
	if len(t.talks) > 0 {
		n.said.ring()
	}
	if t.keysStale {
		n.refreshKeyring()
		n.custody.due = true
		n.wakeBy(t.now)
	}
	for _, f := range append(t.first, t.after...) {
		f()
	}
	return results, nil
}

// undo brings memory back to what the store holds after a turn that failed. What is
// due is tried again after a pause, longer each time: the disk may be full for days.
func (n *Node) undo(cause error) {
	n.unsaved.Do(func() {
		n.log.Error("could not save; nothing of it was done", "error", cause)
		n.publish(Event{Kind: EventNotice, Time: n.now(), Notice: "could not save: " + cause.Error()})
	})
	n.troubles[troubleDisk] = "could not save: " + cause.Error()
	if err := n.load(); err != nil {
		n.stop(fmt.Errorf("reading our own state again: %w", err))
		return
	}
	for _, s := range n.nearby {
		if s.device != nil {
			s.device = n.devices[s.device.row]
		}
	}
	n.pause = min(max(2*n.pause, retryPauseMin), retryPauseMax)
	n.wake = n.now().Add(n.pause)
}
