package mdns_test

import (
	"bytes"
	"net/netip"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/miekg/dns"

	"sottovoce/discovery/mdns/mdnstest"
)

// inVirtualTime runs f with a LAN that loses a share of all packets.
func inVirtualTime(t *testing.T, loss float64, f func(*testing.T, *crowd)) {
	synctest.Test(t, func(t *testing.T) {
		c := newCrowd(t, mdnstest.Weather{Delay: 2 * time.Millisecond, Loss: loss})
		f(t, c)
		c.close()
	})
}

// pass lets virtual time pass, and everybody do what is due by then.
func pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// TestStartToSeen starts nodes one after the other among 48 that run, on a LAN that
// loses every fiftieth packet: how long until another one sees the new one?
func TestStartToSeen(t *testing.T) {
	inVirtualTime(t, 0.02, func(t *testing.T, c *crowd) {
		for range 49 {
			c.join()
			pass(20 * time.Millisecond)
		}
		pass(5 * time.Minute)
		watching := c.nodes[0]
		var took []time.Duration
		for range 20 {
			began := time.Now()
			m := c.join()
			pass(3 * time.Second)
			first, ok := watching.sees(m)
			if back, too := m.sees(watching); too && (!ok || back.Before(first)) {
				first, ok = back, true // who sees a contact dials it, whichever of the two that is
			}
			if !ok {
				t.Errorf("the %dth is not seen within 3 s", len(took))
			}
			took = append(took, first.Sub(began))
			m.cancel()
			<-m.done
			pass(10 * time.Second)
		}
		slices.Sort(took)
		t.Logf("p50 %v, max %v of %d", took[len(took)/2], took[len(took)-1], len(took))
		if took[len(took)/2] > 300*time.Millisecond || took[len(took)-1] > 1500*time.Millisecond {
			t.Errorf("start to seen: %v", took)
		}
	})
}

// A crowd that starts together on a lossy LAN is complete after a few minutes.
func TestCrowdInLoss(t *testing.T) {
	inVirtualTime(t, 0.1, func(t *testing.T, c *crowd) {
		for range 60 {
			c.join()
		}
		pass(3 * time.Minute)
		for _, m := range c.nodes {
			if n := m.count(); n < 58 {
				t.Errorf("a node sees %d of 59 others", n)
			}
		}
	})
}

// TestSleep lets a machine sleep: it asks and announces as soon as it wakes.
func TestSleep(t *testing.T) {
	inVirtualTime(t, 0, func(t *testing.T, c *crowd) {
		one, two := c.join(), c.join()
		pass(5*time.Minute + 7*time.Second)
		var said, asked []time.Duration
		woken := time.Now()
		c.lan.Tap(func(p mdnstest.Packet) {
			switch {
			case p.From.Addr() != netip.MustParseAddr("10.0.0.1") || !p.To.Addr().IsMulticast():
			case p.Payload[2]&0x80 == 0:
				asked = append(asked, p.Time.Sub(woken))
			default:
				said = append(said, p.Time.Sub(woken))
			}
		})
		two.cancel() // it leaves, and comes elsewhere, while the other one sleeps
		<-two.done
		one.host.Sleep(time.Hour)
		pass(2 * time.Second)
		if len(said) < 2 || said[0] > 100*time.Millisecond || len(asked) == 0 || asked[0] > 200*time.Millisecond {
			t.Errorf("after waking it announced at %v, asked at %v", said, asked)
		}
	})
}

// What was in sight before a sleep is gone soon, if it is not heard again.
func TestSleepForgets(t *testing.T) {
	inVirtualTime(t, 0, func(t *testing.T, c *crowd) {
		one, two := c.join(), c.join()
		pass(70 * time.Second) // nothing is under way
		elsewhere := c.net.LAN(mdnstest.Weather{})
		if _, ok := one.sees(two); !ok {
			t.Fatal("they do not see each other")
		}
		two.host.Plug("eth0", elsewhere, prefixes(2)...)
		one.host.Sleep(time.Hour)
		pass(20 * time.Second)
		if _, ok := one.sees(two); ok {
			t.Error("who was left behind is still in sight")
		}
	})
}

