package mesh

import (
	"context"
	"errors"
	"fmt"
)

// Visibility says who may see this node on a network.
//
// spec: 02-discovery#visibility
type Visibility uint8

// The visibilities; of several networks at once the one of the largest number counts.
const (
	Everyone Visibility = 1 // the name and an open profile are shown
	Contacts Visibility = 2 // only contacts recognise the node
	Nobody   Visibility = 3 // nothing is announced
)

var visibilities = map[string]Visibility{"everyone": Everyone, "contacts": Contacts, "nobody": Nobody}

func (v Visibility) String() string {
	for word, w := range visibilities {
		if v == w {
			return word
		}
	}
	return "unknown"
}

// ErrVisibility says that there is no such visibility.
var ErrVisibility = errors.New("who may see you is one of: everyone, contacts, nobody")

// ErrNowhere says that this node stands on no network now.
var ErrNowhere = errors.New("there is no network here now; choose when there is one, or for networks to come")

// ParseVisibility reads the word for a visibility. ErrVisibility.
func ParseVisibility(word string) (Visibility, error) {
	if v, ok := visibilities[word]; ok {
		return v, nil
	}
	return 0, fmt.Errorf("%w; not %q", ErrVisibility, word)
}

// Seen is who may see this node.
type Seen struct {
	Here      Visibility
	Chosen    bool       // for all networks that the node stands on; else Elsewhere holds
	Elsewhere Visibility // on networks where nothing was chosen
	KeptPort  bool       // the UDP port was configured and links what is announced at different times
}

// Seen tells who may see this node.
func (n *Node) Seen(ctx context.Context) (Seen, error) {
	var s Seen
	err := n.do(ctx, func(*turn) error {
		s = n.seen()
		return nil
	})
	return s, err
}

// SetVisibility chooses who may see this node on the networks that it stands on now. What
// was shown before is said goodbye to, and everything that others could know it by again is
// drawn anew. ErrVisibility and ErrNowhere.
//
// spec: 02-discovery#visibility
func (n *Node) SetVisibility(ctx context.Context, v Visibility) (Seen, error) {
	return n.choose(ctx, v, func(t *turn) error {
		if err := t.arrive(); err != nil {
			return err
		}
		if len(n.footing) == 0 {
			return refuse(ErrNowhere)
		}
		n.networks.choose(n.footing, v)
		return nil
	})
}

// SetVisibilityElsewhere chooses who may see this node on all networks for which nothing
// was chosen. ErrVisibility.
func (n *Node) SetVisibilityElsewhere(ctx context.Context, v Visibility) (Seen, error) {
	return n.choose(ctx, v, func(*turn) error {
		n.networks.Default = v
		return nil
	})
}

// choose changes a choice, and what is shown if that differs now.
func (n *Node) choose(ctx context.Context, v Visibility, change func(*turn) error) (Seen, error) {
	var s Seen
	if v < Everyone || v > Nobody {
		return s, ErrVisibility
	}
	err := n.do(ctx, func(t *turn) error {
		before := n.visibility()
		if err := change(t); err != nil {
			return err
		}
		if s = n.seen(); s.Here != before {
			t.keysStale = true
			t.then(func() { n.renew(t.now) })
		}
		return n.networks.save(t.tx)
	})
	return s, err
}

func (n *Node) seen() Seen {
	s := Seen{Here: n.visibility(), Chosen: len(n.footing) > 0, Elsewhere: n.networks.Default, KeptPort: n.listen == nil}
	for _, id := range n.footing.ids() {
		s.Chosen = s.Chosen && n.networks.find(id) != nil && n.networks.find(id).Choice != 0
	}
	return s
}

// visibility is the least visible choice for the networks that the node stands on;
// Nobody before that is known.
func (n *Node) visibility() Visibility {
	if len(n.footing) == 0 {
		return Nobody
	}
	return n.networks.visibility(n.footing.ids())
}
