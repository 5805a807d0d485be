package jetstream

import (
	"context"
	"slices"

	"sottovoce/mesh/wire"
	"sottovoce/relay/mailbox"
)

// Since is Store's.
func (s *Store) Since(ctx context.Context, c mailbox.Community, cursor uint64, limit int) (mailbox.Page, error) {
	l, err := s.open(ctx, c)
	if err != nil {
		return mailbox.Page{}, err
	}
	for {
		l.mu.RLock()
		page, shown := l.index.page(cursor, limit)
		l.mu.RUnlock()
		blobs, whole, err := l.fetch(ctx, shown)
		if err != nil {
			return mailbox.Page{}, err
		}
		if whole {
			page.Blobs = blobs
			return page, nil
		}
	}
}

// page is what stands behind a cursor, but for the blobs: shown are those that it brings.
func (x *index) page(cursor uint64, limit int) (page mailbox.Page, shown []entry) {
	if cursor >= x.head.Cursor {
		return mailbox.Page{From: cursor, Base: x.head.Chain, Until: cursor, Chain: x.head.Chain, End: true}, nil
	}
	at := x.behind(cursor)
	page = mailbox.Page{From: cursor, Until: cursor}
	known := cursor == 0
	if at > 0 {
		page.Base, known = x.records[at-1].after(), true
	}
	chain, any, size, others := page.Base, false, 0, 0
	for ; at < len(x.records); at++ {
		e := &x.records[at]
		switch {
		case !any && (!known || e.before != chain):
			page.From, page.Base = e.cursor-1, e.before
		case any && e.before != chain, others == pageOthersMax, len(shown) == pageBlobsMax,
			e.isShown() && len(shown) > 0 && size+int(e.size) > limit:
			page.Chain = chain
			return page, shown
		}
		any, chain, page.Until = true, e.after(), e.cursor
		switch {
		case e.isShown():
			shown = append(shown, *e)
			size += int(e.size)
			continue
		case e.kind == kindBlob:
			page.Absent = append(page.Absent, mailbox.Absence{Cursor: e.cursor, ID: e.id})
		default:
			page.Deleted = append(page.Deleted, mailbox.Removed{
				Cursor: e.cursor, Tombstone: mailbox.Tombstone{D: e.tag, Day: e.day}, Blob: mailbox.Absence{Cursor: e.of, ID: e.id},
			})
		}
		others++
	}
	if !any && (!known || page.Base != x.head.Chain) { // nothing is left of what was there
		page.From, page.Base, chain = x.head.Cursor, x.head.Chain, x.head.Chain
	}
	if chain == x.head.Chain {
		page.Until, page.End = x.head.Cursor, true
	}
	page.Chain = chain
	return page, shown
}

// fetch brings the blobs of entries. What the servers do not have is lost, or has expired meanwhile: then whole is false, and the index says so.
func (l *log) fetch(ctx context.Context, of []entry) (blobs []mailbox.Record, whole bool, err error) {
	bodies, missing := map[uint64][]byte{}, []uint64(nil)
	for _, e := range of {
		if _, found := bodies[e.message]; found {
			continue
		}
		bodies[e.message] = l.store.cache.get(cached{l.community, e.message})
		if bodies[e.message] == nil {
			missing = append(missing, e.message)
		}
	}
	fetched, err := l.journal.fetch(ctx, missing)
	if err != nil {
		return nil, false, err
	}
	for seq, b := range fetched {
		if bodies[seq] = b; b != nil {
			l.store.cache.put(cached{l.community, seq}, b)
		}
	}
	whole = true
	for _, e := range of {
		b := bodies[e.message]
		if end := int(e.offset) + int(e.size); end <= len(b) {
			if b = b[e.offset:end:end]; wire.IDOf(b) == e.id {
				blobs = append(blobs, mailbox.Record{Cursor: e.cursor, Blob: b})
				continue
			}
		}
		whole = false
		if _, fresh := fetched[e.message]; !fresh { // it may be of a message that stood there before the servers lost it
			l.store.cache.drop(cached{l.community, e.message})
			continue
		}
		if err := l.miss(ctx, e); err != nil {
			return nil, false, err
		}
	}
	return blobs, whole, nil
}

