package demo

import (
	"context"

	"sottovoce/mesh"
)

// Who takes part.
const (
	anna, bruno, carla = "Anna", "Bruno", "Carla"
	communityName      = "Via dei Mille"
)

var cast = []string{anna, bruno, carla}

// raise founds the supernode, and makes three homes.
func (p *play) raise(ctx context.Context) error {
	if err := p.founded(communityName); err != nil {
		return err
	}
	p.shelf.up()
	return p.raised(ctx)
}

// raised is the stage when the curtain opens.
func (p *play) raised(ctx context.Context) error {
	if err := p.until(ctx, "serves", func(context.Context) (bool, error) { return !p.shelf.node.Status().Started.IsZero(), nil }); err != nil {
		return err
	}
	s := p.shelf.node.Status()
	if err := p.tell(ofShelf, "serves", facts{"supernode": s.ID.String(), "links": s.Links, "blobs": s.Blobs}, s.Communities[0].Name, s.Links, s.Blobs); err != nil {
		return err
	}
	for _, name := range cast {
		if err := p.arrives(name); err != nil {
			return err
		}
	}
	p.anna, p.bruno, p.carla = p.people[0], p.people[1], p.people[2]
	var names []string
	var homes int
	for _, one := range p.people {
		me, err := one.node.Me(ctx)
		if err != nil {
			return err
		}
		files, _, _, err := search(one.home)
		if err != nil {
			return err
		}
		names, homes = append(names, me.Name), homes+files
	}
	if err := p.tell(ofPeople, "opens", facts{"names": names, "files": homes}, p.words.list(names), homes); err != nil {
		return err
	}
	return p.pause(ctx)
}

// meet has everybody see everybody, and two become contacts.
func (p *play) meet(ctx context.Context) error {
	for _, one := range p.people {
		if err := p.sees(ctx, one); err != nil {
			return err
		}
	}
	if err := p.idle(); err != nil {
		return err
	}
	if err := p.pause(ctx); err != nil {
		return err
	}
	if _, err := p.anna.node.Add(ctx, p.bruno.name); err != nil {
		return err
	}
	var asked mesh.Person
	err := p.until(ctx, "asks", func(ctx context.Context) (bool, error) {
		waiting, err := p.bruno.node.Requests(ctx)
		if len(waiting) == 1 && waiting[0].Direction == mesh.In {
			asked = waiting[0]
		}
		return asked.ID != "", err
	}, p.anna.name, p.bruno.name)
	if err != nil {
		return err
	}
	if err := p.tell(ofPeople, "asks", facts{"asked_by": asked.ID}, asked.Name, p.bruno.name); err != nil {
		return err
	}
	if _, err := p.bruno.node.Accept(ctx, asked.Name); err != nil {
		return err
	}
	if err := p.linked(ctx); err != nil {
		return err
	}
	return p.pause(ctx)
}

// talk has a message go from hand to hand.
func (p *play) talk(ctx context.Context) error {
	text := p.words.Texts.Nearby
	id, err := p.writes(ctx, p.anna, p.bruno, text)
	if err != nil {
		return err
	}
	if err := p.reads(ctx, p.bruno, p.anna, text); err != nil {
		return err
	}
	if err := p.delivered(ctx, p.anna, p.bruno, id); err != nil {
		return err
	}
	if err := p.listened("air"); err != nil {
		return err
	}
	if err := p.idle(); err != nil {
		return err
	}
	return p.pause(ctx)
}

// join makes everybody a member of the community.
func (p *play) join(ctx context.Context) error {
	for _, one := range p.people {
		link, err := p.shelf.invite()
		if err != nil {
			return err
		}
		var name string
		err = p.until(ctx, "joins", func(ctx context.Context) (bool, error) {
			c, err := one.client.Join(ctx, link)
			name = c.Name
			return err == nil && one.reaches() == 1, err
		}, one.name)
		if err != nil {
			return err
		}
		if err := p.tell(ofPeople, "joins", facts{"community": name, "reached": one.reaches()}, one.name, name); err != nil {
			return err
		}
	}
	if err := p.members(ctx); err != nil {
		return err
	}
	return p.pause(ctx)
}

