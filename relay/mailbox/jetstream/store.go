package jetstream

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"

	"sottovoce/relay/mailbox"
)

// Config says where a store is. URL and Log are required.
type Config struct {
	URL         string // nats:// or tls://, [user:password@], hosts with commas between them, [/name]
	Credentials string // file that lets us in; empty: none is needed, or the URL has them
	Limit       int64  // bytes of blobs; 0: as many as the servers take
	Replicas    int    // servers that everything lies on; 0: three
	Log         *slog.Logger
}

// Store is a mailbox.Store on a cluster of NATS servers. Any number of processes may have the same one open.
//
// spec: 13-mailbox#on-a-cluster
type Store struct {
	server *server
	limit  int64
	log    *slog.Logger
	cache  cache

	stop   chan struct{} // closed by Close
	cancel context.CancelFunc
	ctx    context.Context
	once   sync.Once
	parts  sync.WaitGroup

	finished atomic.Uint32
	looked   chan struct{} // of one place: wakes who looks for the last finished day
	files    chan struct{} // of one place: another process has written a file

	mu   sync.RWMutex // guards the following
	logs map[mailbox.Community]*log
}

var _ mailbox.Store = (*Store)(nil)

// Open reaches a store, which it makes if there is none, and reads which blobs it holds. Its errors are one line that says what to do.
func Open(ctx context.Context, c Config) (*Store, error) {
	a, err := parseAddress(c.URL)
	if err != nil {
		return nil, err
	}
	s := &Store{
		limit: c.Limit, log: c.Log, stop: make(chan struct{}), looked: make(chan struct{}, 1), files: make(chan struct{}, 1),
		logs: map[mailbox.Community]*log{},
	}
	server, err := connect(a, c.Credentials, c.Log)
	if err != nil {
		return nil, err
	}
	s.server = server
	server.replicas = c.Replicas
	if c.Replicas == 0 {
		server.replicas = replicasDefault
	}
	s.ctx, s.cancel = context.WithCancel(context.WithoutCancel(ctx))
	if err := s.load(ctx); err != nil {
		s.cancel()
		server.conn.Close()
		return nil, err
	}
	s.parts.Go(s.watch)
	return s, nil
}

// load finds out whether the servers are fit, and what they hold.
func (s *Store) load(ctx context.Context) error {
	if err := s.server.fit(ctx); err != nil {
		return err
	}
	_, err := s.server.conn.Subscribe(wakeSubject(s.server.name, "*"), func(m *nats.Msg) { s.wake(m.Subject[len(s.server.name)+len("-wake."):]) })
	if err != nil {
		return err
	}
	if err := s.look(ctx); err != nil {
		return fmt.Errorf("reading the store: %w", err)
	}
	names, err := s.server.names(ctx)
	if err != nil {
		return fmt.Errorf("reading the store: %w", err)
	}
	for _, name := range names {
		c, ours := parseStreamName(s.server.name, name)
		if !ours {
			continue
		}
		l := newLog(s, c)
		if err := l.load(ctx); err != nil {
			return fmt.Errorf("reading the store: %w", err)
		}
		s.logs[c] = l
	}
	for _, l := range s.logs {
		s.parts.Go(func() { l.run(s.ctx) })
	}
	return nil
}

// wake looks at what another process says that it has changed.
func (s *Store) wake(what string) {
	wake := s.looked
	if what == filesWake {
		wake = s.files
	}
	if id, err := hex.DecodeString(what); err == nil && len(id) == len(mailbox.Community{}) {
		s.mu.RLock()
		l := s.logs[mailbox.Community(id)]
		s.mu.RUnlock()
		if l == nil {
			return // whoever asks for it reads it
		}
		wake = l.woken
	}
	select {
	case wake <- struct{}{}:
	default:
	}
}

