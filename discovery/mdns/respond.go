package mdns

import (
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/miekg/dns"

	"sottovoce/mesh/peer"
)

// reply is an answer that leaves in a moment.
type reply struct {
	at   time.Time
	leg  *leg
	to   netip.AddrPort
	body []byte
}

// respond answers a question of a neighbour by unicast, from where it arrived.
// Several programs of a host share port 5353, and of them only one gets a packet
// that was sent to it alone: so such an answer speaks for the nodes of this host
// that we have heard as well.
//
// spec: 02-discovery#answers
func (r *loop) respond(p parsed, now time.Time) {
	a := r.f.current.Load()
	if !p.line.nic.net().OnLink(p.From.Addr()) {
		return // no answer leaves the link, whatever source somebody claims
	}
	for _, q := range p.questions {
		if a != nil {
			r.reply(p, q, a, now)
		}
		if p.Group || !asks(q, dns.TypePTR) || !strings.EqualFold(q.Name, serviceName) {
			continue
		}
		for _, neighbour := range r.table.Said(p.line.owns) {
			r.reply(p, q, &neighbour, now)
		}
	}
}

// reply plans the answer to one question about one announcement.
func (r *loop) reply(p parsed, q dns.Question, a *peer.Announcement, now time.Time) {
	rrs := records(a, p.line.nic.addrs(), r.life(), q)
	if len(rrs) == 0 || slices.Contains(p.known, a.Instance) && asks(q, dns.TypePTR) || !r.answers.AllowN(now, 1) {
		return
	}
	m := dns.Msg{MsgHdr: dns.MsgHdr{Id: p.id, Response: true, Authoritative: true}, Compress: true, Answer: rrs}
	if p.From.Port() != mdnsPort {
		m.Question = []dns.Question{q} // who asks like a resolver expects it (RFC 6762 section 6.7)
	}
	body, err := m.Pack()
	if err != nil {
		return // Announce has refused such an announcement
	}
	span := min(time.Duration(r.table.Len())*answerDelayPer, answerDelayMax)
	r.replies = append(r.replies, reply{now.Add(between(r.f.random, 0, span)), p.leg, p.From, body})
}

// sendReplies sends the answers that are due.
func (r *loop) sendReplies(now time.Time) {
	r.replies = slices.DeleteFunc(r.replies, func(a reply) bool {
		if now.Before(a.at) {
			return false
		}
		_ = a.leg.listening.Send(a.body, a.to) // who misses it asks again
		return true
	})
}

// records returns what answers a question about an announcement. An answer that
// names the instance is complete, since the asker keeps no state between packets.
//
// spec: 02-discovery#answers
func records(a *peer.Announcement, addrs []netip.Addr, life time.Duration, q dns.Question) []dns.RR {
	if class := q.Qclass &^ flush; class != dns.ClassINET && class != dns.ClassANY {
		return nil
	}
	name := strings.ToLower(q.Name)
	instance, host := a.Instance+"."+serviceName, a.Host+"."+domain
	made, err := newAnswer(a, addrs, life)
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
