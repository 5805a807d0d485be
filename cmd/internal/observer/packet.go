package observer

import (
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"time"
)

// Packet is a UDP datagram as it crossed the network; of frames that hold none only Time,
// Sender and Fields are set.
type Packet struct {
	Time     time.Time
	Sender   string // whose packet it is, as far as the link shows: a hardware address, or an address
	From, To netip.AddrPort
	Fields   []Field // of the layers below UDP
	Payload  []byte
}

// Field is one thing that a packet says. Names are paths such as "mdns.announce.txt.e".
type Field struct{ Name, Value string }

// Sizes of headers, and the numbers of what they announce.
const (
	ethernetSize = 14
	ip4Size      = 20
	ip6Size      = 40
	udpSize      = 8

	ethernetIP4 = 0x0800
	ethernetIP6 = 0x86dd
	protocolUDP = 17
)

// FromFrame takes an Ethernet frame apart.
func FromFrame(at time.Time, frame []byte) Packet {
	p := Packet{Time: at}
	if len(frame) < ethernetSize {
		return p
	}
	p.Sender = net.HardwareAddr(frame[6:12]).String()
	kind, b := binary.BigEndian.Uint16(frame[12:]), frame[ethernetSize:]
	p.field("eth.source", p.Sender)
	switch {
	case kind == ethernetIP4 && len(b) >= ip4Size && int(b[0]&15)*4 <= len(b):
		p.ip4(b)
	case kind == ethernetIP6 && len(b) >= ip6Size:
		p.ip6(b)
	default:
		p.field("eth.kind", strconv.Itoa(int(kind)))
	}
	return p
}

func (p *Packet) field(name string, value any) {
	p.Fields = append(p.Fields, Field{name, fmt.Sprint(value)})
}

func (p *Packet) ip4(b []byte) {
	p.field("ip4.service", b[1])
	p.field("ip4.id", binary.BigEndian.Uint16(b[4:]))
	p.field("ip4.fragment", binary.BigEndian.Uint16(b[6:]))
	p.field("ip4.ttl", b[8])
	p.field("ip4.options", fmt.Sprintf("%x", b[ip4Size:b[0]&15*4]))
	total := min(int(binary.BigEndian.Uint16(b[2:])), len(b))
	from, to := netip.AddrFrom4([4]byte(b[12:])), netip.AddrFrom4([4]byte(b[16:]))
	p.above(b[9], from, to, b[min(int(b[0]&15)*4, total):total])
}

func (p *Packet) ip6(b []byte) {
	first := binary.BigEndian.Uint32(b)
	p.field("ip6.class", first>>20&0xff)
	p.field("ip6.flow", first&0xfffff)
	p.field("ip6.hops", b[7])
	from, to := netip.AddrFrom16([16]byte(b[8:])), netip.AddrFrom16([16]byte(b[24:]))
	p.field("ip6.interface", fmt.Sprintf("%x", b[16:24]))
	end := min(ip6Size+int(binary.BigEndian.Uint16(b[4:])), len(b))
	p.above(b[6], from, to, b[ip6Size:end])
}

// above reads what an IP packet carries.
func (p *Packet) above(protocol byte, from, to netip.Addr, b []byte) {
	if protocol != protocolUDP || len(b) < udpSize {
		p.field("ip.protocol", protocol)
		p.field("ip.length", len(b))
		if len(b) > 0 {
			p.field("ip.kind", b[0]) // of ICMP and its like
		}
		return
	}
	p.From = netip.AddrPortFrom(from, binary.BigEndian.Uint16(b))
	p.To = netip.AddrPortFrom(to, binary.BigEndian.Uint16(b[2:]))
	p.Payload = b[udpSize:]
}
