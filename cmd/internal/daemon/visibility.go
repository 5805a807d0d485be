package daemon

import (
	"context"

	"sottovoce/cmd/internal/control"
	"sottovoce/mesh"
)

// Visibility implements control.Node.
func (a *adapter) Visibility(ctx context.Context) (control.Visibility, error) {
	s, err := a.node.Seen(ctx)
	return seen(s), failure(err)
}

// SetVisibility implements control.Node.
func (a *adapter) SetVisibility(ctx context.Context, here, elsewhere control.Visible) (control.Visibility, error) {
	for _, choice := range []struct {
		who    control.Visible
		choose func(context.Context, mesh.Visibility) (mesh.Seen, error)
	}{{here, a.node.SetVisibility}, {elsewhere, a.node.SetVisibilityElsewhere}} { // so that nothing is shown here in between
		if choice.who == "" {
			continue
		}
		v, err := mesh.ParseVisibility(string(choice.who))
		if err == nil {
			_, err = choice.choose(ctx, v)
		}
		if err != nil {
			return control.Visibility{}, failure(err)
		}
	}
	return a.Visibility(ctx)
}

func seen(s mesh.Seen) control.Visibility {
	return control.Visibility{
		Here: control.Visible(s.Here.String()), Chosen: s.Chosen, Elsewhere: control.Visible(s.Elsewhere.String()), PortKept: s.KeptPort,
	}
}

// chosen reads what a node was started with; nothing is nothing.
func chosen(word string) (mesh.Visibility, error) {
	if word == "" {
		return 0, nil
	}
	v, err := mesh.ParseVisibility(word)
	if err != nil {
		return 0, control.Errorf(control.CodeUsage, "%v", err)
	}
	return v, nil
}
