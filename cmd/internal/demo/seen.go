package demo

import (
	"bytes"
	"context"
	"encoding/hex"
	"slices"
	"strings"

	"sottovoce/cmd/internal/tui/paint"
	"sottovoce/mesh"
	"sottovoce/mesh/conversation"
	"sottovoce/mesh/identity"
)

// sees tells whom somebody has nearby.
func (p *play) sees(ctx context.Context, who *person) error {
	var names []string
	err := p.until(ctx, "sees", func(ctx context.Context) (bool, error) {
		names = nil
		near, err := who.node.Nearby(ctx)
		for _, one := range near {
			names = append(names, one.Name)
		}
		return len(names) == len(p.people)-1, err
	}, who.name)
	if err != nil {
		return err
	}
	slices.Sort(names)
	return p.tell(ofPeople, "sees", facts{"who": who.name, "nearby": names}, who.name, p.words.list(names))
}

// idle tells what the supernode has heard so far.
func (p *play) idle() error {
	s := p.shelf.node.Status()
	if err := p.tell(ofShelf, "idle", facts{"links": s.Links, "blobs": s.Blobs}, s.Links, s.Blobs); err != nil {
		return err
	}
	return p.must(s.Links == 0 && s.Blobs == 0, "idle")
}

// linked waits until both are contacts, and compares their safety words.
func (p *play) linked(ctx context.Context) error {
	for _, two := range [][2]*person{{p.bruno, p.anna}, {p.anna, p.bruno}} {
		err := p.until(ctx, "linked", func(ctx context.Context) (bool, error) {
			c, err := two[0].node.Contact(ctx, two[1].name)
			return c.Contact && c.Via == mesh.ViaLink, err
		}, two[0].name, two[1].name)
		if err != nil {
			return err
		}
	}
	if err := p.tell(ofPeople, "linked", facts{"via": mesh.ViaLink}, p.bruno.name, p.anna.name); err != nil {
		return err
	}
	ours, err := p.safetyWords(ctx, p.anna, p.bruno)
	if err != nil {
		return err
	}
	theirs, err := p.safetyWords(ctx, p.bruno, p.anna)
	if err != nil {
		return err
	}
	if err := p.must(len(ours) >= wordsShown && slices.Equal(ours, theirs), "words", p.anna.name, p.bruno.name); err != nil {
		return err
	}
	return p.tell(ofPeople, "words", facts{"words": ours}, p.anna.name, p.bruno.name, strings.Join(ours[:wordsShown], " "))
}

// safetyWords are what somebody's program shows of a contact.
func (p *play) safetyWords(ctx context.Context, who, of *person) (all []string, err error) {
	v, err := who.node.Verification(ctx, of.name)
	for _, s := range v.Words {
		word := s.English
		if p.words.Language == italian.Language {
			word = s.Italian
		}
		all = append(all, s.Emoji+" "+word)
	}
	return all, err
}

// writes sends a text, and tells it once it is on the writer's disk.
func (p *play) writes(ctx context.Context, from, to *person, text string) (id string, err error) {
	sent := from.node.Send(ctx, []mesh.Outgoing{{To: to.name, Text: text}})[0]
	if sent.Err != nil {
		return "", sent.Err
	}
	p.secrets = append(p.secrets, []byte(text))
	return sent.Message.ID, p.tell(ofPeople, "writes", facts{"id": sent.Message.ID, "state": sent.Message.State.String()}, from.name, to.name, text)
}

// reads tells that a text is in somebody's conversation.
func (p *play) reads(ctx context.Context, who, from *person, text string) error {
	var newest mesh.Message
	err := p.until(ctx, "reads", func(ctx context.Context) (bool, error) {
		log, err := who.node.Log(ctx, from.name, mesh.LogQuery{Newest: 1})
		if len(log) == 1 && !log[0].Mine {
			newest = log[0]
		}
		return newest.Text == text, err
	}, who.name, text)
	if err != nil {
		return err
	}
	return p.tell(ofPeople, "reads", facts{"id": newest.ID, "from": newest.From.ID}, who.name, newest.Text)
}

