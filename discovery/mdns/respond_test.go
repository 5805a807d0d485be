package mdns

import (
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/miekg/dns"
)

func TestRecords(t *testing.T) {
	addrs := []netip.Addr{netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("fe80::1")}
	a := sample(1)
	instance, host := a.Instance+"."+serviceName, a.Host+".local."
	const ptr, srv, txt, ip4, ip6 = dns.TypePTR, dns.TypeSRV, dns.TypeTXT, dns.TypeA, dns.TypeAAAA
	questions := []struct {
		name string
		kind uint16
		want []uint16
	}{
		{serviceName, ptr, []uint16{ptr, srv, txt, ip4, ip6}},
		{"_SottoVoce._UDP.Local.", ptr, []uint16{ptr, srv, txt, ip4, ip6}},
		{serviceName, dns.TypeANY, []uint16{ptr, srv, txt, ip4, ip6}},
		{serviceName, srv, nil},
		{typesName, ptr, []uint16{ptr}},
		{typesName, srv, nil},
		{instance, srv, []uint16{srv, txt, ip4, ip6}},
		{instance, dns.TypeANY, []uint16{srv, txt, ip4, ip6}},
		{instance, txt, []uint16{txt}},
		{instance, ptr, nil},
		{host, ip4, []uint16{ip4}},
		{host, ip6, []uint16{ip6}},
		{host, dns.TypeANY, []uint16{ip4, ip6}},
		{host, txt, nil},
		{"_ipp._tcp.local.", ptr, nil},
		{"local.", dns.TypeANY, nil},
		{"", ptr, nil},
	}
	ask := func(name string, kind, class uint16) []uint16 {
		var got []uint16
		for _, rr := range records(a, addrs, ttl, dns.Question{Name: name, Qtype: kind, Qclass: class}) {
			h := rr.Header()
			if h.Class != dns.ClassINET || h.Ttl != uint32(ttl/time.Second) {
				t.Errorf("%v: an answer by unicast must not flush", rr)
			}
			got = append(got, h.Rrtype)
		}
		return got
	}
	for _, q := range questions {
		for _, class := range []uint16{dns.ClassINET, dns.ClassINET | flush, dns.ClassANY} {
			if got := ask(q.name, q.kind, class); !slices.Equal(got, q.want) {
				t.Errorf("%s type %d class %x: %v, want %v", q.name, q.kind, class, got, q.want)
			}
		}
		if got := ask(q.name, q.kind, dns.ClassCHAOS); got != nil {
			t.Errorf("%s in another class: %v", q.name, got)
		}
	}
}
