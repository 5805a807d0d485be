package mesh

import (
	"bytes"
	"testing"
	"time"

	"github.com/fxamacker/cbor/v2"

	"sottovoce/mesh/conversation"
	"sottovoce/mesh/identity"
	"sottovoce/mesh/peer"
	"sottovoce/mesh/store"
	"sottovoce/mesh/wire"
)

// keyOf is what p keeps of a contact's discovery key, shared with nobody.
func (p *person) keyOf(name string) (key identity.DiscoveryKey) {
	p.t.Helper()
	p.inside(func(*turn) error {
		c, err := p.contactCalled(name)
		if err == nil {
			key, err = c.discovery.Reach(c.discovery.Day())
		}
		return err
	})
	return key
}

// ownKey is p's own, shared with nobody.
func (p *person) ownKey() (key identity.DiscoveryKey) {
	p.t.Helper()
	p.inside(func(t *turn) (err error) {
		key, err = t.n.me.discovery.Reach(t.n.me.discovery.Day())
		return err
	})
	return key
}

// has reports whether p holds o's newest key, and o knows it.
func (p *person) has(o *person) func() bool {
	return func() bool {
		lacks := true
		o.inside(func(t *turn) error {
			c, err := o.contactCalled(p.name)
			if err == nil {
				lacks = t.n.lacksOurKey(c)
			}
			return err
		})
		return !lacks && p.keyOf(o.name).Leads(o.ownKey())
	}
}

// recognises reports whether p sees o as its contact, by a slot of what o announces now.
func (p *person) recognises(o *person) func() bool {
	return func() bool {
		found := false
		a := o.air.announced(o)
		p.inside(func(t *turn) error {
			if a != nil {
				s := t.n.nearby[a.Instance]
				found = s != nil && s.device != nil && s.device == p.device(o.name)
			}
			return nil
		})
		return found
	}
}

// recognisable reports whether an announcement shows a device under a key that was known.
func recognisable(t *testing.T, a *peer.Announcement, key identity.DiscoveryKey, device peer.ID) bool {
	t.Helper()
	today, err := key.Reach(max(a.Epoch/epochsPerDay, key.Day()))
	if err != nil {
		t.Fatal(err)
	}
	return today.Match(device, *a)
}

// tellings are the bodies of the ops in p's home that told a key.
func (p *person) tellings() (bodies [][]byte) {
	p.t.Helper()
	p.inside(func(t *turn) error {
		ops, _, err := t.tx.OpsAfter(0, 1000)
		for _, op := range ops {
			if op.Kind == uint8(conversation.KindDiscovery) {
				bodies = append(bodies, op.Body)
			}
		}
		return err
	})
	return bodies
}

// Who is removed or blocked recognises nothing from then on; all others are told, and
// nobody keeps what told them.
func TestRenewal(t *testing.T) {
	t.Parallel()
	for name, shutOut := range map[string]func(*person) error{
		"removed": func(p *person) error { _, err := p.Remove(t.Context(), "Bruno"); return err },
		"blocked": func(p *person) error { _, err := p.Block(t.Context(), "Bruno"); return err },
	} {
		t.Run(name, func(t *testing.T) {
			lan := newAir()
			anna, bruno, carla := newPerson(t, lan, "Anna"), newPerson(t, lan, "Bruno"), newPerson(t, lan, "Carla")
			anna.befriends(bruno)
			anna.befriends(carla)
			old, device := anna.ownKey(), anna.me.device.ID()
			before := lan.announced(anna)
			if !bruno.keyOf("Anna").Leads(old) || !recognisable(t, before, bruno.keyOf("Anna"), device) {
				t.Fatal("a contact does not recognise her at first")
			}
			if err := shutOut(anna); err != nil {
				t.Fatal(err)
			}
			carla.within(waitLong, "has the new key", carla.has(anna))
			carla.within(waitLong, "recognises her by it", carla.recognises(anna))
			after := lan.announced(anna)
			if after.Instance == before.Instance || after.Fingerprint == before.Fingerprint {
				t.Error("what was announced before goes on")
			}
			if recognisable(t, after, bruno.keyOf("Anna"), device) || bruno.recognises(anna)() || old.Leads(anna.ownKey()) {
				t.Error("he still recognises her")
			}
			bruno.inside(func(turn *turn) error { // nor by what only the two share
				for day := after.Epoch/epochsPerDay - 1; day < after.Epoch/epochsPerDay+2; day++ {
					secret := bruno.device("Anna").pair.ContactSecret()
					if identity.PairwiseKey(secret, anna.me.account.ID(), day).Match(device, *after) {
						t.Error("he is shown a beacon of his own")
					}
				}
				return nil
			})
			for _, p := range []*person{anna, carla} {
				bodies := p.tellings()
				if len(bodies) != 1 || len(bodies[0]) != 0 {
					t.Errorf("%s keeps what told the key: %x", p.name, bodies)
				}
			}
			if n := len(bruno.tellings()); n != 0 {
				t.Errorf("he was told %d times", n)
			}
			anna.kill()
			anna.start()
			carla.within(waitLong, "recognises her after a restart", carla.recognises(anna))
			anna.within(waitLong, "delivered", anna.delivered(anna.says("Carla", "ciao")))
			if name == "removed" {
				return
			}
			if _, err := anna.Unblock(t.Context(), "Bruno"); err != nil {
				t.Fatal(err)
			}
			bruno.within(waitLong, "has the newest key when he is let in again", bruno.has(anna))
			bruno.within(waitLong, "recognises her", bruno.recognises(anna))
		})
	}
}