// away has one leave, and another leave a message.
func (p *play) away(ctx context.Context) error {
	if err := p.bruno.leaves(); err != nil {
		return err
	}
	p.bruno.desk.Leave()
	p.bruno.road.Leave()
	err := p.until(ctx, "away", func(ctx context.Context) (bool, error) {
		c, err := p.anna.node.Contact(ctx, p.bruno.name)
		return err == nil && !c.Online, err
	}, p.anna.name, p.bruno.name)
	if err != nil {
		return err
	}
	if err := p.tell(ofPeople, "away", facts{"online": false}, p.anna.name, p.bruno.name); err != nil {
		return err
	}
	text := p.words.Texts.Away
	if _, err := p.leaves(ctx, p.anna, p.bruno, text); err != nil {
		return err
	}
	if err := p.shows(ctx, p.anna.name); err != nil {
		return err
	}
	if err := p.pause(ctx); err != nil {
		return err
	}
	if err := p.fetches(ctx, p.carla); err != nil {
		return err
	}
	return p.pause(ctx)
}

// deliver has the message reach whom it is for, and its receipt whom it is from, who never meet.
func (p *play) deliver(ctx context.Context) error {
	waits, err := p.anna.node.Log(ctx, p.bruno.name, mesh.LogQuery{Newest: 1})
	if err != nil {
		return err
	}
	if err := p.anna.leaves(); err != nil {
		return err
	}
	open := 0
	for _, one := range []*person{p.anna, p.bruno} {
		if one.end != nil {
			open++
		}
	}
	if err := p.tell(ofPeople, "closes", facts{"open": open}, p.anna.name, open); err != nil {
		return err
	}
	if err := p.home(ctx, p.bruno); err != nil {
		return err
	}
	if err := p.reads(ctx, p.bruno, p.anna, p.words.Texts.Away); err != nil {
		return err
	}
	if err := p.pause(ctx); err != nil {
		return err
	}
	if _, err := p.leaves(ctx, p.bruno, p.anna, p.words.Texts.Answer); err != nil {
		return err
	}
	if err := p.same(ctx); err != nil {
		return err
	}
	if err := p.pause(ctx); err != nil {
		return err
	}
	if err := p.opensUp(p.anna); err != nil {
		return err
	}
	if err := p.reads(ctx, p.anna, p.bruno, p.words.Texts.Answer); err != nil {
		return err
	}
	if err := p.delivered(ctx, p.anna, p.bruno, waits[0].ID); err != nil {
		return err
	}
	return p.pause(ctx)
}

// remove has the operator shut one member out, who gets nothing that is left from then on.
func (p *play) remove(ctx context.Context) error {
	shut := p.carla.client.Communities()[0].Persona
	for _, one := range p.people {
		if err := one.leaves(); err != nil {
			return err
		}
	}
	if err := p.tell(ofPeople, "night", nil, p.words.list(cast)); err != nil {
		return err
	}
	if err := p.shelf.node.Revoke(p.shelf.of, shut); err != nil {
		return err
	}
	listed, err := p.shelf.node.Members(p.shelf.of)
	if err != nil {
		return err
	}
	left := p.shelf.node.Status().Communities[0].Members
	if err := p.tell(ofShelf, "revoked", facts{"persona": shut.String(), "members": left, "before": len(listed)}, left, len(listed)); err != nil {
		return err
	}
	if err := p.pause(ctx); err != nil {
		return err
	}
	if err := p.opensUp(p.bruno); err != nil {
		return err
	}
	if _, err := p.leaves(ctx, p.bruno, p.anna, p.words.Texts.Without); err != nil {
		return err
	}
	if err := p.shows(ctx, p.bruno.name); err != nil {
		return err
	}
	if err := p.opensUp(p.anna); err != nil {
		return err
	}
	if err := p.reads(ctx, p.anna, p.bruno, p.words.Texts.Without); err != nil {
		return err
	}
	if err := p.pause(ctx); err != nil {
		return err
	}
	if err := p.refused(ctx, p.carla); err != nil {
		return err
	}
	if err := p.listened("all-air"); err != nil {
		return err
	}
	return p.pause(ctx)
}
