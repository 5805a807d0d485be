package community

import (
	"bytes"
	"cmp"
	"slices"

	"sottovoce/mesh/wire"
)

// Member is one persona as the roster tells it.
type Member struct {
	Persona Persona
	Day     uint32 // on which it joined, by the clock of the supernode that took it
	By      Invite
	Revoked bool
}

// Invited is one join link as the roster tells it.
type Invited struct {
	Invite Invite
	Uses   uint32 // for how many it was made
	Used   uint32 // by how many; more than Uses where two supernodes took the last at once
	Until  uint64 // Unix seconds
	Closed bool   // it was taken back
}

// membership is what the entries that count amount to.
type membership struct {
	members map[Persona]*Member
	invites map[Invite]*Invited
	revoked map[[32]byte]bool
	newer   bool // an entry is of a kind that this version does not know
}

// counting returns the entries that count under a descriptor: those of the root, of operator keys
// that are open, and of closed ones as far as the root has said. With hope those of a closed key are
// there as well while its last entries are not known yet: they may lead to them.
//
// spec: 10-communities#operators
func (r *roster) counting(root [32]byte, operator func([32]byte) (Operator, bool), hope bool) []*Entry {
	type judged struct {
		all  bool
		past map[wire.Hash]bool
	}
	authors := make(map[[32]byte]judged)
	var counting []*Entry
	for _, e := range r.entries {
		j, done := authors[e.Author]
		if !done {
			o, found := operator(e.Author)
			j.all = e.Author == root || found && !o.Closed
			if found && o.Closed {
				var whole bool
				j.past, whole = r.past(o.Last)
				j.all = hope && !whole
			}
			authors[e.Author] = j
		}
		if j.all || j.past[e.id] {
			counting = append(counting, e)
		}
	}
	return counting
}

// resolve draws the consequences of entries, which may stand in any order: a revocation holds
// whatever came before or after it, and one persona has joined once.
//
// spec: 10-communities#who-is-a-member
func resolve(entries []*Entry) *membership {
	m := &membership{members: make(map[Persona]*Member), invites: make(map[Invite]*Invited), revoked: make(map[[32]byte]bool)}
	for _, e := range entries {
		switch e.Kind {
		case EntryInvite:
			one := Invited{Invite: e.Subject, Uses: e.Uses, Until: e.Until}
			if was := m.invites[e.Subject]; was == nil || cmp.Or(cmp.Compare(e.Uses, was.Uses), cmp.Compare(e.Until, was.Until)) < 0 {
				m.invites[e.Subject] = &one
			}
		case EntryJoin:
			one := Member{Persona: e.Subject, Day: e.Day, By: e.By}
			if was := m.members[e.Subject]; was == nil || before(one, *was) {
				m.members[e.Subject] = &one
			}
		case EntryRevoke:
			m.revoked[e.Subject] = true
		default:
			m.newer = true
		}
	}
	for persona, one := range m.members {
		one.Revoked = m.revoked[persona]
		if invite := m.invites[one.By]; invite != nil {
			invite.Used++
		}
	}
	for key, one := range m.invites {
		one.Closed = m.revoked[key]
	}
	return m
}

// before says which of two joins of one persona is told, whatever the order they came in.
func before(a, b Member) bool {
	return cmp.Or(cmp.Compare(a.Day, b.Day), bytes.Compare(a.By[:], b.By[:])) < 0
}

// list returns the members by day and persona.
func (m *membership) list() []Member {
	var all []Member
	for _, one := range m.members {
		all = append(all, *one)
	}
	slices.SortFunc(all, func(a, b Member) int {
		return cmp.Or(cmp.Compare(a.Day, b.Day), bytes.Compare(a.Persona[:], b.Persona[:]))
	})
	return all
}
