package mesh

import (
	"cmp"
	"maps"
	"net/netip"
	"slices"
	"time"

	"sottovoce/mesh/identity"
	"sottovoce/mesh/link"
	"sottovoce/mesh/peer"
	"sottovoce/mesh/wire"
)

// watches is what new announcements are tested against: for each epoch that is announced
// the slots of everybody we know, and how much testing may cost. A test is one HMAC; what
// strangers announce is tested at a bounded rate, and waits beyond that.
//
// spec: 02-discovery#recognising-contacts
type watches struct {
	tables []*watch           // the latest used at the end
	near   work               // on days near today
	far    work               // on others: who announces those must not make the former wait
	ranks  map[netip.Addr]int // sightings that came from an address since none waited
}

// work is what testing has cost.
type work struct {
	spent int // HMACs that are not paid for yet
	paid  time.Time
}

// watch is for one epoch.
type watch struct {
	*identity.Watch
	epoch   uint32
	foreign bool    // of a day that is not today, by our clock
	known   bool    // somebody was recognised in it
	whose   []int64 // row of the device behind each key; 0: ourselves; below 0: a supernode

	supernodes []peer.ID // the n-th is behind the key with −1−n
}

// drop forgets all tables: somebody is known by other keys now.
func (w *watches) drop() {
	for _, table := range w.tables {
		table.Erase()
	}
	w.tables = nil
}

// affords reports whether there is work left to spend on strangers.
func (w *work) affords(now time.Time) bool {
	if since := now.Sub(w.paid); since > 0 && !w.paid.IsZero() {
		w.spent = max(0, w.spent-int(min(since, time.Hour).Seconds()*testsPerSecond))
	}
	w.paid = now
	return w.spent < testsAtOnce
}

// workOn is what testing announcements of an epoch counts as.
func (n *Node) workOn(epoch uint32) *work {
	if n.isForeign(epoch) {
		return &n.watches.far
	}
	return &n.watches.near
}

// isForeign reports whether an epoch is of a day that is not near today, by our clock.
func (n *Node) isForeign(epoch uint32) bool {
	today, day := n.today(), epoch/epochsPerDay
	return day+1 < today || day > today+1
}

// table returns what to test announcements of an epoch against.
func (n *Node) table(epoch uint32) *watch {
	w, spent := &n.watches, &n.workOn(epoch).spent
	if at := slices.IndexFunc(w.tables, func(t *watch) bool { return t.epoch == epoch }); at >= 0 {
		found := w.tables[at]
		w.tables = append(slices.Delete(w.tables, at, at+1), found)
		return found
	}
	today, day := n.today(), epoch/epochsPerDay
	fresh := &watch{Watch: identity.NewWatch(epoch), epoch: epoch, foreign: n.isForeign(epoch)}
	w.makeRoom(fresh.foreign)
	w.tables = append(w.tables, fresh)
	own := contactState{discovery: n.me.discovery}
	if key, cost, ok := own.discoveryOn(day, today); ok {
		*spent += cost
		fresh.add(key, n.me.device.ID(), 0)
	}
	byRow := func(a, b *contactState) int { return cmp.Compare(a.row.ID, b.row.ID) }
	for _, c := range slices.SortedFunc(maps.Values(n.contacts), byRow) {
		key, cost, ok := c.discoveryOn(day, today)
		*spent += cost
		for _, d := range c.devices {
			if !d.active {
				continue
			}
			if ok {
				fresh.add(key, d.id, d.row)
			}
			if day <= today+foreignDaysMax {
				fresh.add(identity.PairwiseKey(d.pair.ContactSecret(), c.account.ID(), day), d.id, d.row)
			}
		}
	}
	if n.custodian != nil {
		for i, b := range n.custodian.Beacons(day) {
			fresh.supernodes = append(fresh.supernodes, b.At)
			fresh.add(b.Key, b.At, -1-int64(i))
		}
	}
	*spent += len(fresh.whose) * testsPerKey
	return fresh
}

// add watches for a device under a key.
func (w *watch) add(key identity.DiscoveryKey, device peer.ID, row int64) {
	if w.Add(key, device) == nil {
		w.whose = append(w.whose, row)
	}
}

// makeRoom drops the table that was used longest ago, of days that are foreign or not, when
// there are as many as there may be; one that nobody was recognised in goes first.
func (w *watches) makeRoom(foreign bool) {
	for _, spare := range []bool{true, false} {
		count := 0
		for _, t := range w.tables {
			if t.foreign == foreign {
				count++
			}
		}
		if count < tablesMax {
			return
		}
		at := slices.IndexFunc(w.tables, func(t *watch) bool { return t.foreign == foreign && !(spare && t.known) })
		if at >= 0 {
			w.tables[at].Erase()
			w.tables = slices.Delete(w.tables, at, at+1)
		}
	}
}

// discoveryOn is the contact's discovery key of a day that somebody announced, and how many
// HMACs that cost beyond what today costs anyhow. Days before we knew each other have none, and those more than a year
// from today and from the day of the key are not believed.
// spec: 01-identity#discovery-key
func (c *contactState) discoveryOn(day, today uint32) (key identity.DiscoveryKey, cost int, ok bool) {
	from := c.discovery
	if day < from.Day() || day > max(today, from.Day())+foreignDaysMax {
		return identity.DiscoveryKey{}, 0, false
	}
	if day+1 >= today {
		from = c.lately(today - min(today, 1))
	}
	key, err := from.Reach(day)
	return key, int(day - from.Day()), err == nil
}

