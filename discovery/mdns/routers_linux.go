package mdns

import (
	"encoding/binary"
	"net/netip"
	"syscall"

	"sottovoce/mesh/peer"
)

// systemRouters finds the default router of each interface, by the interface's index, in
// the system's tables of routes and neighbours; that of IPv4 where there are two.
func systemRouters() map[int]Router {
	routes, err := syscall.NetlinkRIB(syscall.RTM_GETROUTE, syscall.AF_UNSPEC)
	if err != nil {
		return nil
	}
	neighbours, err := syscall.NetlinkRIB(syscall.RTM_GETNEIGH, syscall.AF_UNSPEC)
	if err != nil {
		return nil
	}
	return routersOf(routes, neighbours)
}

// routersOf reads the kernel's dumps of its routes and of its neighbours.
func routersOf(routes, neighbours []byte) map[int]Router {
	found := make(map[int]Router)
	known := parseNeighbours(neighbours)
	for _, r := range parseRoutes(routes) {
		old, two := found[r.index]
		if two && (old.Addr.Is4() && !r.Addr.Is4() || old.Addr.Is4() == r.Addr.Is4() && old.Metric <= r.Metric) {
			continue
		}
		r.MAC = known[neighbour{r.index, r.Addr}]
		found[r.index] = r.Router
	}
	return found
}

// route is a default route by one interface.
type route struct {
	Router
	index int
}

// neighbour names a neighbour.
type neighbour struct {
	index int
	addr  netip.Addr
}

// Where the fields are: struct rtmsg and struct ndmsg of Linux, and the attributes behind
// them, which have the same numbers in all versions.
const (
	rtmsgSize    = 12
	ndmsgSize    = 12
	rtaPriority  = 6
	ndaDst       = 1
	ndaLinkLayer = 2
)

// parseRoutes reads the default routes that lead to a router.
func parseRoutes(dump []byte) []route {
	var out []route
	for _, m := range messages(dump, syscall.RTM_NEWROUTE, rtmsgSize) {
		if bits, table, kind := m[1], m[4], m[7]; bits != 0 || table != syscall.RT_TABLE_MAIN || kind != syscall.RTN_UNICAST {
			continue
		}
		var r route
		attributes(m[rtmsgSize:], func(kind uint16, value []byte) {
			switch {
			case kind == syscall.RTA_GATEWAY:
				r.Addr, _ = netip.AddrFromSlice(value)
			case kind == syscall.RTA_OIF && len(value) == 4:
				r.index = int(binary.NativeEndian.Uint32(value))
			case kind == rtaPriority && len(value) == 4:
				r.Metric = binary.NativeEndian.Uint32(value)
			}
		})
		if r.Addr.IsValid() && r.index != 0 {
			out = append(out, r)
		}
	}
	return out
}

// parseNeighbours reads the hardware addresses that are known.
func parseNeighbours(dump []byte) map[neighbour]peer.MAC {
	out := make(map[neighbour]peer.MAC)
	for _, m := range messages(dump, syscall.RTM_NEWNEIGH, ndmsgSize) {
		index := int(binary.NativeEndian.Uint32(m[4:]))
		var addr netip.Addr
		var mac []byte
		attributes(m[ndmsgSize:], func(kind uint16, value []byte) {
			switch kind {
			case ndaDst:
				addr, _ = netip.AddrFromSlice(value)
			case ndaLinkLayer:
				mac = value
			}
		})
		if len(mac) == len(peer.MAC{}) && addr.IsValid() {
			out[neighbour{index, addr}] = peer.MAC(mac)
		}
	}
	return out
}

// messages returns the bodies of a dump's messages of one kind, those that are cut short
// aside.
func messages(dump []byte, kind uint16, sizeMin int) [][]byte {
	all, err := syscall.ParseNetlinkMessage(dump)
	if err != nil {
		return nil
	}
	var out [][]byte
	for _, m := range all {
		if m.Header.Type == kind && len(m.Data) >= sizeMin {
			out = append(out, m.Data)
		}
	}
	return out
}

// attributes calls each with every attribute in b.
func attributes(b []byte, each func(kind uint16, value []byte)) {
	for len(b) >= syscall.SizeofRtAttr {
		size := int(binary.NativeEndian.Uint16(b))
		if size < syscall.SizeofRtAttr || size > len(b) {
			return
		}
		each(binary.NativeEndian.Uint16(b[2:])&0x3fff, b[syscall.SizeofRtAttr:size])
		b = b[min(len(b), (size+3)&^3):]
	}
}
