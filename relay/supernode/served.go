package supernode

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"
	"sync"
	"time"

	"sottovoce/mesh/handshake"
	"sottovoce/mesh/identity"
	"sottovoce/mesh/link"
	"sottovoce/mesh/peer"
	"sottovoce/mesh/wire"
	"sottovoce/relay"
	"sottovoce/relay/community"
	"sottovoce/relay/mailbox"
	"sottovoce/relay/replica"
	"sottovoce/relay/token"
)

// served is one community that is served here.
type served struct {
	at     *Supernode
	number int // among those that are served
	id     mailbox.Community
	folder folder
	store  mailbox.Store
	disk   *disk
	pages  *pager
	shelf  *shelf
	work   chan struct{} // a place for each token that is being checked
	in     *pace         // of deposits, and
	out    *pace         // of what is collected

	replicator *replica.Replicator // keeps this community level with its other supernodes

	drawing sync.Mutex // held while it is kept what is drawn of the allowances; taken before mu

	mu        sync.Mutex // guards the following
	quota     Quota
	house     *community.House
	lastHouse []byte // the house as it was kept last, where other processes have it too
	allowance *token.Allowance
	issuers   *issuers
	keys      []weekKey                     // that links of members are answered by
	serial    uint32                        // of the last of them
	guests    map[*visit]struct{}           // links of members, who have no name there
	personas  map[*visit]community.Persona  // who has logged in
	allies    map[*visit]peer.ID            // links of the community's other supernodes
	changed   chan struct{}                 // closed when the house has changed
	where     wire.Hash                     // changes with its descriptor and cards
	offered   []byte                        // the papers that everybody may see who is a member; nil: not made since the house has changed
	beacons   map[uint32][]community.Beacon // of other supernodes, by day; what was asked for since the cards changed
}

// weekKey is a key that links of members are answered by. Its id is never used for another one.
type weekKey struct {
	id     uint64
	secret community.Secret
}

// serve makes a community of its folder one of those that are served.
func (s *Supernode) serve(f folder) error {
	house, err := f.house(s.device)
	if err != nil {
		return err
	}
	key, err := f.tokenKey(s.cfg.Rand)
	if err != nil {
		return err
	}
	allowance, err := f.allowance()
	if err != nil {
		return err
	}
	shelf, err := openShelf(f.files, f.at(slotsName))
	if err != nil {
		return err
	}
	id, store := mailbox.Community(f.id), mailbox.Store(s.store)
	if s.cfg.Store != nil {
		store = s.cfg.Store(store)
	}
	c := &served{
		at: s, number: len(s.communities), id: id, folder: f, store: store, disk: s.disk, pages: newPager(store, id, withdrawn(s.directory.store, id)), shelf: shelf, work: s.work, in: newPace(), out: newPace(),
		house: house, allowance: allowance, issuers: newIssuers(key, s.ID(), id), guests: make(map[*visit]struct{}),
		personas: make(map[*visit]community.Persona), allies: make(map[*visit]peer.ID), changed: make(chan struct{}),
		beacons: make(map[uint32][]community.Beacon),
	}
	c.replicate()
	s.disk.serve(id)
	limits := s.cfg.Limits
	c.limit(Quota{Days: limits.Days, Bandwidth: limits.Bandwidth, Tokens: limits.Tokens})
	s.mu.Lock()
	s.communities = append(s.communities, c)
	s.mu.Unlock()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.keepHouse()
	c.rekeyed()
	c.renamed()
	return nil
}

// limit takes what the operator says of the community.
func (c *served) limit(said Quota) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.quota = Quota{
		Disk: cmp.Or(said.Disk, c.quota.Disk), Days: cmp.Or(said.Days, c.quota.Days),
		Bandwidth: cmp.Or(said.Bandwidth, c.quota.Bandwidth), Tokens: cmp.Or(said.Tokens, c.quota.Tokens),
	}
	if c.quota.Disk > 0 {
		c.disk.bound(c.number, c.quota.Disk)
	}
	c.in.limit(c.quota.Bandwidth)
	c.out.limit(c.quota.Bandwidth)
}

