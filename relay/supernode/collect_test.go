package supernode

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"slices"
	"sync"
	"testing"

	"sottovoce/mesh/wire"
	"sottovoce/relay/mailbox"
)

// TestFollowersGetTheSame has three follow from different places; what comes is the same for all.
func TestFollowersGetTheSame(t *testing.T) {
	t.Parallel()
	r := start(t)
	p := r.join()
	p.draw(6)
	l := p.mustMember()
	first := r.blobs(70)
	r.put(first)
	early, late := r.request(l, wire.RangeFrame{Follow: true}), r.request(p.mustMember(), wire.RangeFrame{Since: 64, Follow: true})
	for _, c := range []struct {
		name string
		page paged
		want [][]byte
	}{{"from the beginning", r.next(early), first[:64]}, {"from the middle", r.next(late), first[64:]}} {
		if !slices.EqualFunc(c.page.blobs, c.want, bytes.Equal) {
			t.Fatalf("%s: %d blobs up to %d", c.name, len(c.page.blobs), c.page.Until)
		}
	}
	r.next(early)
	for range 3 {
		more := r.blobs(2)
		r.deposit(l, wire.Deposit{Tokens: p.take(2)}, more...)
		one, other := r.next(early), r.next(late)
		if !slices.EqualFunc(one.blobs, more, bytes.Equal) || !slices.EqualFunc(other.blobs, more, bytes.Equal) || one.Chain != other.Chain || !one.End {
			t.Fatalf("followers get %d and %d blobs, up to %d and %d", len(one.blobs), len(other.blobs), one.Until, other.Until)
		}
	}
	if n := r.Status().Followers; n != 2 {
		t.Errorf("%d followers are counted", n)
	}
}

func TestPagesMakeTheChain(t *testing.T) {
	t.Parallel()
	r := start(t)
	p := r.join()
	l := p.mustMember()
	file, _ := newBlob(t, wire.Class3, r.today()+3)
	gone, d := newBlob(t, wire.Class0, r.today()+3)
	all := append(r.blobs(wire.CursorStep), file, gone)
	r.put(all)
	r.collect(l, 0) // what is deleted must not come out of a page that is kept
	r.ask(l, wire.Delete{Tombstones: wire.Tombstones{}.Add(d, r.today()+3)})
	pages := r.collect(l, 0)
	if got := bodies(pages); !slices.EqualFunc(got, all[:wire.CursorStep], bytes.Equal) {
		t.Fatalf("%d blobs are collected, want 64: neither the file nor what was deleted", len(got))
	}
	ids, chains := map[uint64]wire.BlobID{}, map[uint64][32]byte{}
	var chain [32]byte
	for _, page := range pages {
		if page.Base != chain {
			t.Fatalf("the page from %d does not follow the one before", page.From)
		}
		for cursor, id := range page.Absent.All() {
			ids[cursor] = id
		}
		for i, blob := range page.blobs {
			ids[page.Cursors.At(i)] = wire.IDOf(blob)
		}
		for cursor := page.From + 1; cursor <= page.Until; cursor++ {
			if id, found := ids[cursor]; found {
				chain = wire.HashOf("sv1 chain", chain[:], id[:])
			}
			chains[cursor] = chain
		}
		if page.Chain != chain {
			t.Fatalf("the chain at %d is another", page.Until)
		}
	}
	if len(ids) != len(all) {
		t.Errorf("%d ids are told of %d", len(ids), len(all))
	}

	c := r.ask(l, wire.Attest{}).(wire.Checkpoint)
	if again := r.ask(l, wire.Attest{}).(wire.Checkpoint); again != c {
		t.Errorf("another close of the same day: %+v and %+v", c, again)
	}
	chain = chains[c.Cursor] // that of the empty log, where the supernode began today
	sign := r.device.Public().Sign
	said := r.community().log().Checkpoint(c.Cursor, c.Chain, c.Day)
	if c.Chain != chain || c.Day != uint32(r.today())-1 || !ed25519.Verify(sign[:], said, c.Signature[:]) {
		t.Errorf("the checkpoint at %d is another than what was shown", c.Cursor)
	}
}

func TestScanAndGet(t *testing.T) {
	t.Parallel()
	r := start(t)
	p := r.join()
	l := p.mustMember()
	file, _ := newBlob(t, wire.Class3, r.today()+3)
	all := append(r.blobs(20), file)
	r.put(all)
	answer := r.ask(l, wire.Scan{}).(wire.Entries)
	var ids wire.ShortIDs
	i := 0
	for e := range answer.List.All() {
		h, _ := wire.ParseHeader(all[i])
		if e.Tag != h.Tag || e.Class != h.Class || e.ID != wire.IDOf(all[i]).Short() {
			t.Fatalf("entry %d is %v", i, e)
		}
		if i++; i%2 == 0 {
			ids = ids.Add(e.ID)
		}
	}
	if i != 20 || !answer.End {
		t.Fatalf("%d entries, of which a file is none", i)
	}
	ids = ids.Add(wire.IDOf(file).Short()).Add(wire.ShortID{1, 2, 3})
	page := r.next(r.request(l, wire.Get{IDs: ids}))
	if len(page.blobs) != 11 || page.Until != 0 || !bytes.Equal(page.blobs[0], all[1]) || !bytes.Equal(page.blobs[10], file) {
		t.Fatalf("%d blobs are got, want 11", len(page.blobs))
	}
}

