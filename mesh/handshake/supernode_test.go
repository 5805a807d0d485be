package handshake

import "testing"

// spoiledForSupernode are flights 1 that a supernode has no answer for.
func spoiledForSupernode(t *testing.T) map[string]spoiled {
	return map[string]spoiled{
		"contact": func(c *cast) (Exporter, []byte) {
			_, f := c.dial(t, Contact)
			return c.e, f[:]
		},
		"open": func(c *cast) (Exporter, []byte) {
			_, f := c.dial(t, Open)
			return c.e, f[:]
		},
		"open, under the eyes of its key": func(c *cast) (Exporter, []byte) {
			_, f := c.dial(t, Supernode)
			f[0] = byte(Open)
			return c.e, f[:]
		},
		"pair": func(c *cast) (Exporter, []byte) {
			_, f := c.dial(t, PairUp)
			return c.e, f[:]
		},
		"pair with the members' secret": func(c *cast) (Exporter, []byte) {
			c.annaInvites.Key = c.annaBelongs.Key
			_, f := c.dial(t, PairUp)
			return c.e, f[:]
		},
		"another supernode's key": func(c *cast) (Exporter, []byte) {
			c.annaVisits.Their = c.bruno.Device.Public()
			_, f := c.dial(t, Supernode)
			return c.e, f[:]
		},
		"another supernode's key, by a member": func(c *cast) (Exporter, []byte) {
			c.annaBelongs.Their = c.bruno.Device.Public()
			_, f := c.dial(t, Member)
			return c.e, f[:]
		},
		"last month's psk": func(c *cast) (Exporter, []byte) {
			c.annaBelongs.Key = NewLinkKey([]byte("what members shared in that week"))
			_, f := c.dial(t, Member)
			return c.e, f[:]
		},
		"the wrong psk under the right hint": func(c *cast) (Exporter, []byte) {
			c.annaBelongs.Key.psk[0] ^= 1
			_, f := c.dial(t, Member)
			return c.e, f[:]
		},
		"a member's flight in mode supernode": func(c *cast) (Exporter, []byte) {
			_, f := c.dial(t, Member)
			f[0] = byte(Supernode)
			return c.e, f[:]
		},
		"a visitor's flight in mode member": func(c *cast) (Exporter, []byte) {
			_, f := c.dial(t, Supernode)
			f[0] = byte(Member)
			return c.e, f[:]
		},
		"a member's flight relayed onto another connection": func(c *cast) (Exporter, []byte) {
			_, f := c.dial(t, Member)
			hint := c.annaBelongs.Key.Hint(Exporter{9})
			copy(f[1:], hint[:])
			return Exporter{9}, f[:]
		},
		"a visitor's flight relayed onto another connection": func(c *cast) (Exporter, []byte) {
			_, f := c.dial(t, Supernode)
			return Exporter{9}, f[:]
		},
	}
}

// A supernode answers those who know its key, and members those of whom it knows the secret; it has
// no other keys, so that all the rest gets what a prober gets.
func TestSupernodeDecoys(t *testing.T) {
	for name, spoil := range spoiledForSupernode(t) {
		t.Run(name, func(t *testing.T) {
			c := newCast()
			e, first := spoil(c)
			decoyed(t, c.answerer(Supernode, e), first)
			if c.scans != 1 {
				t.Errorf("%d scans, want 1: their time would tell", c.scans)
			}
		})
	}
}

// A member knows the psk and the key of every other supernode, and can pose as none: the key
// itself is asked for.
func TestMemberCannotPoseAsSupernode(t *testing.T) {
	for _, mode := range []Mode{Member, Supernode} {
		c := newCast()
		initiator, first := c.dial(t, mode)
		c.super.Supernode = static(1234)
		r := c.answerer(mode, c.e)
		second, decoy, err := r.Answer(first[:])
		if err != nil || !decoy {
			t.Errorf("%s: decoy %v, error %v", mode, decoy, err)
		}
		if _, _, err := initiator.Finish(second[:]); err != ErrRefused {
			t.Errorf("%s: the dialler says %v", mode, err)
		}
	}
}

// A supernode that is told its own address does not become a client of itself.
func TestSupernodeDialsItself(t *testing.T) {
	c := newCast()
	for mode, pair := range map[Mode]*Pair{Supernode: &c.annaVisits, Member: &c.annaBelongs} {
		if _, _, err := NewInitiator(mode, c.e, c.super, pair, c.annaRand); err != ErrSelf {
			t.Errorf("%s: %v", mode, err)
		}
	}
}

// A node that is no supernode has the same decoy for who takes it for one.
func TestNodeIsNoSupernode(t *testing.T) {
	for name, spoil := range map[string]spoiled{
		"a supernode is wanted and this is none": func(c *cast) (Exporter, []byte) {
			_, f := c.dial(t, Supernode)
			return c.e, f[:]
		},
		"a member comes to a node": func(c *cast) (Exporter, []byte) {
			_, f := c.dial(t, Member)
			return c.e, f[:]
		},
		"a contact's hint in mode member": func(c *cast) (Exporter, []byte) {
			_, f := c.dial(t, Contact)
			f[0] = byte(Member)
			return c.e, f[:]
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := newCast()
			e, first := spoil(c)
			decoyed(t, c.responder(e), first)
			if c.scans != 1 {
				t.Errorf("%d scans, want 1: their time would tell", c.scans)
			}
		})
	}
}
