package supernode

import (
	"context"
	"crypto/rand"
	"errors"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"sottovoce/mesh/link"
	"sottovoce/mesh/wire"
	"sottovoce/relay/community"
)

func TestPace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, begun := newPace(), time.Now()
		move := func(n int, want time.Duration) {
			t.Helper()
			if err := p.wait(t.Context(), block{}, n); err != nil {
				t.Fatal(err)
			}
			if at := time.Since(begun); at < want-time.Millisecond || at > want+10*time.Millisecond {
				t.Errorf("%d bytes at %v, want %v", n, at, want)
			}
		}
		move(1<<30, 0) // nothing is said
		p.limit(100_000)
		for range 2 {
			move(paceBurstMin/2, 0)
		}
		move(1_000_000, 10*time.Second)
		p.owe(1_500_000 - 500_000)
		var no refusal
		if err := p.wait(t.Context(), block{}, 1_000_001); !errors.As(err, &no) || no.reason != wire.ReasonNotNow || time.Since(begun) > 11*time.Second {
			t.Errorf("what would have to wait for more than %v: %v", paceMax, err)
		}
		move(1_000_000, 30*time.Second) // it has not waited behind what was refused
		ctx, cancel := context.WithCancelCause(t.Context())
		gone := errors.New("gone")
		cancel(gone)
		if err := p.wait(ctx, block{}, 1); !errors.Is(err, gone) {
			t.Errorf("whose link has ended: %v", err)
		}
		if got := p.moved.Load(); got != 1<<30+2*(paceBurstMin/2)+3_000_000 {
			t.Errorf("%d bytes are counted", got)
		}
	})
}

// TestPaceIsShared: whoever asks for very much waits for itself; others have every second turn.
func TestPaceIsShared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, begun := newPace(), time.Now()
		p.limit(100_000)
		p.owe(paceBurstMin)
		much, little := blockOf(netip.MustParseAddr("192.0.2.1")), blockOf(netip.MustParseAddr("192.0.2.2"))
		var refused atomic.Int64
		var all sync.WaitGroup
		for range 100 {
			all.Go(func() {
				if p.wait(t.Context(), much, 200_000) != nil {
					refused.Add(1)
				}
			})
		}
		synctest.Wait()
		for range 4 {
			if err := p.wait(t.Context(), little, 10_000); err != nil {
				t.Fatal(err)
			}
		}
		if took := time.Since(begun); took > 9*time.Second {
			t.Errorf("four small requests took %v beside who floods", took)
		}
		all.Wait()
		if n := refused.Load(); n < 80 || n > 95 || time.Since(begun) > paceMax {
			t.Errorf("%d of 100 are refused, after %v", n, time.Since(begun))
		}
		if len(p.turns) != 0 {
			t.Errorf("%d turns are left", len(p.turns))
		}
	})
}

// used takes what there is of a pace, so that n bytes more would have to wait longer than anybody does.
func used(p *pace) {
	p.limit(1000)
	for range 2 {
		p.limiter.ReserveN(time.Now(), paceBurstMin)
	}
}

