package replica

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"io"
	"maps"
	"net"
	"slices"
	"sync"
	"time"

	"sottovoce/mesh/peer"
	"sottovoce/mesh/wire"
)

var testCommunity = [32]byte{'c'}

// blobOf makes blob number n, which D of the same number deletes.
func blobOf(n int, day uint16) []byte {
	h := wire.Header{ExpiryDay: day, DelCommit: wire.CommitTo(secretOf(n))}
	binary.BigEndian.PutUint64(h.Tag[:], uint64(n))
	return append(h.Append(nil), make([]byte, 4096-wire.HeaderSize)...)
}

func secretOf(n int) (d [16]byte) {
	sum := sha256.Sum256(binary.BigEndian.AppendUint64(nil, uint64(n)))
	copy(d[:], sum[:])
	return d
}

// memoryStock is a Stock in memory, with the rules that the supernode's has.
type memoryStock struct {
	mu       sync.Mutex
	finished uint16
	today    uint16 // by a clock that is believed
	blobs    map[wire.BlobID][]byte
	tombs    map[[18]byte]bool // D ‖ day
	papers   map[byte]bool
	roomFor  int // blobs
	moved    chan struct{}
	kept     int // ever
}

func newMemoryStock() *memoryStock {
	return &memoryStock{
		blobs: make(map[wire.BlobID][]byte), tombs: make(map[[18]byte]bool), papers: make(map[byte]bool),
		moved: make(chan struct{}), roomFor: 1 << 30,
	}
}

func (s *memoryStock) changedLocked() {
	close(s.moved)
	s.moved = make(chan struct{})
}

func (s *memoryStock) Moved() (shelves, papers <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.moved, s.moved
}

func (s *memoryStock) Shelves() Shelves {
	s.mu.Lock()
	defer s.mu.Unlock()
	days := make(map[uint16]wire.StockDay)
	for _, b := range s.blobs {
		d := days[dayOf(b)]
		d.Day, d.Blobs = dayOf(b), d.Blobs+1
		days[d.Day] = d
	}
	for t := range s.tombs {
		d := days[binary.BigEndian.Uint16(t[16:])]
		d.Day, d.Tombstones = binary.BigEndian.Uint16(t[16:]), d.Tombstones+1
		days[d.Day] = d
	}
	shelves := Shelves{Finished: s.finished, Today: s.today}
	for _, day := range slices.Sorted(maps.Keys(days)) {
		shelves.Days = append(shelves.Days, days[day])
	}
	return shelves
}

func dayOf(blob []byte) uint16 { return binary.BigEndian.Uint16(blob[2:]) }

func (s *memoryStock) IDs(_ context.Context, day uint16) (ids []wire.BlobID, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for id, b := range s.blobs {
		if dayOf(b) == day {
			ids = append(ids, id)
		}
	}
	return ids, nil
}

func (s *memoryStock) Secrets(_ context.Context, day uint16) (all [][16]byte, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for t := range s.tombs {
		if binary.BigEndian.Uint16(t[16:]) == day {
			all = append(all, [16]byte(t[:]))
		}
	}
	return all, nil
}

func (s *memoryStock) Get(_ context.Context, ids []wire.ShortID, limit int) (blobs [][]byte, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for id, b := range s.blobs {
		if slices.Contains(ids, id.Short()) && (len(blobs) == 0 || limit >= len(b)) {
			blobs, limit = append(blobs, b), limit-len(b)
		}
	}
	return blobs, nil
}

func (s *memoryStock) Keep(_ context.Context, blobs [][]byte) (reasons []wire.Reason, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, b := range blobs {
		h, err := wire.ParseBlob(b)
		if err != nil {
			return nil, err
		}
		id := wire.IDOf(b)
		switch {
		case s.blobs[id] != nil:
			reasons = append(reasons, 0)
		case h.ExpiryDay <= s.finished:
			reasons = append(reasons, wire.ReasonWrongDay)
		case s.deadLocked(h):
			reasons = append(reasons, wire.ReasonDeleted)
		case len(s.blobs) >= s.roomFor:
			reasons = append(reasons, wire.ReasonDiskFull)
		default:
			s.blobs[id] = b
			s.kept++
			reasons = append(reasons, 0)
		}
	}
	s.changedLocked()
	return reasons, nil
}

