package witness

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"sottovoce/mesh/goldentest"
	"sottovoce/mesh/identity"
	"sottovoce/mesh/wire"
)

// supernode signs, and has a log.
type supernode struct {
	device *identity.Device
	log    Log
	ids    []wire.BlobID // at cursors 1, 2, 3 …; zero for a deletion
	absent map[uint64]bool
	over   uint16            // the last day that it has finished with
	lives  map[uint64]uint16 // last days, of what has one
}

func newSupernode() *supernode {
	device, err := identity.NewDevice(bytes.NewReader(goldentest.Counted(1, 64)))
	if err != nil {
		panic(err)
	}
	return &supernode{device: device, log: Log{Supernode: device.Public(), Community: [32]byte{'c'}}, absent: make(map[uint64]bool), over: today - 1}
}

func idOf(n int) wire.BlobID { return wire.BlobID(sha256.Sum256(fmt.Append(nil, n))) }

func (s *supernode) add(ns ...int) *supernode {
	for _, n := range ns {
		s.ids = append(s.ids, idOf(n))
	}
	return s
}

// fork returns a supernode with the same keys and a log of its own from here on.
func (s *supernode) fork() *supernode {
	return &supernode{device: s.device, log: s.log, ids: slices.Clone(s.ids), absent: make(map[uint64]bool), over: s.over}
}

func (s *supernode) chain(cursor uint64) (c [32]byte) {
	for _, id := range s.ids[:cursor] {
		if id != (wire.BlobID{}) {
			c = next(c, id)
		}
	}
	return c
}

// page is the log from one cursor to another. What has expired before all else is left out.
func (s *supernode) page(from, until uint64) Page {
	p := Page{Since: from, Finished: s.over, Until: until, Chain: s.chain(until), End: int(until) == len(s.ids)}
	for from < until && s.expired(from+1) {
		from++
	}
	p.From, p.Base = from, s.chain(from)
	for c := from + 1; c <= until; c++ {
		if id := s.ids[c-1]; id != (wire.BlobID{}) {
			p.Entries = append(p.Entries, Entry{Cursor: c, ID: id, Absent: s.absent[c] || s.expired(c)})
		}
	}
	return p
}

func (s *supernode) expired(cursor uint64) bool {
	return s.lives[cursor] != 0 && s.lives[cursor] <= s.over
}

func (s *supernode) all() Page { return s.page(0, uint64(len(s.ids))) }

func (s *supernode) attest(cursor uint64, day uint32) Checkpoint {
	c := Checkpoint{Cursor: cursor, Chain: s.chain(cursor), Day: day}
	c.Signature = [64]byte(ed25519.Sign(s.device.SignKey(), s.log.checkpoint(c)))
	return c
}

func (s *supernode) receipt(kept ...Kept) Receipt {
	r := Receipt{Kept: kept}
	r.Signature = [64]byte(ed25519.Sign(s.device.SignKey(), s.log.receipt(r)))
	return r
}

const today = 20_000

// wantKinds compares kinds, and that all evidence can be read again and means the same.
func wantKinds(t *testing.T, found []Breach, want ...Kind) {
	t.Helper()
	var got []Kind
	for _, b := range found {
		got = append(got, b.Kind)
		again, err := ParseEvidence(b.Evidence())
		if err != nil {
			t.Fatalf("evidence of %d: %v", b.Kind, err)
		}
		if again.Words("P") != b.Words("P") || again.Proven() != b.Proven() || !bytes.Equal(again.Evidence(), b.Evidence()) {
			t.Errorf("evidence of %d is read as another", b.Kind)
		}
		if !strings.HasPrefix(b.Words("P"), "P ") || strings.Contains(b.Words("P"), "contradicts itself") && b.Kind != Broken {
			t.Errorf("no words for %d: %q", b.Kind, b.Words("P"))
		}
	}
	if !slices.Equal(got, want) {
		t.Fatalf("breaches %v, want %v", got, want)
	}
}