// terms are what deposits are judged by now.
func (c *served) terms() terms {
	policy := c.policy()
	t := terms{days: c.at.window(int(policy.Days))}
	t.quota, t.disk = c.disk.room(c.number, int64(min(policy.Disk, math.MaxInt64)))
	return t
}

// policy is what the root has promised members, as far as the operator allows it; nothing before there is a descriptor.
func (c *served) policy() (p community.Policy) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.policyLocked()
}

func (c *served) policyLocked() (p community.Policy) {
	if d := c.house.Descriptor(); d != nil {
		p = d.Policy
		p.Days = min(p.Days, uint16(c.quota.Days))
		if c.quota.Tokens > 0 {
			p.Tokens = uint16(min(int(p.Tokens), c.quota.Tokens))
		}
	}
	return p
}

// log names what is kept here.
func (c *served) log() relay.Log { return relay.Log{At: c.at.ID(), Community: c.id} }

// issuer is that of a day, if tokens of that day are good now.
func (c *served) issuer(day uint16) (*token.Issuer, error) {
	today := c.at.today()
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.issuers.of(day, today)
}

// change changes the house and keeps what became of it before anybody can see it: an entry of the
// roster that was shown and then lost would look like a fork of it. What could not be kept is undone.
//
// spec: 08-custody#data-directory
func (c *served) change(with func(h *community.House, now time.Time) (changed bool, err error)) error {
	now := c.at.date()
	c.mu.Lock()
	defer c.mu.Unlock()
	return again(func() error {
		changed, err := with(c.house, now)
		if err != nil || !changed {
			return err
		}
		if err := c.folder.saveHouse(c.house); err != nil {
			return cmp.Or(c.undo(), err)
		}
		c.keepHouse()
		c.rekeyed()
		c.renamed()
		return nil
	})
}

// keepHouse remembers the house as it is kept: where the servers cannot be reached it cannot be read again either. The lock is held.
func (c *served) keepHouse() {
	if c.folder.files.shared() {
		clear(c.lastHouse)
		c.lastHouse = c.house.Save()
	}
}

// undo takes the house as it is kept, with what another process may have changed in it; where that cannot be read, as it was before. The lock is
// held.
func (c *served) undo() error {
	house, err := c.folder.house(c.at.device)
	if err != nil && c.lastHouse != nil {
		house, _ = community.LoadHouse(c.lastHouse, c.at.device)
	}
	if house == nil {
		return err
	}
	c.house = house
	c.keepHouse()
	c.rekeyed()
	c.renamed()
	return err
}

// reload takes what other processes have changed.
func (s *Supernode) reload() {
	for _, c := range s.all() {
		if err := c.reload(); err != nil {
			s.log.Error("could not read what another process has written", "error", err)
		}
	}
}

func (c *served) reload() error {
	if !c.folder.files.shared() {
		return nil
	}
	fresh, err := c.folder.files.isFresh(c.folder.at(houseName))
	if err != nil || fresh {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.undo()
}

// rekeyed answers by the keys that there are now, and ends the links that were made by others: whoever
// was shut out has those. So end the links on which they have logged in.
//
// spec: 10-communities#revocation
func (c *served) rekeyed() {
	var next []weekKey
	var pairs []handshake.Pair
	for _, k := range c.house.Keys() {
		at := slices.IndexFunc(c.keys, func(old weekKey) bool { return old.secret == k.Secret })
		if at < 0 {
			c.serial++
			next = append(next, weekKey{id: uint64(c.number)<<32 | uint64(c.serial), secret: k.Secret})
		} else {
			next = append(next, c.keys[at])
		}
		secret := k.Secret.LinkSecret()
		pairs = append(pairs, handshake.Pair{ID: next[len(next)-1].id, Member: true, Key: handshake.NewLinkKey(secret[:])})
		secret.Erase()
	}
	for i := range c.keys {
		c.keys[i].secret.Erase()
	}
	c.keys = next
	for v := range c.guests {
		if !c.answers(v.link.Proof().Pair) {
			v.link.Close(link.ReasonBye)
		}
	}
	for v, persona := range c.personas {
		if !c.house.Admits(persona) {
			v.link.Close(link.ReasonBye)
		}
	}
	c.at.rekey(c.number, pairs)
}

// answers reports whether links are answered by the key of that id.
func (c *served) answers(id uint64) bool {
	return slices.ContainsFunc(c.keys, func(k weekKey) bool { return k.id == id })
}

// welcome counts a link of a member, unless its key has gone since it was made.
func (c *served) welcome(v *visit) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.answers(v.link.Proof().Pair) {
		return false
	}
	c.guests[v] = struct{}{}
	return true
}

