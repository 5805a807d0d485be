package supernode

import (
	"context"
	"crypto/rand"
	"errors"
	"io"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"

	"sottovoce/mesh/handshake"
	"sottovoce/mesh/link"
	"sottovoce/mesh/wire"
	"sottovoce/relay/community"
	"sottovoce/relay/replica"
)

// second makes a further supernode of r's community, which runs.
func (r *rig) second() *rig {
	r.t.Helper()
	return r.secondWith(Config{Vouched: func() bool { return true }})
}

// secondWith is second with settings.
func (r *rig) secondWith(cfg Config) *rig {
	r.t.Helper()
	root, err := community.ParseWords(strings.Join(r.made.Words, " "))
	if err != nil {
		r.t.Fatal(err)
	}
	invite, err := r.InviteSupernode(r.made.Community, root, time.Hour)
	if err != nil {
		r.t.Fatal(err)
	}
	invite.Stops[0].Addresses = []string{r.at.String()}
	pc, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		r.t.Fatal(err)
	}
	b := &rig{t: r.t, dir: r.t.TempDir(), logs: &logged{}, from: r.from}
	b.made, err = Enter(within(r.t), b.dir, invite, nil, Config{Rand: rand.Reader, Log: slog.New(slog.DiscardHandler), Conn: pc})
	if err != nil {
		r.t.Fatal(err)
	}
	b.run(cfg)
	return b
}

// waitFor waits until a supernode holds what it should.
func (r *rig) waitFor(what string, is func(c *served) bool) {
	r.t.Helper()
	c := r.community()
	for deadline := time.Now().Add(15 * time.Second); ; {
		moved := c.store.Moved(c.id, c.store.Head(c.id).Cursor)
		c.mu.Lock()
		papers := c.changed
		c.mu.Unlock()
		if is(c) {
			return
		}
		select {
		case <-moved:
		case <-papers:
		case <-time.After(time.Until(deadline)):
			r.t.Fatalf("not so after 15 s: %s; allies %+v", what, r.Status().Communities[0].Allies)
		}
	}
}

func holds(blobs [][]byte) func(c *served) bool {
	return func(c *served) bool {
		for _, b := range blobs {
			ids := []wire.ShortID{wire.IDOf(b).Short()}
			if got, err := c.store.Get(context.Background(), c.id, ids, 1<<20); err != nil || len(got) != 1 {
				return false
			}
		}
		return true
	}
}

// TestSecondSupernode: a supernode that comes later gets all that is there, blobs, tombstones and members; what comes to either
// afterwards is at both; what was deleted at one is gone at the other, and cannot come back there.
func TestSecondSupernode(t *testing.T) {
	a := found(t)
	a.run(Config{Vouched: func() bool { return true }})
	if err := a.Advertise([]string{a.at.String()}); err != nil {
		t.Fatal(err)
	}
	anna := a.join()
	anna.draw(20)
	first, gone := a.blobs(5), a.blobs(0)
	dead, d := newBlob(t, wire.Class0, a.today()+7)
	gone = append(gone, dead)
	l := anna.mustMember()
	a.deposit(l, wire.Deposit{Tokens: anna.take(6)}, append(gone, first...)...)
	a.ask(l, wire.Delete{Tombstones: wire.Tombstones{}.Add(d, a.today()+7)})

	b := a.second()
	b.waitFor("the backlog", holds(first))
	b.waitFor("the members", func(c *served) bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		return len(c.house.Members()) == 1
	})
	b.waitFor("the tombstone", func(c *served) bool {
		all, err := c.store.Tombstones(context.Background(), c.id, a.today()+7)
		return err == nil && len(all) == 1
	})

	late := a.blobs(3)
	a.deposit(l, wire.Deposit{Tokens: anna.take(3)}, late...)
	b.waitFor("what came to the first", holds(late))

	// the tombstone holds at the second, whoever brings the blob
	c := b.community()
	if reasons, err := (stock{c}).Keep(context.Background(), gone); err != nil || reasons[0] != wire.ReasonDeleted {
		t.Errorf("a deleted blob is taken with %v, %v", reasons, err)
	}

	// what comes to the second goes to the first, by the link that the second has dialled
	own := a.blobs(2)
	if reasons, err := (stock{c}).Keep(context.Background(), own); err != nil || reasons[0] != 0 {
		t.Fatal(reasons, err)
	}
	a.waitFor("what came to the second", holds(own))
	for _, r := range []*rig{a, b} {
		allies := r.Status().Communities[0].Allies
		if len(allies) != 1 || !allies[0].Linked || allies[0].Complain != "" {
			t.Errorf("%+v", allies)
		}
	}

	// whom the root names no more is let in no more
	root, err := community.ParseWords(strings.Join(a.made.Words, " "))
	if err != nil {
		t.Fatal(err)
	}
	if err := a.CloseSupernode(a.made.Community, root, b.ID()); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(15 * time.Second); b.Status().Communities[0].Allies[0].Linked; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("a supernode that was closed keeps its link")
		}
	}
}

