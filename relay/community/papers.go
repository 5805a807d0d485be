package community

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"slices"

	"sottovoce/mesh/identity"
	"sottovoce/mesh/peer"
	"sottovoce/mesh/wire"
)

// Papers are what supernodes and members show each other of a community. Everything in them is
// signed, so it matters little from whom they come.
//
// spec: 10-communities#papers
type Papers struct {
	Descriptor []byte      `cbor:"1,keyasint,omitempty"`
	Cards      [][]byte    `cbor:"2,keyasint,omitempty"`
	Entries    [][]byte    `cbor:"3,keyasint,omitempty"` // of the roster, each after the one that it goes behind
	Heads      []wire.Hash `cbor:"4,keyasint,omitempty"` // of the whole roster that the sender knows
	Roster     wire.Hash   `cbor:"5,keyasint"`           // the same for two who know the same roster; zero: these are no papers

	verified map[int]verified // what Verify found, by the place in Entries
}

// verified is an entry whose signature was looked at.
type verified struct {
	entry *Entry
	err   error
}

// Verify verifies the signatures of the entries in these places, before somebody takes the papers under a lock: that is what
// takes long about them.
//
// spec: 10-communities#exchange-of-papers
func (p *Papers) Verify(id ID, places []int) {
	p.verified = make(map[int]verified, len(places))
	for _, i := range places {
		e, err := parseEntry(p.Entries[i], id)
		p.verified[i] = verified{e, err}
	}
}

// entry returns the entry in a place, verified now unless it was before.
func (p Papers) entry(i int, id ID) (*Entry, error) {
	if v, done := p.verified[i]; done {
		return v.entry, v.err
	}
	return parseEntry(p.Entries[i], id)
}

// IsZero reports whether these are no papers: there is nothing to say.
func (p Papers) IsZero() bool { return p.Roster == (wire.Hash{}) }

// Bytes returns the encoding that ParsePapers takes, at most 48 KiB; nothing for no papers.
func (p Papers) Bytes() []byte {
	if p.IsZero() {
		return nil
	}
	b, err := wire.Marshal(p)
	if err != nil || len(b) > PapersSizeMax {
		panic(fmt.Sprintf("community: papers of %d bytes: %v", len(b), err))
	}
	return b
}

// ParsePapers parses papers of at most 48 KiB; of nothing it makes no papers. Nothing in them is
// verified yet.
//
// spec: 10-communities#papers
func ParsePapers(b []byte) (p Papers, err error) {
	if len(b) == 0 {
		return Papers{}, nil
	}
	if len(b) > PapersSizeMax {
		return Papers{}, fmt.Errorf("%w: papers of %d bytes", wire.ErrMalformed, len(b))
	}
	if err := wire.Unmarshal(b, &p); err != nil {
		return Papers{}, fmt.Errorf("papers: %w", err)
	}
	if p.IsZero() || len(p.Cards) > SupernodesMax+SeatsMax || len(p.Heads) > headsMax {
		return Papers{}, fmt.Errorf("%w: papers with %d cards and %d heads", wire.ErrMalformed, len(p.Cards), len(p.Heads))
	}
	for i := 1; i < len(p.Heads); i++ {
		if bytes.Compare(p.Heads[i-1][:], p.Heads[i][:]) >= 0 {
			return Papers{}, fmt.Errorf("%w: heads %d and %d of papers are out of order", wire.ErrMalformed, i-1, i)
		}
	}
	return p, nil
}

// Format prints how much there is: cards hold secrets.
func (p Papers) Format(f fmt.State, _ rune) {
	fmt.Fprintf(f, "papers with %d cards and %d entries", len(p.Cards), len(p.Entries))
}

// MarshalText returns how much there is.
func (p Papers) MarshalText() ([]byte, error) { return fmt.Appendf(nil, "%v", p), nil }

// file is what one side knows of a community. It only grows: see merge.
type file struct {
	id         ID
	descriptor *Descriptor // nil: none was seen yet
	cards      map[peer.ID]*Card
	seats      map[Invite]peer.ID // who has taken them
	roster     *roster
	resolved   *membership // of the roster under the descriptor; nil: to be made anew
}

