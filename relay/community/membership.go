package community

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"sottovoce/mesh/peer"
	"sottovoce/mesh/wire"
)

// Membership is one community as one of its members knows it. Whatever changes it is kept by its
// caller (Save) before anything is done by it. It is not safe for concurrent use.
//
//	NewMembership ─ joining: Stops, Proof ─ Granted ─▶ member: Supernodes, Login, Key ─ Refused ─▶ shut out
//
// spec: 10-communities#at-the-member
type Membership struct {
	file    *file
	persona PersonaKey
	link    *Link // nil once a supernode that it leads to has let us in
	granted map[peer.ID]*granted
	told    map[peer.ID][]told
	forged  map[Gist]bool // those that were told and that nobody has signed, at most toldMax: a card is looked at again and again
	refused error         // why the link was not taken
	alarms
}

// granted is what one supernode has told us.
type granted struct {
	week     uint32
	key      Secret
	next     Secret
	heads    []wire.Hash // of its roster, when it last showed them
	sequence uint64      // of its descriptor, the highest that it has shown
	refused  bool        // it did not let us in when we last came
	typed    []string    // addresses on the link by which we joined
}

// NewMembership begins to join by a link, as a persona that is drawn for it.
//
// spec: 10-communities#joining
func NewMembership(link *Link, rand io.Reader) (*Membership, error) {
	if link.Seat {
		return nil, errors.New("this join link makes a supernode, not a member")
	}
	persona, err := NewPersonaKey(rand)
	if err != nil {
		return nil, err
	}
	return &Membership{
		file: newFile(link.Community()), persona: persona, link: link, granted: make(map[peer.ID]*granted), told: make(map[peer.ID][]told), forged: make(map[Gist]bool),
	}, nil
}

// Rejoin takes another link of the same community, for one who was never let in by the first, was
// shut out, or whose supernodes were all lost. Who was shut out comes as a new persona; everybody
// else stays who they are.
//
// spec: 10-communities#joining
func (m *Membership) Rejoin(link *Link, rand io.Reader) error {
	switch {
	case link.Community() != m.file.id:
		return errors.New("this join link is of another community")
	case link.Seat:
		return errors.New("this join link makes a supernode, not a member")
	}
	if m.shutOut() {
		persona, err := NewPersonaKey(rand)
		if err != nil {
			return err
		}
		m.persona.Erase()
		m.persona = persona
		for at, known := range m.granted { // what they said, they said to somebody else
			m.Distrust(at)
			known.week, known.refused = 0, false
		}
	}
	m.link, m.refused = link, nil
	return nil
}

// shutOut reports whether every supernode has refused us since it last let us in.
func (m *Membership) shutOut() bool {
	for _, s := range m.file.supernodes() {
		if known := m.granted[s.ID()]; known == nil || !known.refused {
			return false
		}
	}
	return m.file.descriptor != nil
}

// letIn reports whether a supernode has let us in, as whom we are now, and has not refused us since.
func (m *Membership) letIn() bool {
	return slices.ContainsFunc(m.file.supernodes(), func(s Known) bool {
		known := m.granted[s.ID()]
		return known != nil && known.week != 0 && !known.refused
	})
}

// Community returns the community's id.
func (m *Membership) Community() ID { return m.file.id }

// Persona returns who we are there.
func (m *Membership) Persona() Persona { return m.persona.Persona() }

// Name returns the community's name, hostile until shown by peer.ShowName; empty before we were let
// in.
func (m *Membership) Name() string {
	if m.file.descriptor == nil {
		return ""
	}
	return m.file.descriptor.Name
}

// Descriptor returns the newest that was seen; nil before we were let in.
func (m *Membership) Descriptor() *Descriptor { return m.file.descriptor }

// Joined reports whether a supernode has let us in, as whom we are now.
func (m *Membership) Joined() bool {
	return m.file.descriptor != nil && (m.link == nil || m.letIn())
}

