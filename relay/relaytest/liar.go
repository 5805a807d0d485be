// Package relaytest has doubles of supernodes that break their word: real ones, with a store that lies. They sign what they
// say with their true keys, as somebody who has taken a supernode over would.
//
// It leaves serving to relay/supernode, and finding it out to those under test.
package relaytest

import (
	"context"
	"slices"
	"sync"

	"sottovoce/mesh/wire"
	"sottovoce/relay/mailbox"
)

// Shown is one place of a log as a liar shows it.
type Shown struct {
	Cursor uint64
	Blob   []byte
	Absent bool // named, and not brought
}

// View is what a liar makes of its log for those who look: it changes the list that it is given, which is in the order of cursors.
type View func(all []Shown) []Shown

// Liar is a store that shows its log through a View, and may say that it keeps what it drops. Its zero lies are none.
type Liar struct {
	mailbox.Store

	mu        sync.Mutex // guards the following
	view      View
	drops     bool
	dropped   bool              // something, already
	misplaces bool              // it says the cursor of what it kept before
	mute      bool              // it closes no day
	nights    uint16            // how many days have gone by here
	closed    *mailbox.DayClose // if set, what it signs as the close of every day
	early     uint16            // so many days are over here that are not
	stall     chan struct{}     // closed to go on; nil: it does not stall
}

// slowDays is how many days its clock is behind, so that tests can have some go by.
const slowDays = 10

// NewLiar makes an honest one.
func NewLiar(s mailbox.Store) *Liar { return &Liar{Store: s} }

// Show has everybody who asks from now on see the log through a view; nil: as it is.
func (l *Liar) Show(v View) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.view = v
}

// Drop has it say that deposits are kept and keep nothing, or stops that.
func (l *Liar) Drop(drops bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.drops = drops
}

// Dropped reports whether it has dropped anything.
func (l *Liar) Dropped() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.dropped
}

// Misplace has it say of what it keeps that it stands where something else does, or stops that.
func (l *Liar) Misplace(misplaces bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.misplaces = misplaces
}

// Stall has readers and depositors wait until the function is called that it returns.
func (l *Liar) Stall() (goOn func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	stall := make(chan struct{})
	l.stall = stall
	return sync.OnceFunc(func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.stall = nil
		close(stall)
	})
}

// Mute has it sign for no day any more, or stops that.
func (l *Liar) Mute(mute bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.mute = mute
}

// Sign has it sign this as the close of every day, whatever it shows; nil: what it shows.
func (l *Liar) Sign(c *mailbox.DayClose) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = c
}

// Night has a day go by: it signs for where its log stands, as it is shown now, as the end of that.
func (l *Liar) Night() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.nights++
}

// CloseDay closes a day of its own clock. With a view it does so anew whenever it is asked.
func (l *Liar) CloseDay(ctx context.Context, c mailbox.Community, day uint16) (mailbox.DayClose, error) {
	l.mu.Lock()
	view, mute, closed, ours := l.view, l.mute, l.closed, day-slowDays+l.nights
	l.mu.Unlock()
	switch {
	case mute:
		return mailbox.DayClose{}, mailbox.ErrBroken
	case closed != nil:
		return mailbox.DayClose{Day: ours, Head: closed.Head}, nil
	case view == nil:
		return l.Store.CloseDay(ctx, c, ours)
	}
	return mailbox.DayClose{Day: ours, Head: l.Head(c)}, nil
}

// Hurry has it say of so many days that they are over which are not.
func (l *Liar) Hurry(days uint16) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.early = days
}

// Finished is the last day that is over here.
func (l *Liar) Finished() uint16 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.Store.Finished() + l.early
}

