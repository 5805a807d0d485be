package controltest

import (
	"context"

	"sottovoce/cmd/internal/control"
)

// Diagnostics is control.Node's.
func (f *Fake) Diagnostics(context.Context) (control.Diagnostics, error) {
	return control.Diagnostics{
		Made: Start, Version: "fake", Go: "go1.26", System: "linux/arm64", CPUs: 4, Files: []control.File{{Name: "chat.db", Bytes: 4096}},
		Interfaces: []control.Interface{{Kind: "ethernet", Used: true, Up: true, Multicast: true, MTU: 1500, Addresses: []string{"ipv4_private"}}},
		Running:    &control.Counts{Seconds: 60, Visibility: "everyone", Listening: 1, Memory: 1 << 24, Goroutines: 20},
		Log:        []string{`level=INFO msg="the node is up"`},
	}, nil
}