// delivered tells that a message's receipt has come.
func (p *play) delivered(ctx context.Context, from, to *person, id string) error {
	var m mesh.Message
	err := p.until(ctx, "delivered", func(ctx context.Context) (so bool, err error) {
		m, err = from.node.Message(ctx, id)
		return m.State == conversation.StateDelivered, err
	}, from.name)
	if err != nil {
		return err
	}
	return p.tell(ofPeople, "delivered", facts{"id": id, "state": m.State.String(), "delivered": m.Delivered, "devices": m.Devices}, from.name, m.Delivered, m.Devices, to.name)
}

// members tells what the supernode knows of who belongs to it.
func (p *play) members(ctx context.Context) error {
	listed, err := p.shelf.node.Members(p.shelf.of)
	if err != nil {
		return err
	}
	var personas, shown []string
	for _, m := range listed {
		personas, shown = append(personas, m.Persona.String()), append(shown, paint.Cut(m.Persona.String(), personaShown))
	}
	if err := p.tell(ofShelf, "members", facts{"personas": personas}, len(listed), strings.Join(shown, "\n")); err != nil {
		return err
	}
	var ids [][]byte
	for _, one := range p.people {
		me, err := one.node.Me(ctx)
		if err != nil {
			return err
		}
		account, err := identity.ParseAccountID(me.ID)
		if err != nil {
			return err
		}
		ids = append(ids, account[:], []byte(me.ID))
	}
	files, octets, found, err := search(p.shelf.dir, ids...)
	if err != nil {
		return err
	}
	if err := p.tell(ofShelf, "accounts", facts{"files": files, "bytes": octets, "files_with_ids": found}, files, octets, p.words.list(cast), found); err != nil {
		return err
	}
	return p.must(found == 0, "accounts")
}

// leaves has somebody write, and tells what the supernode signed.
func (p *play) leaves(ctx context.Context, from, to *person, text string) (id string, err error) {
	if id, err = p.writes(ctx, from, to, text); err != nil {
		return "", err
	}
	var m mesh.Message
	err = p.until(ctx, "kept", func(ctx context.Context) (so bool, err error) {
		m, err = from.node.Message(ctx, id)
		return m.State == conversation.StateHeld && len(m.HeldBy) > 0, err
	})
	if err != nil {
		return "", err
	}
	evidence := facts{"id": id, "state": m.State.String(), "held_by": m.HeldBy[0].ID.String(), "until_day": m.HeldBy[0].Until}
	return id, p.tell(ofPeople, "kept", evidence, from.name, len(m.HeldBy), p.words.day(m.HeldBy[0].Until))
}

// shows tells what the newest message is in the mailbox, and searches the supernode's files for what was written.
func (p *play) shows(ctx context.Context, writer string) error {
	var last kept
	err := p.until(ctx, "blob", func(ctx context.Context) (bool, error) {
		all, err := p.shelf.reads(ctx)
		if len(all) > 0 {
			last = all[len(all)-1]
		}
		return last.Bytes != nil, err
	})
	if err != nil {
		return err
	}
	if p.first.Bytes == nil {
		p.first = last
	}
	evidence := facts{"id": hex.EncodeToString(last.ID[:]), "tag": hex.EncodeToString(last.Header.Tag[:]), "bytes": len(last.Bytes), "until_day": last.Header.ExpiryDay, "begins": hex.EncodeToString(last.Bytes[:hexShown])}
	err = p.tell(ofShelf, "blob", evidence, hex.EncodeToString(last.ID[:idShown]), hex.EncodeToString(last.Header.Tag[:]), len(last.Bytes), p.words.day(last.Header.ExpiryDay), hexRows(last.Bytes))
	if err != nil {
		return err
	}
	files, octets, tagged, err := search(p.shelf.dir, last.Header.Tag[:])
	if err != nil {
		return err
	}
	_, _, found, err := search(p.shelf.dir, p.secrets...)
	if err != nil {
		return err
	}
	evidence = facts{"files": files, "bytes": octets, "files_with_tag": tagged, "files_with_text": found}
	if err := p.tell(ofShelf, "searched", evidence, files, tagged, writer, found); err != nil {
		return err
	}
	return p.must(tagged > 0 && found == 0, "searched")
}

