package mdns

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/miekg/dns"

	"sottovoce/mesh/peer"
)

// packet is what a DNS packet says about our kind of node.
type packet struct {
	id        uint16
	response  bool
	found     []found
	gone      []string       // instances that said goodbye
	bad       int            // instances with malformed records
	questions []dns.Question // for our service, for something of it or of a host, or for all kinds
	asked     bool           // somebody asks everybody for all instances
	listing   bool           // or for all kinds of services, and does not know ours
	known     []string       // instances that the asker knows and need not hear again
}

// found is one complete instance of a response.
type found struct {
	announcement peer.Announcement
	addrs        []netip.Addr
	life         time.Duration
}

// ourLabel and listLabel are what a packet must contain to concern us: a name's
// labels are written out once in every packet, whatever is compressed.
var ourLabel, listLabel = []byte("\x0a_sottovoce"), []byte("\x09_services")

// mentioned reports whether a packet can concern us at all, whose host label is
// the one given, if any. Foreign packets thus cost one look and no memory.
func mentioned(b []byte, host string) bool {
	labels := [][]byte{ourLabel, listLabel}
	if host != "" {
		labels = append(labels, append([]byte{labelSize}, host...))
	}
	for i := 12; i < len(b); i++ {
		for _, label := range labels {
			if b[i] == label[0] && len(b)-i >= len(label) && bytes.EqualFold(b[i:i+len(label)], label) {
				return true
			}
		}
	}
	return false
}

// parsePacket reads a packet from the group or to an asking socket. It keeps
// nothing of other services, and of ours only instances whose records are
// complete in this packet.
//
// spec: 02-discovery#records
func parsePacket(b []byte) (packet, error) {
	if len(b) < 12 || len(b) > packetMax {
		return packet{}, errors.New("packet has no possible length")
	}
	records := 0
	for i := 4; i < 12; i += 2 {
		records += int(binary.BigEndian.Uint16(b[i:]))
	}
	if records > recordsMax {
		return packet{}, fmt.Errorf("packet claims %d records", records)
	}
	var m dns.Msg
	if err := m.Unpack(b); err != nil {
		return packet{}, fmt.Errorf("packet is not DNS: %w", err)
	}
	if len(m.Question)+len(m.Answer)+len(m.Ns)+len(m.Extra) != records {
		return packet{}, errors.New("packet ends early")
	}
	if m.Opcode != dns.OpcodeQuery || m.Rcode != dns.RcodeSuccess {
		return packet{}, nil // RFC 6762 section 18: ignore silently
	}
	p := packet{id: m.Id, response: m.Response}
	if m.Response {
		p.parseResponse(&m)
	} else {
		p.parseQuery(&m)
	}
	return p, nil
}

func (p *packet) parseQuery(m *dns.Msg) {
	for _, q := range m.Question {
		name := strings.ToLower(q.Name)
		if len(p.questions) < questionsMax && (strings.HasSuffix(name, serviceName) || name == typesName || isHost(name)) {
			p.questions = append(p.questions, q)
		}
		if q.Qclass == dns.ClassINET && asks(q, dns.TypePTR) {
			p.asked = p.asked || strings.EqualFold(q.Name, serviceName)
			p.listing = p.listing || strings.EqualFold(q.Name, typesName)
		}
	}
	for _, rr := range m.Answer {
		if instance, left, ok := pointed(rr); ok && left >= ttl/2 && len(p.known) < instancesMax {
			p.known = append(p.known, instance)
		}
		if ptr, ok := rr.(*dns.PTR); ok && strings.EqualFold(ptr.Hdr.Name, typesName) && strings.EqualFold(ptr.Ptr, serviceName) {
			p.listing = false
		}
	}
}

// gathered are the records of one instance in one packet.
type gathered struct {
	life     time.Duration // the shortest
	srv      *dns.SRV
	txt      *dns.TXT
	repeated bool // more than one of a kind: which would count?
}

func (p *packet) parseResponse(m *dns.Msg) {
	rrs := append(m.Answer, m.Extra...)
	instances := make(map[string]*gathered)
	var order []string
	for _, rr := range rrs {
		instance, life, ok := pointed(rr)
		switch {
		case !ok || len(order) == instancesMax || instances[instance] != nil:
		case life == 0:
			p.gone = append(p.gone, instance)
			fallthrough
		default:
			instances[instance] = &gathered{life: life}
			order = append(order, instance)
		}
	}
	hosts := collect(rrs, instances)
	for _, instance := range order {
		g := instances[instance]
		if g.life == 0 {
			continue
		}
		f, err := g.found(instance, hosts)
		switch {
		case err == nil:
			p.found = append(p.found, f)
		case !errors.Is(err, errNewer):
			p.bad++
		}
	}
}

// collect gives the instances their SRV and TXT records and returns the
// addresses of the hosts.
func collect(rrs []dns.RR, instances map[string]*gathered) map[string][]netip.Addr {
	hosts := make(map[string][]netip.Addr)
	add := func(name string, ip []byte) {
		name = strings.ToLower(name)
		if addr, ok := netip.AddrFromSlice(ip); ok && len(hosts[name]) < hostAddrsMax {
			hosts[name] = append(hosts[name], addr.Unmap())
		}
	}
	for _, rr := range rrs {
		h := rr.Header()
		instance, _ := strings.CutSuffix(strings.ToLower(h.Name), "."+serviceName)
		g := instances[instance]
		if g != nil {
			g.life = min(g.life, time.Duration(h.Ttl)*time.Second)
		}
		switch rr := rr.(type) {
		case *dns.A:
			add(h.Name, rr.A.To4())
		case *dns.AAAA:
			add(h.Name, rr.AAAA)
		case *dns.SRV:
			if g != nil {
				g.srv, g.repeated = rr, g.repeated || g.srv != nil
			}
		case *dns.TXT:
			if g != nil {
				g.txt, g.repeated = rr, g.repeated || g.txt != nil
			}
		}
	}
	return hosts
}

func (g *gathered) found(instance string, hosts map[string][]netip.Addr) (found, error) {
	if g.srv == nil || g.txt == nil || g.repeated {
		return found{}, errors.New("their records are incomplete or doubled")
	}
	a, err := parseTXT(g.txt.Txt)
	if err != nil {
		return found{}, err
	}
	target := strings.ToLower(g.srv.Target)
	host, local := strings.CutSuffix(target, "."+domain)
	if !local || !isLabel(host) || !isLabel(instance) || g.srv.Port == 0 {
		return found{}, errors.New("their labels or port are malformed")
	}
	if len(hosts[target]) == 0 {
		return found{}, errors.New("their host has no address")
	}
	a.Instance, a.Host, a.Port = instance, host, g.srv.Port
	return found{announcement: a, addrs: hosts[target], life: g.life}, nil
}

// pointed returns the instance and life of a PTR record of our service. Labels
// that we would not make come back as they are: a version after this one may
// make them, and found refuses them.
func pointed(rr dns.RR) (instance string, life time.Duration, ok bool) {
	ptr, ok := rr.(*dns.PTR)
	if !ok || !strings.EqualFold(ptr.Hdr.Name, serviceName) {
		return "", 0, false
	}
	instance, ok = strings.CutSuffix(strings.ToLower(ptr.Ptr), "."+serviceName)
	return instance, time.Duration(ptr.Hdr.Ttl) * time.Second, ok
}

// isHost reports whether a name can be that of a node's host.
func isHost(name string) bool {
	label, local := strings.CutSuffix(name, "."+domain)
	return local && isLabel(label)
}
