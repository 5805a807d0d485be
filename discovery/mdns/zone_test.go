package mdns

import (
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/miekg/dns"

	"sottovoce/mesh/peer"
)

// TestZone: the responder says what the loop passes, once, and nothing else.
func TestZone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var current atomic.Pointer[peer.Announcement]
		z := newZone(&current)
		ours := dns.Question{Name: "_SottoVoce._udp.local.", Qtype: dns.TypePTR, Qclass: dns.ClassINET}
		other := dns.Question{Name: serviceName, Qtype: dns.TypeANY, Qclass: dns.ClassINET}
		foreign := dns.Question{Name: "_ipp._tcp.local.", Qtype: dns.TypePTR, Qclass: dns.ClassINET}
		rrs := []dns.RR{mustRR(t, "_sottovoce._udp.local. 240 IN PTR a._sottovoce._udp.local.")}
		ask := func(q dns.Question, want int, within time.Duration) {
			t.Helper()
			began := time.Now()
			if got := z.Records(q); len(got) != want || time.Since(began) != within {
				t.Errorf("%d records after %v, want %d after %v", len(got), time.Since(began), want, within)
			}
		}
		z.pass(ours, rrs, time.Now())
		ask(ours, 0, 0) // nothing is announced
		current.Store(sample(1))
		ask(foreign, 0, 0)
		ask(ours, 1, 0)
		ask(ours, 0, verdictWait)
		z.pass(ours, nil, time.Now())
		ask(ours, 0, 0)
		go func() {
			time.Sleep(verdictWait / 4)
			z.pass(other, rrs, time.Now())
			time.Sleep(verdictWait / 4)
			z.pass(ours, rrs, time.Now())
		}()
		ask(ours, 1, verdictWait/2)
		ask(other, 1, 0)
		for range 2 * verdictsMax {
			z.pass(ours, rrs, time.Now())
		}
		if len(z.verdicts) != verdictsMax {
			t.Errorf("%d verdicts wait", len(z.verdicts))
		}
		time.Sleep(2 * verdictLife)
		z.pass(other, nil, time.Now())
		if len(z.verdicts) != 1 {
			t.Errorf("%d old verdicts are left", len(z.verdicts))
		}
	})
}