// Two who both drew new keys while they were apart find each other by what only they share;
// no other key of the two would do.
func TestBothRenewApart(t *testing.T) {
	t.Parallel()
	lan := newAir()
	anna, bruno := newPerson(t, lan, "Anna"), newPerson(t, lan, "Bruno")
	carla, dora := newPerson(t, lan, "Carla"), newPerson(t, lan, "Dora")
	anna.befriends(bruno)
	anna.befriends(carla)
	bruno.befriends(dora)
	anna.stop()
	if _, err := bruno.Remove(t.Context(), "Dora"); err != nil {
		t.Fatal(err)
	}
	bruno.stop()
	anna.start()
	if _, err := anna.Remove(t.Context(), "Carla"); err != nil {
		t.Fatal(err)
	}
	if anna.keyOf("Bruno").Leads(bruno.me.discovery) || bruno.me.discovery.Day() == 0 {
		t.Fatal("the keys are not new")
	}
	anna.within(waitLong, "announces for him", func() bool {
		a := lan.announced(anna)
		found := false
		anna.inside(func(*turn) error {
			key := identity.PairwiseKey(anna.device("Bruno").pair.ContactSecret(), anna.me.account.ID(), a.Epoch/epochsPerDay)
			found = key.Match(anna.me.device.ID(), *a)
			return nil
		})
		return found
	})
	bruno.start()
	for _, p := range [][2]*person{{anna, bruno}, {bruno, anna}} {
		a := lan.announced(p[1])
		if a == nil {
			p[0].within(waitLong, "hears the other", func() bool { a = lan.announced(p[1]); return a != nil })
		}
		p[0].within(waitLong, "recognises the other", p[0].recognises(p[1]))
	}
	for _, p := range [][2]*person{{anna, bruno}, {bruno, anna}} {
		p[0].within(waitLong, "has the other's new key", p[0].has(p[1]))
	}
	for _, p := range []*person{anna, bruno} {
		p.inside(func(turn *turn) error {
			if known, err := turn.n.beacons(uint32(turn.n.mark.Day)); err != nil || len(known[1])+len(known[2]) != 0 {
				t.Errorf("%s: %d and %d beacons are announced still, %v", p.name, len(known[1]), len(known[2]), err)
			}
			return nil
		})
	}
	anna.within(waitLong, "delivered", anna.delivered(anna.says("Bruno", "ciao")))
}

// Of several keys that were drawn while somebody was away it is told the last one only.
func TestOnlyTheNewestIsTold(t *testing.T) {
	t.Parallel()
	lan := newAir()
	anna, bruno := newPerson(t, lan, "Anna"), newPerson(t, lan, "Bruno")
	anna.befriends(bruno)
	bruno.stop()
	anna.within(waitLong, "not linked", anna.finds(anna.Contacts, "Bruno", unlinked))
	for range 3 {
		anna.inside(func(turn *turn) error { return turn.renew() })
	}
	bruno.start()
	bruno.within(waitLong, "has the newest key", bruno.has(anna))
	if n := len(bruno.tellings()); n != 1 {
		t.Errorf("he was told %d times", n)
	}
}

