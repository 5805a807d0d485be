package mesh

import (
	"context"
	"slices"
	"sync"
)

// feed is the live end of the events: a ring of the most recent ones for readers that
// keep up. Readers that do not, and those that begin in the past, read the store.
type feed struct {
	mu      sync.Mutex    // guards the fields below
	ring    []Event       // the last eventsKept at least, oldest first, as far as eventsBytes allows
	bytes   int           // of the messages in it, about
	next    uint64        // number of the event to be published next in this run
	last    int64         // cursor of the last durable event published
	changed chan struct{} // closed at the next publication
}

// start begins after the last durable event of earlier runs.
func (f *feed) start(last int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.last = last
	f.changed = make(chan struct{})
}

// publish gives an event to all readers. One without a cursor is not durable and
// takes the last one's.
func (f *feed) publish(e Event) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !e.stored {
		e.Cursor = f.last
	} else {
		f.last = e.Cursor
	}
	for len(f.ring) == 2*eventsKept || len(f.ring) > 1 && f.bytes > eventsBytes { // half at a time, so that publishing moves little
		half := len(f.ring) / 2
		for _, old := range f.ring[:half] {
			f.bytes -= old.size()
		}
		f.ring = slices.Delete(f.ring, 0, half)
	}
	f.bytes += e.size()
	f.ring = append(f.ring, e)
	f.next++
	close(f.changed)
	f.changed = make(chan struct{})
}

// size is about how many bytes an event holds beside itself.
func (e *Event) size() int {
	if e.Message == nil {
		return 0
	}
	return len(e.Message.Text)
}

// now returns where live reading begins and the last durable cursor before it.
func (f *feed) now() (position uint64, last int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.next, f.last
}

// from waits for events at position and returns them with the next position.
// missed means that the ring has moved on past the position.
func (f *feed) from(ctx context.Context, position uint64) (events []Event, next uint64, missed bool, err error) {
	for {
		f.mu.Lock()
		oldest := f.next - uint64(len(f.ring))
		if position < oldest {
			f.mu.Unlock()
			return nil, 0, true, nil
		}
		if position < f.next {
			events = append(events, f.ring[position-oldest:]...)
			next = f.next
			f.mu.Unlock()
			return events, next, false, nil
		}
		changed := f.changed
		f.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, 0, false, context.Cause(ctx)
		}
	}
}
