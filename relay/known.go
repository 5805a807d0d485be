package relay

import "sottovoce/mesh/identity"

// Known says who our contacts are, and the cards that they told: gifts to others are forgotten, and places where we are
// guests by tokens of others. Tokens that were given stay good for their fortnight: who has them cannot be told from who
// was given others. It answers at once.
//
// spec: 08-custody#mailbox-cards
func (c *Client) Known(contacts map[identity.AccountID][]byte) {
	givers := make(map[[giverSize]byte]bool)
	for _, card := range contacts {
		if said, err := parseCard(card); err == nil && len(said.Giver) == giverSize {
			givers[[giverSize]byte(said.Giver)] = true
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for to := range c.gifts {
		if _, known := contacts[identity.AccountID(to)]; !known {
			delete(c.gifts, to)
			c.lapsed = append(c.lapsed, to)
		}
	}
	for k, g := range c.guests {
		if givers[k.giver] {
			continue
		}
		delete(c.guests, k)
		if g.kept {
			c.gone = append(c.gone, k)
		}
	}
	c.poke()
}