// A key is drawn anew with what it is drawn for, or not at all; the order of the
// conversation says which of two is the newer, whichever arrives first.
func TestRenewalIsOneTurn(t *testing.T) {
	lan := newAir()
	anna, bruno := newPerson(t, lan, "Anna"), newPerson(t, lan, "Bruno")
	anna.befriends(bruno)
	old := anna.ownKey()
	failed := anna.do(t.Context(), func(turn *turn) error {
		if err := turn.renew(); err != nil {
			return err
		}
		return store.ErrFull
	})
	if failed == nil || !old.Leads(anna.ownKey()) {
		t.Errorf("%v, and another key", failed)
	}
	bruno.inside(func(turn *turn) error {
		c := bruno.device("Anna").contact
		for _, lamport := range []uint64{1000, 999} {
			log := conversation.NewLog(c.talk.log.ID())
			op, err := log.Next(anna.me.device.ID(), time.Now(), conversation.Discovery{Day: 7, Key: identity.DaySecret{byte(lamport)}})
			if err != nil {
				return err
			}
			if err := turn.theyRenewed(c, op, conversation.Admission{Lamport: lamport}); err != nil {
				return err
			}
		}
		if c.discovery.Day() != 7 || c.discovery.Secret() != (identity.DaySecret{1000 % 256}) {
			t.Errorf("the older of two keys counts: %v", c.discovery)
		}
		return nil
	})
}

// What was under way when its blob expired is told again.
func TestToldAgain(t *testing.T) {
	t.Parallel()
	lan := newAir()
	anna, bruno := newPerson(t, lan, "Anna"), newPerson(t, lan, "Bruno")
	anna.befriends(bruno)
	anna.inside(func(turn *turn) error {
		c := anna.device("Bruno").contact
		row, err := turn.say(c, conversation.Discovery{Day: 1})
		if err != nil {
			return err
		}
		c.known.Has, c.known.Op, c.known.Telling = 0, row.Seq, 1
		half := standing{Summary: conversation.Summary{State: conversation.StateDelivered, Delivered: 1, Devices: 2}}
		if err := turn.told(row, half); err != nil || c.known.Op == 0 {
			t.Errorf("one of two devices is enough: %v", err)
		}
		over := standing{Summary: conversation.Summary{State: conversation.StateExpired, Devices: 1}}
		if err := turn.told(row, over); err != nil || c.known.Op != 0 || c.known.Has != 0 {
			t.Errorf("expired: %+v, %v", c.known, err)
		}
		return nil
	})
	bruno.within(waitLong, "is told again", bruno.has(anna))
}

// A restored home does not go on with the key of the backup: what that was replaced for
// would come back. Its contacts find it all the same, and are told.
func TestRestoredKey(t *testing.T) {
	t.Parallel()
	lan := newAir()
	anna, bruno := newPerson(t, lan, "Anna"), newPerson(t, lan, "Bruno")
	anna.befriends(bruno)
	backup, old := anna.backedUp(), anna.ownKey()
	anna.inside(func(turn *turn) error { return turn.renew() })
	bruno.within(waitLong, "has the new key", bruno.has(anna))
	anna.kill()
	again := restored(t, lan, "Anna", backup)
	again.start()
	defer again.stop()
	if key := again.ownKey(); old.Leads(key) || bruno.keyOf("Anna").Leads(key) {
		t.Error("a restored home goes on with an old key")
	}
	bruno.within(waitLong, "recognises her", bruno.recognises(again))
	bruno.within(waitLong, "is asked", bruno.shows("Anna wants to begin anew"))
	if _, err := bruno.PermitReset(t.Context(), "Anna"); err != nil {
		t.Fatal(err)
	}
	bruno.within(waitLong, "has her newest key", bruno.has(again))
	again.within(waitLong, "has his", again.has(bruno))
}

// secretsOf are the bytes of every setting about discovery keys.
func (p *person) kept() (all []byte) {
	p.t.Helper()
	p.inside(func(t *turn) error {
		for _, name := range []string{settingDiscovery, settingOf(p.device("Bruno").contact.row.ID)} {
			value, err := t.tx.Secret(name)
			if err != nil {
				return err
			}
			all = append(all, value...)
		}
		return nil
	})
	return all
}