// Joining reports whether a link has not done its work yet. A member may use another one, since its
// supernodes may be lost.
func (m *Membership) Joining() bool { return m.link != nil }

// JoiningAt reports whether such a link names a supernode.
func (m *Membership) JoiningAt(at peer.ID) bool { return m.link != nil && m.link.leadsTo(at) }

// Knows reports whether all that a link names are supernodes of the community, as far as we know it.
func (m *Membership) Knows(link *Link) bool {
	return !slices.ContainsFunc(link.Stops, func(s Stop) bool { return !m.file.isSupernodeID(s.ID()) })
}

// Refusal says why we are not let in: ErrLinkUsed and the like when the link was not taken,
// ErrNoMember when every supernode has refused us since it last let us in; else nil. A supernode
// alone may have lost its disk, or not have heard of us yet.
func (m *Membership) Refusal() error {
	switch {
	case m.refused != nil:
		return m.refused
	case m.shutOut():
		return ErrNoMember
	}
	return nil
}

// Ends returns the last day on which the descriptor is good for newcomers. After it members go on,
// and are to be told that the founder has not been heard of.
func (m *Membership) Ends() uint32 {
	if m.file.descriptor == nil {
		return 0
	}
	return m.file.descriptor.Until
}

// Supernodes lists the community's, with those that the link names until it has done its work: they
// are tried where it says, too. One whose card has no addresses is tried where the last link said.
//
// spec: 10-communities#addresses
func (m *Membership) Supernodes() []Known {
	all := m.file.supernodes()
	for i, k := range all {
		if known := m.granted[k.ID()]; known != nil && len(k.Addresses) == 0 {
			all[i].Addresses = slices.Clone(known.typed)
		}
	}
	if m.link == nil {
		return all
	}
	for _, s := range m.link.Stops {
		i := slices.IndexFunc(all, func(k Known) bool { return k.ID() == s.ID() })
		if i < 0 {
			all = append(all, Known{Supernode: Supernode{Sign: s.Sign, Agree: s.Agree}, Addresses: slices.Clone(s.Addresses)})
			continue
		}
		known := slices.Clone(all[i].Addresses)
		for _, a := range s.Addresses {
			if !slices.Contains(known, a) {
				known = append(known, a)
			}
		}
		all[i].Addresses = known
	}
	return all
}

// Login returns what we log in by at a place.
//
// spec: 10-communities#log-in
func (m *Membership) Login(at Place) [64]byte { return m.persona.Login(at) }

// Proof returns what we join by at a place, and false where a log-in is enough.
//
// spec: 10-communities#joining
func (m *Membership) Proof(at Place) ([]byte, bool) {
	if m.link == nil {
		return nil, false
	}
	return m.link.Proof(at, m.Persona()), true
}

// Granted takes what a supernode has answered to a log-in or a join. today is our day, as far as it
// was agreed on. exchange says that papers are to be exchanged with it: the two do not know the same
// papers. It fails when the community is not the one that the link leads to, when the supernode
// is none of it any more, and with ErrOwnKeys when its card does not commit to these keys: then nothing is
// taken but its papers, and it is asked once more after they were exchanged.
//
// spec: 10-communities#at-the-member
func (m *Membership) Granted(at peer.ID, g Grant, today uint32) (exchange bool, err error) {
	papers, err := ParsePapers(g.Papers)
	if err != nil {
		return false, err
	}
	if m.file.descriptor == nil {
		d, err := ParseDescriptor(papers.Descriptor, m.file.id)
		if err != nil {
			return false, err
		}
		if d.Until < today {
			return false, fmt.Errorf("the descriptor of %q ended on day %d, and our clock says day %d: set the clock, or have the founder sign another", peer.ShowName(d.Name), d.Until, today)
		}
	}
	exchange, _, wrong := m.take(at, papers, true)
	if !m.file.isSupernodeID(at) {
		return false, errors.Join(fmt.Errorf("%v is no supernode of this community any more", at), wrong)
	}
	if !m.file.committed(at, g) {
		return true, ErrOwnKeys // it may have been set back, and has to see a later card of its own
	}
	known := m.at(at)
	known.week, known.key, known.next, known.refused = g.Week, g.Key, g.Next, false
	if m.link != nil {
		for _, s := range m.link.Stops {
			m.at(s.ID()).typed = s.Addresses
		}
		// An old supernode that comes back does not end a link that leads to a new one.
		if m.link.leadsTo(at) || m.Knows(m.link) {
			m.link, m.refused = nil, nil
		}
	}
	return exchange, nil // what was wrong in the papers was left out, and alarms are raised where it matters
}

