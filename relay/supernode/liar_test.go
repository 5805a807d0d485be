package supernode

import (
	"errors"
	"io"
	"slices"
	"testing"

	"sottovoce/mesh/link"
	"sottovoce/mesh/wire"
	"sottovoce/relay/mailbox"
	"sottovoce/relay/relaytest"
	"sottovoce/relay/witness"
)

// liar is a supernode whose store lies, and what two of its members know of its log.
type liar struct {
	*rig
	*relaytest.Liar
	anna, bruno *follower
}

// follower is a member that follows the log over the wire.
type follower struct {
	*person
	link *link.Link
	*witness.Watch
	ids []wire.BlobID // that were brought, in order
}

func newLiar(t *testing.T) *liar {
	t.Helper()
	l := &liar{rig: found(t)}
	l.open()
	for _, f := range []**follower{&l.anna, &l.bruno} {
		p := l.join()
		p.draw(10)
		*f = &follower{person: p, link: p.mustMember(), Watch: witness.NewWatch(l.logOf())}
	}
	return l
}

func (l *liar) open() {
	l.run(Config{
		Vouched: func() bool { return true }, Store: func(s mailbox.Store) mailbox.Store { l.Liar = relaytest.NewLiar(s); return l.Liar },
	})
	l.Night() // of the day before all this
}

func (l *liar) logOf() witness.Log {
	return witness.Log{Supernode: l.device.Public(), Community: l.made.Community}
}

// leave has Anna deposit blobs, and take the receipt.
func (l *liar) leave(n int) {
	l.t.Helper()
	blobs := l.blobs(n)
	kept := l.deposit(l.anna.link, wire.Deposit{Tokens: l.anna.take(n)}, blobs...)
	r := witness.Receipt{Signature: *kept.Signature}
	i := 0
	for reason, cursor := range kept.Results.All() {
		if reason != 0 {
			l.t.Fatalf("blob %d is refused with %d", i, reason)
		}
		r.Kept = append(r.Kept, witness.Kept{ID: wire.IDOf(blobs[i]), ExpiryDay: l.today() + 7, Cursor: cursor})
		i++
	}
	if !l.logOf().VerifyReceipt(r) {
		l.t.Fatal("a receipt that is not signed")
	}
	l.anna.Receipt(r)
}

// collect reads the log from where a member stands, and returns what it finds wrong.
func (l *liar) collect(f *follower, since uint64) (found []witness.Breach) {
	l.t.Helper()
	asked := f.Taken()
	l.community().pages.forget()
	s := l.request(f.link, wire.RangeFrame{Since: since})
	for {
		frame, err := s.Receive(within(l.t))
		if errors.Is(err, io.EOF) {
			return found
		}
		page, is := frame.(wire.Page)
		if !is {
			l.t.Fatalf("%#v, %v", frame, err)
		}
		p := witness.Page{From: page.From, Base: page.Base, Until: page.Until, Chain: page.Chain, End: page.End, Asked: asked, Since: since, Finished: page.Finished}
		for i := range page.Cursors.Len() {
			blob, err := s.Blob(within(l.t), wire.BatchSizeMax)
			if err != nil {
				l.t.Fatal(err)
			}
			p.Entries = append(p.Entries, witness.Entry{Cursor: page.Cursors.At(i), ID: wire.IDOf(blob)})
			f.ids = append(f.ids, wire.IDOf(blob))
		}
		for cursor, id := range page.Absent.All() {
			p.Entries = append(p.Entries, witness.Entry{Cursor: cursor, ID: id, Absent: true})
		}
		slices.SortFunc(p.Entries, func(a, b witness.Entry) int { return int(int64(a.Cursor - b.Cursor)) })
		found = append(found, f.Page(p, l.today())...)
		since = page.Until
	}
}

