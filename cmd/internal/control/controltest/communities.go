package controltest

import (
	"context"
	"slices"
	"strings"

	"sottovoce/cmd/internal/control"
)

// Links by which a [Fake] joins a community: the Orchard, one that is used up, one of a community whose supernode is not
// reached, and one by which persons become contacts.
const (
	OrchardLink = "sottovoce:orchard"
	SpentLink   = "sottovoce:spent"
	FarLink     = "sottovoce:far"
	PersonLink  = "sottovoce:person"
)

// orchard is the only community there is.
func orchard() control.Community {
	return control.Community{
		ID: "comm-" + strings.Repeat("a", 52), Name: "Orchard", Joined: true, Persona: "pers-" + strings.Repeat("b", 52),
		Supernodes: []control.CommunitySupernode{
			{ID: "peer-" + strings.Repeat("c", 52), Addresses: control.Strings{"192.0.2.9:4242"}, Reached: true, Seen: Start},
			{ID: "peer-" + strings.Repeat("d", 52), Trouble: "not found on this network, and it has no address elsewhere"},
		},
	}
}

// Communities is control.Communities'.
func (f *Fake) Communities(context.Context) ([]control.Community, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.communities), nil
}

// Join is control.Communities'.
func (f *Fake) Join(_ context.Context, link string) (control.Community, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch link {
	case OrchardLink:
		f.communities = []control.Community{orchard()}
		return orchard(), nil
	case SpentLink:
		return control.Community{}, control.Errorf(control.CodeRefused, "the link was used as often as it may be; ask the operator for another")
	case FarLink:
		return control.Community{}, control.Errorf(control.CodeTimeout, "none of the supernodes of that link is reached; it goes on by itself, see: sottovoce community list")
	case PersonLink:
		return control.Community{}, control.Errorf(control.CodeUsage, "that link is of a person; use it with: sottovoce add LINK")
	}
	return control.Community{}, control.Errorf(control.CodeUsage, "that is no link; ask for it again")
}

// Leave is control.Communities'.
func (f *Fake) Leave(_ context.Context, community string) (control.Community, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	i := slices.IndexFunc(f.communities, func(c control.Community) bool {
		return strings.EqualFold(c.Name, community) || len(community) > 5 && strings.HasPrefix(c.ID, community)
	})
	if i < 0 {
		return control.Community{}, control.Errorf(control.CodeNotFound, "you are in no community called %q; see: sottovoce community list", community)
	}
	was := f.communities[i]
	f.communities = slices.Delete(f.communities, i, i+1)
	return was, nil
}
