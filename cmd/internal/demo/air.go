package demo

import (
	"bytes"
	"context"
	"net"
	"slices"
	"sync"

	"sottovoce/mesh"
	"sottovoce/mesh/simlan"
	"sottovoce/mesh/wire"
)

// air hears every packet that anybody sends, as whoever shares their networks could.
type air struct {
	mu     sync.Mutex // guards the following
	heard  [][]byte
	octets int64
}

// over is a socket whose packets the air hears.
func (a *air) over(c *simlan.Conn) net.PacketConn { return &overheard{c, a} }

// search looks for any of several texts in everything that was heard, and says how many packets that were, their size, and how many
// hold one.
func (a *air) search(texts ...[]byte) (packets int, octets int64, found int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, p := range a.heard {
		if slices.ContainsFunc(texts, func(text []byte) bool { return bytes.Contains(p, text) }) {
			found++
		}
	}
	return len(a.heard), a.octets, found
}

// overheard is a socket in the air.
type overheard struct {
	*simlan.Conn
	air *air
}

// WriteTo implements net.PacketConn.
func (o *overheard) WriteTo(b []byte, to net.Addr) (int, error) {
	o.air.mu.Lock()
	o.air.heard = append(o.air.heard, bytes.Clone(b))
	o.air.octets += int64(len(b))
	o.air.mu.Unlock()
	return o.Conn.WriteTo(b, to)
}

// fetched is what somebody's program has brought from the supernode.
type fetched struct {
	mu  sync.Mutex // guards ids
	ids map[wire.BlobID]bool
}

// has reports whether a blob was brought.
func (f *fetched) has(id wire.BlobID) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.ids[id]
}

// watched notes what a custodian brings the node.
type watched struct {
	mesh.Custodian
	fetched *fetched
}

// Run implements mesh.Custodian.
func (w watched) Run(ctx context.Context, to mesh.Collector) error {
	return w.Custodian.Run(ctx, watching{to, w.fetched})
}

// watching notes the pages that a node has taken in.
type watching struct {
	mesh.Collector
	fetched *fetched
}

// Collected implements mesh.Collector.
func (w watching) Collected(ctx context.Context, p mesh.Page) error {
	err := w.Collector.Collected(ctx, p)
	if err != nil {
		return err
	}
	w.fetched.mu.Lock()
	defer w.fetched.mu.Unlock()
	if w.fetched.ids == nil {
		w.fetched.ids = make(map[wire.BlobID]bool)
	}
	for _, b := range p.Blobs {
		w.fetched.ids[wire.IDOf(b)] = true
	}
	return nil
}