// Our key goes forward on disk with the mark, once a day, and never by a clock that nobody
// vouches for; the days before are gone.
func TestKeysStepForward(t *testing.T) {
	t.Parallel()
	lan := newAir()
	anna, bruno := newPerson(t, lan, "Anna"), newPerson(t, lan, "Bruno")
	anna.befriends(bruno)
	today := anna.ownKey()
	const day = 24 * time.Hour
	for _, c := range []struct {
		name    string
		ahead   time.Duration
		vouched bool
		want    uint32
	}{
		{"the same day", 0, true, today.Day()},
		{"three days later", 3 * day, true, today.Day() + 3},
		{"a clock years ahead that nobody vouches for", 3000 * day, false, today.Day() + 3}, // and the next, when the epoch of that day is over
		{"a clock that cannot be right, whoever vouches for it", 40_000 * day, true, today.Day() + 4},
		{"a clock that was set back", -3000 * day, true, today.Day() + 5},
	} {
		anna.inside(func(turn *turn) error {
			n, real := turn.n, time.Now()
			n.now = func() time.Time { return real.Add(c.ahead) }
			n.vouched = func() bool { return c.vouched }
			n.kept, n.epoch.ends, n.wake = n.now().Add(-day), n.now(), n.now() // up for a day, and a new epoch is due
			return nil
		})
		anna.within(waitLong, "keeps house", func() (done bool) {
			anna.inside(func(turn *turn) error { done = turn.n.kept.Equal(turn.n.now()); return nil })
			return done
		})
		key := anna.ownKey()
		if key.Day() != c.want || !today.Leads(key) {
			t.Errorf("%s: the key is of day %d, want %d", c.name, key.Day(), c.want)
		}
		if secret := today.Secret(); key.Day() != today.Day() && bytes.Contains(anna.kept(), secret[:]) {
			t.Errorf("%s: the key of the first day is kept", c.name)
		}
	}
	anna.kill()
	anna.start()
	if key := anna.ownKey(); key.Day() != today.Day()+5 || !today.Leads(key) {
		t.Errorf("after a restart the key is of day %d", key.Day())
	}
}

// A home of before, with our key in the key file and contacts' keys on their cards, is led
// to where keys are kept now, and recognised all the while.
func TestKeysOfBefore(t *testing.T) {
	t.Parallel()
	lan := newAir()
	anna, bruno := newPerson(t, lan, "Anna"), newPerson(t, lan, "Bruno")
	anna.befriends(bruno)
	ours, theirs := anna.ownKey(), anna.keyOf("Bruno")
	anna.inside(func(turn *turn) error {
		c := anna.device("Bruno").contact
		for _, name := range []string{settingDiscovery, settingOf(c.row.ID)} {
			if err := turn.tx.DeleteSetting(name); err != nil {
				return err
			}
		}
		c.row.Object = withKeys(t, c.row.Object, ours, theirs)
		turn.then(func() {
			if err := turn.n.store.SaveSecrets(func(s *store.Secrets) { s.Discovery = ours.Bytes() }); err != nil {
				t.Error(err)
			}
		})
		return turn.tx.PutContact(&c.row)
	})
	anna.kill()
	anna.start()
	bruno.within(waitLong, "recognises her", bruno.recognises(anna))
	anna.within(waitLong, "recognises him", anna.recognises(bruno))
	anna.within(waitLong, "has nothing in the key file", func() bool { return len(anna.Node.store.Secrets().Discovery) == 0 })
	if kept := anna.kept(); !bytes.Contains(kept, ours.Bytes()) || !bytes.Contains(kept, theirs.Bytes()) {
		t.Error("the keys are not kept")
	}
	anna.inside(func(turn *turn) error {
		c := anna.device("Bruno").contact
		for _, key := range []identity.DiscoveryKey{ours, theirs} {
			if secret := key.Secret(); bytes.Contains(c.row.Object, secret[:]) {
				t.Error("a card keeps a key")
			}
		}
		if turn.n.lacksOurKey(c) {
			t.Error("a contact that has our key is to be told it")
		}
		return nil
	})
}

// withKeys is a contact object as it was kept before: with the keys on both cards.
func withKeys(t *testing.T, object []byte, ours, theirs identity.DiscoveryKey) []byte {
	t.Helper()
	var o map[uint64]cbor.RawMessage
	if err := wire.Unmarshal(object, &o); err != nil {
		t.Fatal(err)
	}
	for field, key := range map[uint64]identity.DiscoveryKey{3: ours, 5: theirs} {
		var card []byte
		if err := wire.Unmarshal(o[field], &card); err != nil {
			t.Fatal(err)
		}
		parsed, err := identity.ParseCard(card)
		if err != nil {
			t.Fatal(err)
		}
		parsed.DiscoveryDay, parsed.DiscoveryKey = key.Day(), key.Secret()
		if card, err = parsed.Append(nil); err != nil {
			t.Fatal(err)
		}
		if o[field], err = wire.Marshal(card); err != nil {
			t.Fatal(err)
		}
	}
	kept, err := wire.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	return kept
}
