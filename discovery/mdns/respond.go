package mdns

import (
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/miekg/dns"

	"sottovoce/mesh/peer"
)

// delayed is an answer that leaves in a moment.
type delayed struct {
	at    time.Time
	leave func(now time.Time)
}

// respond lets a neighbour's question be answered. One to the group the responder
// heard too, and answers if its zone is passed something. One that came to this host
// alone reached one of the programs that share port 5353, ourselves: so we
// answer it, and for the other nodes of this host that we have heard as well.
//
// spec: 02-discovery#answers
func (r *loop) respond(p parsed, now time.Time) {
	a := r.f.current.Load()
	if a == nil {
		return
	}
	heard := p.line.nic.net().OnLink(p.From.Addr()) && (!p.line.owns(p.From.Addr()) || !p.leg.knows(p.id))
	for _, q := range p.questions {
		if !concerns(a, q) {
			continue
		}
		var rrs []dns.RR
		if heard { // neither our own nor from beyond the link, whatever source somebody claims
			rrs = r.answer(p, q, a, now)
		}
		switch {
		case p.Group:
			r.later(now, rrs, func(now time.Time) { p.line.zone.pass(q, rrs, now) })
		case heard:
			r.reply(p, q, rrs, now)
			r.replyForNeighbours(p, q, now)
		}
	}
}

// answer returns the records that answer a question, none for who knows them, or
// when there are too many questions.
func (r *loop) answer(p parsed, q dns.Question, a *peer.Announcement, now time.Time) []dns.RR {
	rrs := records(a, p.line.nic.addrs(), r.life(), q)
	if len(rrs) == 0 || slices.Contains(p.known, a.Instance) && asks(q, dns.TypePTR) || !r.answers.AllowN(now, 1) {
		return nil
	}
	return rrs
}

// later lets an answer leave after a moment that is longer in a crowd; what is no
// answer has no reason to wait.
func (r *loop) later(now time.Time, rrs []dns.RR, leave func(time.Time)) {
	if len(rrs) == 0 {
		leave(now)
		return
	}
	span := min(time.Duration(r.table.Len())*answerDelayPer, answerDelayMax)
	r.delayed = append(r.delayed, delayed{now.Add(between(r.f.random, 0, span)), leave})
}

// reply answers a question that came by unicast, from where it arrived.
func (r *loop) reply(p parsed, q dns.Question, rrs []dns.RR, now time.Time) {
	m := dns.Msg{MsgHdr: dns.MsgHdr{Id: p.id, Response: true, Authoritative: true}, Compress: true, Answer: rrs}
	if p.From.Port() != mdnsPort {
		m.Question = []dns.Question{q} // who asks like a resolver expects it (RFC 6762 section 6.7)
	}
	body, err := m.Pack()
	if err != nil || len(rrs) == 0 {
		return // Announce has refused what does not pack
	}
	r.later(now, rrs, func(time.Time) { _ = p.leg.listening.Send(body, p.From) }) // who misses it asks again
}

// replyForNeighbours answers for the other nodes of this host.
func (r *loop) replyForNeighbours(p parsed, q dns.Question, now time.Time) {
	if !asks(q, dns.TypePTR) || !strings.EqualFold(q.Name, serviceName) {
		return
	}
	for _, neighbour := range r.table.Said(p.line.owns) {
		r.reply(p, q, r.answer(p, q, &neighbour, now), now)
	}
}

// release lets the answers leave that are due.
func (r *loop) release(now time.Time) {
	r.delayed = slices.DeleteFunc(r.delayed, func(a delayed) bool {
		if now.Before(a.at) {
			return false
		}
		a.leave(now)
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