// at is what we know of a supernode from itself.
func (m *Membership) at(id peer.ID) *granted {
	if m.granted[id] == nil {
		m.granted[id] = new(granted)
	}
	return m.granted[id]
}

// Offer returns papers for a supernode that has shown its heads: what it lacks, and our heads.
//
// spec: 10-communities#exchange-of-papers
func (m *Membership) Offer(at peer.ID) Papers { return m.file.papersSince(m.at(at).heads) }

// Plead returns what we know, for a supernode that does not know us: it has not heard of our
// joining at another one, or has lost its disk. We log in again behind them. Who only a join link calls a supernode is shown
// nothing: anybody who knows the root can write one.
//
// spec: 10-communities#exchange-of-papers
func (m *Membership) Plead(at peer.ID) (all []Papers) {
	if m.file.descriptor == nil || !m.file.isSupernodeID(at) {
		return nil
	}
	rest := m.file.papers()
	rest.Heads = nil
	size := PapersSizeMax - len(rest.Bytes()) - 2*entryOverhead
	for told := []wire.Hash(nil); len(all) < PleadMax; {
		p := rest
		for _, e := range m.file.roster.since(told, size) {
			p.Entries = append(p.Entries, e.raw)
			told = append(told, e.id)
		}
		if len(all) > 0 && len(p.Entries) == 0 {
			break
		}
		all = append(all, p)
	}
	return all
}

// Merge takes papers that a supernode has answered with; more says that there is more to exchange.
// The error says what was wrong in them; the rest was taken.
//
// spec: 10-communities#exchange-of-papers
func (m *Membership) Merge(at peer.ID, theirs Papers) (more bool, err error) {
	differs, moved, err := m.take(at, theirs, true)
	return differs && moved, err
}

// Heard is Merge for papers that a supernode tells everybody: they may have been on their way for longer than what it has
// shown us meanwhile on another link.
//
// spec: 10-communities#alarms
func (m *Membership) Heard(at peer.ID, theirs Papers) (more bool, err error) {
	differs, moved, err := m.take(at, theirs, false)
	return differs && moved, err
}

// take merges papers that a supernode has shown, and compares what it shows with what it has shown
// before: if it was asked for them since. differs says that it does not know all that we do, or we not all that it does; moved, that
// one of the two has learnt something since its last papers.
//
// spec: 10-communities#alarms
func (m *Membership) take(at peer.ID, theirs Papers, since bool) (differs, moved bool, err error) {
	if theirs.IsZero() {
		return false, false, nil
	}
	before := len(m.file.roster.entries)
	mine, err := m.file.merge(theirs, func(Seat) bool { return true })
	m.raise(mine.alarms...)
	if mine.newer {
		m.raise(Alarm{Kind: AlarmNewer, Supernode: at})
	}
	if m.file.descriptor == nil {
		return false, false, err
	}
	known := m.at(at)
	if since && mine.sequence < known.sequence && mine.sequence != 0 {
		m.raise(Alarm{Kind: AlarmOlder, Supernode: at, Known: m.file.descriptor.id})
	}
	known.sequence = max(known.sequence, mine.sequence)
	moved = len(m.file.roster.entries) > before || !slices.Equal(known.heads, theirs.Heads)
	forgotten, forgot := m.forgotten(known.heads, theirs.Heads)
	if forgot && since {
		m.raise(Alarm{Kind: AlarmForgot, Supernode: at, Known: forgotten})
	}
	if !forgot || since {
		known.heads = slices.Clone(theirs.Heads)
	}
	m.compare(at)
	return !m.file.level(theirs, mine.sequence), moved, err
}