func newFile(id ID) *file {
	return &file{id: id, cards: make(map[peer.ID]*Card), seats: make(map[Invite]peer.ID), roster: newRoster()}
}

// merged is what came of papers.
type merged struct {
	changed  bool
	revoked  bool // a revocation counts that did not before
	closed   bool // an entry came by an operator key that is closed
	alarms   []Alarm
	newer    bool   // something could not be read, and says that it is newer; nobody has signed for that
	sequence uint64 // of the descriptor in them; 0: there was none that could be read
}

// merge takes from papers what is signed by whom it must be and was not known. What is wrong in
// them is left out, and the first of it is the error: the rest counts all the same. seats says
// until when seats are taken; at a member they are, whenever.
//
// spec: 10-communities#merging
func (f *file) merge(p Papers, seatOpen func(Seat) bool) (m merged, err error) {
	wrong := func(e error) {
		m.newer = m.newer || errors.Is(e, wire.ErrNewer)
		if err == nil {
			err = e
		}
	}
	revoked := f.revocations()
	if len(p.Descriptor) > 0 {
		if e := f.mergeDescriptor(p.Descriptor, &m); e != nil {
			wrong(e)
		}
	}
	if f.descriptor == nil {
		return m, err
	}
	for _, raw := range p.Cards {
		if e := f.mergeCard(raw, seatOpen, &m); e != nil {
			wrong(e)
		}
	}
	for i := range p.Entries {
		if e := f.mergeEntry(p, i, &m); e != nil {
			wrong(e)
		}
	}
	if m.closed {
		f.pruneRoster()
	}
	if m.changed {
		f.resolved = nil
	}
	m.revoked = f.revocations() > revoked
	if p.Roster == f.roster.digest() {
		f.countDraws(&m)
	}
	return m, err
}

// countDraws raises an alarm where a supernode has drawn its keys anew without reason, once all revocations are known that somebody
// else knew.
//
// spec: 10-communities#editions
func (f *file) countDraws(m *merged) {
	for _, id := range slices.SortedFunc(maps.Keys(f.cards), peer.ID.Compare) {
		c := f.cards[id]
		if !c.counted && uint64(c.Edition.Draw) > uint64(f.revocations())+drawsMax {
			m.alarms = append(m.alarms, Alarm{Kind: AlarmDrawn, Supernode: id})
		}
		c.counted = true
	}
}

// mergeDescriptor replaces a descriptor by one with a higher sequence.
//
// spec: 10-communities#descriptor
func (f *file) mergeDescriptor(raw []byte, m *merged) error {
	if f.descriptor != nil && bytes.Equal(raw, f.descriptor.raw) {
		m.sequence = f.descriptor.Sequence
		return nil
	}
	d, err := ParseDescriptor(raw, f.id)
	if err != nil {
		return err
	}
	m.sequence = d.Sequence
	switch ours := f.descriptor; {
	case ours != nil && d.Sequence < ours.Sequence:
		return nil
	case ours != nil && d.Sequence == ours.Sequence:
		if d.id != ours.id {
			m.alarms = append(m.alarms, Alarm{Kind: AlarmDescriptor, Known: ours.id, Shown: d.id})
		}
		return nil
	}
	f.descriptor = d
	m.changed = true
	f.prune()
	return nil
}

// prune drops what the descriptor has made void: cards of supernodes that it does not name, and
// entries that cannot count, so that nobody can fill the roster with them for ever.
//
// spec: 10-communities#operators
func (f *file) prune() {
	maps.DeleteFunc(f.seats, func(seat Invite, _ peer.ID) bool { return !f.hasSeat(seat) })
	for id, c := range f.cards {
		if !f.named(c) && (c.Seat == nil || f.seats[c.Seat.Seat] != id) {
			delete(f.cards, id)
		}
	}
	f.pruneRoster()
}

func (f *file) pruneRoster() {
	kept := newRoster()
	for _, e := range f.roster.counting(f.descriptor.Root, f.operator, true) {
		_, _, _ = kept.add(e) // what leads to an entry that may count may, too
	}
	f.roster, f.resolved = kept, nil
}

