package mesh

import (
	"crypto/rand"
	"encoding/hex"
	"net/netip"
	"testing"
	"time"

	"sottovoce/mesh/identity"
	"sottovoce/mesh/peer"
)

// crowd puts many contacts into a node's memory, who share the account and session of one
// that it has; and returns what their devices announce in the epoch of e.
func crowd(n *Node, like *device, many int, e uint32) ([]peer.Announcement, error) {
	var shown []peer.Announcement
	for i := range many {
		key, err := identity.NewDiscoveryKey(rand.Reader, e/epochsPerDay)
		if err != nil {
			return nil, err
		}
		id := peer.ID{byte(i), byte(i >> 8), 1}
		row := int64(1_000_000 + i)
		c := &contactState{account: like.contact.account, trust: like.contact.trust, discovery: key, talk: like.contact.talk}
		c.row.ID, c.known.Has = row, n.me.number
		d := &device{row: row, id: id, contact: c, pair: like.pair, route: &route{}, active: true}
		c.devices = []*device{d}
		n.contacts[identity.AccountID(id)], n.devices[row] = c, d
		a := strangers(1, e)[0]
		if a.Slots[i%len(a.Slots)], err = key.Slot(id, a); err != nil {
			return nil, err
		}
		shown = append(shown, a)
	}
	return shown, nil
}

// strangers announce themselves in an epoch.
func strangers(many int, e uint32) []peer.Announcement {
	all := make([]peer.Announcement, many)
	for i := range all {
		var label [8]byte
		_, _ = rand.Read(label[:])
		all[i] = peer.Announcement{Version: 1, Epoch: e, Instance: hex.EncodeToString(label[:]), Port: 4000}
		_, _ = rand.Read(all[i].Nonce[:])
		for j := range all[i].Slots {
			_, _ = rand.Read(all[i].Slots[j][:])
		}
	}
	return all
}

// heardAt is an announcement as it is heard from an address.
func heardAt(a peer.Announcement, from string) peer.Sighting {
	return peer.Sighting{Announcement: a, Endpoints: []peer.Endpoint{netip.AddrPortFrom(netip.MustParseAddr(from), a.Port)}}
}

// withCrowd runs f in the loop of a node with so many contacts more than the one it has.
func withCrowd(t *testing.T, many int, f func(turn *turn, e uint32, shown []peer.Announcement)) {
	lan := newAir()
	anna, bruno := newPerson(t, lan, "Anna"), newPerson(t, lan, "Bruno")
	anna.befriends(bruno)
	bruno.stop()
	anna.inside(func(turn *turn) error {
		n := turn.n
		e := n.epoch.number
		shown, err := crowd(n, anna.device("Bruno"), many, e)
		if err != nil {
			return err
		}
		n.watches = watches{}
		f(turn, e, shown)
		n.nearby = make(map[string]*sighted)
		turn.first, turn.after = nil, nil // nobody is to be told of them
		return n.load()
	})
}

// Of 500 contacts each is recognised by its own announcement. A key costs two HMACs an epoch,
// an announcement one for each key, and a packet that says the same again none.
func TestRecogniseCountsHMACs(t *testing.T) {
	t.Parallel()
	const many = 500
	withCrowd(t, many, func(turn *turn, e uint32, shown []peer.Announcement) {
		n := turn.n
		const keys = 1 + 2*(many+1) // our own, and two for each contact: its own, and what only we share
		limit := testsPerKey*keys + 1
		for i, a := range strangers(50, e) {
			if d, _, own := n.whose(&a); d != nil || own {
				t.Error("a stranger is recognised")
			}
			if limit += keys; n.watches.near.spent > limit {
				t.Fatalf("%d strangers cost %d HMACs, more than %d", i+1, n.watches.near.spent, limit)
			}
		}
		if least := 50 * keys; n.watches.near.spent < least {
			t.Errorf("counted are %d HMACs, and %d were made at least", n.watches.near.spent, least)
		}
		for i := range shown {
			if d, _, _ := n.whose(&shown[i]); d == nil || d.row != int64(1_000_000+i) {
				t.Fatalf("contact %d is not recognised: %+v", i, d)
			}
		}
		n.watches.near.spent = 0
		for range 2 {
			if err := turn.saw(heardAt(shown[0], "10.0.0.1")); err != nil {
				t.Error(err)
			}
		}
		if n.watches.near.spent > keys {
			t.Errorf("heard twice it costs %d HMACs", n.watches.near.spent)
		}
	})
}