// forgotten is one of the heads that were shown before and do not lead to those that are shown now; false: there is none.
func (m *Membership) forgotten(before, now []wire.Hash) (wire.Hash, bool) {
	past, whole := m.file.roster.past(now)
	if !whole {
		return wire.Hash{}, false
	}
	for _, h := range before {
		if m.file.roster.known[h] != nil && !past[h] {
			return h, true
		}
	}
	return wire.Hash{}, false
}

// Refused takes a refusal of a log-in or a join by a supernode: ErrNoMember, or one of a link.
//
// spec: 10-communities#at-the-member
func (m *Membership) Refused(at peer.ID, err error) {
	switch {
	case slices.Contains(linkRefusals[:], err):
		if m.JoiningAt(at) { // others need not have heard of the link
			m.refused = err
		}
	case errors.Is(err, ErrNoMember) || errors.Is(err, ErrRevoked):
		m.at(at).refused = true
		m.Distrust(at)
	}
}

// linkRefusals are those by which a link was not taken.
var linkRefusals = [...]error{nil, ErrLinkUsed, ErrLinkExpired, ErrLinkUnknown}

// Key returns the secret by which a link to a supernode is dialled in mode member on a day: that of
// the week if we have it, else the newest; ok is false where we have none, and log in first.
//
// spec: 10-communities#keys-of-the-week
func (m *Membership) Key(at peer.ID, today uint32) (key WeekKey, ok bool) {
	known := m.granted[at]
	switch {
	case known == nil || known.key == (Secret{}) || !m.file.isSupernodeID(at):
		return WeekKey{}, false
	case WeekOf(today) > known.week:
		return WeekKey{Week: known.week + 1, Secret: known.next}, true
	}
	return WeekKey{Week: known.week, Secret: known.key}, true
}

// Stale reports whether to log in again at a supernode: we have no key of the next week, or none.
//
// spec: 10-communities#keys-of-the-week
func (m *Membership) Stale(at peer.ID, today uint32) bool {
	known := m.granted[at]
	return known == nil || known.key == (Secret{}) || WeekOf(today) > known.week
}

// Distrust forgets the keys of a supernode, which did not answer to them: a revocation has drawn
// others, or it has lost its disk. We log in again.
//
// spec: 10-communities#keys-of-the-week
func (m *Membership) Distrust(at peer.ID) {
	if known := m.granted[at]; known != nil {
		known.key.Erase()
		known.next.Erase()
	}
}

// Beacons returns the keys of a day of all supernodes whose cards we have, by their ids. Days more
// than ten years from a card's have none.
//
// spec: 10-communities#beacons
func (m *Membership) Beacons(day uint32) []Beacon { return m.file.beacons(day) }

// Mark changes with what is known of the community.
func (m *Membership) Mark() wire.Hash { return m.file.mark() }

// Erase zeroes the persona's key and the keys of the weeks: we have left.
func (m *Membership) Erase() {
	m.persona.Erase()
	for id := range m.granted {
		m.Distrust(id)
	}
	if m.link != nil {
		m.link.Secret.Erase()
	}
}

// Expired reports whether the link by which we want to join is past its time.
func (m *Membership) Expired(now time.Time) bool { return m.link != nil && m.link.Expired(now) }

// isSupernodeID reports whether a peer id is that of a supernode of the community.
func (f *file) isSupernodeID(id peer.ID) bool {
	return slices.ContainsFunc(f.supernodes(), func(k Known) bool { return k.ID() == id })
}
