package supernode

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"sottovoce/mesh/wire"
	"sottovoce/relay/community"
	"sottovoce/relay/mailbox/jetstream"
)

// shares founds a community on a server of its own, and opens the supernode twice, as two processes with a directory each.
func shares(t *testing.T) (id community.ID, a, b *Supernode) {
	return sharesBehind(t, func(s Shared) Shared { return s })
}

// sharesBehind is shares with something else before the store.
func sharesBehind(t *testing.T, before func(Shared) Shared) (id community.ID, a, b *Supernode) {
	t.Helper()
	s, err := server.NewServer(&server.Options{
		Host: "127.0.0.1", Port: server.RANDOM_PORT, JetStream: true, StoreDir: t.TempDir(), NoLog: true, NoSigs: true, MaxPayload: 2 << 20,
	})
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	t.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
	if !s.ReadyForConnections(10 * time.Second) {
		t.Fatal("the server is not ready")
	}
	cfg := Config{Rand: rand.Reader, Log: slog.New(slog.DiscardHandler), Shared: func(limit int64) (Shared, error) {
		store, err := jetstream.Open(t.Context(), jetstream.Config{URL: s.ClientURL(), Limit: limit, Replicas: 1, Log: slog.New(slog.DiscardHandler)})
		if err != nil {
			return nil, err
		}
		return before(store), nil
	}}
	if _, err := Open(t.TempDir(), cfg); !errors.Is(err, ErrNone) {
		t.Fatal(err)
	}
	made, err := Found(t.TempDir(), Charter{Name: "Casa", Policy: policy}, cfg)
	if err != nil {
		t.Fatal(err)
	}
	var both [2]*Supernode
	for i := range both {
		if both[i], err = Open(t.TempDir(), cfg); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = both[i].Close() })
	}
	return made.Community, both[0], both[1]
}

