package sim

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"sync"
	"time"

	"sottovoce/mesh"
	"sottovoce/mesh/conversation"
	"sottovoce/mesh/peer"
	"sottovoce/mesh/simlan"
	"sottovoce/mesh/store"
)

// person is somebody with a machine: a home on a disk that may fail, a clock that may be
// wrong, a host on a LAN, and a face that follows what happens.
type person struct {
	w             *world
	name, home    string
	host          *simlan.Host
	disk          *disk
	random        *source
	clockOfItsOwn bool // somebody vouches for the clock when it is right

	// The run, of the world's goroutine only.
	run *run

	mu     sync.Mutex // guards the fields below
	node   *mesh.Node // nil when not running
	db     *store.Store
	off    time.Duration   // that the clock is wrong by
	wasOff bool            // ever
	blob   map[int64]int64 // the last blob looked at, by pair
	cursor int64
	shown  map[string]bool // messages, by id
	ranks  map[string]int  // of the states shown, by id
	filled bool            // the disk was full since the last start
	eras   map[peer.ID]int // which disks the logs that were read were on
	missed bool            // events that were deleted before they were shown
}

// run is what a person's running node holds.
type run struct {
	cancel context.CancelFunc
	ended  chan error
	faced  chan struct{} // closed when the face is
}

// running is the person's node, nil when there is none.
func (p *person) running() *mesh.Node {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.node
}

// now is what the person's clock shows.
func (p *person) now() time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	return clockAt(time.Now().Add(p.off), time.Now())
}

func (p *person) vouched() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.clockOfItsOwn && p.off == 0
}

// farAhead reports whether the clock is more than ten years ahead.
func (p *person) farAhead() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.off > 10*365*24*time.Hour
}

// setClock makes the clock wrong by so much.
func (p *person) setClock(off time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.off = off
	p.wasOff = p.wasOff || off != 0
}

// fill takes all room on the disk.
func (p *person) fill() {
	p.disk.setFull(true)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.filled = true
}

// start opens the home and runs the node. On a disk without room or power it may not be
// possible.
func (p *person) start() {
	db, err := store.Open(p.home, p.random)
	if err != nil {
		p.notStarted(err)
		return
	}
	p.mu.Lock()
	p.db, p.blob, p.filled = db, make(map[int64]int64), p.disk.isFull()
	p.mu.Unlock()
	conn := p.host.Listen()
	var supernodes mesh.Custodian
	if p.w.sky != nil {
		supernodes = &custodian{sky: p.w.sky, wake: make(chan struct{}, 1), eras: p.eras}
	}
	node, err := mesh.New(mesh.Config{
		Custodian: supernodes,
		Store:     db, Finder: p.host.Finder(), Conn: tapped{conn, p}, Rand: p.random,
		Log: slog.New(complaints{p}), Vouched: p.vouched, Now: p.now,
		Listen: func() (net.PacketConn, error) { return tapped{p.host.Listen(), p}, nil },
	})
	if err != nil {
		p.notStarted(errors.Join(err, conn.Close(), db.Close()))
		return
	}
	p.observe()
	ctx, cancel := context.WithCancel(context.Background())
	p.run = &run{cancel: cancel, ended: make(chan error, 1), faced: make(chan struct{})}
	p.mu.Lock()
	p.node = node
	p.mu.Unlock()
	go func(r *run) { r.ended <- node.Run(ctx) }(p.run)
	p.follow(ctx, node, p.run.faced)
	p.w.note("%s starts", p.name)
}

func (p *person) notStarted(err error) {
	p.mu.Lock()
	p.db = nil
	p.mu.Unlock()
	p.w.note("%s does not start: %v", p.name, err)
	if !p.disk.isDead() && !p.disk.isFull() {
		p.w.fail("%s cannot start: %v", p.name, err)
	}
}

// stop ends the node as a person does.
func (p *person) stop() {
	if p.run == nil {
		return
	}
	p.w.note("%s stops", p.name)
	p.end()
}

// crash ends it as a power failure does.
func (p *person) crash() {
	p.disk.cutPower()
	p.host.Leave()
	p.w.note("%s loses power", p.name)
	p.end()
	p.repower()
}

// repower makes a machine whose power failed ready to start again.
func (p *person) repower() {
	if err := p.disk.restore(); err != nil {
		p.w.t.Fatal(err)
	}
	p.host.Join(p.w.lans[0])
}

// end waits until nothing of the run is left.
func (p *person) end() {
	r := p.run
	p.mu.Lock()
	db := p.db
	p.mu.Unlock()
	if r == nil {
		return
	}
	if !p.disk.isDead() {
		p.observe()
	}
	r.cancel()
	err := <-r.ended
	<-r.faced
	p.mu.Lock()
	p.node, p.db = nil, nil
	p.mu.Unlock()
	p.run = nil
	err = errors.Join(err, db.Close())
	if err != nil && !p.disk.isDead() && !p.disk.isFull() {
		p.w.fail("%s did not end well: %v", p.name, err)
	}
}

// follow is the person's face: it looks at everything that happens, and goes on after a
// restart where it was.
func (p *person) follow(ctx context.Context, n *mesh.Node, done chan struct{}) {
	p.mu.Lock()
	since := p.cursor
	p.mu.Unlock()
	events, err := n.Events(ctx, &since)
	if errors.Is(err, mesh.ErrPruned) { // away for longer than events are kept
		p.mu.Lock()
		p.missed, since = true, 0
		p.mu.Unlock()
		events, err = n.Events(ctx, &since)
	}
	if err != nil {
		p.w.fail("%s has been shown up to %d, which its disk knows nothing of: %v", p.name, since, err)
		close(done)
		return
	}
	go func() {
		defer close(done)
		for e, err := range events {
			if err != nil {
				return
			}
			p.see(e)
		}
	}()
}

