package observer

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/miekg/dns"
)

const (
	portDNS = 5353
	service = "_sottovoce._udp.local."
	// partSize cuts what is long: a slot in base64.
	partSize = 16
)

// dnsKind tells the packets of discovery apart.
func dnsKind(p Packet, m *dns.Msg) string {
	switch {
	case !m.Response:
		return "mdns.ask"
	case !p.To.Addr().IsMulticast():
		return "mdns.answer"
	case len(m.Answer) > 0 && m.Answer[0].Header().Ttl == 0:
		return "mdns.goodbye"
	}
	return "mdns.announce"
}

// dnsFields is all that a packet of discovery says, in its order.
func dnsFields(kind string, m *dns.Msg) (fields []Field) {
	add := func(name string, value any) {
		fields = append(fields, Field{kind + "." + name, fmt.Sprint(value)})
	}
	add("id", m.Id)
	h := m.MsgHdr
	h.Id = 0
	add("header", fmt.Sprintf("%+v", h))
	var order []string
	for _, q := range m.Question {
		add("question", q.String())
	}
	for i, section := range [][]dns.RR{m.Answer, m.Ns, m.Extra} {
		for _, rr := range section {
			of := rr.Header()
			of.Rdlength = 0
			kind := strings.ToLower(dns.Type(of.Rrtype).String())
			order = append(order, strconv.Itoa(i)+kind)
			add(kind+".name", of.Name)
			add(kind+".class", of.Class)
			add(kind+".ttl", of.Ttl)
			switch rr := rr.(type) {
			case *dns.PTR:
				add(kind+".to", rr.Ptr)
			case *dns.SRV:
				add(kind+".target", rr.Target)
				add(kind+".port", rr.Port)
				add(kind+".rank", fmt.Sprint(rr.Priority, rr.Weight))
			case *dns.TXT:
				var keys []string
				for _, s := range rr.Txt {
					key, value, _ := strings.Cut(s, "=")
					keys = append(keys, key)
					add(kind+"."+key, value)
					for i := 0; len(value) > partSize && i < len(value); i += partSize {
						add(kind+"."+key+".part", value[i:min(i+partSize, len(value))])
					}
				}
				add(kind+".keys", strings.Join(keys, ","))
			default:
				add(kind+".data", strings.TrimPrefix(rr.String(), of.String()))
			}
		}
	}
	add("order", strings.Join(order, ","))
	return fields
}

// Announced is what an announcement says about where it comes from; empty of other packets.
type Announced struct {
	Instance string
	Port     uint16
	TXT      []string
	Goodbye  bool
}

// Announcements reads what a packet announces.
func Announcements(p Packet) (found []Announced) {
	var m dns.Msg
	if p.From.Port() != portDNS || m.Unpack(p.Payload) != nil || !m.Response {
		return nil
	}
	rrs := append(m.Answer, m.Extra...)
	for _, rr := range rrs {
		ptr, ok := rr.(*dns.PTR)
		if !ok || ptr.Hdr.Name != service {
			continue
		}
		a := Announced{Instance: ptr.Ptr, Goodbye: ptr.Hdr.Ttl == 0}
		for _, rr := range rrs {
			switch rr := rr.(type) {
			case *dns.SRV:
				if rr.Hdr.Name == a.Instance {
					a.Port = rr.Port
				}
			case *dns.TXT:
				if rr.Hdr.Name == a.Instance {
					a.TXT = rr.Txt
				}
			}
		}
		found = append(found, a)
	}
	return found
}