func TestSplitView(t *testing.T) {
	s := newSupernode().add(1, 2, 3)
	other := s.fork().add(50) // somebody is shown another fourth blob
	s.add(4, 5)
	t.Run("both were given one", func(t *testing.T) {
		w := NewWatch(s.log)
		wantKinds(t, w.Page(s.all(), today))
		wantKinds(t, w.Given(s.attest(4, today)))
		found := w.Told(other.attest(4, today))
		wantKinds(t, found, Split)
		if !found[0].Proven() {
			t.Error("two signatures prove nothing")
		}
	})
	t.Run("what was told is ahead of us", func(t *testing.T) {
		w := NewWatch(s.log)
		wantKinds(t, w.Page(s.page(0, 3), today))
		wantKinds(t, w.Told(other.attest(4, today)))
		wantKinds(t, w.Page(s.page(3, 5), today), Split)
		wantKinds(t, w.Page(s.page(3, 5), today)) // told once
	})
	t.Run("what was told is behind us", func(t *testing.T) {
		w := NewWatch(s.log)
		wantKinds(t, w.Page(s.all(), today))
		wantKinds(t, w.Told(other.attest(4, today)), Split)
		if since, wanted := w.Ask(); wanted {
			t.Errorf("asks for %d at once, which shows who was told", since)
		}
	})
	t.Run("what was told is a place that everybody knows", func(t *testing.T) {
		s, other := s.fork(), other.fork()
		for n := range 2 * pointStep {
			s.add(100 + n)
			other.add(100 + n)
		}
		w := NewWatch(s.log)
		wantKinds(t, w.Page(s.all(), today))
		wantKinds(t, w.Told(s.attest(pointStep, today)))
		wantKinds(t, w.Told(other.attest(pointStep, today)), Split)
		if since, wanted := w.Ask(); wanted {
			t.Errorf("asks for %d", since)
		}
	})
	t.Run("what was signed for us is not what we are shown", func(t *testing.T) {
		w := NewWatch(s.log)
		wantKinds(t, w.Given(other.attest(4, today)))
		wantKinds(t, w.Page(s.all(), today), Split)
	})
	t.Run("the same log", func(t *testing.T) {
		w := NewWatch(s.log)
		wantKinds(t, w.Told(s.attest(4, today)))
		wantKinds(t, w.Page(s.all(), today))
		wantKinds(t, w.Told(s.attest(2, today-1)))
		wantKinds(t, w.Page(s.all(), today))
		wantKinds(t, w.Given(s.attest(5, today)))
	})
	t.Run("forged", func(t *testing.T) {
		w := NewWatch(s.log)
		wantKinds(t, w.Page(s.all(), today))
		c := other.attest(4, today)
		c.Signature[7] ^= 1
		wantKinds(t, append(w.Told(c), w.Given(c)...))
		if _, had := w.Checkpoint(); had {
			t.Error("a forged checkpoint is told to others")
		}
	})
}

func TestRollback(t *testing.T) {
	s := newSupernode().add(1, 2, 3, 4, 5)
	old := s.fork()
	old.ids = old.ids[:3]
	t.Run("signed", func(t *testing.T) {
		w := NewWatch(s.log)
		wantKinds(t, w.Given(s.attest(5, today)))
		found := w.Given(old.attest(3, today+1))
		wantKinds(t, found, Rollback)
		if !found[0].Proven() {
			t.Error("two signatures prove nothing")
		}
	})
	t.Run("read", func(t *testing.T) {
		w := NewWatch(s.log)
		wantKinds(t, w.Page(s.all(), today))
		short := Page{From: 3, Base: old.chain(3), Until: 3, Chain: old.chain(3), End: true}
		wantKinds(t, w.Page(short, today)) // it may be on its way since before
		short.Asked = w.Taken()
		wantKinds(t, w.Page(short, today), Rollback)
		wantKinds(t, w.Page(old.fork().add(9).page(3, 4), today)) // and goes on from there
	})
	t.Run("shorter than was signed for another", func(t *testing.T) {
		w := NewWatch(s.log)
		wantKinds(t, w.Told(s.attest(5, today)))
		p := old.page(0, 3)
		wantKinds(t, w.Page(p, today)) // it may be on its way since before
		p.Asked = w.Taken()
		wantKinds(t, w.Page(p, today), Rollback)
	})
	t.Run("shorter than was signed for us", func(t *testing.T) {
		w := NewWatch(s.log)
		p := old.page(0, 3)
		wantKinds(t, w.Page(p, today))
		wantKinds(t, w.Given(s.attest(5, today)))
		wantKinds(t, w.Page(p, today))
		p.Asked = w.Taken()
		wantKinds(t, w.Page(p, today), Rollback)
		wantKinds(t, w.Page(p, today)) // told once
	})
	t.Run("a later day at another", func(t *testing.T) {
		w := NewWatch(s.log)
		wantKinds(t, w.Given(s.attest(5, today)))
		found := w.Told(old.attest(3, today+1))
		wantKinds(t, found, Rollback)
		if !found[0].Proven() {
			t.Error("two signatures prove nothing")
		}
	})
	t.Run("a slower member", func(t *testing.T) {
		w := NewWatch(s.log)
		wantKinds(t, w.Told(s.attest(5, today)))
		p := s.page(0, 3) // not the end
		wantKinds(t, w.Page(p, today))
		wantKinds(t, w.Told(s.attest(3, today-1)))
	})
}