// TestBandwidthOfOneCommunity: what is more than a community may move is refused for now, to members, guests and other supernodes
// alike, in the direction in which it is too much; another community on the same supernode is served.
func TestBandwidthOfOneCommunity(t *testing.T) {
	t.Parallel()
	r := start(t)
	p := r.join()
	p.draw(20)
	blobs := r.blobs(4)
	l, c := p.mustMember(), r.community()
	r.deposit(l, wire.Deposit{Tokens: p.take(1)}, blobs[0])
	notNow := func(what string, f wire.Frame) {
		t.Helper()
		if no, is := f.(wire.Refused); !is || no.Reason != wire.ReasonNotNow {
			t.Errorf("%s is answered by %#v", what, f)
		}
	}
	used(c.in)
	id := [32]byte(r.made.Community)
	notNow("a member's deposit", r.ask(l, wire.Deposit{Blobs: 1, Tokens: p.take(1)}, blobs[1]))
	notNow("a guest's deposit", r.ask(r.visitor(), wire.Deposit{Blobs: 1, Tokens: p.take(1), Community: &id}, blobs[1]))
	notNow("a slot", r.ask(l, wire.Slot{Owner: &[16]byte{1}, Day: r.day(), Bundle: make([]byte, wire.SlotSize), Tokens: p.take(4)}))
	if _, err := (stock{c}).Keep(t.Context(), blobs[:1]); !errors.As(err, new(refusal)) {
		t.Errorf("what another supernode brings: %v", err)
	}
	if got := bodies(r.collect(l, 0)); len(got) != 1 {
		t.Errorf("%d blobs are collected while too much comes", len(got))
	}
	c.in.limit(0)
	used(c.out)
	short := wire.ShortIDs{}.Add(wire.IDOf(blobs[0]).Short())
	notNow("a range", r.ask(l, wire.RangeFrame{}))
	notNow("who follows", r.ask(l, wire.RangeFrame{Follow: true}))
	notNow("a scan", r.ask(l, wire.Scan{}))
	notNow("a get", r.ask(l, wire.Get{IDs: short}))
	if _, err := (stock{c}).Get(t.Context(), []wire.ShortID{wire.IDOf(blobs[0]).Short()}, 1<<20); !errors.As(err, new(refusal)) {
		t.Errorf("what another supernode gets: %v", err)
	}
	if got := reasons(r.deposit(l, wire.Deposit{Tokens: p.take(1)}, blobs[2])); got[0] != 0 {
		t.Errorf("a deposit while too much leaves: %s", Word(got[0]))
	}
	if got := r.Status().Refused[wire.ReasonNotNow]; got != 7 {
		t.Errorf("%d refusals are counted", got)
	}
	if err := r.Limit(r.made.Community, Quota{Bandwidth: 500_000}); err != nil {
		t.Fatal(err)
	}
	if got := r.Status().Communities[0].Quota.Bandwidth; got != 500_000 {
		t.Errorf("%d bytes a second", got)
	}
	l.Close(link.ReasonBye)
}

// TestQuotaOfOneCommunity: what the operator says of one community holds for that one.
func TestQuotaOfOneCommunity(t *testing.T) {
	t.Parallel()
	r := found(t)
	other, err := Found(r.dir, Charter{Name: "Garten", Policy: policy}, Config{Rand: rand.Reader})
	if err != nil {
		t.Fatal(err)
	}
	r.run(Config{Vouched: func() bool { return true }, Limits: Limits{Disk: 1 << 20, Days: 30, Tokens: 500}})
	if err := r.Limit(r.made.Community, Quota{Disk: 10_000, Days: 7, Tokens: 3}); err != nil {
		t.Fatal(err)
	}
	if err := r.Limit(community.ID{}, Quota{}); !errors.Is(err, ErrCommunity) {
		t.Errorf("a community that is not served: %v", err)
	}
	p := r.join()
	p.draw(3)
	if got := r.community().left(p.persona.Persona(), r.day()); p.grant.Allowance != 3 || got != 0 {
		t.Errorf("%d tokens are left of %d", got, p.grant.Allowance)
	}
	l := p.mustMember()
	late, _ := newBlob(t, wire.Class0, r.day()+8)
	got := reasons(r.deposit(l, wire.Deposit{Tokens: p.take(3)}, late, r.blobs(1)[0], r.blobs(1)[0]))
	if got[0] != wire.ReasonWrongDay || got[1] != 0 || got[2] != 0 {
		t.Errorf("%v", got)
	}
	for _, c := range r.Status().Communities {
		switch want := (Quota{Days: 30, Tokens: 500}); c.ID {
		case other.Community: // the first may have little, so that there is more for this one
			if c.Quota != want || c.Room < 1<<20-100_000 {
				t.Errorf("%+v", c)
			}
		default:
			if want = (Quota{Disk: 10_000, Days: 7, Tokens: 3}); c.Quota != want || c.Room > 10_000-2*4096 {
				t.Errorf("%+v", c)
			}
		}
	}
	if reason := func() wire.Reason { t := r.community().terms(); return t.judge(r.day()+1, 4096) }(); reason != wire.ReasonQuota {
		t.Errorf("beyond its disk: %s", Word(reason))
	}
}