// fetches tells what another member's program makes of the newest message.
func (p *play) fetches(ctx context.Context, who *person) error {
	err := p.until(ctx, "fetched", func(context.Context) (bool, error) { return who.fetched.has(p.first.ID), nil }, who.name)
	if err != nil {
		return err
	}
	talks, err := who.node.Talks(ctx)
	if err != nil {
		return err
	}
	if err := p.tell(ofPeople, "fetched", facts{"id": hex.EncodeToString(p.first.ID[:]), "conversations": len(talks)}, who.name, len(talks)); err != nil {
		return err
	}
	return p.must(len(talks) == 0, "fetched", who.name)
}

// home has somebody open the program where nobody else is.
func (p *play) home(ctx context.Context, who *person) error {
	who.road.Join(p.street)
	if err := who.opens(); err != nil {
		return err
	}
	if err := p.until(ctx, "home", func(context.Context) (bool, error) { return who.reaches() > 0, nil }, who.name); err != nil {
		return err
	}
	near, err := who.node.Nearby(ctx)
	if err != nil {
		return err
	}
	return p.tell(ofPeople, "home", facts{"reached": who.reaches(), "nearby": len(near)}, who.name, who.reaches(), len(near))
}

// opensUp starts somebody's program again.
func (p *play) opensUp(who *person) error {
	if err := who.opens(); err != nil {
		return err
	}
	return p.tell(ofPeople, "opens-up", nil, who.name)
}

// same compares the first message with what it was when it came.
func (p *play) same(ctx context.Context) error {
	all, err := p.shelf.reads(ctx)
	if err != nil {
		return err
	}
	holds := len(all) > 1 && all[0].ID == p.first.ID && bytes.Equal(all[0].Bytes, p.first.Bytes)
	if err := p.must(holds, "same"); err != nil {
		return err
	}
	return p.tell(ofShelf, "same", facts{"blobs": len(all), "first": hex.EncodeToString(all[0].ID[:])}, len(all))
}

// refused tells what the program of who was removed hears, and has.
func (p *play) refused(ctx context.Context, who *person) error {
	if err := who.opens(); err != nil {
		return err
	}
	var says string
	err := p.until(ctx, "refused", func(context.Context) (bool, error) {
		if c := who.client.Communities(); len(c) > 0 && c[0].Trouble != nil {
			says = c[0].Trouble.Error()
		}
		return says != "", nil
	}, who.name)
	if err != nil {
		return err
	}
	if err := p.tell(ofPeople, "refused", facts{"trouble": says}, who.name, says); err != nil {
		return err
	}
	all, err := p.shelf.reads(ctx)
	if err != nil {
		return err
	}
	since := 0
	if last := all[len(all)-1]; who.fetched.has(last.ID) {
		since++
	}
	if err := p.tell(ofPeople, "unfetched", facts{"left": hex.EncodeToString(all[len(all)-1].ID[:]), "fetched": since}, since); err != nil {
		return err
	}
	return p.must(since == 0, "unfetched", who.name)
}

// listened tells what is in all that crossed the networks.
func (p *play) listened(event string) error {
	packets, octets, found := p.air.search(p.secrets...)
	evidence := facts{"packets": packets, "bytes": octets, "texts": len(p.secrets), "packets_with_text": found}
	if err := p.tell(ofPeople, event, evidence, packets, octets, len(p.secrets), found); err != nil {
		return err
	}
	return p.must(found == 0, event)
}
