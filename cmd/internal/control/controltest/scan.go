package controltest

import (
	"context"
	"iter"

	"sottovoce/cmd/internal/control"
)

// Scans are the words of the fake's scan.
func Scans() []control.Scan {
	return []control.Scan{{Asked: 1, Addresses: 253}, {Asked: 253, Addresses: 253, Found: 1}}
}

// Scan is control.Node's. Once Wide was called there is too much to scan.
func (f *Fake) Scan(ctx context.Context) (iter.Seq2[control.Scan, error], error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.wide {
		return nil, control.Errorf(control.CodeFailed, "10.0.0.0/8 of eth0 has more than the 1024 addresses that a scan asks")
	}
	return func(yield func(control.Scan, error) bool) {
		for _, s := range Scans() {
			if !yield(s, ctx.Err()) {
				return
			}
		}
	}, nil
}

// Wide puts the fake on a network with many addresses.
func (f *Fake) Wide() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.wide = true
}
