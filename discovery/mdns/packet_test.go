package mdns

import (
	"bytes"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/miekg/dns"

	"sottovoce/discovery"
	"sottovoce/mesh/peer"
)

// response returns the announcement as it goes on the air.
func response(t testing.TB, a *peer.Announcement, addrs ...string) []byte {
	t.Helper()
	if len(addrs) == 0 {
		addrs = []string{"10.9.0.3", "fe80::3"}
	}
	var parsed []netip.Addr
	for _, s := range addrs {
		parsed = append(parsed, netip.MustParseAddr(s))
	}
	made, err := newAnswer(a, parsed, ttl)
	if err != nil {
		t.Fatal(err)
	}
	b, err := made.packet()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestParseAnnouncement(t *testing.T) {
	want := sample(1)
	p, err := parsePacket(response(t, want, "10.9.0.3", "fe80::3"))
	if err != nil || !p.response || p.bad != 0 || len(p.found) != 1 || len(p.gone) != 0 {
		t.Fatalf("%+v, %v", p, err)
	}
	f := p.found[0]
	if !discovery.Same(&f.announcement, want) || f.life != ttl {
		t.Errorf("%+v came back as %+v", want, f)
	}
	if !slices.Equal(f.addrs, []netip.Addr{netip.MustParseAddr("10.9.0.3"), netip.MustParseAddr("fe80::3")}) {
		t.Errorf("addresses %v", f.addrs)
	}
}

func TestAnnouncementFlushesOnlyOurs(t *testing.T) {
	var m dns.Msg
	if err := m.Unpack(response(t, sample(1))); err != nil {
		t.Fatal(err)
	}
	if !m.Response || !m.Authoritative || m.Id != 0 || len(m.Question) != 0 {
		t.Errorf("header %+v", m.MsgHdr)
	}
	for _, rr := range m.Answer {
		shared := rr.Header().Rrtype == dns.TypePTR
		if flushes := rr.Header().Class&flush != 0; flushes == shared {
			t.Errorf("cache flush is %v on %v", flushes, rr)
		}
	}
}

func TestParseGoodbye(t *testing.T) {
	made, err := newAnswer(sample(1), nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	b, err := made.packet()
	if err != nil {
		t.Fatal(err)
	}
	p, err := parsePacket(b)
	if err != nil || len(p.found) != 0 || !slices.Equal(p.gone, []string{sample(1).Instance}) {
		t.Errorf("%+v, %v", p, err)
	}
}

// TestParseResponse changes one thing at a time in a good response.
func TestParseResponse(t *testing.T) {
	instance := sample(1).Instance + "." + serviceName
	for name, c := range map[string]struct {
		change     func(*dns.Msg)
		found, bad int
	}{
		"upper case":    {func(m *dns.Msg) { upper(m) }, 1, 0},
		"in additional": {func(m *dns.Msg) { m.Extra, m.Answer = m.Answer[1:], m.Answer[:1] }, 1, 0},
		"foreign too": {func(m *dns.Msg) {
			m.Answer = append(m.Answer, mustRR(t, "_ipp._tcp.local. 9 IN PTR x._ipp._tcp.local."))
		}, 1, 0},
		"no kind":         {func(m *dns.Msg) { m.Answer = m.Answer[:len(m.Answer)-1] }, 1, 0},
		"later version":   {func(m *dns.Msg) { m.Answer[2].(*dns.TXT).Txt[0] = "v=2" }, 0, 0},
		"not a response":  {func(m *dns.Msg) { m.Response = false }, 0, 0},
		"an error":        {func(m *dns.Msg) { m.Rcode = dns.RcodeNameError }, 0, 0},
		"other operation": {func(m *dns.Msg) { m.Opcode = dns.OpcodeNotify }, 0, 0},
		"no PTR":          {func(m *dns.Msg) { m.Answer = m.Answer[1:] }, 0, 0},
		"no SRV":          {func(m *dns.Msg) { m.Answer = slices.Delete(m.Answer, 1, 2) }, 0, 1},
		"no TXT":          {func(m *dns.Msg) { m.Answer = slices.Delete(m.Answer, 2, 3) }, 0, 1},
		"no address":      {func(m *dns.Msg) { m.Answer = m.Answer[:3] }, 0, 1},
		"two SRV": {func(m *dns.Msg) {
			m.Answer = append(m.Answer, mustRR(t, instance+" 9 IN SRV 0 0 9 "+sample(2).Host+".local."))
		}, 0, 1},
		"two TXT":         {func(m *dns.Msg) { m.Answer = append(m.Answer, m.Answer[2]) }, 0, 1},
		"port 0":          {func(m *dns.Msg) { m.Answer[1].(*dns.SRV).Port = 0 }, 0, 1},
		"host not local":  {func(m *dns.Msg) { m.Answer[1].(*dns.SRV).Target = "example.org." }, 0, 1},
		"a speaking host": {func(m *dns.Msg) { rename(m, "annas-laptop") }, 0, 1},
		"TXT malformed":   {func(m *dns.Msg) { m.Answer[2].(*dns.TXT).Txt[2] = "x=" }, 0, 1},
		"SRV goes":        {func(m *dns.Msg) { m.Answer[1].Header().Ttl = 0 }, 0, 0},
	} {
		var m dns.Msg
		if err := m.Unpack(response(t, sample(1))); err != nil {
			t.Fatal(err)
		}
		c.change(&m)
		p, err := parsePacket(pack(t, &m))
		if err != nil || len(p.found) != c.found || p.bad != c.bad {
			t.Errorf("%s: found %d, bad %d, %v; want %d, %d", name, len(p.found), p.bad, err, c.found, c.bad)
		}
	}
}

func upper(m *dns.Msg) {
	for _, rr := range m.Answer {
		rr.Header().Name = strings.ToUpper(rr.Header().Name)
		switch rr := rr.(type) {
		case *dns.PTR:
			rr.Ptr = strings.ToUpper(rr.Ptr)
		case *dns.SRV:
			rr.Target = strings.ToUpper(rr.Target)
		}
	}
}

func rename(m *dns.Msg, host string) {
	m.Answer[1].(*dns.SRV).Target = host + ".local."
	for _, rr := range m.Answer[3:] {
		rr.Header().Name = host + ".local."
	}
}

func TestParseQuery(t *testing.T) {
	known := mustRR(t, serviceName+" 240 IN PTR "+sample(1).Instance+"."+serviceName)
	fading := mustRR(t, serviceName+" 100 IN PTR "+sample(2).Instance+"."+serviceName)
	m := &dns.Msg{Question: []dns.Question{{Name: serviceName, Qtype: dns.TypePTR, Qclass: dns.ClassINET}}, Answer: []dns.RR{known, fading}}
	p, err := parsePacket(pack(t, m))
	if err != nil || !p.asked || p.response || !slices.Equal(p.known, []string{sample(1).Instance}) {
		t.Errorf("%+v, %v", p, err)
	}
	list := &dns.Msg{Question: []dns.Question{{Name: typesName, Qtype: dns.TypePTR, Qclass: dns.ClassINET}}}
	if p, err := parsePacket(pack(t, list)); err != nil || !p.listing || p.asked || !mentioned(pack(t, list), "") {
		t.Errorf("a question for all kinds: %+v, %v", p, err)
	}
	list.Answer = []dns.RR{mustRR(t, typesName+" 9 IN PTR "+serviceName)}
	if p, err := parsePacket(pack(t, list)); err != nil || p.listing {
		t.Errorf("a question by one who knows our kind: %+v, %v", p, err)
	}
	b, err := question(77)
	if err != nil {
		t.Fatal(err)
	}
	if p, err := parsePacket(b); err != nil || p.asked || p.listing || p.id != 77 {
		t.Errorf("a question for unicast answers: %+v, %v", p, err)
	}
}

func TestParsePacketCutAnywhere(t *testing.T) {
	b := response(t, sample(1))
	for i := range b {
		if p, err := parsePacket(b[:i]); err == nil && len(p.found) > 0 {
			t.Fatalf("found an instance in %d of %d bytes", i, len(b))
		}
	}
	if _, err := parsePacket(make([]byte, packetMax+1)); err == nil {
		t.Error("accepted a packet over the limit")
	}
}

func TestMentioned(t *testing.T) {
	if !mentioned(response(t, sample(1)), "") || !mentioned(bytes.ToUpper(response(t, sample(1))), "") {
		t.Error("our own packet is not ours")
	}
	if mentioned(noise(t)[0], "") || mentioned(nil, "") || mentioned([]byte("\x0a_sottovoce"), "") {
		t.Error("a foreign packet is ours")
	}
}

func TestManyInstancesAreBounded(t *testing.T) {
	m := &dns.Msg{MsgHdr: dns.MsgHdr{Response: true}, Compress: true}
	for i := range 200 {
		m.Answer = append(m.Answer, mustRR(t, serviceName+" 0 IN PTR "+sample(i).Instance+"."+serviceName))
	}
	if p, err := parsePacket(pack(t, m)); err != nil || len(p.gone) != instancesMax {
		t.Errorf("%d goodbyes, %v", len(p.gone), err)
	}
}

func FuzzPacket(f *testing.F) {
	f.Add(response(f, sample(1)))
	for _, b := range noise(f) {
		f.Add(b)
	}
	if b, err := question(7); err == nil {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := parsePacket(b)
		if err != nil {
			return
		}
		if len(p.found)+len(p.gone)+p.bad > instancesMax || len(p.known) > instancesMax {
			t.Fatal("more instances than the limit")
		}
		for _, x := range p.found {
			if len(x.addrs) == 0 || len(x.addrs) > hostAddrsMax || x.announcement.Port == 0 || !isLabel(x.announcement.Instance) {
				t.Fatalf("accepted %+v", x)
			}
			endpoints(discovery.Net{Name: "eth0"}, x, netip.Addr{})
			if _, err := newAnswer(&x.announcement, x.addrs, ttl); err != nil {
				t.Fatalf("accepted what we would not make: %v", err)
			}
		}
		if len(p.found) > 0 && !mentioned(b, "") {
			t.Fatal("the readers would have dropped it")
		}
	})
}