// watch learns which days other processes have finished with.
func (s *Store) watch() {
	poll := time.NewTicker(pollPeriod)
	defer poll.Stop()
	for known := s.Finished(); ; {
		select {
		case <-s.stop:
			return
		case <-s.looked:
		case <-poll.C:
		}
		_ = s.look(s.ctx)
		if over := s.Finished(); over > known { // by whoever has looked first
			for _, l := range s.all() {
				l.forget(over)
			}
			known = over
		}
	}
}

func (s *Store) all() (all []*log) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	for _, l := range s.logs {
		all = append(all, l)
	}
	return all
}

// of returns the log of a community; it exists on the servers with its first record.
func (s *Store) of(c mailbox.Community) *log {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.logs[c]
	if l == nil {
		l = newLog(s, c)
		s.logs[c] = l
		if !s.closing() {
			s.parts.Go(func() { l.run(s.ctx) })
			l.woken <- struct{}{}
		}
	}
	return l
}

// open returns the log of a community for reading.
func (s *Store) open(ctx context.Context, c mailbox.Community) (*log, error) {
	if err := context.Cause(ctx); err != nil {
		return nil, err
	}
	if s.closing() {
		return nil, mailbox.ErrClosed
	}
	return s.of(c), nil
}

func (s *Store) closing() bool {
	select {
	case <-s.stop:
		return true
	default:
		return false
	}
}

// room is how many bytes the limit leaves; -1: there is none.
func (s *Store) room() int64 {
	if s.limit == 0 {
		return -1
	}
	used := int64(0)
	for _, l := range s.all() {
		l.mu.RLock()
		used += l.index.bytes
		l.mu.RUnlock()
	}
	return max(0, s.limit-used)
}

// Append is mailbox.Store's.
func (s *Store) Append(ctx context.Context, c mailbox.Community, deposits []mailbox.Deposit) ([]mailbox.Result, error) {
	return s.submit(ctx, c, newRequest(deposits, nil))
}

// Delete is mailbox.Store's.
func (s *Store) Delete(ctx context.Context, c mailbox.Community, removals []mailbox.Removal) ([]mailbox.Result, error) {
	return s.submit(ctx, c, newRequest(nil, removals))
}