// attest has the supernode sign for a member.
func (l *liar) attest(f *follower) []witness.Breach {
	l.t.Helper()
	c, is := l.ask(f.link, wire.Attest{}).(wire.Checkpoint)
	if !is {
		l.t.Fatal("no checkpoint")
	}
	return f.Given(witness.Checkpoint{Cursor: c.Cursor, Chain: c.Chain, Day: c.Day, Signature: c.Signature})
}

// exchange has the two members tell each other their checkpoints, for which neither reads anything.
func (l *liar) exchange() (found []witness.Breach) {
	for _, pair := range [][2]*follower{{l.anna, l.bruno}, {l.bruno, l.anna}} {
		if c, had := pair[0].Checkpoint(); had {
			found = append(found, pair[1].Told(c)...)
		}
		if since, wanted := pair[1].Ask(); wanted {
			l.t.Errorf("asks for %d, which shows who was told", since)
		}
	}
	return found
}

// day has a member collect, and take the close of the day; alone nobody finds anything.
func (l *liar) day(f *follower) {
	l.t.Helper()
	l.trust(append(l.collect(f, 0), l.attest(f)...))
}

// trust wants nothing to be found.
func (l *liar) trust(found []witness.Breach) {
	l.t.Helper()
	if len(found) > 0 {
		l.t.Errorf("found: %v", found)
	}
}

// again starts the supernode again; who follows keeps what it knows.
func (l *liar) again() {
	l.t.Helper()
	if err := l.stop(); err != nil {
		l.t.Fatal(err)
	}
	l.open()
	for _, f := range []*follower{l.anna, l.bruno} {
		f.link = f.mustMember()
	}
}

