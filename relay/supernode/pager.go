package supernode

import (
	"context"
	"slices"
	"sync"

	"sottovoce/mesh/wire"
	"sottovoce/relay/mailbox"
)

// leaf is a page of a log as it goes out to everybody who asks from the same cursor: read and
// encoded once, whoever it is for. It is not changed once it is made.
type leaf struct {
	frame wire.Page // but for End and Finished, which depend on when it is sent
	blobs []byte    // as they follow on the stream
}

// size is how many bytes it takes, here and on its way: a page whose blobs were all deleted is not small.
func (l *leaf) size() int { return len(l.frame.Cursors) + len(l.frame.Absent) + len(l.blobs) }

// pager keeps the pages that were asked for last, so that a thousand followers cost one read. It
// does not know who asks.
//
// spec: 08-custody#range
type pager struct {
	store mailbox.Store
	log   mailbox.Community
	size  int // bytes of blobs in a page, about
	keep  int // bytes of pages kept
	// withdrawn changes whenever another process may have deleted something; nil: there is none.
	withdrawn func() uint64

	mu    sync.Mutex // guards the following
	kept  []*reading // the latest last
	bytes int
	seen  uint64 // withdrawn then
}

// reading is a page that was read or is being read.
type reading struct {
	from    uint64
	counted bool          // among the bytes that are kept; the pager's lock guards it
	done    chan struct{} // closed when leaf and err are set
	leaf    *leaf
	err     error
}

func newPager(store mailbox.Store, log mailbox.Community, withdrawn func() uint64) *pager {
	return &pager{store: store, log: log, size: pageSize, keep: pagesKept, withdrawn: withdrawn}
}

// page returns the page behind a cursor. Who asks for the same page at the same time waits for one
// reading.
func (p *pager) page(ctx context.Context, from uint64) (*leaf, error) {
	for {
		r, ours := p.find(from)
		if ours {
			r.leaf, r.err = p.read(ctx, from)
			p.settle(r)
			close(r.done)
			return r.leaf, r.err
		}
		select {
		case <-r.done:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
		if r.err == nil {
			return r.leaf, nil
		}
		// Theirs was given up, or failed; one of those who waited for it reads next.
	}
}

// find returns the reading of a page, and whether the caller has to do it.
func (p *pager) find(from uint64) (r *reading, ours bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.withdrawn != nil {
		if now := p.withdrawn(); now != p.seen {
			p.kept, p.bytes, p.seen = nil, 0, now
		}
	}
	for _, r := range p.kept {
		if r.from == from {
			return r, false
		}
	}
	r = &reading{from: from, done: make(chan struct{})}
	p.kept = append(p.kept, r)
	return r, true
}

// read reads and encodes a page.
func (p *pager) read(ctx context.Context, from uint64) (*leaf, error) {
	page, err := p.store.Since(ctx, p.log, from, p.size)
	if err != nil {
		return nil, err
	}
	l := &leaf{frame: wire.Page{From: page.From, Base: page.Base, Until: page.Until, Chain: page.Chain}}
	size := 0
	for _, b := range page.Blobs {
		size += len(b.Blob) + sizeOfLength
	}
	l.blobs = make([]byte, 0, size)
	for _, b := range page.Blobs {
		l.frame.Cursors = l.frame.Cursors.Add(b.Cursor)
		l.blobs = wire.AppendBlob(l.blobs, b.Blob)
	}
	for _, a := range page.Absent {
		l.frame.Absent = l.frame.Absent.Add(a.Cursor, a.ID)
	}
	return l, nil
}

// sizeOfLength is what the length of a blob takes on a stream, at most.
const sizeOfLength = 3

// settle keeps a page that was read, and drops the oldest for it. What holds nothing yet is not kept:
// it would hide what comes.
func (p *pager) settle(r *reading) {
	p.mu.Lock()
	defer p.mu.Unlock()
	at := slices.Index(p.kept, r)
	switch {
	case at < 0: // all was forgotten meanwhile
	case r.err != nil || r.leaf.frame.Until <= r.from:
		p.kept = slices.Delete(p.kept, at, at+1)
	default:
		r.counted = true
		p.bytes += r.leaf.size()
	}
	for i := 0; (p.bytes > p.keep || len(p.kept) > pagesMax) && i < len(p.kept); {
		if !p.kept[i].counted {
			i++ // it is being read
			continue
		}
		p.bytes -= p.kept[i].leaf.size()
		p.kept = slices.Delete(p.kept, i, i+1)
	}
}

// forget drops all pages that were read: something in them was deleted or has expired.
func (p *pager) forget() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.kept, p.bytes = nil, 0
}
