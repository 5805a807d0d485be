package jetstream

import (
	"context"
	"errors"
	"fmt"

	"sottovoce/relay/mailbox"
)

// elsewhere looks at what the stream is said to end with, where nothing of the log stands behind what is known here: it may be on its way still, it may
// be something foreign, or the log has lost its end and is read anew. It gives no cursor again that it knows of.
func (l *log) elsewhere(ctx context.Context, nonce [16]byte, said uint64) (moved, ours bool, err error) {
	last, err := l.journal.last(ctx, l.journal.stream)
	if err != nil || last < said { // what is said is planned only
		return false, false, err
	}
	if moved, ours, err = l.catchUp(ctx, nonce, true); err != nil || moved {
		return moved, ours, err
	}
	if last < l.index.seq {
		err := l.reread(ctx, nil)
		return err == nil, false, err
	}
	moved = last != l.place().after
	l.foreign = last
	return moved, false, nil
}

// place is where the next commit is to stand, by what is known here.
func (l *log) place() place { return place{max(l.index.seq, l.foreign), l.index.seq} }

// load reads the log from its beginning, once.
func (l *log) load(ctx context.Context) error {
	if l.loaded {
		return nil
	}
	switch _, err := l.journal.last(ctx, l.journal.stream); {
	case errors.Is(err, errNoStream):
		l.loaded = true
		return nil
	case err != nil:
		return err
	}
	l.journal.exists = true
	err := l.reread(ctx, nil)
	l.loaded = err == nil
	return err
}

// reread puts the log as the servers have it into the place of what is known here: at the start, where they have lost its end, and where others have
// written and removed more than was followed here. Cursors that are known here are not given again. seen is told of each commit.
//
// spec: 13-mailbox#what-the-servers-lose
func (l *log) reread(ctx context.Context, seen func(*commit)) error {
	known, fresh, first := l.index.seq, newIndex(), uint64(0)
	fresh.nextUp = l.index.nextUp
	take := func(m message) error {
		c, err := parseCommit(m.data)
		if err == nil {
			err = fresh.apply(c, m.seq, l.store.Finished())
		}
		if err != nil {
			return l.wrong(m, err)
		}
		if seen != nil {
			seen(c)
		}
		if first == 0 {
			first = m.seq
		}
		return nil
	}
	for n := 1; n > 0; {
		var err error
		if n, err = l.journal.ahead(ctx, fresh.seq+1, take); err != nil {
			break // no server hands out many at once, as where the stream is new, or not all that it should: the one that leads is asked for each
		}
	}
	for {
		m, err := l.journal.next(ctx, fresh.seq+1)
		if errors.Is(err, errNone) || errors.Is(err, errNoStream) {
			break
		}
		if err == nil {
			err = take(m)
		}
		if err != nil {
			return err
		}
	}
	if fresh.seq < known {
		if err := l.settle(ctx, fresh); err != nil {
			return err
		}
	}
	if err := l.store.look(ctx); err != nil { // a fence may be among what was read
		return err
	}
	if known != 0 && first <= known {
		l.store.log.Error("the servers have lost what they had confirmed: the log of a community is another one than it was; members see that",
			"community", fmt.Sprintf("%x", l.community[:4]), "messages", fresh.seq)
	}
	l.replace(fresh)
	return nil
}

// settle has a majority of the servers take a message behind the end of a log that was longer: one that does not lead any more, and does not know it
// yet, cannot make us show less than was signed for.
func (l *log) settle(ctx context.Context, fresh *index) error {
	last, err := l.journal.last(ctx, l.journal.stream)
	if err != nil && !errors.Is(err, errNoStream) {
		return err
	}
	p := newPlan(fresh, l.store.Finished(), -1, newNonce())
	p.fence = true
	seq, err := l.journal.append(ctx, place{last, fresh.seq}, nil, p.commit.append(nil))
	if errors.Is(err, mailbox.ErrFull) {
		return nil // the one that leads has room for nothing, and says so
	}
	if err != nil {
		return err
	}
	return fresh.apply(p.commit, seq, l.store.Finished())
}

// replace shows another index of the log.
func (l *log) replace(fresh *index) {
	l.mu.Lock()
	defer l.mu.Unlock()
	fresh.forget(l.store.Finished()) // which may have risen meanwhile
	fresh.withdrawn += l.index.withdrawn + 1
	if l.index.head != fresh.head {
		close(l.moved)
		l.moved = make(chan struct{})
	}
	l.index = fresh
	l.store.cache.clear()
}

