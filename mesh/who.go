package mesh

import (
	"context"
	"strings"

	"sottovoce/mesh/peer"
)

// who finds the one person that fits what was typed: an id or an unambiguous prefix of
// one, or a name. Contacts go before strangers of the same name, and a whole match
// before a prefix.
func who(people []Person, typed string) (Person, error) {
	for _, fits := range []func(Person) bool{
		func(p Person) bool { return p.ID == typed },
		func(p Person) bool { return p.Contact && strings.EqualFold(p.Name, typed) },
		func(p Person) bool { return strings.EqualFold(p.Name, typed) },
		func(p Person) bool { return len(typed) >= idPrefixMin && strings.HasPrefix(p.ID, typed) },
	} {
		var found []Person
		for _, p := range people {
			if fits(p) {
				found = append(found, p)
			}
		}
		switch len(found) {
		case 0:
		case 1:
			return found[0], nil
		default:
			return Person{}, &AmbiguousError{Candidates: found}
		}
	}
	return Person{}, ErrNotFound
}

// idPrefixMin is the shortest prefix of an id that is taken for one: the kind, the
// hyphen and three digits.
const idPrefixMin = len("near-") + 3

// contactCalled finds a contact by what was typed.
func (n *Node) contactCalled(typed string) (*contactState, error) {
	var people []Person
	for _, c := range n.contacts {
		people = append(people, n.person(c))
	}
	p, err := who(people, typed)
	if err != nil {
		return nil, err
	}
	for _, c := range n.contacts {
		if c.account.ID().String() == p.ID {
			return c, nil
		}
	}
	return nil, ErrNotFound
}

// Contact finds one contact. ErrNotFound and ErrAmbiguous.
func (n *Node) Contact(ctx context.Context, typed string) (Person, error) {
	var p Person
	err := n.do(ctx, func(*turn) error {
		c, err := n.contactCalled(typed)
		if err != nil {
			return refuse(err)
		}
		p = n.person(c)
		return nil
	})
	return p, err
}

// Contacts lists the accounts that we and they have accepted, by name.
func (n *Node) Contacts(ctx context.Context) ([]Person, error) {
	var people []Person
	err := n.do(ctx, func(*turn) error {
		for _, c := range n.contacts {
			people = append(people, n.person(c))
		}
		return nil
	})
	byName(people)
	return people, err
}

// person shows a contact as it stands.
func (n *Node) person(c *contactState) Person {
	p := Person{ID: c.account.ID().String(), Name: c.shownName(), Contact: true, Blocked: c.row.Blocked, Via: ViaNone}
	if c.row.Alias != "" {
		p.OwnName = peer.ShowName(c.row.Name)
	}
	if by := c.introduced; by != nil {
		p.IntroducedBy = n.introducer(by.Account, by.Name)
	}
	if c.row.Blocked {
		return p
	}
	p.Verified, p.Keys = !c.trust.Verified().IsZero(), keysOf(c.trust.Keys())
	for _, d := range c.devices {
		switch {
		case d.route.live != nil:
			p.Online, p.Via, p.Found = true, ViaLink, d.route.shownWay()
			p.Typing = p.Typing || !d.route.live.typing.IsZero()
		case d.route.seen != nil:
			p.Online = true
		}
	}
	return p
}