func (l *Liar) wait(ctx context.Context) error {
	l.mu.Lock()
	stall := l.stall
	l.mu.Unlock()
	if stall == nil {
		return nil
	}
	select {
	case <-stall:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// Append takes blobs, or says so.
func (l *Liar) Append(ctx context.Context, c mailbox.Community, deposits []mailbox.Deposit) ([]mailbox.Result, error) {
	if err := l.wait(ctx); err != nil {
		return nil, err
	}
	l.mu.Lock()
	drops, misplaces := l.drops, l.misplaces
	l.dropped = l.dropped || drops
	l.mu.Unlock()
	if !drops {
		results, err := l.Store.Append(ctx, c, deposits)
		for i := range results {
			if misplaces && results[i].Cursor > 1 {
				results[i].Cursor--
			}
		}
		return results, err
	}
	results := make([]mailbox.Result, len(deposits))
	for i := range results {
		results[i] = mailbox.Result{Cursor: l.Store.Head(c).Cursor + 1 + uint64(i), New: true}
	}
	return results, nil
}

// Since returns one page of what is shown. It asks for all of the log each time: these logs are short.
func (l *Liar) Since(ctx context.Context, c mailbox.Community, cursor uint64, limit int) (mailbox.Page, error) {
	if err := l.wait(ctx); err != nil {
		return mailbox.Page{}, err
	}
	l.mu.Lock()
	view := l.view
	l.mu.Unlock()
	if view == nil {
		return l.Store.Since(ctx, c, cursor, limit)
	}
	page := mailbox.Page{From: cursor, End: true}
	shown, err := l.shown(ctx, c, view)
	if err != nil {
		return mailbox.Page{}, err
	}
	var chain mailbox.Chain
	for _, s := range shown {
		if s.Cursor > cursor && page.Until == 0 {
			page.Base = chain
		}
		chain = mailbox.Chain(wire.HashOf("sv1 chain", chain[:], id(s)))
		if s.Cursor <= cursor {
			continue
		}
		page.Until = s.Cursor
		if s.Absent {
			page.Absent = append(page.Absent, mailbox.Absence{Cursor: s.Cursor, ID: wire.IDOf(s.Blob)})
		} else {
			page.Blobs = append(page.Blobs, mailbox.Record{Cursor: s.Cursor, Blob: s.Blob})
		}
	}
	if page.Until == 0 {
		page.Base, page.Until = chain, min(cursor, l.Head(c).Cursor)
		page.From = page.Until
	}
	page.Chain = chain
	return page, nil
}

func id(s Shown) []byte { one := wire.IDOf(s.Blob); return one[:] }

// Head is where the log ends that is shown.
func (l *Liar) Head(c mailbox.Community) mailbox.Head {
	l.mu.Lock()
	view := l.view
	l.mu.Unlock()
	if view == nil {
		return l.Store.Head(c)
	}
	var head mailbox.Head
	shown, _ := l.shown(context.Background(), c, view) // what cannot be read is not there
	for _, s := range shown {
		head = mailbox.Head{Cursor: s.Cursor, Chain: mailbox.Chain(wire.HashOf("sv1 chain", head.Chain[:], id(s)))}
	}
	return head
}

// Moved never tells of more than is shown.
func (l *Liar) Moved(c mailbox.Community, cursor uint64) <-chan struct{} {
	head := l.Store.Head(c).Cursor // before what is shown is looked at: what comes in between is told
	if l.Head(c).Cursor > cursor {
		now := make(chan struct{})
		close(now)
		return now
	}
	return l.Store.Moved(c, max(cursor, head))
}

func (l *Liar) shown(ctx context.Context, c mailbox.Community, view View) (all []Shown, err error) {
	for cursor := uint64(0); ; {
		page, err := l.Store.Since(ctx, c, cursor, wire.BatchSizeMax)
		if err != nil {
			return nil, err
		}
		for _, b := range page.Blobs {
			all = append(all, Shown{Cursor: b.Cursor, Blob: b.Blob})
		}
		if cursor = page.Until; page.End {
			return view(all), nil
		}
	}
}

// Without leaves the n-th blob out, as if it had never come.
func Without(n int) View {
	return func(all []Shown) []Shown { return slices.Delete(all, n, n+1) }
}

// Hiding names the n-th blob and does not bring it.
func Hiding(n int) View {
	return func(all []Shown) []Shown { all[n].Absent = true; return all }
}

// Until ends after n blobs: the log of an older disk.
func Until(n int) View {
	return func(all []Shown) []Shown { return all[:min(n, len(all))] }
}

// Mixed changes the places of the first blobs two by two.
func Mixed() View {
	return func(all []Shown) []Shown {
		for i := 0; i+1 < len(all); i += 2 {
			all[i].Blob, all[i+1].Blob = all[i+1].Blob, all[i].Blob
		}
		return all
	}
}

// Replaced has another blob at the place of the n-th: the log of an older disk that has grown since.
func Replaced(n int, blob []byte) View {
	return func(all []Shown) []Shown { all[n].Blob = blob; return all }
}

// Junk has one bit of every blob wrong, in what is sealed.
func Junk() View {
	return func(all []Shown) []Shown {
		for i := range all {
			all[i].Blob = slices.Clone(all[i].Blob)
			all[i].Blob[len(all[i].Blob)-1] ^= 1
		}
		return all
	}
}

// Again brings everything a second time behind its end.
func Again() View {
	return func(all []Shown) []Shown {
		n := len(all)
		for _, s := range all[:n:n] {
			all = append(all, Shown{Cursor: all[n-1].Cursor + s.Cursor, Blob: s.Blob})
		}
		return all
	}
}
