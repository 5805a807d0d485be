package mdns

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"testing"

	"github.com/miekg/dns"
	"go.uber.org/goleak"

	"sottovoce/mesh/peer"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// sample returns a valid announcement; n makes it unlike others.
func sample(n int) *peer.Announcement {
	a := &peer.Announcement{
		Instance: hex.EncodeToString([]byte(fmt.Sprintf("inst%04d", n))),
		Host:     hex.EncodeToString([]byte(fmt.Sprintf("host%04d", n))),
		Version:  1, Epoch: 494321, Caps: 5, Port: uint16(40000 + n),
	}
	for i := range a.Nonce {
		a.Nonce[i] = byte(n + i)
	}
	for i := range a.Fingerprint {
		a.Fingerprint[i] = byte(0xf0 + n + i)
	}
	for i := range a.Slots {
		for j := range a.Slots[i] {
			a.Slots[i][j] = byte(16*i + j + n)
		}
	}
	a.Open = &peer.Open{Name: fmt.Sprintf("Anna %d", n), Handle: peer.Handle{1, 2, 3, 4, 5, byte(n)}}
	return a
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
