package mdns

import (
	"context"
	"errors"
	"net"
	"strconv"
	"syscall"
)

// Usable returns an error if another program keeps port 5353 for itself in either family.
// It sends nothing and needs no Finder.
func Usable(ctx context.Context) error {
	config := net.ListenConfig{Control: shareAddress}
	for _, f := range []Family{IPv4, IPv6} {
		conn, err := config.ListenPacket(ctx, f.network(), ":"+strconv.Itoa(mdnsPort))
		if errors.Is(err, syscall.EADDRINUSE) {
			return err
		}
		if err == nil {
			conn.Close()
		}
	}
	return nil
}

// Refresh announces and asks again as after a start, for who wants to see now how
// multicast fares. It returns at once.
func (f *Finder) Refresh() {
	f.again.Store(true)
	f.nudge()
}

// nudge lets the loop look what is wanted.
func (f *Finder) nudge() {
	select {
	case f.wake <- struct{}{}:
	default: // the loop has not looked yet, and will see this too
	}
}
