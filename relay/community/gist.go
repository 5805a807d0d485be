package community

import (
	"cmp"
	"crypto/ed25519"
	"encoding/binary"
	"errors"
	"slices"
	"strings"

	"sottovoce/mesh/peer"
	"sottovoce/mesh/wire"
)

// ErrOwnKeys says that a supernode gives us keys of the week that its card does not commit to: keys of our own would tell it which
// links are ours.
var ErrOwnKeys = errors.New("the keys of the week are not those that the supernode's card commits to")

// Edition orders the cards of one supernode, and leaves it few that it could show to one member and not to another.
//
// spec: 10-communities#editions
type Edition struct {
	_    struct{} `cbor:",toarray"`
	Draw uint32   // how often all its keys were drawn anew
	Week uint32   // of its first commitment
	Move uint8    // how often its addresses have changed under these keys in that week, at most movesMax
}

func (e Edition) compare(other Edition) int {
	return cmp.Or(cmp.Compare(e.Draw, other.Draw), cmp.Compare(e.Week, other.Week), cmp.Compare(e.Move, other.Move))
}

// Gist is what members tell each other of a supernode's card: all by which it could tell one from another, without the secrets.
// Two gists that cannot both be convince anybody.
//
// spec: 10-communities#gists
type Gist struct {
	_         struct{} `cbor:",toarray"`
	Edition   Edition
	Weeks     [2]wire.Hash
	Beacon    wire.Hash
	Addresses wire.Hash
	Signature [64]byte // by the supernode
}

func (c *cardBody) gist() Gist {
	return Gist{
		Edition: c.Edition, Weeks: c.Weeks, Signature: c.Gist, Addresses: wire.HashOf(labelAddresses, []byte(strings.Join(c.Addresses, "\n"))),
		Beacon: wire.HashOf(labelBeacon, binary.BigEndian.AppendUint32(nil, c.Day), c.Beacon[:]),
	}
}

// statement is what the supernode signs.
func (g Gist) statement(at peer.ID, of ID) []byte {
	b := slices.Concat([]byte(labelGist), at[:], of[:])
	b = binary.BigEndian.AppendUint32(b, g.Edition.Draw)
	b = append(binary.BigEndian.AppendUint32(b, g.Edition.Week), g.Edition.Move)
	return slices.Concat(b, g.Weeks[0][:], g.Weeks[1][:], g.Beacon[:], g.Addresses[:])
}

func (g Gist) signedBy(s Supernode, of ID) bool {
	return ed25519.Verify(s.Sign[:], g.statement(s.ID(), of), g.Signature[:])
}

// contradicts reports whether a supernode that is the same to everybody cannot have signed both: under one draw there is one beacon
// key and one secret for each week, and of one edition there is one card.
//
// spec: 10-communities#gists
func (g Gist) contradicts(other Gist) bool {
	if g.Edition.Draw != other.Edition.Draw {
		return false
	}
	if g.Edition == other.Edition && g.Addresses != other.Addresses || g.Beacon != other.Beacon {
		return true
	}
	switch int64(g.Edition.Week) - int64(other.Edition.Week) {
	case 0:
		return g.Weeks != other.Weeks
	case 1:
		return g.Weeks[0] != other.Weeks[1]
	case -1:
		return g.Weeks[1] != other.Weeks[0]
	}
	return false
}

// committed reports whether the card that we know of a supernode commits to the keys of a grant.
//
// spec: 10-communities#commitments
func (f *file) committed(at peer.ID, g Grant) bool {
	c := f.cards[at]
	return c != nil && c.Edition.Week == g.Week &&
		c.Weeks[0] == WeekKey{Week: g.Week, Secret: g.Key}.commit(at, f.id) && c.Weeks[1] == WeekKey{Week: g.Week + 1, Secret: g.Next}.commit(at, f.id)
}

// told is what a contact has said of a supernode's card.
type told struct {
	gist  Gist
	asked bool // the supernode has shown its papers since
	said  bool // an alarm was raised
}

// Gist returns what to tell fellow members of a supernode's card; false: it was not seen yet.
//
// spec: 10-communities#gists
func (m *Membership) Gist(at peer.ID) (Gist, bool) {
	c := m.file.cards[at]
	if c == nil {
		return Gist{}, false
	}
	return c.gist, true
}

// Told takes the gist of a supernode's card that a contact holds. Nothing comes of it before that supernode
// has shown its papers next: what followed at once would show who was told.
//
// spec: 10-communities#gists
func (m *Membership) Told(at peer.ID, g Gist) {
	all, c := m.told[at], m.file.cards[at]
	if c == nil || m.forged[g] || slices.ContainsFunc(all, func(t told) bool { return t.gist == g }) {
		return
	}
	if !g.signedBy(c.Supernode, m.file.id) {
		if len(m.forged) >= toldMax {
			clear(m.forged)
		}
		m.forged[g] = true
		return
	}
	if len(all) >= toldMax {
		all = all[1:]
	}
	m.told[at] = append(all, told{gist: g})
}

// compare holds the card of a supernode that has shown its papers just now against those that contacts hold. A later one than
// it shows us it had to show, if it was asked behind that.
//
// spec: 10-communities#gists
func (m *Membership) compare(at peer.ID) {
	c := m.file.cards[at]
	if c == nil {
		return
	}
	for i := range m.told[at] {
		t := &m.told[at][i]
		switch {
		case t.said:
		case t.gist.contradicts(c.gist):
			m.raise(Alarm{Kind: AlarmCard, Supernode: at, Known: c.id})
			t.said = true
		case t.gist.Edition.compare(c.Edition) > 0 && t.asked:
			m.raise(Alarm{Kind: AlarmWithheld, Supernode: at, Known: c.id})
			t.said = true
		}
		t.asked = true
	}
}