// TestStrangersAreNoAllies: the requests of supernodes are for those that the community names.
func TestStrangersAreNoAllies(t *testing.T) {
	r := start(t)
	anna := r.join()
	reconcile := wire.Reconcile{Day: r.today() + 7, Shelf: wire.ShelfBlobs, Message: []byte{0, 2, 0}}
	for name, c := range map[string]struct {
		login  func(l *link.Link) wire.Ally
		reason wire.Reason
	}{
		"a member": {func(l *link.Link) wire.Ally {
			at := r.place(l)
			return wire.Ally{Community: at.Community, Key: anna.persona.Persona(), Day: at.Day, Signature: anna.persona.Login(at)}
		}, wire.ReasonNoMember},
		"the supernode itself": {func(l *link.Link) wire.Ally {
			at := r.place(l)
			return wire.Ally{Community: at.Community, Key: r.device.Public().Sign, Day: at.Day, Signature: community.LoginAs(r.device.SignKey(), at)}
		}, wire.ReasonNoMember},
		"nobody": {func(l *link.Link) wire.Ally {
			return wire.Ally{Community: r.made.Community, Key: r.device.Public().Sign, Day: uint32(r.today())}
		}, wire.ReasonNoMember},
		"of another community": {func(*link.Link) wire.Ally { return wire.Ally{} }, wire.ReasonCommunity},
	} {
		t.Run(name, func(t *testing.T) {
			l := r.visitor()
			defer l.Close(link.ReasonBye)
			if no, is := r.ask(l, c.login(l)).(wire.Refused); !is || no.Reason != c.reason {
				t.Errorf("answered by %#v", no)
			}
			s := r.request(l, reconcile)
			if f, err := s.Receive(within(t)); err == nil || errors.Is(err, io.EOF) {
				t.Errorf("reconciles: %#v, %v", f, err)
			}
		})
	}
	t.Run("on a link of members", func(t *testing.T) {
		s := r.request(anna.mustMember(), reconcile)
		if f, err := s.Receive(within(t)); err == nil {
			t.Errorf("reconciles: %#v", f)
		}
	})
	if l, err := r.dial(handshake.Supernode, &handshake.Pair{Their: r.device.Public().Agree}); err != nil {
		t.Errorf("not served any more: %v", err)
	} else {
		l.Close(link.ReasonBye)
	}
}

// TestAllyWhoseStreamEnds: the log-in of a supernode ends with the stream that it came by, and with its name, whether it has
// logged in just before, or long ago.
func TestAllyWhoseStreamEnds(t *testing.T) {
	t.Parallel()
	a := start(t)
	if err := a.Advertise([]string{a.at.String()}); err != nil {
		t.Fatal(err)
	}
	b, c := a.second(), a.community()
	login := func() (*link.Link, *link.CustodyStream) {
		l := a.visitor()
		s := a.request(l, dialer{b.community()}.Ally(a.keys.ID(), l.Proof().Exporter))
		if f, err := s.Receive(within(t)); err != nil {
			t.Fatalf("%#v, %v", f, err)
		}
		return l, s
	}
	ended := func(what string, l *link.Link) {
		t.Helper()
		select {
		case <-l.Done():
		case <-time.After(10 * time.Second):
			t.Errorf("%s keeps its link", what)
		}
	}
	l, s := login()
	s.Reset()
	a.put(a.blobs(1)) // there is something to tell
	ended("who has reset the stream of its log-in", l)

	l, _ = login()
	root, err := community.ParseWords(strings.Join(a.made.Words, " "))
	if err != nil {
		t.Fatal(err)
	}
	id := b.keys.ID()
	if err := a.CloseSupernode(a.made.Community, root, id); err != nil {
		t.Fatal(err)
	}
	ended("who is named no more", l)
	v, no := &visit{}, refusal{}
	if err := v.allied(c, id, &replica.Guest{}); !errors.As(err, &no) || no.reason != wire.ReasonNoMember || v.ours() != nil {
		t.Errorf("who is named no more since it has logged in: %v", err)
	}
}
