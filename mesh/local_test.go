package mesh

import (
	"errors"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"sottovoce/mesh/peer"
)

// recordedFence notes what it is told.
type recordedFence struct {
	mu       sync.Mutex // guards the fields below
	closed   bool
	networks []peer.Network
}

func (f *recordedFence) Close() { f.set(true) }
func (f *recordedFence) Open()  { f.set(false) }

func (f *recordedFence) set(closed bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.closed = closed
}

func (f *recordedFence) Surround(networks []peer.Network) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.networks = networks
}

func (f *recordedFence) state() (closed bool, networks int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.closed, len(f.networks)
}

// Local only closes the fence at once and after a restart, ends links that lead elsewhere
// and those only, says so of an address that was typed, and tells nobody of anybody.
func TestLocalOnly(t *testing.T) {
	t.Parallel()
	a := newAir()
	anna, bruno := newPerson(t, a, "Anna"), newPerson(t, a, "Bruno")
	anna.stop()
	fence := &recordedFence{}
	anna.fenced = fence
	anna.start()
	t.Cleanup(func() { anna.stop() })
	anna.befriends(bruno)
	far := netip.MustParseAddrPort("192.0.2.1:9")
	if _, err := anna.Add(t.Context(), "192.0.2.1:"); !errors.Is(err, ErrNotFound) {
		t.Fatal(err)
	}
	if closed, networks := fence.state(); closed || networks != 1 {
		t.Errorf("the fence is closed: %v, around %d networks", closed, networks)
	}
	if err := anna.SetLocalOnly(t.Context(), true); err != nil {
		t.Fatal(err)
	}
	if closed, _ := fence.state(); !closed {
		t.Error("the fence is open")
	}
	if _, err := anna.Add(t.Context(), far.String()); !errors.Is(err, ErrLocalOnly) || !strings.Contains(err.Error(), "192.0.2.1") {
		t.Errorf("typing an address elsewhere: %v", err)
	}
	if !anna.finds(anna.Contacts, "Bruno", linked)() {
		t.Error("a link on this network ended")
	}
	anna.inside(func(turn *turn) error {
		v := anna.device("Bruno").route.live
		v.shared, v.toldAt, anna.tellAt = nil, time.Time{}, turn.now
		turn.tellPeers()
		if len(v.shared) > 0 {
			t.Error("it tells of others")
		}
		anna.ground = nil
		err := turn.endRouted()
		anna.ground = somewhere
		if anna.device("Bruno").route.live != nil {
			t.Error("a link that leads elsewhere lives")
		}
		return err
	})
	fence.set(false)
	anna.stop()
	anna.start()
	if closed, _ := fence.state(); !closed {
		t.Error("forgotten over a restart")
	}
	s, err := anna.Status(t.Context())
	if err != nil || !s.LocalOnly {
		t.Errorf("status is %+v, %v", s, err)
	}
	bruno.within(waitLong, "linked again", bruno.finds(bruno.Contacts, "Anna", linked))
	if err := anna.SetLocalOnly(t.Context(), false); err != nil {
		t.Fatal(err)
	}
	if closed, _ := fence.state(); closed {
		t.Error("the fence stays closed")
	}
	if local, err := anna.LocalOnly(t.Context()); local || err != nil {
		t.Errorf("local only is %v, %v", local, err)
	}
}

func TestStatusEndpoints(t *testing.T) {
	s := Status{Port: 7}
	got := s.Endpoints(peer.Network{Interface: "eth0", Prefixes: []netip.Prefix{netip.MustParsePrefix("10.0.0.1/8"), netip.MustParsePrefix("fe80::1/64")}})
	if len(got) != 2 || got[0].String() != "10.0.0.1:7" || got[1].String() != "[fe80::1%eth0]:7" {
		t.Errorf("endpoints are %v", got)
	}
}
