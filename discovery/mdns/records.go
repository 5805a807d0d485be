package mdns

import (
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/miekg/dns"

	"sottovoce/mesh/peer"
)

// flush marks a record that replaces all others of its name and type (RFC 6762
// section 10.2); only multicast announcements carry it, never on the shared PTR.
const flush = 1 << 15

// answer is the set of records that says everything about one announcement on
// one interface.
type answer struct {
	ptr, srv, txt dns.RR
	addrs         []dns.RR
	kind          dns.RR // our service in the list of all kinds
}

// newAnswer makes the records; a life of 0 is a goodbye.
//
// spec: 02-discovery#records
func newAnswer(a *peer.Announcement, addrs []netip.Addr, life time.Duration) (answer, error) {
	if !isLabel(a.Instance) || !isLabel(a.Host) || a.Port == 0 {
		return answer{}, fmt.Errorf("our announcement has no proper label or port")
	}
	txt, err := appendTXT(nil, a)
	if err != nil {
		return answer{}, err
	}
	seconds := uint32(life / time.Second)
	header := func(name string, kind uint16) dns.RR_Header {
		return dns.RR_Header{Name: name, Rrtype: kind, Class: dns.ClassINET, Ttl: seconds}
	}
	instance, host := a.Instance+"."+serviceName, a.Host+"."+domain
	out := answer{
		ptr: &dns.PTR{Hdr: header(serviceName, dns.TypePTR), Ptr: instance},
		srv: &dns.SRV{Hdr: header(instance, dns.TypeSRV), Port: a.Port, Target: host},
		txt: &dns.TXT{Hdr: header(instance, dns.TypeTXT), Txt: txt},

		kind: &dns.PTR{Hdr: header(typesName, dns.TypePTR), Ptr: serviceName},
	}
	for _, addr := range addrs {
		if addr.Is4() {
			out.addrs = append(out.addrs, &dns.A{Hdr: header(host, dns.TypeA), A: addr.AsSlice()})
		} else {
			out.addrs = append(out.addrs, &dns.AAAA{Hdr: header(host, dns.TypeAAAA), AAAA: addr.AsSlice()})
		}
	}
	return out, nil
}

func (a answer) all() []dns.RR { return append([]dns.RR{a.ptr, a.srv, a.txt}, a.addrs...) }

// packet returns the answer as an unsolicited multicast response. A goodbye
// leaves the list of kinds alone: others may still be there.
//
// spec: 02-discovery#announcing
func (a answer) packet() ([]byte, error) {
	for _, rr := range append([]dns.RR{a.srv, a.txt}, a.addrs...) {
		rr.Header().Class |= flush
	}
	m := dns.Msg{MsgHdr: dns.MsgHdr{Response: true, Authoritative: true}, Compress: true, Answer: a.all()}
	if a.kind.Header().Ttl > 0 {
		m.Answer = append(m.Answer, a.kind)
	}
	return m.Pack()
}

// question returns the packet that asks for all instances, answers by unicast.
//
// spec: 02-discovery#browsing
func question(id uint16) ([]byte, error) {
	m := dns.Msg{
		MsgHdr:   dns.MsgHdr{Id: id},
		Question: []dns.Question{{Name: serviceName, Qtype: dns.TypePTR, Qclass: dns.ClassINET | flush}},
	}
	return m.Pack()
}

// isLabel reports whether s is a label as we make them: nothing to escape, to
// fold or to compare in two ways.
func isLabel(s string) bool {
	return len(s) == labelSize && strings.Trim(s, "0123456789abcdef") == ""
}
