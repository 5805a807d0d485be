package mesh

import (
	"net/netip"
	"slices"
	"testing"
	"time"

	"sottovoce/mesh/contact"
	"sottovoce/mesh/peer"
)

// asksFrom has an ask come in from an address, as somebody new each time.
func (t *turn) asksFrom(address byte, i int) error {
	o := &openLink{our: t.n.profile(), handle: peer.Handle{byte(i), byte(i >> 8), address}}
	o.profile[0], o.profile[1], o.profile[2] = byte(i), byte(i>>8), address
	q, err := t.exchange(o, contact.PhaseIncoming)
	if err != nil {
		return err
	}
	q.from = netip.AddrFrom4([4]byte{10, 0, 0, address})
	return t.advance(q, contact.Received{From: o.profile, Frame: askFrame(i)})
}

// stored counts the requests that are on disk.
func (t *turn) storedRequests() (count int) {
	for _, q := range t.n.requests {
		if q.row.ID != 0 {
			count++
		}
	}
	return count
}

// A flood of requests is not written down but bit by bit, one address after the other in
// turns, and is all there to see at once.
func TestRequestsDoNotLoadTheStore(t *testing.T) {
	anna := newPerson(t, newAir(), "Anna")
	anna.inside(func(turn *turn) error {
		for i := range 100 {
			if err := turn.asksFrom(1, i); err != nil {
				return err
			}
		}
		if err := turn.asksFrom(2, 0); err != nil {
			return err
		}
		if stored := turn.storedRequests(); stored != asksSavedBurst {
			t.Errorf("%d of 101 are stored at once", stored)
		}
		turn.now = turn.now.Add(asksSaved)
		if err := turn.saveHeld(); err != nil {
			return err
		}
		honest := turn.n.requests[contact.Profile{0, 0, 2}]
		if stored := turn.storedRequests(); stored != asksSavedBurst+1 || honest.row.ID == 0 {
			t.Errorf("%d are stored then, and of the other address %d", stored, honest.row.ID)
		}
		return nil
	})
	if waiting := anna.requests(); len(waiting) != 101 {
		t.Errorf("%d are shown", len(waiting))
	}
	if _, err := anna.Decline(t.Context(), "near-aaaaeaaaaa"); err != nil {
		t.Errorf("answering: %v", err)
	}
}

// Of many who wait those of the greediest address give way.
func TestRoomForAnHonestRequest(t *testing.T) {
	anna := newPerson(t, newAir(), "Anna")
	anna.inside(func(turn *turn) error {
		for i := range requestsMax {
			if err := turn.asksFrom(byte(i%40), i); err != nil {
				return err
			}
		}
		if err := turn.makeRoom(netip.MustParseAddr("10.0.0.77")); err != nil {
			return err
		}
		if n := anna.inPhase(contact.PhaseIncoming); n != requestsMax-1 || anna.asks.dropped != 1 {
			t.Errorf("%d wait, %d were dropped", n, anna.asks.dropped)
		}
		return nil
	})
	s, err := anna.Status(t.Context())
	if err != nil || len(s.Notices) != 1 {
		t.Errorf("status shows %q, %v", s.Notices, err)
	}
}

func TestTakeIsBounded(t *testing.T) {
	asks, now := newAsks(), time.Now()
	for i := range 3 * askersMax {
		address := netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)})
		for n := range asksPerAddressBurst + 1 {
			if take(asks.from, address, now, asksPerAddress, asksPerAddressBurst) != (n < asksPerAddressBurst) {
				t.Fatalf("address %d, ask %d", i, n)
			}
		}
	}
	if len(asks.from) > askersMax {
		t.Errorf("%d addresses are remembered", len(asks.from))
	}
	last := netip.AddrFrom4([4]byte{10, 0, byte((3*askersMax - 1) >> 8), byte((3*askersMax - 1) & 255)})
	if !take(asks.from, last, now.Add(asksPerAddress), asksPerAddress, asksPerAddressBurst) {
		t.Error("an address is shut out for longer than it should be")
	}
}

// An asker that is turned away comes again by itself, and is heard then.
func TestAsksAgainAfterAFlood(t *testing.T) {
	t.Parallel()
	a := newAir()
	anna, bruno := newPerson(t, a, "Anna"), newPerson(t, a, "Bruno")
	anna.inside(func(turn *turn) error {
		for take(turn.n.asks.from, netip.MustParseAddr("127.0.0.1"), turn.now, asksPerAddress, asksPerAddressBurst) {
		}
		// The time that an address has to wait is of no use to a test.
		limiter := turn.n.asks.from[netip.MustParseAddr("127.0.0.1")]
		limiter.SetLimitAt(turn.now, 1)
		return nil
	})
	bruno.adds("Anna")
	anna.within(waitLong, "has the request", anna.finds(anna.Requests, "Bruno", anyhow))
	anna.accepts("Bruno")
	areContacts(t, anna, bruno)
}

// How often a profile may ask does not tell whether it is blocked.
func TestAsksOfTheBlockedCountLikeOthers(t *testing.T) {
	t.Parallel()
	a := newAir()
	anna, bruno := newPerson(t, a, "Anna"), newPerson(t, a, "Bruno")
	anna.befriends(bruno)
	if _, err := anna.Block(t.Context(), "Bruno"); err != nil {
		t.Fatal(err)
	}
	anna.inside(func(turn *turn) error {
		outcome := func(profile contact.Profile) (dropped []uint64) {
			o := &openLink{profile: profile, our: anna.profile(), handle: peer.Handle{9}}
			for _, i := range []int{1, 1, 1, 1, 1, 1, 2, 3, 4, 5, 6, 6} {
				before := anna.asks.dropped
				if err := turn.contactFrame(o, askFrame(i)); err != nil {
					t.Error(err)
				}
				dropped = append(dropped, anna.asks.dropped-before)
			}
			return dropped
		}
		blocked, stranger := outcome(anna.device("Bruno").contact.profile), outcome(contact.Profile{9})
		if !slices.Equal(blocked, stranger) || !slices.Contains(stranger, 1) || stranger[5] != 0 {
			t.Errorf("dropped of the blocked %v, of a stranger %v", blocked, stranger)
		}
		return nil
	})
}

// A blocked contact that begins again under another profile is a stranger like any other.
func TestBlockedUnderANewProfile(t *testing.T) {
	t.Parallel()
	a := newAir()
	anna, bruno := newPerson(t, a, "Anna"), newPerson(t, a, "Bruno")
	anna.befriends(bruno)
	if _, err := anna.Block(t.Context(), "Bruno"); err != nil {
		t.Fatal(err)
	}
	anna.inside(func(turn *turn) error {
		known := &openLink{our: anna.profile(), profile: anna.device("Bruno").contact.profile}
		if err := turn.contactFrame(known, askFrame(1)); err != nil {
			return err
		}
		if n := anna.inPhase(contact.PhaseIncoming); n != 0 {
			t.Errorf("%d requests of a profile that is blocked", n)
		}
		return turn.contactFrame(&openLink{our: anna.profile(), profile: contact.Profile{7}, handle: peer.Handle{7}}, askFrame(2))
	})
	waiting := anna.requests()
	if len(waiting) != 1 || waiting[0].Contact || waiting[0].Blocked || waiting[0].Direction != In {
		t.Errorf("requests are %+v", waiting)
	}
}
