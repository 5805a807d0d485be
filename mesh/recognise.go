package mesh

import (
	"sottovoce/mesh/identity"
	"sottovoce/mesh/peer"
	"sottovoce/mesh/wire"
)

// sameClaim reports whether nothing a slot covers has changed, so that contacts are
// tried once per new announcement and not per packet.
func sameClaim(a, b peer.Announcement) bool {
	return a.Epoch == b.Epoch && a.Nonce == b.Nonce && a.Fingerprint == b.Fingerprint && a.Slots == b.Slots && a.Port == b.Port
}

// recognise finds the contact's device whose slot is among those announced.
// spec: 02-discovery#recognising-contacts
func (n *Node) recognise(a peer.Announcement) *device {
	day := a.Epoch / epochsPerDay
	today := uint32(wire.DayAt(n.mark.Date(n.now())))
	for _, c := range n.contacts {
		key, ok := c.discoveryOn(day, today)
		if !ok {
			continue
		}
		for _, d := range c.devices {
			if key.Match(d.id, a) {
				return d
			}
		}
	}
	return nil
}

// discoveryOn is the contact's discovery key of a day that somebody announced. Days
// before we knew each other have none, and those more than a year from today and from the day of
// the card are not believed.
// spec: 01-identity#discovery-key
func (c *contactState) discoveryOn(day, today uint32) (identity.DiscoveryKey, bool) {
	from := c.discovery
	if day < from.Day() || day > max(today, from.Day())+foreignDaysMax {
		return identity.DiscoveryKey{}, false
	}
	if c.stepped.Day() <= day && c.stepped.Day() > from.Day() {
		from = c.stepped
	}
	key, err := from.Reach(day)
	if err != nil {
		return identity.DiscoveryKey{}, false
	}
	c.stepped = key
	return key, true
}

// recogniseAll looks at everybody nearby again, after a contact was made.
func (t *turn) recogniseAll() {
	for _, s := range t.n.nearby {
		if s.device = t.n.recognise(s.Announcement); s.device != nil {
			t.approach(s.device, s.place())
		}
	}
}