// TestMoves unplugs an interface, brings another one of that name, and moves the
// cable to another LAN: the neighbours are those of where it is.
func TestMoves(t *testing.T) {
	inVirtualTime(t, 0, func(t *testing.T, c *crowd) {
		here, moves := c.join(), c.join()
		other := newCrowd(t, mdnstest.Weather{})
		other.net, other.lan = c.net, c.net.LAN(mdnstest.Weather{})
		other.nodes = []*member{nil, nil}
		there := other.join()
		expect := func(step string, near, far bool) {
			t.Helper()
			pass(15 * time.Second)
			_, ok := moves.sees(here)
			_, back := here.sees(moves)
			_, elsewhere := moves.sees(there)
			if ok != near || back != near || elsewhere != far {
				t.Errorf("%s: it sees the one here %v, the one here it %v, it the one there %v", step, ok, back, elsewhere)
			}
		}
		expect("at first", true, false)
		moves.host.Unplug("eth0")
		pass(5 * time.Minute) // without a goodbye only time tells
		expect("unplugged", false, false)
		moves.host.Plug("eth0", c.lan, prefixes(77)...)
		expect("another one", true, false)
		moves.host.Plug("eth0", other.lan, prefixes(77)...)
		pass(5 * time.Minute)
		expect("moved, the address kept", false, true)
		other.nodes = []*member{there}
		other.close()
	})
}

// TestUnicastQuestion asks a host with two nodes by unicast: one of them gets the
// question, and answers for both. Who is not on the link gets no answer.
func TestUnicastQuestion(t *testing.T) {
	inVirtualTime(t, 0, func(t *testing.T, c *crowd) {
		one := c.join()
		two := c.joinOn(one.host)
		pass(time.Minute)
		answers := make(map[netip.AddrPort][]string)
		c.lan.Tap(func(p mdnstest.Packet) {
			var m dns.Msg
			if err := m.Unpack(p.Payload); err != nil || p.To.Addr().IsMulticast() || len(m.Answer) == 0 {
				return
			}
			if m.Id != 77 || len(m.Question) != 1 || p.From.Port() != 5353 {
				t.Errorf("an answer from %v: %v", p.From, &m)
			}
			answers[p.To] = append(answers[p.To], m.Answer[0].(*dns.PTR).Ptr[:16])
		})
		question := new(dns.Msg)
		question.Id = 77
		question.Question = []dns.Question{{Name: "_sottovoce._udp.local.", Qtype: dns.TypePTR, Qclass: dns.ClassINET}}
		b, err := question.Pack()
		if err != nil {
			t.Fatal(err)
		}
		neighbour, stranger := netip.MustParseAddrPort("10.0.9.9:4444"), netip.MustParseAddrPort("198.51.100.9:4444")
		c.lan.Say(neighbour, netip.MustParseAddrPort("10.0.0.1:5353"), b)
		c.lan.Say(stranger, netip.MustParseAddrPort("10.0.0.1:5353"), b)
		c.lan.Say(stranger, netip.MustParseAddrPort("224.0.0.251:5353"), b)
		pass(time.Second)
		slices.Sort(answers[neighbour])
		if want := []string{label(one.n, 0), label(two.n, 0)}; len(answers) != 1 || !slices.Equal(answers[neighbour], want) {
			t.Errorf("answers %v, want %v to the neighbour alone", answers, want)
		}
	})
}

// Whoever moves to another LAN is not heard there by the labels of the one before: not if
// it stops in the same moment, nor if it had just taken others.
func TestMovesInSilence(t *testing.T) {
	for name, then := range map[string]func(*member){
		"stops": func(m *member) { m.cancel() },
		"after another announcement": func(*member) {
			pass(10 * time.Second)
		},
	} {
		t.Run(name, func(t *testing.T) {
			inVirtualTime(t, 0, func(t *testing.T, c *crowd) {
				m := c.join()
				elsewhere := c.net.LAN(mdnstest.Weather{})
				elsewhere.Tap(func(p mdnstest.Packet) {
					for i := range m.next {
						if bytes.Contains(p.Payload, []byte(label(m.n, i))) {
							t.Errorf("the other LAN hears label %d", i)
						}
					}
				})
				pass(time.Minute)
				m.next = 2
				m.finder.Announce(announcement(m.n, 1), nil)
				pass(50 * time.Millisecond)
				m.host.Plug("eth0", elsewhere, prefixes(77)...)
				then(m)
				pass(time.Second)
			})
		})
	}
}
