package daemon

import (
	"context"
	"net"
	"net/netip"

	"sottovoce/mesh/fence"
)

// resolver looks up the names of hosts that supernodes advertise, but not while nothing may leave the networks in use: the
// question would.
func resolver(around *fence.Fence) func(ctx context.Context, host string) ([]netip.Addr, error) {
	return func(ctx context.Context, host string) ([]netip.Addr, error) {
		if around.Closed() {
			return nil, fence.ErrOutside
		}
		return net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	}
}