// submit hands a request to its log's committer and waits for its answer; until it is taken, ctx ends it.
func (s *Store) submit(ctx context.Context, c mailbox.Community, r *request) ([]mailbox.Result, error) {
	l, err := s.open(ctx, c)
	if err != nil {
		return nil, err
	}
	select {
	case l.requests <- r:
		<-r.done
		return r.results, r.err
	case <-s.stop:
		return nil, mailbox.ErrClosed
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// Current is mailbox.Store's: it asks the server that leads, once for all who wait.
func (s *Store) Current(ctx context.Context, c mailbox.Community) error {
	l, err := s.open(ctx, c)
	if err != nil {
		return err
	}
	answer := make(chan error, 1)
	select {
	case l.asks <- answer:
		return <-answer
	case <-s.stop:
		return mailbox.ErrClosed
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// CloseDay is mailbox.Store's.
func (s *Store) CloseDay(ctx context.Context, c mailbox.Community, day uint16) (closed mailbox.DayClose, err error) {
	l, err := s.open(ctx, c)
	if err != nil {
		return closed, err
	}
	return closed, l.do(ctx, func() error {
		err := l.load(s.ctx)
		if err == nil && l.index.closed.Day < day {
			err = l.write(s.ctx, func(p *plan) {
				if p.index.closed.Day < day {
					p.closed = p.index.close(day)
				}
			})
		}
		closed = l.index.closed
		if err != nil {
			return fmt.Errorf("cannot write down where a log stood at the end of day %d: %w", day, err)
		}
		return nil
	})
}

// finishedSubject is where the last finished day stands.
func (s *Store) finishedSubject() string { return s.server.name + "-store.finished" }

// over is the last finished day by the word of the server that leads, 0 if there is none, and the message that says so.
func (s *Store) over(ctx context.Context) (seq uint64, day uint16, err error) {
	seq, b, err := s.server.latest(ctx, s.server.name, s.finishedSubject())
	switch {
	case errors.Is(err, errNone):
		return 0, 0, nil
	case err == nil && len(b) != 2:
		return 0, 0, errMessage
	case err != nil:
		return 0, 0, err
	}
	return seq, binary.BigEndian.Uint16(b), nil
}

// look learns the last finished day.
func (s *Store) look(ctx context.Context) error {
	_, day, err := s.over(ctx)
	s.raise(day)
	return err
}

// raise takes a day that is finished with.
func (s *Store) raise(day uint16) {
	for {
		before := s.finished.Load()
		if uint32(day) <= before || s.finished.CompareAndSwap(before, uint32(day)) {
			return
		}
	}
}

// Expire is mailbox.Store's. The day is written down before anything goes, so that nothing of it is taken again by any process.
func (s *Store) Expire(ctx context.Context, day uint16) error {
	if s.closing() {
		return mailbox.ErrClosed
	}
	err := s.finish(ctx, day)
	if errors.Is(err, mailbox.ErrFull) { // what has expired makes room for the word that it has; that it is over is said from now on, before it is gone
		s.raise(day)
		if err = s.purge(ctx, day); err == nil {
			err = s.finish(ctx, day)
		}
	}
	if err != nil {
		return fmt.Errorf("cannot finish with day %d: %w", day, err)
	}
	return s.purge(ctx, s.Finished())
}

// finish writes down that a day is over, unless a later one is.
func (s *Store) finish(ctx context.Context, day uint16) error {
	for {
		seq, over, err := s.over(ctx)
		if err == nil && over < day {
			if err = s.server.replace(ctx, s.finishedSubject(), seq, binary.BigEndian.AppendUint16(nil, day)); err == nil {
				_ = s.server.conn.Publish(wakeSubject(s.server.name, "store"), nil) // they look by themselves, too
			}
		}
		switch {
		case err == nil:
			s.raise(max(over, day))
			return nil
		case !errors.As(err, new(errMoved)) && !errors.Is(err, errOvertaken):
			return err
		case !pause(ctx, movedPause):
			return context.Cause(ctx)
		}
	}
}

// purge gives up what is kept of the days up to one.
func (s *Store) purge(ctx context.Context, day uint16) error {
	var errs []error
	for _, l := range s.all() {
		errs = append(errs, l.do(ctx, func() error { return l.expire(s.ctx, day) }))
	}
	return errors.Join(errs...)
}

// Date is the time by the clock of the server that leads the store's stream.
func (s *Store) Date(ctx context.Context) (time.Time, error) {
	var info struct {
		Date time.Time `json:"ts"`
	}
	err := s.server.ask(ctx, "STREAM.INFO."+s.server.name, struct{}{}, &info)
	return info.Date, err
}

// Finished is mailbox.Store's.
func (s *Store) Finished() uint16 { return uint16(s.finished.Load()) }

// Close is mailbox.Store's.
func (s *Store) Close() error {
	s.once.Do(func() {
		s.mu.Lock()
		close(s.stop)
		s.mu.Unlock()
		s.parts.Wait()
		s.cancel()
		s.server.conn.Close()
	})
	return nil
}

// oldest is the first version of the servers whose batches are atomic.
const oldest = "2.12"

// versionForm takes the beginning of a version apart.
var versionForm = regexp.MustCompile(`^v?(\d+)\.(\d+)`)

// isOld reports whether a server's version is before oldest.
func isOld(version string) bool {
	found, least := versionForm.FindStringSubmatch(version), versionForm.FindStringSubmatch(oldest)
	if found == nil {
		return true
	}
	for i := 1; i <= 2; i++ {
		a, _ := strconv.Atoi(found[i])
		b, _ := strconv.Atoi(least[i])
		if a != b {
			return a < b
		}
	}
	return false
}