func TestPagesThatContradict(t *testing.T) {
	s := newSupernode().add(1, 2, 3, 4, 5, 6)
	w := NewWatch(s.log)
	wantKinds(t, w.Page(s.page(0, 3), today))
	p := s.page(3, 5)
	p.Entries = p.Entries[1:]
	wantKinds(t, w.Page(p, today), Broken)

	w = NewWatch(s.log)
	wantKinds(t, w.Page(s.page(0, 3), today))
	changed := s.fork()
	changed.ids[1] = idOf(77)
	wantKinds(t, w.Page(changed.page(3, 6), today), Rewrite)
	wantKinds(t, w.Page(changed.add(7).page(6, 7), today)) // told once
}

func TestEvidenceIsVerified(t *testing.T) {
	s := newSupernode().add(1, 2, 3)
	other := s.fork()
	other.ids[2] = idOf(9)
	b := Compare(s.log, s.attest(3, today), other.attest(3, today))
	for name, change := range map[string]func(*Breach){
		"a checkpoint that is not signed": func(b *Breach) { b.Checkpoints[0].Cursor++ },
		"of another supernode":            func(b *Breach) { b.Log.Community[0]++ },
		"checkpoints that agree":          func(b *Breach) { b.Checkpoints[1] = b.Checkpoints[0] },
		"another kind":                    func(b *Breach) { b.Kind = Rollback },
	} {
		forged := *b
		forged.Checkpoints = slices.Clone(b.Checkpoints)
		change(&forged)
		if _, err := ParseEvidence(forged.Evidence()); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
	lost := Breach{Kind: Lost, Log: s.log, Receipt: &Receipt{Kept: []Kept{{Cursor: 1}}}}
	if _, err := ParseEvidence(lost.Evidence()); !errors.Is(err, identity.ErrSignature) {
		t.Errorf("a receipt that is not signed: %v", err)
	}
	goldentest.File(t, "evidence.txt", fmt.Sprintf("split = %x\n", b.Evidence()))
}

// TestWatchIsBounded: floods of checkpoints and receipts cost what the limits say.
func TestWatchIsBounded(t *testing.T) {
	s := newSupernode().add(make([]int, 3000)...)
	w := NewWatch(s.log)
	for i := range uint32(100) {
		w.Told(s.attest(uint64(i)+100, today+i))
	}
	if len(w.s.Told) != toldMax {
		t.Errorf("%d checkpoints wait", len(w.s.Told))
	}
	for n := range uint64(3 * pointsMax) {
		w.pass(Point{Cursor: n * pointStep}, (n+1)*pointStep+1)
		w.recall(Point{Cursor: n * pointStep})
		w.sure(Kept{ID: idOf(int(n)), ExpiryDay: today, Cursor: 1 << 40})
	}
	for _, size := range []int{256, 1} {
		kept := make([]Kept, size)
		for i := range min(dueMax, 2*dueBlobsMax/size) + 9 {
			for k := range kept {
				kept[k] = Kept{ID: idOf(k), ExpiryDay: today + 9, Cursor: 1<<40 + uint64(i)}
			}
			w.Receipt(Receipt{Kept: slices.Clone(kept)})
		}
		if _, err := LoadWatch(s.log, w.Save()); err != nil || len(w.s.Due) < dueBlobsMax/size/4 {
			t.Errorf("receipts of %d: %d are left, %v", size, len(w.s.Due), err)
		}
	}
	if saved := w.Save(); len(saved) > savedMax {
		t.Errorf("%d bytes", len(saved))
	}
}

func FuzzEvidence(f *testing.F) {
	s := newSupernode().add(1, 2, 3)
	other := s.fork()
	other.ids[2] = idOf(9)
	f.Add(Compare(s.log, s.attest(3, today), other.attest(3, today)).Evidence())
	r := s.receipt(Kept{ID: idOf(1), ExpiryDay: 9, Cursor: 1})
	f.Add((&Breach{Kind: Lost, Log: s.log, Receipt: &r, Item: r.Kept[0], Seen: Point{Cursor: 4}}).Evidence())
	f.Add(NewWatch(s.log).Save())
	f.Fuzz(func(t *testing.T, in []byte) {
		if w, err := LoadWatch(s.log, in); err == nil {
			w.Page(s.all(), today)
			w.Ask()
		}
		b, err := ParseEvidence(in)
		if err != nil {
			return
		}
		if _, err := ParseEvidence(b.Evidence()); err != nil {
			t.Errorf("ours again: %v", err)
		}
	})
}