func (f *file) hasSeat(seat Invite) bool {
	return slices.ContainsFunc(f.descriptor.Seats, func(s Seat) bool { return s.Key == seat })
}

// named reports whether the root has named a card's supernode, with the keys that it has.
func (f *file) named(c *Card) bool { return slices.Contains(f.descriptor.Supernodes, c.Supernode) }

// operator finds an operator key: of the descriptor, or of who has taken a seat.
func (f *file) operator(key [32]byte) (Operator, bool) {
	if o, found := f.descriptor.operator(key); found {
		return o, true
	}
	for _, id := range f.seats {
		if c := f.cards[id]; c != nil && c.Operator == key {
			return Operator{Key: key}, true
		}
	}
	return Operator{}, false
}

// mergeCard takes a supernode's card, if the root has named it or kept it a seat.
//
// spec: 10-communities#supernode-cards
func (f *file) mergeCard(raw []byte, seatOpen func(Seat) bool, m *merged) error {
	c, err := parseCard(raw, f.id)
	if err != nil {
		return err
	}
	id := c.ID()
	if ours := f.cards[id]; ours != nil {
		switch later := c.Edition.compare(ours.Edition); {
		case c.id == ours.id:
			return nil
		case later == 0 || c.gist.contradicts(ours.gist):
			m.alarms = append(m.alarms, Alarm{Kind: AlarmCard, Supernode: id, Known: ours.id, Shown: c.id})
			return nil
		case later < 0:
			return nil
		}
	}
	if !f.named(c) {
		if err := f.takeSeat(c, seatOpen, m); err != nil {
			return err
		}
	}
	f.cards[id] = c
	m.changed = true
	return nil
}

// errNoSupernode says that a card is of nobody whom the root has named.
var errNoSupernode = fmt.Errorf("%w: card of a supernode that is not of this community", identity.ErrSignature)

// takeSeat lets a card's supernode have the seat that it claims, if nobody else has it.
//
// spec: 10-communities#further-supernodes
func (f *file) takeSeat(c *Card, seatOpen func(Seat) bool, m *merged) error {
	if c.Seat == nil {
		return errNoSupernode
	}
	at := slices.IndexFunc(f.descriptor.Seats, func(s Seat) bool { return s.Key == c.Seat.Seat })
	if at < 0 {
		return errNoSupernode
	}
	id := c.ID()
	switch holder, taken := f.seats[c.Seat.Seat]; {
	case taken && holder == id:
		if ours := f.cards[id]; ours != nil && (ours.Supernode != c.Supernode || ours.Operator != c.Operator) {
			return errNoSupernode
		}
		return nil
	case taken:
		m.alarms = append(m.alarms, Alarm{Kind: AlarmSeat, Supernode: id, Key: c.Seat.Seat, Known: f.cards[holder].id, Shown: c.id})
		return errNoSupernode
	case !seatOpen(f.descriptor.Seats[at]):
		return ErrLinkExpired
	}
	f.seats[c.Seat.Seat] = id
	return nil
}

// mergeEntry takes the entry of the roster in a place of papers, if its author's entries may count.
//
// spec: 10-communities#merging
func (f *file) mergeEntry(p Papers, i int, m *merged) error {
	if f.roster.holds(p.Entries[i]) {
		return nil
	}
	e, err := p.entry(i, f.id)
	if err != nil {
		return err
	}
	o, found := f.operator(e.Author)
	if !found && e.Author != f.descriptor.Root {
		return fmt.Errorf("roster entry: %w: by nobody whom the root has named", identity.ErrSignature)
	}
	if o.Closed {
		if _, whole := f.roster.past(o.Last); whole {
			return nil // all that counts is known
		}
		m.closed = true
	}
	added, fork, err := f.roster.add(e)
	if err != nil {
		return err
	}
	if fork != nil {
		m.alarms = append(m.alarms, Alarm{Kind: AlarmFork, Key: fork.Author, Known: fork.One, Shown: fork.Other})
	}
	if added && e.Kind > EntryRevoke {
		m.alarms = append(m.alarms, Alarm{Kind: AlarmNewer})
	}
	m.changed = m.changed || added
	f.resolved = nil
	return nil
}