// lately is the contact's key of a day, kept for all that are announced near it; or a later
// one, if there is none of that day.
func (c *contactState) lately(day uint32) identity.DiscoveryKey {
	from := c.discovery
	if from.Day() >= day {
		return from
	}
	if c.stepped.Day() > from.Day() && c.stepped.Day() <= day {
		from = c.stepped
	}
	if key, err := from.Reach(day); err == nil {
		c.stepped = key
	}
	return c.stepped
}

// today is the day that our own announcements are of.
func (n *Node) today() uint32 { return uint32(wire.DayAt(n.epochDate(n.now()))) }

// sameClaim reports whether nothing a slot covers has changed, so that contacts are
// tried once per new announcement and not per packet.
func sameClaim(a, b peer.Announcement) bool {
	return a.Epoch == b.Epoch && a.Nonce == b.Nonce && a.Fingerprint == b.Fingerprint && a.Slots == b.Slots && a.Port == b.Port
}

// recognise finds out whose announcement a sighting is: a contact's device, our own, or
// nobody's. When others have used up what testing may cost, it waits for its turn.
// spec: 02-discovery#recognising-contacts
func (t *turn) recognise(s *sighted) {
	w := &t.n.watches
	if !t.n.workOn(s.Epoch).affords(t.now) {
		s.waits = true
		s.rank = w.rank(s)
		t.n.wakeBy(t.now.Add(testPause))
		return
	}
	t.test(s)
}

// test tests a sighting against everybody we know, and those whom we are to meet.
func (t *turn) test(s *sighted) {
	s.device, s.supernode, s.own = t.n.whose(&s.Announcement)
	s.waits = false
	t.supernodeSeen(s)
	t.n.workOn(s.Epoch).spent += len(t.n.meetings) * (testsPerKey + 1)
	t.lookForMeetings(s)
}

// supernodeSeen says where a supernode of ours is.
func (t *turn) supernodeSeen(s *sighted) {
	if at := s.supernode; at != nil && t.n.custodian != nil {
		place := link.Place{Endpoints: s.Endpoints, Fingerprint: &s.Fingerprint}
		t.then(func() { t.n.custodian.Sighted(*at, place) })
	}
}

// whose finds the device of a contact, or else a supernode or our own, whose slot is in an
// announcement.
func (n *Node) whose(a *peer.Announcement) (d *device, supernode *peer.ID, own bool) {
	table := n.table(a.Epoch)
	for from := 0; ; {
		number, tried, found := table.Find(a, from)
		n.workOn(a.Epoch).spent += tried
		if !found {
			return nil, supernode, own
		}
		from = number + 1
		row := table.whose[number]
		if d = n.devices[row]; d != nil && d.active {
			table.known = true
			return d, nil, false
		}
		if row < 0 {
			table.known = true
			supernode = &table.supernodes[-1-row]
		}
		own = own || row == 0
	}
}

// rank is the place of a sighting among those that wait: each address in its turn.
func (w *watches) rank(s *sighted) int {
	if w.ranks == nil || len(w.ranks) >= ranksMax {
		w.ranks = make(map[netip.Addr]int)
	}
	var from netip.Addr
	if len(s.Endpoints) > 0 {
		from = s.Endpoints[0].Addr()
	}
	w.ranks[from]++
	return w.ranks[from]
}

// testWaiting tests sightings that wait, as many as may be: days near today first, then
// each address in its turn.
func (t *turn) testWaiting() {
	n := t.n
	var waiting []*sighted
	for _, s := range n.nearby {
		if s.waits {
			waiting = append(waiting, s)
		}
	}
	today := n.today()
	distance := func(s *sighted) int {
		day := s.Epoch / epochsPerDay
		return int(max(day, today)-min(day, today)) / 2
	}
	slices.SortFunc(waiting, func(a, b *sighted) int {
		return cmp.Or(cmp.Compare(distance(a), distance(b)), cmp.Compare(a.rank, b.rank), cmp.Compare(a.Instance, b.Instance))
	})
	left := false
	for _, s := range waiting {
		if !n.workOn(s.Epoch).affords(t.now) {
			n.wakeBy(t.now.Add(testPause))
			left = true
			continue
		}
		t.test(s)
		if s.unmet {
			t.came(s, true)
		} else if d := s.device; d != nil {
			planned := d.route.due
			t.approach(d, s.place())
			if !planned.IsZero() && planned.Before(d.route.due) {
				d.route.due = planned
			}
		}
	}
	if !left {
		n.watches.ranks = nil
	}
}

// recogniseAnew looks at everybody nearby again, since somebody is known by other keys now.
func (t *turn) recogniseAnew() {
	n := t.n
	n.watches.drop()
	for _, s := range n.nearby {
		if s.device != nil && n.devices[s.device.row] != s.device {
			s.device = nil
		}
		if s.device == nil && !s.waits {
			s.waits, s.rank = true, ranksMax
		}
	}
	n.wakeBy(t.now)
}
