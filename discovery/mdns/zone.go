package mdns

import (
	"net/netip"
	"strings"
	"sync/atomic"

	"github.com/miekg/dns"

	"sottovoce/mesh/peer"
)

// zone answers the questions that the responder of one interface receives.
type zone struct {
	current *atomic.Pointer[peer.Announcement] // nil: nothing is announced
	addrs   func() []netip.Addr                // the interface's addresses, read anew for each question
}

// Records implements the responder's Zone. It is called concurrently. Every
// answer that names the instance is complete, since the asker keeps no state
// between packets.
//
// spec: 02-discovery#records
func (z *zone) Records(q dns.Question) []dns.RR {
	a := z.current.Load()
	class := q.Qclass &^ flush
	if a == nil || class != dns.ClassINET && class != dns.ClassANY {
		return nil
	}
	name := strings.ToLower(q.Name)
	instance, host := a.Instance+"."+serviceName, a.Host+"."+domain
	if name != serviceName && name != instance && name != host && name != typesName {
		return nil // a foreign question must not cost a look at the interface
	}
	made, err := newAnswer(a, z.addrs(), ttl)
	if err != nil {
		return nil // Announce has refused such an announcement
	}
	switch {
	case name == typesName && asks(q, dns.TypePTR):
		return []dns.RR{made.kind}
	case name == serviceName && asks(q, dns.TypePTR):
		return made.all()
	case name == instance && asks(q, dns.TypeSRV):
		return append([]dns.RR{made.srv, made.txt}, made.addrs...)
	case name == instance && asks(q, dns.TypeTXT):
		return []dns.RR{made.txt}
	case name == host:
		return ofType(made.addrs, q.Qtype)
	}
	return nil
}

func asks(q dns.Question, kind uint16) bool { return q.Qtype == kind || q.Qtype == dns.TypeANY }

func ofType(rrs []dns.RR, kind uint16) []dns.RR {
	var out []dns.RR
	for _, rr := range rrs {
		if kind == dns.TypeANY || rr.Header().Rrtype == kind {
			out = append(out, rr)
		}
	}
	return out
}