// miss takes note of a blob that the servers do not have.
func (l *log) miss(ctx context.Context, e entry) error {
	if err := l.store.look(ctx); err != nil { // another process may have finished with the day
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if e.day <= l.store.Finished() {
		l.index.forget(l.store.Finished())
		return nil
	}
	l.index.lose(e.cursor)
	return nil
}

// Scan is Store's.
func (s *Store) Scan(ctx context.Context, c mailbox.Community, cursor uint64, limit int) (mailbox.Listing, error) {
	l, err := s.open(ctx, c)
	if err != nil {
		return mailbox.Listing{}, err
	}
	l.mu.RLock()
	defer l.mu.RUnlock()
	listing := mailbox.Listing{Until: cursor}
	for at := l.index.behind(cursor); at < len(l.index.records); at++ {
		e := &l.index.records[at]
		if !e.isShown() {
			continue
		}
		if len(listing.Entries) == max(limit, 1) {
			return listing, nil
		}
		listing.Entries = append(listing.Entries, wire.Entry{Tag: e.tag, Class: e.class, ID: wire.ShortID(e.id[:8]), ExpiryDay: e.day})
		listing.Until = e.cursor
	}
	listing.Until, listing.End = max(cursor, l.index.head.Cursor), true
	return listing, nil
}

// Get is Store's.
func (s *Store) Get(ctx context.Context, c mailbox.Community, ids []wire.ShortID, limit int) ([]mailbox.Record, error) {
	l, err := s.open(ctx, c)
	if err != nil {
		return nil, err
	}
	for {
		records, whole, err := l.fetch(ctx, l.held(ids, limit))
		if err != nil || whole {
			return records, err
		}
	}
}

// held are the blobs whose ids begin so, as many as limit bytes hold, but at least one.
func (l *log) held(ids []wire.ShortID, limit int) (all []entry) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	size := 0
	for _, id := range ids {
		var found []entry
		l.index.find(id, func(e *entry) {
			if e.isHeld() {
				found = append(found, *e)
			}
		})
		for _, e := range slices.Backward(found) {
			if size += int(e.size); size > limit && len(all) > 0 {
				return all
			}
			all = append(all, e)
		}
	}
	return all
}

// IDs is Store's.
func (s *Store) IDs(ctx context.Context, c mailbox.Community, day uint16) (ids []wire.BlobID, err error) {
	l, err := s.open(ctx, c)
	if err != nil {
		return nil, err
	}
	l.mu.RLock()
	defer l.mu.RUnlock()
	for i := range l.index.records {
		if e := &l.index.records[i]; e.day == day && e.isHeld() {
			ids = append(ids, e.id)
		}
	}
	return ids, nil
}

// Tombstones is Store's.
func (s *Store) Tombstones(ctx context.Context, c mailbox.Community, day uint16) (all []mailbox.Tombstone, err error) {
	l, err := s.open(ctx, c)
	if err != nil {
		return nil, err
	}
	l.mu.RLock()
	defer l.mu.RUnlock()
	for i := range l.index.records {
		e := &l.index.records[i]
		if e.kind == kindTombstone && e.day == day && l.index.forbidden[forbids{e.under, day}] == e.cursor {
			all = append(all, mailbox.Tombstone{D: e.tag, Day: day})
		}
	}
	return all, nil
}

// Head is Store's.
func (s *Store) Head(c mailbox.Community) mailbox.Head {
	l := s.of(c)
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.index.head
}

// Chain is Store's.
func (s *Store) Chain(ctx context.Context, c mailbox.Community, cursor uint64) (mailbox.Chain, bool, error) {
	l, err := s.open(ctx, c)
	if err != nil || cursor == 0 {
		return mailbox.Chain{}, err == nil, err
	}
	l.mu.RLock()
	defer l.mu.RUnlock()
	if cursor == l.index.head.Cursor {
		return l.index.head.Chain, true, nil
	}
	if e := l.index.at(cursor); e != nil {
		return e.after(), true, nil
	}
	return mailbox.Chain{}, false, nil
}

// Moved is Store's.
func (s *Store) Moved(c mailbox.Community, cursor uint64) <-chan struct{} {
	l := s.of(c)
	l.mu.RLock()
	defer l.mu.RUnlock()
	if l.index.head.Cursor > cursor {
		return already
	}
	return l.moved
}

// already is closed: there is nothing to wait for.
var already = func() chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}()

// Spent is Store's.
func (s *Store) Spent(c mailbox.Community, t mailbox.Token) bool {
	if t.Day <= s.Finished() {
		return true
	}
	l := s.of(c)
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.index.isSpent(t)
}

// Withdrawn changes whenever something was deleted from a log, or has expired, by whatever process: a page that was read before may show it.
func (s *Store) Withdrawn(c mailbox.Community) uint64 {
	l := s.of(c)
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.index.withdrawn
}

// Stats is Store's. Bytes are those of blobs and of what stands beside them in messages, once, on however many servers they are.
func (s *Store) Stats() mailbox.Stats {
	stats := mailbox.Stats{Limit: s.limit, Logs: map[mailbox.Community][]mailbox.Day{}}
	for _, l := range s.all() {
		l.mu.RLock()
		days, blobs := l.index.stats()
		if len(days) > 0 {
			stats.Logs[l.community] = days
		}
		stats.Blobs += blobs
		stats.Lost += l.index.lost
		stats.Bytes += l.index.bytes
		l.mu.RUnlock()
	}
	return stats
}
