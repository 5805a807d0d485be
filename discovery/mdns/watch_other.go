//go:build !linux

package mdns

import "context"

// Watch implements System: this system's interfaces are looked at every few
// seconds.
func (machine) Watch(context.Context) <-chan struct{} { return nil }
