package supernode

import (
	"errors"
	"io"
	"time"

	"sottovoce/mesh/peer"
	"sottovoce/mesh/wire"
	"sottovoce/relay/community"
)

// Founded is a community that Found has made. Words are its root: they are shown once, and kept by
// nobody but the founder.
type Founded struct {
	Supernode string // peer-…
	Community community.ID
	Words     []string
}

// Charter says what a community is to be.
type Charter struct {
	Name      string
	Policy    community.Policy
	Addresses []string // host:port where members elsewhere reach this supernode; none: on its own network only
	// Root is that of a community whose supernodes are lost, and which goes on with this one; nil: a new one is drawn.
	Root *community.Root
	// Told is given the words of the root before anything is kept that they are the root of, so that no crash comes between; nil: they are in
	// what Found returns alone.
	Told func(words []string) error
}

// Found makes a community whose first supernode is the one in this data directory, which is made if
// there is none. Of cfg only Rand and Shared are used. It fails with ErrInUse while the supernode runs.
//
// spec: 10-communities#founding
func Found(path string, charter Charter, cfg Config) (made Founded, err error) {
	d, err := openDirectory(path, true, cfg)
	if err != nil {
		return Founded{}, err
	}
	defer func() { err = errors.Join(err, d.close()) }()
	root, err := charter.root(cfg.Rand)
	if err != nil {
		return Founded{}, err
	}
	defer root.Erase()
	made = Founded{Community: root.ID(), Words: root.Words()}
	if charter.Told != nil {
		if err := charter.Told(made.Words); err != nil {
			return Founded{}, err
		}
	}
	return made, d.settle(root.ID(), charter.Addresses, cfg, &made, func(own community.Own, now time.Time) (*community.House, error) {
		if charter.Root != nil && !plausible(wire.DayAt(now)) {
			return nil, ErrClock
		}
		return community.Found(root, charter.Name, charter.Policy, own, now, cfg.Rand)
	})
}

// root is the one that the founder has, or a new one.
func (c Charter) root(rand io.Reader) (community.Root, error) {
	if c.Root != nil {
		return *c.Root, nil
	}
	return community.NewRoot(rand)
}

// ErrClock says that the clock cannot be right. What a root signs is numbered by it, and members heed the highest number only.
var ErrClock = errors.New("the clock of this machine is wrong; set it first, as members go by what the root words have signed last")

// settle makes the folder of a community and its house.
func (d *directory) settle(id community.ID, addresses []string, cfg Config, made *Founded,
	enter func(own community.Own, now time.Time) (*community.House, error),
) error {
	device, err := d.device(cfg.Rand)
	if err != nil {
		return err
	}
	defer device.Erase()
	made.Supernode = device.ID().String()
	f, err := d.newFolder(id)
	if err != nil {
		return err
	}
	key, err := f.tokenKey(cfg.Rand)
	if err != nil {
		return err
	}
	defer key.Erase()
	mark, err := d.mark()
	if err != nil {
		return err
	}
	house, err := enter(community.Own{Device: device, Token: key.Public(), Addresses: addresses}, mark.Date(time.Now()))
	if err != nil {
		return err
	}
	return f.saveHouse(house)
}

// Limit allows one community something else than the others.
//
// spec: 08-custody#full-disk
func (s *Supernode) Limit(id community.ID, to Quota) error {
	c, err := s.of(id)
	if err != nil {
		return err
	}
	c.limit(to)
	return nil
}

// ErrCommunity says that no community of that id is served here.
var ErrCommunity = errors.New("this supernode does not serve that community")

// of finds a community for its operator.
func (s *Supernode) of(id community.ID) (*served, error) {
	if c := s.serving(id); c != nil {
		return c, nil
	}
	return nil, ErrCommunity
}

// Invite makes a join link for so many members, good for a while.
//
// spec: 10-communities#join-links
func (s *Supernode) Invite(id community.ID, uses int, life time.Duration) (made *community.Link, err error) {
	c, err := s.of(id)
	if err != nil {
		return nil, err
	}
	return made, c.change(func(h *community.House, now time.Time) (bool, error) {
		made, err = h.Invite(uses, now.Add(life), now, s.cfg.Rand)
		return true, err
	})
}

// InviteSupernode makes a join link for one further supernode, good for a while. It takes the
// community's root.
//
// spec: 10-communities#further-supernodes
func (s *Supernode) InviteSupernode(id community.ID, root community.Root, life time.Duration) (made *community.Link, err error) {
	c, err := s.of(id)
	if err != nil {
		return nil, err
	}
	return made, c.change(func(h *community.House, now time.Time) (bool, error) {
		made, err = h.InviteSupernode(root, now.Add(life), now, s.cfg.Rand)
		return true, err
	})
}

// CloseSupernode has the root name a supernode no longer that is lost, or whose disk was copied.
//
// spec: 10-communities#a-lost-supernode
func (s *Supernode) CloseSupernode(id community.ID, root community.Root, at peer.ID) error {
	c, err := s.of(id)
	if err != nil {
		return err
	}
	return c.change(func(h *community.House, now time.Time) (bool, error) {
		for _, k := range h.Supernodes() {
			if k.ID() == at {
				return true, h.Close(root, k.Sign, now)
			}
		}
		return false, errors.New("the community has no such supernode")
	})
}

// Revoke shuts a persona out, or takes a join link back, for ever. All links of members end, and come
// back with new keys.
//
// spec: 10-communities#revocation
func (s *Supernode) Revoke(id community.ID, subject [32]byte) error {
	c, err := s.of(id)
	if err != nil {
		return err
	}
	return c.change(func(h *community.House, now time.Time) (bool, error) { return true, h.Revoke(subject, now, s.cfg.Rand) })
}

// Name gives a persona a name for the operator's list.
func (s *Supernode) Name(id community.ID, persona community.Persona, name string) error {
	c, err := s.of(id)
	if err != nil {
		return err
	}
	return c.change(func(h *community.House, _ time.Time) (bool, error) { return true, h.Name(persona, name) })
}

// Members lists all personas that ever joined, by the day on which they did.
func (s *Supernode) Members(id community.ID) ([]community.Listed, error) {
	c, err := s.of(id)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.house.Members(), nil
}

// Advertise tells the members of all communities where this supernode is reached from elsewhere:
// host:port, at most four.
//
// spec: 10-communities#addresses
func (s *Supernode) Advertise(addresses []string) error {
	for _, c := range s.all() {
		err := c.change(func(h *community.House, now time.Time) (bool, error) {
			return h.Advertise(addresses, now, c.at.cfg.Rand)
		})
		if err != nil {
			return err
		}
	}
	return nil
}
