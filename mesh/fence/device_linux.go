package fence

import (
	"encoding/binary"
	"net/netip"
	"slices"

	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"
	"golang.org/x/sys/unix"
)

// Where the number of an interface stands in the two kinds of packet info: struct
// in_pktinfo begins with it, struct in6_pktinfo ends with it.
const (
	info4Size, index4 = 12, 0
	info6Size, index6 = 20, 16
)

// infoIn finds the number of an interface in control messages, as the bytes that it is.
func infoIn(oob []byte) []byte {
	for len(oob) > 0 {
		header, body, rest, err := unix.ParseOneSocketControlMessage(oob)
		switch {
		case err != nil:
			return nil
		case header.Level == unix.IPPROTO_IP && header.Type == unix.IP_PKTINFO && len(body) == info4Size:
			return body[index4 : index4+4]
		case header.Level == unix.IPPROTO_IPV6 && header.Type == unix.IPV6_PKTINFO && len(body) == info6Size:
			return body[index6 : index6+4]
		}
		oob = rest
	}
	return nil
}

// bindTo adds to control messages that a packet leaves by that interface and no other,
// whatever the routes say.
func bindTo(oob []byte, index int, to netip.Addr) []byte {
	oob = slices.Clone(oob)
	if at := infoIn(oob); at != nil {
		binary.NativeEndian.PutUint32(at, uint32(index))
		return oob
	}
	if to.Unmap().Is4() {
		return append(oob, (&ipv4.ControlMessage{IfIndex: index}).Marshal()...)
	}
	return append(oob, (&ipv6.ControlMessage{IfIndex: index}).Marshal()...)
}

// cameBy is the interface that a packet came by, 0 if the control messages do not say.
func cameBy(oob []byte) int {
	if at := infoIn(oob); at != nil {
		return int(binary.NativeEndian.Uint32(at))
	}
	return 0
}
