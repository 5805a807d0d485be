package mdns

import (
	"context"
	"io"
	"log"
	"net"
	"net/netip"
	"slices"
	"time"

	"github.com/hashicorp/mdns"

	"sottovoce/mesh/peer"
)

// System is what a Finder stands on: a machine's interfaces, sockets and clock.
// The zero Config takes this machine's; mdnstest has machines in memory.
type System interface {
	// Interfaces lists the interfaces as they are now.
	Interfaces() ([]Interface, error)
	// Routers returns the default router of each interface, by its index.
	Routers() map[int]Router
	// Open opens a UDP socket of one family on all addresses, from which multicast
	// leaves by that interface with hop limit 255, heard on this host too. Port
	// 5353 is shared with others and hears the group; 0 is a port of its own, from
	// which unicast reaches this link only.
	Open(ctx context.Context, on Interface, family Family, port uint16) (Socket, error)
	// Serve runs a responder on an interface, which answers in both families what
	// the zone has records for, until it is closed.
	Serve(on Interface, zone mdns.Zone) (io.Closer, error)
	// Watch returns a channel that gets a value soon after interfaces, addresses or
	// the clock may have changed, and is closed once ctx has ended; nil if the
	// system cannot tell.
	Watch(ctx context.Context) <-chan struct{}
	// Wall is the time of day, which goes on while the machine sleeps.
	Wall() time.Time
}

// Interface is a network interface at one moment.
type Interface struct {
	Name     string
	Index    int // another one of the same name has another
	Flags    net.Flags
	MAC      peer.MAC       // zero where it has none
	Carriers uint32         // how often its carrier came or went; 0 if the system does not say
	Prefixes []netip.Prefix // our addresses with their prefix lengths, sorted
}

// Router is a default router.
type Router struct {
	Addr   netip.Addr
	MAC    peer.MAC // zero: not known yet
	Metric uint32   // of the route; the smallest counts
}

// Family is an IP version: the two are separate networks as far as multicast
// goes.
type Family uint8

// The families.
const (
	IPv4 Family = 4
	IPv6 Family = 6
)

// Socket is an open UDP socket of one family on one interface. Send and Close
// may be called beside Receive.
type Socket interface {
	// Send sends a packet to an address, or to the group if that is zero.
	Send(b []byte, to netip.AddrPort) error
	// Receive waits for a packet; it fails when the socket is closed.
	Receive(b []byte) (int, Arrival, error)
	Close() error
}

// Arrival is where a packet came from and how.
type Arrival struct {
	From  netip.AddrPort
	Index int  // of the interface it arrived on; 0 if the system does not say
	Group bool // sent to the multicast group, so by somebody on this link
}

// machine is the System that this process runs on.
type machine struct{}

// Interfaces implements System.
func (machine) Interfaces() ([]Interface, error) {
	all, err := net.Interfaces()
	if err != nil {
		return nil, err
	}
	counts := carriers()
	nics := make([]Interface, 0, len(all))
	for i := range all {
		addrs, err := all[i].Addrs()
		if err != nil {
			continue // it went away meanwhile
		}
		n := Interface{Name: all[i].Name, Index: all[i].Index, Flags: all[i].Flags, Carriers: counts[all[i].Index]}
		if mac := all[i].HardwareAddr; len(mac) == len(n.MAC) {
			n.MAC = peer.MAC(mac)
		}
		for _, addr := range addrs {
			if p, ok := addr.(*net.IPNet); ok {
				n.Prefixes = append(n.Prefixes, prefixOf(p))
			}
		}
		slices.SortFunc(n.Prefixes, netip.Prefix.Compare)
		nics = append(nics, n)
	}
	return nics, nil
}

func prefixOf(p *net.IPNet) netip.Prefix {
	addr, _ := netip.AddrFromSlice(p.IP)
	bits, _ := p.Mask.Size()
	return netip.PrefixFrom(addr.Unmap(), bits)
}

// Routers implements System.
func (machine) Routers() map[int]Router { return systemRouters() }

// Serve implements System by the library's server. Its two goroutines end by
// themselves once its sockets are closed.
func (machine) Serve(on Interface, zone mdns.Zone) (io.Closer, error) {
	server, err := mdns.NewServer(&mdns.Config{
		Zone:   zone,
		Iface:  &net.Interface{Index: on.Index, Name: on.Name},
		Logger: log.New(io.Discard, "", 0), // it would log every odd packet of strangers
	})
	if err != nil {
		return nil, err
	}
	return closer(server.Shutdown), nil
}

// closer is a function that closes something.
type closer func() error

// Close implements io.Closer.
func (c closer) Close() error { return c() }

// Wall implements System.
func (machine) Wall() time.Time { return time.Now().Round(0) }
