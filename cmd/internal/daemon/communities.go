package daemon

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"sottovoce/cmd/internal/control"
	"sottovoce/mesh/peer"
	"sottovoce/relay"
	"sottovoce/relay/community"
)

// joinTimeout is how long a person waits for a supernode to let them in; it goes on by itself after that.
const joinTimeout = 15 * time.Second

// Communities implements control.Communities.
func (a *adapter) Communities(context.Context) ([]control.Community, error) {
	var all []control.Community
	for _, c := range a.client.Communities() {
		all = append(all, communityOf(c))
	}
	slices.SortFunc(all, func(x, y control.Community) int {
		return cmp.Or(strings.Compare(x.Name, y.Name), strings.Compare(x.ID, y.ID))
	})
	return all, nil
}

// Join implements control.Communities.
func (a *adapter) Join(ctx context.Context, link string) (control.Community, error) {
	l, err := joinLink(link, false)
	if err != nil {
		return control.Community{}, err
	}
	l.Secret.Erase()
	ctx, cancel := context.WithTimeout(ctx, joinTimeout)
	defer cancel()
	c, err := a.client.Join(ctx, link)
	switch {
	case errors.Is(err, relay.ErrUnreached):
		return control.Community{}, control.Errorf(control.CodeTimeout, "none of the supernodes of that link is reached; it goes on by itself, see: sottovoce community list")
	case errors.Is(err, community.ErrLinkExpired), errors.Is(err, community.ErrLinkUsed), errors.Is(err, community.ErrNoMember):
		return control.Community{}, control.Errorf(control.CodeRefused, "%v; ask the operator for another link", err)
	case err != nil:
		return control.Community{}, failure(err)
	}
	return communityOf(c), nil
}

// Leave implements control.Communities.
func (a *adapter) Leave(_ context.Context, which string) (control.Community, error) {
	var found []relay.Community
	for _, c := range a.client.Communities() {
		if c.Joined && strings.EqualFold(peer.ShowName(c.Name), which) || len(which) > len("comm-") && strings.HasPrefix(c.ID.String(), which) {
			found = append(found, c)
		}
	}
	switch len(found) {
	case 0:
		return control.Community{}, control.Errorf(control.CodeNotFound, "you are in no community called %q; see: sottovoce community list", which)
	case 1:
	default:
		return control.Community{}, control.Errorf(control.CodeAmbiguous, "%d communities are called so; use an id that 'sottovoce community list' shows", len(found))
	}
	return communityOf(found[0]), failure(a.client.Leave(found[0].ID))
}

func communityOf(c relay.Community) control.Community {
	shown := control.Community{ID: c.ID.String(), Name: peer.ShowName(c.Name), Joined: c.Joined, Persona: c.Persona.String(), Trouble: strings.Join(c.Alarms, "; ")}
	if c.Trouble != nil {
		shown.Trouble = c.Trouble.Error()
	}
	for _, s := range c.Supernodes {
		shown.Supernodes = append(shown.Supernodes, control.CommunitySupernode{
			ID: s.ID.String(), Addresses: s.Addresses, Reached: s.Reached, Seen: s.Last.UTC(), Weaker: s.Scans, Trouble: troubles(s),
		})
	}
	return shown
}

// wrong are the words for what a supernode has done against its word, and may have, each once.
func wrong(s relay.Supernode) (words []string) {
	for _, b := range s.Breaches {
		if !slices.Contains(words, b.Kind.String()) {
			words = append(words, b.Kind.String())
		}
	}
	if s.Doubt != "" {
		words = append(words, s.Doubt)
	}
	return words
}

// troubles are what is wrong with a supernode, the link to it first.
func troubles(s relay.Supernode) string {
	words := wrong(s)
	if s.Trouble != "" {
		words = slices.Insert(words, 0, s.Trouble)
	}
	return strings.Join(words, "; ")
}

// broken are the sentences about supernodes that have not kept their word, or may not.
func broken(all []relay.Community) (notices []string) {
	for _, c := range all {
		for _, s := range c.Supernodes {
			for _, words := range wrong(s) {
				notices = append(notices, "supernode "+supernodeName(c, s)+": "+words+"; ask its operator")
			}
		}
	}
	return notices
}