// see checks what a face is shown.
func (p *person) see(e mesh.Event) {
	w := p.w
	p.mu.Lock()
	defer p.mu.Unlock()
	if durable := e.Kind == mesh.EventMessage || e.Kind == mesh.EventState || e.Kind == mesh.EventChange || e.Kind == mesh.EventRequest; durable && e.Cursor <= p.cursor {
		w.fail("%s is shown event %d after %d", p.name, e.Cursor, p.cursor)
	}
	p.cursor = max(p.cursor, e.Cursor)
	switch e.Kind {
	case mesh.EventMessage:
		w.note("%s sees %s %q", p.name, e.Message.ID[:12], clip(e.Message.Text))
		if p.shown[e.Message.ID] {
			w.fail("%s is shown %q twice", p.name, clip(e.Message.Text))
		}
		p.shown[e.Message.ID] = true
	case mesh.EventChange:
		w.note("%s sees %s changed: %q", p.name, e.Message.ID[:12], clip(e.Message.Text))
		p.seeChange(e.Message)
	case mesh.EventState:
		p.seeChange(e.Message)
		w.note("%s sees %s %v", p.name, e.Message.ID[:12], e.Message.State)
		rank := rankOf(e.Message.State)
		if before := p.ranks[e.Message.ID]; rank < before && !w.forgotten(before, e.Message.State) {
			w.fail("%s sees %q go back to %v", p.name, clip(e.Message.Text), e.Message.State)
		}
		p.ranks[e.Message.ID] = rank
	case mesh.EventNotice:
		w.note("%s is told: %s", p.name, e.Notice)
		if !p.deserves(e.Notice) {
			w.fail("%s is told: %s", p.name, e.Notice)
		}
	}
}

// seeChange checks how far an edit or a deletion is shown to have come.
func (p *person) seeChange(m *mesh.Message) {
	if c := m.Change; c != nil && m.Mine {
		rank := rankOf(c.State)
		if before := p.ranks[c.ID]; rank < before && !p.w.forgotten(before, c.State) {
			p.w.fail("%s sees the change of %q go back to %v", p.name, clip(m.Text), c.State)
		}
		p.ranks[c.ID] = rank
	}
}

// deserves reports whether there was a reason for a notice: trouble with the disk, or a
// wrong clock.
func (p *person) deserves(notice string) bool {
	if strings.HasPrefix(notice, "the clock of this machine") {
		return p.wasOff
	}
	if strings.HasPrefix(notice, "this network is new") {
		return true // LANs are told apart by the node's own rules, which other tests hold
	}
	return (p.filled || p.disk.isDead()) && strings.HasPrefix(notice, "could not save")
}

// rankOf orders states: none is left for a lower one.
func rankOf(s conversation.State) int {
	switch s {
	case conversation.StateQueued:
		return 1
	case conversation.StateHeld:
		return 2
	case conversation.StateExpired, conversation.StateFailed:
		return 3
	case conversation.StateDelivered:
		return 4
	case conversation.StateRead:
		return 5
	}
	return 0
}

// clip is the beginning of a text, which names it.
func clip(text string) string { return text[:min(len(text), 24)] }

// observe looks at every blob that was sealed since: no two ever have the same tag, by
// which a message key is found, or the same salt.
func (p *person) observe() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.db == nil {
		return
	}
	err := p.db.View(func(tx *store.Tx) error {
		pairs, err := tx.Pairs()
		if err != nil {
			return err
		}
		for _, pair := range pairs {
			blobs, err := tx.OutBlobs(pair.ID, p.blob[pair.ID], 1000)
			if err != nil {
				return err
			}
			for _, b := range blobs {
				p.blob[pair.ID] = b.ID
				p.w.sealed(fmt.Sprintf("%s's blob %d", p.name, b.ID), b.Bytes)
			}
		}
		return nil
	})
	if err != nil && !p.disk.isDead() {
		p.w.fail("%s: %v", p.name, err)
	}
}

// Where tag and salt stand in a blob. spec: 07-blobs#header, 04-sessions#body
const (
	tagAt  = 4
	saltAt = 40 + 32
)

// sealed takes note of a blob.
func (w *world) sealed(blob string, b []byte) {
	if len(b) < saltAt+16 {
		return
	}
	for _, unique := range []struct {
		what string
		seen map[[16]byte]string
		at   int
	}{{"tag", w.tags, tagAt}, {"salt", w.salts, saltAt}} {
		value := [16]byte(b[unique.at:])
		w.mu.Lock()
		before := unique.seen[value]
		unique.seen[value] = blob
		w.mu.Unlock()
		if before != "" && before != blob {
			w.fail("%s has the %s of %s", blob, unique.what, before)
		}
	}
}

// complaints is a person's log: honest peers on honest disks give no reason for any.
type complaints struct{ p *person }

func (c complaints) Enabled(_ context.Context, l slog.Level) bool { return l >= slog.LevelWarn }
func (c complaints) WithAttrs([]slog.Attr) slog.Handler           { return c }
func (c complaints) WithGroup(string) slog.Handler                { return c }

// Handle notes a complaint.
func (c complaints) Handle(_ context.Context, r slog.Record) error {
	words := r.Message
	r.Attrs(func(a slog.Attr) bool {
		words += " " + a.String()
		return true
	})
	c.p.w.note("%s's log: %s", c.p.name, words)
	if strings.HasPrefix(r.Message, "input from a peer was dropped") {
		c.p.w.fail("%s's log: %s", c.p.name, words)
	}
	return nil
}
