package daemon

import (
	"context"
	"errors"
	"iter"

	"sottovoce/cmd/internal/control"
	"sottovoce/discovery/mdns"
)

// Scan implements control.Node.
func (a *adapter) Scan(ctx context.Context) (iter.Seq2[control.Scan, error], error) {
	progress, err := a.finder.Scan(ctx)
	if large, ok := errors.AsType[*mdns.TooManyError](err); ok {
		return nil, control.Errorf(control.CodeFailed, "%v; leave networks out by starting with --interface NAME, or ask one person by address: sottovoce add HOST:PORT", large)
	}
	if err != nil {
		return nil, control.Errorf(control.CodeFailed, "%v", err)
	}
	return func(yield func(control.Scan, error) bool) {
		for p, err := range progress {
			if !yield(control.Scan{Asked: p.Asked, Addresses: p.Addresses, Found: p.Found}, err) {
				return
			}
		}
	}, nil
}
