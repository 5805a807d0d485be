package mdns

import (
	"net/netip"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/dns"

	"sottovoce/mesh/peer"
)

func TestZone(t *testing.T) {
	var current atomic.Pointer[peer.Announcement]
	addrs := []netip.Addr{netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("fe80::1")}
	z := &zone{&current, func() []netip.Addr { return addrs }}
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
		for _, rr := range z.Records(dns.Question{Name: name, Qtype: kind, Qclass: class}) {
			h := rr.Header()
			if h.Class != dns.ClassINET || h.Ttl != uint32(ttl/time.Second) {
				t.Errorf("%v: an answer by unicast must not flush", rr)
			}
			got = append(got, h.Rrtype)
		}
		return got
	}
	for _, q := range questions {
		if got := ask(q.name, q.kind, dns.ClassINET); got != nil {
			t.Errorf("announcing nothing, %s %d got %v", q.name, q.kind, got)
		}
	}
	current.Store(a)
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
	addrs = addrs[:1]
	if got := ask(host, dns.TypeANY, dns.ClassINET); !slices.Equal(got, []uint16{ip4}) {
		t.Errorf("the zone does not follow the interface: %v", got)
	}
}

func TestAddrsOf(t *testing.T) {
	looks := 0
	f := addrsOf(func() ([]nic, error) {
		looks++
		return []nic{wired("eth0", 3, "10.0.0.1/24")}, nil
	}, 3)
	for range 10 {
		if got := f(); len(got) != 1 || got[0].String() != "10.0.0.1" {
			t.Fatalf("addresses %v", got)
		}
	}
	if looks != 1 {
		t.Errorf("%d looks at the system within a second", looks)
	}
	if got := addrsOf(func() ([]nic, error) { return nil, nil }, 3)(); got != nil {
		t.Errorf("an interface that is gone has addresses %v", got)
	}
}