// wrong says which message of the log is not as it must be.
func (l *log) wrong(m message, err error) error {
	return fmt.Errorf("the log of community %x, message %d: %w", l.community[:4], m.seq, err)
}

// take applies a message of the log. Behind a fence nothing is planned by who does not know which days are over.
func (l *log) take(ctx context.Context, m message, seen func(*commit)) error {
	c, err := parseCommit(m.data)
	if err == nil && c.isFence() {
		if err := l.store.look(ctx); err != nil {
			return err
		}
	}
	if err == nil {
		err = l.apply(c, m.seq)
	}
	if err != nil {
		return l.wrong(m, err)
	}
	l.journal.exists = true
	l.turns.taken()
	seen(c)
	return nil
}

// refresh has all that other processes have written up to now.
func (l *log) refresh(ctx context.Context) error {
	if err := l.load(ctx); err != nil {
		return err
	}
	if _, err := l.sure(ctx); err != nil {
		return err
	}
	_, _, err := l.catchUp(ctx, [16]byte{}, true)
	return err
}

// poll looks at the log where nobody has asked. A process that only reads would else show for ever, and sign for, what the servers have lost.
func (l *log) poll(ctx context.Context) {
	last, err := l.journal.last(ctx, l.journal.stream)
	if errors.Is(err, errNoStream) || err == nil && last < l.index.seq {
		l.doubted = true // a server that has no leader answers as well, by what it has
	}
	_ = l.refresh(ctx)
}

// sure finds out, where the servers were out of sight, whether they still have the last message of the log that is known here, and reads all anew if
// not. Nothing is written before: behind another message of the same place it would be no part of the log, and stop it for ever.
func (l *log) sure(ctx context.Context) (moved bool, err error) {
	found := l.journal.conn.Stats().Reconnects
	if !l.doubted && l.found == found {
		return false, nil
	}
	if last := l.index.seq; last > 0 {
		b, err := l.journal.get(ctx, last)
		if err != nil && !errors.Is(err, errNone) && !errors.Is(err, errNoStream) {
			return false, err
		}
		if c, err := parseCommit(b); err != nil || c.nonce != l.index.nonce {
			if err := l.reread(ctx, nil); err != nil {
				return false, err
			}
			moved = true
		}
	}
	l.doubted, l.found = false, found
	return moved, nil
}

// catchUp reads what stands behind what is known here, up to the end by the word of the server that leads; with wanted false it does
// nothing. ours says that the commit with the nonce was among it. Where what comes does not follow from what is known here, all is read anew.
func (l *log) catchUp(ctx context.Context, nonce [16]byte, wanted bool) (moved, ours bool, err error) {
	moved, ours, err = l.follow(ctx, nonce, wanted)
	if !errors.Is(err, errBranch) {
		return moved, ours, err
	}
	m, next := l.journal.next(ctx, l.index.seq+1)
	if next != nil || m.seq == l.broken {
		return moved, ours, err
	}
	if err := l.reread(ctx, func(c *commit) { ours = ours || c.nonce == nonce }); err != nil {
		if !errors.Is(err, errSilent) {
			l.broken = m.seq // all is not read each time because of what can never follow
		}
		return moved, ours, err
	}
	return true, ours, nil
}

// follow reads what stands behind what is known here.
func (l *log) follow(ctx context.Context, nonce [16]byte, wanted bool) (moved, ours bool, err error) {
	see := func(c *commit) { moved, ours = true, ours || c.nonce == nonce }
	for n := 0; wanted; n++ {
		m, err := l.journal.next(ctx, l.index.seq+1)
		gone := errors.Is(err, errNoStream)
		if errors.Is(err, errNone) || gone && l.index.seq == 0 {
			return moved, ours, nil
		}
		l.doubted = l.doubted || gone
		if err == nil {
			err = l.take(ctx, m, see)
		}
		if err == nil && n%4 == 3 { // there is much; what goes wrong with it is seen at the next
			_, _ = l.journal.ahead(ctx, l.index.seq+1, func(m message) error { return l.take(ctx, m, see) })
		}
		if err != nil {
			return moved, ours, err
		}
	}
	return moved, ours, nil
}