func (s *memoryStock) deadLocked(h wire.Header) bool {
	for t := range s.tombs {
		if wire.CommitTo([16]byte(t[:])) == h.DelCommit && binary.BigEndian.Uint16(t[16:]) == h.ExpiryDay {
			return true
		}
	}
	return false
}

func (s *memoryStock) Bury(_ context.Context, day uint16, secrets [][16]byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if day <= s.finished {
		return nil
	}
	for _, d := range secrets {
		s.tombs[[18]byte(binary.BigEndian.AppendUint16(d[:], day))] = true
		for id, b := range s.blobs {
			if dayOf(b) == day && [16]byte(b[20:36]) == wire.CommitTo(d) {
				delete(s.blobs, id)
			}
		}
	}
	s.changedLocked()
	return nil
}

// expire finishes with a day.
func (s *memoryStock) expire(day uint16) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.finished = max(s.finished, day)
	maps.DeleteFunc(s.blobs, func(_ wire.BlobID, b []byte) bool { return dayOf(b) <= s.finished })
	maps.DeleteFunc(s.tombs, func(t [18]byte, _ bool) bool { return binary.BigEndian.Uint16(t[16:]) <= s.finished })
	s.changedLocked()
}

func (s *memoryStock) has(n int, day uint16) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.blobs[wire.IDOf(blobOf(n, day))] != nil
}

func (s *memoryStock) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.blobs)
}

// papers of the test are a set of letters.
func (s *memoryStock) Mark() (m [8]byte) { copy(m[:], s.Offer()); return m }

func (s *memoryStock) Offer() []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Sorted(maps.Keys(s.papers))
}

func (s *memoryStock) Merge(_ context.Context, theirs []byte) (ours []byte, err error) {
	if len(theirs) == 0 {
		return nil, nil
	}
	s.mu.Lock()
	for _, p := range theirs {
		s.papers[p] = true
	}
	s.changedLocked()
	s.mu.Unlock()
	if all := s.Offer(); !bytes.Equal(all, theirs) {
		return all, nil
	}
	return nil, nil
}

// pipeStream is a Stream over one half of a pipe.
type pipeStream struct {
	net.Conn
	r     *bufio.Reader
	count func(f wire.Frame)
}

func newPipeStream(c net.Conn, count func(f wire.Frame)) *pipeStream {
	return &pipeStream{c, bufio.NewReader(c), count}
}

func (s *pipeStream) until(ctx context.Context) func() bool {
	return context.AfterFunc(ctx, func() { s.SetDeadline(time.Unix(1, 0)) })
}

func (s *pipeStream) Send(ctx context.Context, f wire.Frame, blobs ...[]byte) error {
	defer s.until(ctx)()
	if s.count != nil {
		s.count(f)
	}
	b, err := wire.AppendFrame(nil, f)
	if err != nil {
		return err
	}
	for _, blob := range blobs {
		b = wire.AppendBlob(b, blob)
	}
	_, err = s.Write(b)
	return err
}

func (s *pipeStream) Receive(ctx context.Context) (wire.Frame, error) {
	defer s.until(ctx)()
	return wire.ReadFrame(s.r)
}

func (s *pipeStream) Await(by time.Time) { _ = s.SetReadDeadline(by) }

func (s *pipeStream) Blob(ctx context.Context, most int) ([]byte, error) {
	defer s.until(ctx)()
	return wire.ReadBlob(s.r, most)
}

// pipeConn is a link in memory: each stream is a pipe, served by serve.
type pipeConn struct {
	ctx      context.Context
	cancel   context.CancelFunc
	serve    func(ctx context.Context, s Stream)
	count    func(f wire.Frame)
	streams  sync.WaitGroup
	mu       sync.Mutex
	open     []net.Conn
	exporter [32]byte
}

func newPipeConn(serve func(ctx context.Context, s Stream)) *pipeConn {
	ctx, cancel := context.WithCancel(context.Background())
	return &pipeConn{ctx: ctx, cancel: cancel, serve: serve, exporter: [32]byte{'E'}}
}