// A flood from one address costs no more than a bounded rate, and a contact at another is
// recognised with the next work that there is; so is one from the same address, in the end.
func TestFloodOfNewcomers(t *testing.T) {
	t.Parallel()
	const many = 500
	withCrowd(t, many, func(turn *turn, e uint32, shown []peer.Announcement) {
		n := turn.n
		start := turn.now
		for i, a := range strangers(600, e) {
			a.Epoch += uint32(i%3) * 24 * 300 // of this day, and of days far away
			if err := turn.saw(heardAt(a, "10.0.0.66")); err != nil {
				t.Error(err)
			}
		}
		const step = 400*(many+1) + testsPerKey*2*(many+2) // what one more table may cost
		if near, far := n.watches.near.spent, n.watches.far.spent; near > testsAtOnce+step || far > testsAtOnce+step {
			t.Errorf("%d and %d HMACs at once", near, far)
		}
		for i, from := range []string{"10.0.0.7", "10.0.0.66"} {
			if err := turn.saw(heardAt(shown[i], from)); err != nil {
				t.Error(err)
			}
			if s := n.nearby[shown[i].Instance]; !s.waits || s.device != nil {
				t.Error("it does not wait")
			}
			if _, ok := n.shown(n.nearby[shown[i].Instance]); ok {
				t.Error("who was not tested is shown")
			}
		}
		spent := n.watches.near.spent
		for !turn.now.After(start.Add(time.Hour)) && n.nearby[shown[0].Instance].device == nil {
			turn.now = turn.now.Add(testPause)
			turn.testWaiting()
		}
		if waited := turn.now.Sub(start).Seconds(); waited*testsPerSecond > float64(spent-testsAtOnce+2*testsPerSecond) {
			t.Errorf("a contact waits for %v s, with %d HMACs to be paid for", waited, spent)
		}
		if n.nearby[shown[1].Instance].device != nil {
			t.Error("an address is not served in its turn")
		}
		for !turn.now.After(start.Add(time.Hour)) && n.nearby[shown[1].Instance].device == nil {
			turn.now = turn.now.Add(testPause)
			turn.testWaiting()
		}
		if n.nearby[shown[1].Instance].device == nil {
			t.Error("a contact is never recognised")
		}
		if tables := len(n.watches.tables); tables > 2*tablesMax {
			t.Errorf("%d tables", tables)
		}
	})
}

// What days far away cost, with contacts whose keys are old, makes nobody wait who announces
// today.
func TestFloodOfFarDays(t *testing.T) {
	t.Parallel()
	withCrowd(t, 500, func(turn *turn, e uint32, shown []peer.Announcement) {
		n := turn.n
		for i, a := range strangers(20, e) {
			a.Epoch += uint32(24 * (380 + i))
			if err := turn.saw(heardAt(a, "10.0.0.66")); err != nil {
				t.Error(err)
			}
		}
		if n.watches.far.affords(turn.now) {
			t.Fatal("the flood costs too little to show anything")
		}
		if err := turn.saw(heardAt(shown[0], "10.0.0.66")); err != nil {
			t.Error(err)
		}
		if n.nearby[shown[0].Instance].device == nil {
			t.Error("a contact waits for it")
		}
	})
}

// However many epochs are announced, there are few tables; those in which somebody was
// recognised stay, and what was dropped is made again.
func TestTablesAreFew(t *testing.T) {
	t.Parallel()
	withCrowd(t, 3, func(turn *turn, e uint32, shown []peer.Announcement) {
		n := turn.n
		if d, _, _ := n.whose(&shown[0]); d == nil {
			t.Fatal("not recognised")
		}
		for i := range uint32(50) {
			for _, other := range []uint32{e + 1 + i%20, e + 24*(10+i)} {
				a := strangers(1, other)[0]
				n.whose(&a)
			}
			near, far := 0, 0
			kept := false
			for _, table := range n.watches.tables {
				kept = kept || table.epoch == e
				if table.foreign {
					far++
				} else {
					near++
				}
			}
			if near > tablesMax || far > tablesMax || !kept {
				t.Fatalf("%d and %d tables; that in which a contact was recognised: %t", near, far, kept)
			}
		}
		n.watches.drop()
		if d, _, _ := n.whose(&shown[1]); d == nil {
			t.Error("not recognised with new tables")
		}
	})
}

// BenchmarkRecognise is an epoch of a node with 500 contacts on a LAN of 50: keys of the
// epoch and all tests, pairwise ones included.
func BenchmarkRecognise(b *testing.B) {
	const contacts, announcements = 500, 50
	now := time.Now()
	for name, days := range map[string]uint32{"an-epoch": 0, "the-first-of-a-run-with-keys-of-a-year-ago": 365} {
		b.Run(name, func(b *testing.B) {
			anna, bruno := benchPair(b)
			bruno.stop(nil)
			e := uint32(now.Unix() / secondsPerNumber)
			all := strangers(announcements, e)
			err := anna.do(b.Context(), func(turn *turn) error {
				n := turn.n
				var like *device
				for _, d := range n.devices {
					like = d
				}
				if _, err := crowd(n, like, contacts, e-24*days); err != nil {
					return err
				}
				b.ReportAllocs()
				for b.Loop() {
					n.watches.drop()
					for _, c := range n.contacts {
						c.stepped = identity.DiscoveryKey{}
					}
					for i := range all {
						if d, _, _ := n.whose(&all[i]); d != nil {
							b.Error("a stranger is recognised")
						}
					}
				}
				return n.load()
			})
			if err != nil {
				b.Fatal(err)
			}
		})
	}
}
