package mesh

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"sottovoce/mesh/contact"
	"sottovoce/mesh/identity"
	"sottovoce/mesh/store"
)

// settingDiscovery keeps our discovery key, and with a contact's row behind it the
// contact's: in the database, so that a new key, who is told of it and what it was drawn
// for are one commit.
//
// spec: 09-storage#discovery-keys
const settingDiscovery = "discovery"

// ourKey is what is kept of our discovery key. The number counts the keys drawn; the first
// is 1.
type ourKey struct {
	Key    []byte `cbor:"1,keyasint"` // saved form
	Number uint64 `cbor:"2,keyasint"`
}

// theirKey is what is kept of a contact's discovery key, and which of ours it has.
type theirKey struct {
	Key     []byte `cbor:"1,keyasint"`           // saved form
	Lamport uint64 `cbor:"2,keyasint,omitempty"` // of the op that told it; 0: the card did
	Has     uint64 `cbor:"3,keyasint,omitempty"` // number of ours that it receipted; 0: none that counts
	Telling uint64 `cbor:"4,keyasint,omitempty"` // number of ours that is under way to it
	Op      int64  `cbor:"5,keyasint,omitempty"` // row of the op that tells it; 0: none is under way
}

// loadOurKey reads our key; a home of before has it in the key file.
func loadOurKey(tx *store.Tx, s *store.Secrets) (identity.DiscoveryKey, uint64, error) {
	kept := ourKey{Key: s.Discovery, Number: 1}
	if err := loadSecret(tx, settingDiscovery, &kept); err != nil {
		return identity.DiscoveryKey{}, 0, err
	}
	key, err := identity.ParseDiscoveryKey(kept.Key)
	if err != nil {
		return key, 0, fmt.Errorf("our discovery key: %w", err)
	}
	return key, kept.Number, nil
}

func saveOurKey(tx *store.Tx, key identity.DiscoveryKey, number uint64) error {
	return saveSecret(tx, settingDiscovery, ourKey{Key: key.Bytes(), Number: number})
}

// settingOf is the setting that keeps the key of the contact in a row.
func settingOf(row int64) string { return settingDiscovery + " " + strconv.FormatInt(row, 10) }

// loadKey reads the contact's key. A home of before has it on the card.
func (c *contactState) loadKey(tx *store.Tx, card identity.DiscoveryKey) error {
	c.discovery = card
	c.known = theirKey{}
	if err := loadSecret(tx, settingOf(c.row.ID), &c.known); err != nil || c.known.Key == nil {
		return err
	}
	var err error
	if c.discovery, err = identity.ParseDiscoveryKey(c.known.Key); err != nil {
		return fmt.Errorf("a contact's discovery key: %w", err)
	}
	return nil
}

// saveKey keeps the contact's key.
func (t *turn) saveKey(c *contactState) error {
	c.known.Key = c.discovery.Bytes()
	return saveSecret(t.tx, settingOf(c.row.ID), c.known)
}

// befriendKey begins with the keys of an exchange. One that took long may have given away
// another key of ours than the newest.
func (t *turn) befriendKey(c *contactState, o *contact.Object) error {
	c.discovery, c.stepped = o.Their.Discovery(), identity.DiscoveryKey{}
	c.known = theirKey{}
	if o.Our.Discovery().Leads(t.n.me.discovery) {
		c.known.Has = t.n.me.number
	}
	return t.saveKey(c)
}

// stepKeys makes what is kept forget the days that are over: our key goes forward to the
// day of the mark, or of the epoch in force if that began earlier; never by the system's
// clock, which may be years ahead for a day.
//
// spec: 01-identity#what-is-kept
func (t *turn) stepKeys() error {
	n := t.n
	stepped := false
	if day := min(uint32(n.mark.Day), n.epoch.number/epochsPerDay); day > n.me.discovery.Day() {
		key, err := n.me.discovery.Reach(day)
		if err != nil {
			return err
		}
		if err := t.replaceOurKey(key, n.me.number); err != nil {
			return err
		}
		stepped = true
	}
	for _, c := range n.everybody() {
		if c.known.Key != nil {
			continue
		}
		if err := t.adoptKey(c); err != nil {
			return err
		}
		stepped = true
	}
	if len(n.store.Secrets().Discovery) > 0 {
		if err := saveOurKey(t.tx, n.me.discovery, n.me.number); err != nil {
			return err
		}
		t.then(n.emptyKeyFile)
	}
	if stepped {
		t.then(t.n.scrubSoon)
	}
	return nil
}

// everybody is who is a contact, and who says that it is one and begins anew.
func (n *Node) everybody() []*contactState {
	all := make([]*contactState, 0, len(n.contacts))
	for _, c := range n.contacts {
		all = append(all, c)
		if c.again != nil {
			all = append(all, c.again)
		}
	}
	return all
}

// replaceOurKey keeps another key for ours.
func (t *turn) replaceOurKey(key identity.DiscoveryKey, number uint64) error {
	me := &t.n.me
	former := me.discovery
	me.discovery, me.ours.Discovery, me.number = key, key, number
	t.then(former.Erase)
	return saveOurKey(t.tx, key, number)
}

// adoptKey takes the key of a home of before from the card to where keys are kept.
func (t *turn) adoptKey(c *contactState) error {
	o, err := contact.LoadObject(c.row.Object)
	if err != nil {
		return fmt.Errorf("a contact: %w", err)
	}
	defer o.Erase()
	if o.Our.Discovery().Leads(t.n.me.discovery) {
		c.known.Has = t.n.me.number
	}
	if err := t.saveKey(c); err != nil {
		return err
	}
	c.row.Object = o.Save() // without keys
	return t.tx.PutContact(&c.row)
}

// emptyKeyFile takes our key out of the key file, where a home of before had it.
func (n *Node) emptyKeyFile() {
	if err := n.store.SaveSecrets(func(s *store.Secrets) { s.Discovery = nil }); err != nil {
		n.log.Warn("the key file still holds an old discovery key; that is tried again", "error", err)
	}
}

// scrubSoon has scrub run.
func (n *Node) scrubSoon() {
	n.unscrubbed.Store(true)
	n.past.ring()
}

// scrub makes former keys leave the log of the database, beside the loop; again in a moment while somebody reads.
func (n *Node) scrub(context.Context) error {
	if !n.unscrubbed.Swap(false) {
		return nil
	}
	done, err := n.store.Scrub()
	if err == nil && !done {
		time.AfterFunc(scrubAgain, n.scrubSoon)
	}
	return err
}
