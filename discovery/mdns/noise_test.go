package mdns

import (
	"bytes"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// TestForeignNoise floods the group with what other programs and attackers
// send; two nodes must find each other all the same.
func TestForeignNoise(t *testing.T) {
	l := newLAN(t)
	a, b, loud := l.host(), l.host(), l.host()
	one := a.start(sample(1))
	stop := make(chan struct{})
	done := make(chan struct{})
	go within(loud.name, func() {
		defer close(done)
		conn, err := net.DialUDP("udp4", &net.UDPAddr{IP: net.IPv4(10, 9, 0, 3)}, &net.UDPAddr{IP: net.IPv4(10, 9, 0, 1), Port: port})
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.Close()
		group, err := openSocket(t.Context(), ip4, nic{name: "eth0", index: index(t, "eth0")}, port)
		if err != nil {
			t.Error(err)
			return
		}
		defer group.conn.Close()
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			case <-time.After(time.Millisecond):
				packet := noise(t)[i%len(noise(t))]
				_ = group.send(packet)
				_, _ = conn.Write(packet)
			}
		}
	})
	time.Sleep(300 * time.Millisecond)
	starter := b.start(sample(2))
	one.await(sample(2).Instance, 1500*time.Millisecond, "through the noise", present)
	starter.await(sample(1).Instance, 1500*time.Millisecond, "through the noise", present)
	time.Sleep(300 * time.Millisecond)
	close(stop)
	<-done
	left := time.Now()
	starter.stop()
	one.await(sample(2).Instance, time.Second, "goodbye", after(left, gone))
	one.stop()
	one.mu.Lock()
	defer one.mu.Unlock()
	if len(one.seen) != 1 {
		t.Errorf("sightings of %d instances, want 1", len(one.seen))
	}
	if lines := strings.Count(one.logged.String(), "malformed"); lines > 1 {
		t.Errorf("%d lines about malformed packets within a minute:\n%s", lines, one.logged)
	}
}

func index(t *testing.T, name string) int {
	i, err := net.InterfaceByName(name)
	if err != nil {
		t.Fatal(err)
	}
	return i.Index
}

// noise returns packets that must not disturb anybody.
func noise(t testing.TB) [][]byte {
	printer := new(dns.Msg)
	printer.Response = true
	printer.Answer = []dns.RR{
		mustRR(t, "_ipp._tcp.local. 4500 IN PTR Laser._ipp._tcp.local."),
		mustRR(t, "Laser._ipp._tcp.local. 120 IN SRV 0 0 631 laser.local."),
		mustRR(t, "laser.local. 120 IN A 10.9.0.3"),
	}
	ours := response(t, sample(9))
	truncated := ours[:len(ours)-7]
	counts := bytes.Clone(ours)
	counts[6], counts[7] = 0xff, 0xff // 65,535 answers claimed
	loop := append(bytes.Clone(ours[:12]), 0xc0, 12, 0, 12, 0, 1, 0, 0, 0, 9, 0, 2, 0xc0, 12)
	loop = append(loop, "\x0a_sottovoce"...)
	jumbo := append(bytes.Clone(ours[:12]), bytes.Repeat([]byte("\x0a_sottovoce\x04_udp\x05local\x00"), 400)...)
	return [][]byte{pack(t, printer), truncated, counts, loop, jumbo[:8900], {}, []byte("\x0a_sottovoce"), bytes.Repeat([]byte{0xff}, 1400)}
}

func mustRR(t testing.TB, s string) dns.RR {
	t.Helper()
	rr, err := dns.NewRR(s)
	if err != nil {
		t.Fatal(err)
	}
	return rr
}

func pack(t testing.TB, m *dns.Msg) []byte {
	t.Helper()
	b, err := m.Pack()
	if err != nil {
		t.Fatal(err)
	}
	return b
}