// TestOneSupernode: two processes on one store are one supernode: what one writes down the other knows, and neither overwrites the other.
func TestOneSupernode(t *testing.T) {
	id, a, b := shares(t)
	if a.ID() != b.ID() {
		t.Fatal("two supernodes")
	}
	var wait sync.WaitGroup
	for _, s := range []*Supernode{a, b} {
		wait.Go(func() {
			for range 8 {
				if _, err := s.Invite(id, 1, time.Hour); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wait.Wait()
	a.reload()
	b.reload()
	if one, other := a.all()[0].house.Save(), b.all()[0].house.Save(); string(one) != string(other) {
		t.Fatal("two houses")
	}
	today := a.today()
	for _, s := range []*Supernode{a, b, a, b} { // each counts what the other has given
		c := s.all()[0]
		err := again(func() error { return c.drawn(community.Persona{1}, today, int(policy.Tokens)/4) })
		if err != nil {
			t.Fatal(err)
		}
	}
	if left := b.all()[0].left(community.Persona{1}, today); left != 0 {
		t.Fatalf("%d tokens are left when all were given", left)
	}
}

// TestSharedSlots: a slot that one process has opened is answered by the other, and two answers do not overwrite each other.
func TestSharedSlots(t *testing.T) {
	_, a, b := shares(t)
	one, other := a.all()[0].shelf, b.all()[0].shelf
	id := wire.SlotID{1}
	if other.has(id) {
		t.Fatal("a slot that nobody has opened")
	}
	if err := one.put(id, &slotFile{Day: 20000, Bundle: make([]byte, wire.SlotSize)}); err != nil {
		t.Fatal(err)
	}
	if !other.has(id) {
		t.Fatal("the other process does not know the slot")
	}
	var wait sync.WaitGroup
	var places [2]uint64
	for i, s := range []*shelf{one, other} {
		wait.Go(func() {
			answer := make([]byte, wire.SlotSize)
			answer[0] = byte(i + 1)
			var err error
			if places[i], err = s.answer(id, 20000, answer); err != nil {
				t.Error(err)
			}
		})
	}
	wait.Wait()
	if places[0]+places[1] != 3 {
		t.Fatal("two answers stand at", places)
	}
	if err := other.withdraw(id); err != nil {
		t.Fatal(err)
	}
	if one.has(id) {
		if _, err := one.get(id); !errors.Is(err, errNoSlot) {
			t.Fatal("a slot that was given up is still there:", err)
		}
	}
}

// slowFiles are on servers that do not answer until they are let.
type slowFiles struct {
	files
	asked, let chan struct{}
}

func (f slowFiles) replace(string, []byte) error {
	close(f.asked)
	<-f.let
	return errors.New("the servers do not answer")
}

// TestDrawnSlowly: while it is waited for servers to keep what somebody draws, all others are served.
func TestDrawnSlowly(t *testing.T) {
	_, a, _ := shares(t)
	c := a.all()[0]
	slow := slowFiles{c.folder.files, make(chan struct{}), make(chan struct{})}
	c.folder.files = slow
	var failed error
	var wait sync.WaitGroup
	wait.Go(func() {
		c.drawing.Lock()
		defer c.drawing.Unlock()
		failed = c.drawn(community.Persona{1}, a.today(), 1)
	})
	<-slow.asked
	if !c.mu.TryLock() {
		t.Fatal("everybody waits for the servers")
	}
	c.mu.Unlock()
	close(slow.let)
	wait.Wait()
	if failed == nil || c.left(community.Persona{1}, a.today()) != policy.Tokens-1 {
		t.Fatal("what may have been kept is given again:", failed)
	}
}

// TestSharedSlotAnswered: what one process has an answer for is kept as long as that says, also where another one that does not know of the answer gives
// up what is over.
func TestSharedSlotAnswered(t *testing.T) {
	_, a, b := shares(t)
	one, other := a.all()[0].shelf, b.all()[0].shelf
	id := wire.SlotID{1}
	if err := one.put(id, &slotFile{Day: 20000, Bundle: make([]byte, wire.SlotSize)}); err != nil {
		t.Fatal(err)
	}
	if _, err := other.answer(id, 20000, make([]byte, wire.SlotSize)); err != nil {
		t.Fatal(err)
	}
	if err := one.expire(20000); err != nil {
		t.Fatal(err)
	}
	if slot, err := other.get(id); err != nil || len(slot.Answers) != wire.SlotSize {
		t.Fatal("an answer is given up with its slot by who does not know of it:", err)
	}
	if err := one.expire(20000 + slotHeld); err != nil {
		t.Fatal(err)
	}
	if _, err := other.get(id); !errors.Is(err, errNoSlot) {
		t.Fatal(err)
	}
}

// TestStrangersAsk: who asks for slots that there are not leaves nothing behind.
func TestStrangersAsk(t *testing.T) {
	_, a, _ := shares(t)
	for n := range 100 {
		if a.keeping(wire.SlotID{byte(n)}) != nil {
			t.Fatal("a slot that nobody has opened")
		}
	}
	if got := len(a.directory.files.(*common).versions); got > 10 {
		t.Fatalf("%d files are remembered", got)
	}
}

// dated is a store whose servers have another time.
type dated struct {
	Shared
	off *atomic.Int64
}

func (d dated) Date(ctx context.Context) (time.Time, error) {
	at, err := d.Shared.Date(ctx)
	return at.Add(time.Duration(d.off.Load())), err
}

// TestClockOfOne: one process gives nothing up, and turns no keys, by a clock that the servers of the store do not have, whoever vouches for it.
func TestClockOfOne(t *testing.T) {
	var off atomic.Int64
	_, a, _ := sharesBehind(t, func(s Shared) Shared { return dated{s, &off} })
	a.cfg.Vouched = func() bool { return true }
	before := a.markDay()
	for _, years := range []time.Duration{-1, 1} {
		off.Store(int64(years * 365 * 24 * time.Hour))
		a.tick(t.Context(), 0)
		if a.store.Finished() != 0 || a.markDay() != before || a.Status().Clock == ClockVouched {
			t.Fatalf("%d is over, the mark stands at %d, the clock is %s", a.store.Finished(), a.markDay(), a.Status().Clock)
		}
	}
	off.Store(int64(time.Hour))
	a.tick(t.Context(), 0)
	if today := a.today(); a.store.Finished() != today-1 || a.markDay() != today || a.Status().Clock != ClockVouched {
		t.Fatalf("%d is over on %d, the mark stands at %d", a.store.Finished(), today, a.markDay())
	}
}

// TestNothingChanges: what changes nothing, as a log-in that anybody may try, does not write the whole house down.
func TestNothingChanges(t *testing.T) {
	_, a, _ := shares(t)
	c := a.all()[0]
	if n := testing.AllocsPerRun(100, func() {
		if err := c.change(func(*community.House, time.Time) (bool, error) { return false, nil }); err != nil {
			t.Error(err)
		}
	}); n > 10 {
		t.Fatalf("%.0f things are made for nothing", n)
	}
	before := string(c.house.Save())
	c.folder.files = silentFiles{c.folder.files}
	if _, err := a.Invite(community.ID(c.id), 1, time.Hour); err == nil {
		t.Fatal("what cannot be kept is done")
	}
	if string(c.house.Save()) != before {
		t.Fatal("what could not be kept is not undone")
	}
}

// silentFiles are on servers that do not answer.
type silentFiles struct{ files }

var errSilent = errors.New("the servers do not answer")

func (silentFiles) read(string, int64) ([]byte, error) { return nil, errSilent }
func (silentFiles) replace(string, []byte) error       { return errSilent }

// hesitant is a store that could not give up all that has expired when it was first told to.
type hesitant struct {
	Shared
	told *atomic.Int32
}

func (h hesitant) Expire(ctx context.Context, day uint16) error {
	err := h.Shared.Expire(ctx, day)
	if h.told.Add(1) == 1 {
		return errors.New("a server does not answer")
	}
	return err
}

// TestExpireAgain: what could not be given up at first is given up at the next turn, and not the next day.
func TestExpireAgain(t *testing.T) {
	var told atomic.Int32
	_, a, _ := sharesBehind(t, func(s Shared) Shared { return hesitant{s, &told} })
	a.cfg.Vouched = func() bool { return true }
	for turn, want := range []int32{1, 2, 2} {
		if a.tick(t.Context(), 0); told.Load() != want {
			t.Fatalf("turn %d: told %d times, want %d", turn, told.Load(), want)
		}
	}
}