// receive notes whose link this is from now on, unless they were shut out since they have logged in.
func (c *served) receive(v *visit, persona community.Persona) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.house.Admits(persona) {
		return errShutOut
	}
	c.personas[v] = persona
	return nil
}

// errShutOut tells somebody that they are no member any more.
var errShutOut = refusalOf(community.ErrRevoked)

// goodbye forgets a link that has ended, or is that of another community's member now.
func (c *served) goodbye(v *visit) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.guests, v)
	delete(c.personas, v)
}

// turn moves on to the keys of the week of now, and leaves those of a clock that ran ahead, if now is believed.
func (c *served) turn(now time.Time, believed bool) error {
	return c.change(func(h *community.House, _ time.Time) (regained bool, err error) {
		if believed {
			if regained, err = h.Regain(now, c.at.cfg.Rand); err != nil {
				return false, err
			}
		}
		turned, err := h.Turn(now, c.at.cfg.Rand)
		return regained || turned, err
	})
}

// beacon is what members know this supernode by on a day.
func (c *served) beacon(day uint32) (identity.DiscoveryKey, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.house.Beacon(day)
}

// left is how many tokens a persona may draw today.
func (c *served) left(persona community.Persona, today uint16) uint16 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return uint16(c.allowance.Left(token.Persona(persona), today, c.perMember()))
}

// perMember is how many tokens a member may draw a day: what the community's policy says, the
// operator allows, and the disk has room for.
//
// spec: 08-custody#full-disk
func (c *served) perMember() int {
	return allowanceAt(int(c.policyLocked().Tokens), c.disk.taken(), c.at.cfg.Limits.Disk)
}

// count counts tokens that a persona draws, on the disk as well, before it gets them. Nobody but who draws waits for that: servers may take long.
//
// spec: 11-tokens#draw
func (c *served) count(persona community.Persona, today uint16, n int) error {
	c.drawing.Lock()
	defer c.drawing.Unlock()
	if !c.admits(persona) {
		return errShutOut
	}
	err := again(func() error { return c.drawn(persona, today, n) })
	if err != nil && !errors.As(err, new(refusal)) {
		return refusal{wire.ReasonNotNow, "this supernode cannot write to its disk now"}
	}
	return err
}

// drawn counts tokens once; errStale where another process has counted some, which are known then. The lock of drawing is held.
func (c *served) drawn(persona community.Persona, today uint16, n int) error {
	content, err := c.draw(persona, today, n)
	if err != nil {
		return err
	}
	if err := c.folder.saveAllowance(content); !errors.Is(err, errStale) {
		return err
	}
	allowance, err := c.folder.allowance()
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.allowance = allowance
	return errStale
}

func (c *served) admits(persona community.Persona) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.house.Admits(persona)
}

// draw counts tokens in memory, and returns what is to be kept.
func (c *served) draw(persona community.Persona, today uint16, n int) (content []byte, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	most := c.perMember()
	if left := c.allowance.Left(token.Persona(persona), today, most); n > left {
		return nil, refusal{wire.ReasonQuota, fmt.Sprintf("%d tokens are left for today", left)}
	}
	if err := c.allowance.Draw(token.Persona(persona), today, n, most); err != nil {
		return nil, refusal{wire.ReasonQuota, "no more tokens today"}
	}
	return c.allowance.Save(), nil
}