// lies are what a supernode does that was taken over, and what is found.
var lies = map[string]struct {
	lie  func(l *liar) (found []witness.Breach)
	kind witness.Kind // one of what is found
}{
	"drops what it signs for": {func(l *liar) []witness.Breach {
		l.Drop(true)
		l.leave(2)
		l.Drop(false)
		return l.collect(l.anna, 0)
	}, witness.Lost},
	"drops what it signs for, and others come": {func(l *liar) []witness.Breach {
		l.Drop(true)
		l.leave(1)
		l.Drop(false)
		l.leave(2)
		return l.collect(l.anna, 0)
	}, witness.Lost},
	"hides what it holds": {func(l *liar) []witness.Breach {
		l.leave(3)
		l.Show(relaytest.Hiding(4))
		return l.collect(l.anna, 0)
	}, witness.Dropped},
	"hides what it holds, and says that its day is over": {func(l *liar) []witness.Breach {
		l.leave(3)
		l.Show(relaytest.Hiding(4))
		l.Hurry(30)
		return l.collect(l.anna, 0)
	}, witness.Early},
	"leaves one out for Bruno": {func(l *liar) []witness.Breach {
		l.day(l.anna)
		l.Show(relaytest.Without(1))
		l.day(l.bruno)
		found := l.exchange()
		if len(found) > 0 && !found[0].Proven() {
			l.t.Error("two signatures prove nothing")
		}
		return found
	}, witness.Split},
	"leaves the last one out for Bruno": {func(l *liar) []witness.Breach {
		l.day(l.anna)
		l.Show(relaytest.Without(3))
		l.day(l.bruno)
		return l.exchange()
	}, witness.Split},
	"leaves one out for Bruno, who has been away": {func(l *liar) []witness.Breach {
		l.Night()
		l.day(l.anna)
		l.leave(1)
		l.Show(relaytest.Without(1))
		l.Mute(true)
		l.trust(l.collect(l.bruno, 0))
		return l.exchange()
	}, witness.Split},
	"leaves one out for Bruno, and signs for one log": {func(l *liar) []witness.Breach {
		l.Night()
		l.day(l.anna)
		l.Show(relaytest.Without(1))
		l.trust(l.collect(l.bruno, 0))
		l.Show(nil)
		return l.attest(l.bruno)
	}, witness.Split},
	"begins after days of truth": {func(l *liar) []witness.Breach {
		for range 2 {
			l.day(l.anna)
			l.day(l.bruno)
			l.trust(l.exchange())
			l.leave(1)
			l.Night()
		}
		l.leave(1)
		l.Night()
		l.day(l.anna)
		l.Show(relaytest.Without(6))
		l.day(l.bruno)
		return l.exchange()
	}, witness.Split},
	"stops showing anything to Bruno": {func(l *liar) []witness.Breach {
		l.day(l.anna)
		l.day(l.bruno)
		l.leave(2)
		l.Night()
		l.day(l.anna)
		l.trust(append(l.attest(l.bruno), l.exchange()...))
		l.Show(relaytest.Until(4))
		return l.collect(l.bruno, 0)
	}, witness.Rollback},
	"shows others to who follows than to who comes": {func(l *liar) []witness.Breach {
		l.Show(relaytest.Without(1))
		l.trust(l.collect(l.bruno, 0))
		l.Show(nil)
		l.leave(1)
		return l.collect(l.bruno, 0)
	}, witness.Rewrite},
	"signs for the place of another": {func(l *liar) []witness.Breach {
		l.Misplace(true)
		l.leave(1)
		l.Misplace(false)
		l.leave(1)
		return l.collect(l.anna, 0)
	}, witness.Lost},
	"signs, and forgets when it is started again": {func(l *liar) []witness.Breach {
		l.Drop(true)
		l.leave(1) // nothing was brought to the disk
		l.Drop(false)
		l.again()
		l.leave(3)
		return l.collect(l.anna, 0)
	}, witness.Lost},
	"shows Bruno an older log when it is started again": {func(l *liar) []witness.Breach {
		l.leave(1)
		l.Night()
		l.day(l.anna)
		l.again()
		l.Night()
		l.Night()
		l.Show(relaytest.Until(3))
		l.trust(append(l.collect(l.bruno, 0), l.attest(l.bruno)...))
		return l.exchange()
	}, witness.Rollback},
	"goes back to an old disk": {func(l *liar) []witness.Breach {
		l.leave(2)
		found := l.collect(l.anna, 0)
		l.Show(relaytest.Until(4))
		return append(found, l.collect(l.anna, 0)...)
	}, witness.Rollback},
	"mixes up": {func(l *liar) []witness.Breach {
		found := l.collect(l.bruno, 0)
		l.Show(relaytest.Mixed())
		return append(found, l.collect(l.bruno, 0)...)
	}, witness.Rewrite},
	"serves junk": {func(l *liar) []witness.Breach {
		l.leave(2)
		l.Show(relaytest.Junk())
		return l.collect(l.anna, 0)
	}, witness.Lost},
}

// TestLiarsAreFoundOut: whatever a supernode that was taken over does with what it was given, members who follow its log and
// tell each other find out, and what they have from elsewhere is not touched by it.
func TestLiarsAreFoundOut(t *testing.T) {
	for name, c := range lies {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLiar(t)
			l.leave(4)
			found := c.lie(l)
			if !slices.ContainsFunc(found, func(b witness.Breach) bool { return b.Kind == c.kind }) {
				t.Errorf("breaches %v, want one of kind %d", found, c.kind)
			}
			for _, b := range found {
				if _, err := witness.ParseEvidence(b.Evidence()); err != nil {
					t.Errorf("evidence: %v", err)
				}
			}
		})
	}
}

// TestHonestIsNotAccused: all the same steps with the truth.
func TestHonestIsNotAccused(t *testing.T) {
	l := newLiar(t)
	for range 2 {
		l.leave(3)
		found := append(l.collect(l.anna, 0), l.attest(l.anna)...)
		l.leave(1)
		found = append(found, append(l.collect(l.bruno, 0), l.attest(l.bruno)...)...)
		if found = append(found, l.exchange()...); len(found) > 0 {
			t.Errorf("accused: %v", found)
		}
	}
	// what comes twice is told by its id, and no breach
	l.Show(relaytest.Again())
	if found := l.collect(l.bruno, 0); len(found) > 0 {
		t.Errorf("accused: %v", found)
	}
}