// TestBeyondTheEnd asks for what is behind the end of a log, as somebody does whose supernode has
// lost its disk.
func TestBeyondTheEnd(t *testing.T) {
	t.Parallel()
	r := start(t)
	p := r.join()
	p.draw(3)
	l := p.mustMember()
	for _, since := range []uint64{0, 64, 1 << 40} {
		if page := r.collect(l, since)[0]; page.From != 0 || page.Until != 0 || !page.End {
			t.Errorf("an empty log from %d: %+v", since, page.Page)
		}
	}
	s := r.request(l, wire.RangeFrame{Since: 1 << 40, Follow: true})
	r.next(s)
	blobs := r.blobs(1)
	r.deposit(l, wire.Deposit{Tokens: p.take(1)}, blobs...)
	if page := r.next(s); !slices.EqualFunc(page.blobs, blobs, bytes.Equal) {
		t.Errorf("what came first: %+v", page.Page)
	}
}

// countedStore counts how often pages are read, and fails when it is told to.
type countedStore struct {
	mailbox.Store
	mu    sync.Mutex // guards the following
	reads int
	fail  error
	gate  chan struct{} // nil, or what reads wait for
	begun chan struct{} // gets one for each read that waits
}

func (s *countedStore) Since(ctx context.Context, c mailbox.Community, cursor uint64, limit int) (mailbox.Page, error) {
	s.mu.Lock()
	s.reads++
	fail, gate := s.fail, s.gate
	s.mu.Unlock()
	if gate != nil {
		select {
		case s.begun <- struct{}{}:
		default:
		}
		select {
		case <-gate:
		case <-ctx.Done():
			return mailbox.Page{}, context.Cause(ctx)
		}
	}
	if fail != nil {
		return mailbox.Page{}, fail
	}
	return s.Store.Since(ctx, c, cursor, limit)
}

func TestOneReadForAll(t *testing.T) {
	t.Parallel()
	disk, err := mailbox.Open(t.TempDir(), 0)
	if err != nil {
		t.Fatal(err)
	}
	defer disk.Close()
	var id mailbox.Community
	for range 30 {
		blob, _ := newBlob(t, wire.Class0, 20000)
		if _, err := disk.Append(t.Context(), id, []mailbox.Deposit{{Blob: blob}}); err != nil {
			t.Fatal(err)
		}
	}
	store := &countedStore{Store: disk, gate: make(chan struct{}), begun: make(chan struct{}, 1)}
	p := newPager(store, id, nil)
	p.size, p.keep = 40<<10, 100<<10
	given, giveUp := context.WithCancel(t.Context())
	var all sync.WaitGroup
	all.Go(func() {
		if _, err := p.page(given, 0); !errors.Is(err, context.Canceled) {
			t.Errorf("who gave up: %v", err)
		}
	})
	<-store.begun
	for range 50 {
		all.Go(func() {
			if l, err := p.page(t.Context(), 0); err != nil || l.frame.Until == 0 {
				t.Errorf("who waited: %v", err)
			}
		})
	}
	giveUp()
	<-store.begun
	close(store.gate)
	all.Wait()
	if store.reads > 3 {
		t.Errorf("%d reads for one page", store.reads)
	}

	before := store.reads
	for from := uint64(0); ; {
		l, err := p.page(t.Context(), from)
		if err != nil {
			t.Fatal(err)
		}
		if from == l.frame.Until {
			break
		}
		from = l.frame.Until
	}
	if p.bytes > p.keep || len(p.kept) == 0 || store.reads == before {
		t.Errorf("%d bytes in %d pages are kept, after %d reads", p.bytes, len(p.kept), store.reads)
	}
	p.forget()
	store.fail = errors.New("a bad disk")
	if _, err := p.page(t.Context(), 0); err == nil || len(p.kept) != 0 {
		t.Errorf("a page that could not be read: %v, %d are kept", err, len(p.kept))
	}
}

// graveyard is a store of which everything was deleted.
type graveyard struct{ mailbox.Store }

func (graveyard) Since(_ context.Context, _ mailbox.Community, cursor uint64, _ int) (mailbox.Page, error) {
	return mailbox.Page{From: cursor, Until: cursor + 1024, Absent: make([]mailbox.Absence, 1024)}, nil
}

// TestDeletedTakesMemory: pages without a blob count as what they take, where they are kept and on their way.
func TestDeletedTakesMemory(t *testing.T) {
	p := newPager(graveyard{}, mailbox.Community{}, nil)
	for from := range uint64(500) {
		if _, err := p.page(t.Context(), from*1024); err != nil {
			t.Fatal(err)
		}
	}
	held := 0
	for _, r := range p.kept {
		held += len(r.leaf.frame.Absent)
	}
	if held == 0 || held > pagesKept {
		t.Errorf("%d bytes are kept, %d are allowed", held, pagesKept)
	}

	r := start(t)
	l := r.join().mustMember()
	blob, d := newBlob(t, wire.Class0, r.today()+7)
	r.put([][]byte{blob})
	r.ask(l, wire.Delete{Tombstones: wire.Tombstones{}.Add(d, r.today()+7)})
	if got := r.collect(l, 0); got[0].Absent.Len() != 1 || r.Status().Communities[0].Sent < uint64(len(got[0].Absent)) {
		t.Errorf("%d are said to be deleted, in %d bytes", got[0].Absent.Len(), r.Status().Communities[0].Sent)
	}
}