// view is what the roster amounts to.
func (f *file) view() *membership {
	if f.resolved == nil {
		var entries []*Entry
		if f.descriptor != nil {
			entries = f.roster.counting(f.descriptor.Root, f.operator, false)
		}
		f.resolved = resolve(entries)
	}
	return f.resolved
}

func (f *file) revocations() int { return len(f.view().revoked) }

// papers are descriptor, cards and heads.
func (f *file) papers() Papers {
	var p Papers
	if f.descriptor != nil {
		p.Descriptor = f.descriptor.raw
	}
	for _, id := range slices.SortedFunc(maps.Keys(f.cards), peer.ID.Compare) {
		p.Cards = append(p.Cards, f.cards[id].raw)
	}
	all := f.roster.heads()
	p.Heads, p.Roster = all[:min(len(all), headsMax)], f.roster.digest()
	return p
}

// mark is the same for two who know the same papers.
func (f *file) mark() wire.Hash {
	where, sum := f.where(), f.roster.digest()
	return wire.HashOf(labelPapers, append(where[:], sum[:]...))
}

// where is the same for two who know the same descriptor and cards.
func (f *file) where() wire.Hash {
	var all []byte
	if f.descriptor != nil {
		all = append(all, f.descriptor.id[:]...)
	}
	for _, id := range slices.SortedFunc(maps.Keys(f.cards), peer.ID.Compare) {
		all = append(all, f.cards[id].id[:]...)
	}
	return wire.HashOf(labelPapers, all)
}

// level reports whether somebody who has shown papers, which are merged, knows all that we do and
// can take. sequence is that of their descriptor.
//
// spec: 10-communities#exchange-of-papers
func (f *file) level(theirs Papers, sequence uint64) bool {
	if theirs.IsZero() {
		return true
	}
	if f.descriptor == nil || sequence < f.descriptor.Sequence || theirs.Roster != f.roster.digest() {
		return false
	}
	for id, ours := range f.cards {
		if !slices.ContainsFunc(theirs.Cards, func(raw []byte) bool { return hasCard(raw, id, ours) }) {
			return false
		}
	}
	return true
}

// hasCard reports whether a card makes another of no use to who holds it: it is as new, or of who
// was first in the seat.
func hasCard(raw []byte, id peer.ID, ours *Card) bool {
	theirs, err := peek[cardBody](raw, cardSizeMax)
	if err != nil {
		return false
	}
	sameSeat := ours.Seat != nil && theirs.Seat != nil && ours.Seat.Seat == theirs.Seat.Seat
	return theirs.Supernode.ID() == id && theirs.Edition.compare(ours.Edition) >= 0 || theirs.Supernode.ID() != id && sameSeat
}

// papersSince are papers for somebody who knows what led to heads, with as many of the entries that
// they lack as there is room for.
func (f *file) papersSince(heads []wire.Hash) Papers {
	p := f.papers()
	for _, e := range f.roster.since(heads, PapersSizeMax-len(p.Bytes())-entryOverhead-1) {
		p.Entries = append(p.Entries, e.raw)
	}
	return p
}

// supernodes lists those that the root has named and those that have taken seats, in that order,
// with their cards where those are known.
func (f *file) supernodes() (all []Known) {
	if f.descriptor == nil {
		return nil
	}
	for _, s := range f.descriptor.Supernodes {
		all = append(all, known(s, f.cards[s.ID()]))
	}
	for _, seat := range f.descriptor.Seats {
		id, taken := f.seats[seat.Key]
		if c := f.cards[id]; taken && c != nil && !f.named(c) {
			all = append(all, known(c.Supernode, c))
		}
	}
	return all
}

// Known is a supernode of a community as somebody knows it.
type Known struct {
	Supernode
	Addresses []string // host:port; empty where its card was not seen, or it has none
	card      *Card
}

func known(s Supernode, c *Card) Known {
	k := Known{Supernode: s}
	if c != nil && c.Supernode == s {
		k.Addresses, k.card = slices.Clone(c.Addresses), c
	}
	return k
}