func (c *pipeConn) Open(context.Context) (Stream, error) {
	if c.ctx.Err() != nil {
		return nil, io.ErrClosedPipe
	}
	near, far := net.Pipe()
	c.mu.Lock()
	c.open = append(c.open, near, far)
	c.mu.Unlock()
	c.streams.Go(func() {
		defer far.Close()
		c.serve(c.ctx, newPipeStream(far, c.count))
	})
	return newPipeStream(near, c.count), nil
}

func (c *pipeConn) Exporter() [32]byte    { return c.exporter }
func (c *pipeConn) Done() <-chan struct{} { return c.ctx.Done() }

func (c *pipeConn) Close() {
	c.cancel()
	c.mu.Lock()
	for _, s := range c.open {
		s.Close()
	}
	c.mu.Unlock()
	c.streams.Wait()
}

// served is what a supernode does with the streams of a guest.
func served(stock Stock) func(ctx context.Context, s Stream) {
	g := NewGuest(stock, testCommunity, [32]byte{'E'}, func() uint32 { return 100 })
	return func(ctx context.Context, s Stream) {
		f, err := s.Receive(ctx)
		if err != nil {
			return
		}
		if _, is := f.(wire.Ally); is {
			_ = g.Watch(ctx, s)
			return
		}
		_ = g.Answer(ctx, s, f)
	}
}

// town is supernodes that can reach each other.
type town struct {
	mu     sync.Mutex
	hosts  map[peer.ID]*host
	cut    map[peer.ID]bool
	frames map[wire.FrameType]int
	conns  []*pipeConn
}

type host struct {
	id    peer.ID
	stock *memoryStock
	*Replicator
	serve func(ctx context.Context, s Stream)
}

func newTown(stocks ...*memoryStock) (*town, []*host) {
	t := &town{hosts: make(map[peer.ID]*host), cut: make(map[peer.ID]bool), frames: make(map[wire.FrameType]int)}
	var all []*host
	var ids []peer.ID
	for i, s := range stocks {
		h := &host{id: peer.ID{byte(i + 1)}, stock: s, serve: served(s)}
		h.Replicator = New(Config{Us: h.id, Community: testCommunity, Stock: s, Dialer: dialerOf{t, h.id}, Rand: counter{}, Bandwidth: 1 << 20})
		t.hosts[h.id] = h
		all, ids = append(all, h), append(ids, h.id)
	}
	for _, h := range all {
		h.Allies(ids)
	}
	return t, all
}

// counter is randomness that repeats.
type counter struct{}

func (counter) Read(b []byte) (int, error) { clear(b); return len(b), nil }

type dialerOf struct {
	town *town
	from peer.ID
}

func (d dialerOf) Ally(peer.ID, [32]byte) wire.Ally { return wire.Ally{Community: testCommunity} }

func (d dialerOf) Dial(_ context.Context, id peer.ID) (Conn, error) {
	d.town.mu.Lock()
	defer d.town.mu.Unlock()
	to := d.town.hosts[id]
	if to == nil || d.town.cut[id] || d.town.cut[d.from] {
		return nil, errors.New("not reached")
	}
	c := newPipeConn(func(ctx context.Context, s Stream) {
		f, err := s.Receive(ctx)
		if err != nil {
			return
		}
		if _, is := f.(wire.Ally); is {
			to.Arrived(d.from)
			defer to.Left(d.from)
		}
		to.serve(ctx, &again{s, f})
	})
	c.count = func(f wire.Frame) {
		d.town.mu.Lock()
		defer d.town.mu.Unlock()
		d.town.frames[f.FrameType()]++
	}
	d.town.conns = append(d.town.conns, c)
	return c, nil
}

// again is a stream whose first frame was read.
type again struct {
	Stream
	first wire.Frame
}

func (s *again) Receive(ctx context.Context) (wire.Frame, error) {
	if f := s.first; f != nil {
		s.first = nil
		return f, nil
	}
	return s.Stream.Receive(ctx)
}
