package daemon

import (
	"errors"
	"strings"

	"sottovoce/cmd/internal/control"
	"sottovoce/mesh/wire"
	"sottovoce/relay/community"
)

// linkScheme is how every link of ours begins.
const linkScheme = "sottovoce:"

// What people are told to do with a link that was given to another command.
const (
	useAdd       = "that link is of a person; become contacts with: sottovoce add LINK"
	useJoin      = "that link is of a community; join it with: sottovoce community join LINK"
	useSupernode = "that link is for a further supernode of a community; use it with: sottovoce supernode init --join LINK --data DIR"
)

// joinLink reads a link by which members join, or one for supernodes (seat), and says which command another is for.
func joinLink(text string, seat bool) (*community.Link, error) {
	if !community.IsLink(text) && strings.HasPrefix(strings.ToLower(strings.TrimSpace(text)), linkScheme) {
		return nil, control.Errorf(control.CodeUsage, useAdd)
	}
	link, err := community.ParseLink(text)
	switch {
	case errors.Is(err, wire.ErrNewer):
		return nil, control.Errorf(control.CodeFailed, "a newer version made that link; update this program, then try again")
	case err != nil:
		return nil, control.Errorf(control.CodeUsage, "%v", err)
	case link.Seat && !seat:
		return nil, control.Errorf(control.CodeUsage, useSupernode)
	case seat && !link.Seat:
		return nil, control.Errorf(control.CodeUsage, useJoin)
	}
	return link, nil
}

// checkAdd refuses a link of a community where somebody to be added is wanted.
func checkAdd(who string) error {
	if !community.IsLink(who) {
		return nil
	}
	if link, err := community.ParseLink(who); err == nil && link.Seat {
		return control.Errorf(control.CodeUsage, useSupernode)
	}
	return control.Errorf(control.CodeUsage, useJoin)
}
