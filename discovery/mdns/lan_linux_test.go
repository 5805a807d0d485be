package mdns

import (
	"slices"
	"strings"
	"testing"
	"time"
)

func TestTwoHostsSeeEachOther(t *testing.T) {
	l := newLAN(t)
	a, b := l.host(), l.host()
	running := a.start(sample(0))
	var took []time.Duration
	for i := 1; i <= 20; i++ {
		starter := b.start(sample(i))
		e := running.await(sample(i).Instance, 1500*time.Millisecond, "the running node sees the new one", present)
		took = append(took, e.at.Sub(starter.started))
		back := starter.await(sample(0).Instance, 1500*time.Millisecond, "the new node sees the running one", present)
		if !offers("10.9.0.1", 40000)(back) || back.Endpoints[0].String() != "10.9.0.1:40000" {
			t.Fatalf("endpoints %v", back.Endpoints)
		}
		if *e.Open != *sample(i).Open || e.Fingerprint != sample(i).Fingerprint || e.Slots != sample(i).Slots {
			t.Fatalf("announcement changed on the way: %+v", e)
		}
		left := time.Now()
		starter.stop()
		running.await(sample(i).Instance, time.Second, "goodbye", after(left, gone))
	}
	slices.Sort(took)
	t.Logf("start to seen: p50 %v, max %v", took[len(took)/2], took[len(took)-1])
	running.stop()
	if strings.Contains(running.logged.String(), "Anna") || strings.Contains(running.logged.String(), sample(0).Instance) {
		t.Errorf("the log names somebody:\n%s", running.logged)
	}
}

// TestLateBrowser starts one that announces nothing long after the burst: only
// the responder's answer to its question can tell it.
func TestLateBrowser(t *testing.T) {
	t.Parallel()
	l := newLAN(t)
	a, b := l.host(), l.host()
	a.start(sample(0))
	time.Sleep(2500 * time.Millisecond) // the burst is over
	late := b.start(nil)
	e := late.await(sample(0).Instance, 1500*time.Millisecond, "the answer", present)
	t.Logf("start to seen by a question: %v", e.at.Sub(late.started))
}

func TestIPv6Only(t *testing.T) {
	l := newLAN(t)
	a, b := l.host("fd00:9::1/64"), l.host("fd00:9::2/64")
	one, two := a.start(sample(1)), b.start(sample(2))
	e := one.await(sample(2).Instance, 2500*time.Millisecond, "IPv6 only", offers("fd00:9::2", 40002))
	if len(e.Endpoints) != 2 || e.Endpoints[1].Addr().Zone() != "eth0" {
		t.Errorf("want the ULA, then the link-local address with its zone: %v", e.Endpoints)
	}
	two.await(sample(1).Instance, 2500*time.Millisecond, "IPv6 only", present)
	left := time.Now()
	two.stop()
	one.await(sample(2).Instance, time.Second, "goodbye", after(left, gone))
}

func TestLinkLocalOnly(t *testing.T) {
	l := newLAN(t)
	a, b := l.host([]string{}...), l.host()
	sh(t, "ip -n %s addr flush dev eth0 scope global", a.name)
	sh(t, "ip -n %s addr flush dev eth0 scope global", b.name)
	one := a.start(sample(1))
	b.start(sample(2))
	e := one.await(sample(2).Instance, 2500*time.Millisecond, "link-local only", present)
	if len(e.Endpoints) != 1 || e.Endpoints[0].Addr().Zone() != "eth0" {
		t.Errorf("endpoints %v", e.Endpoints)
	}
}

func TestTwoNodesOnOneHost(t *testing.T) {
	for _, c := range []struct {
		name, endpoint string
		plugged        bool
	}{{"with a network", "10.9.0.1", true}, {"with loopback alone", "127.0.0.1", false}} {
		t.Run(c.name, func(t *testing.T) {
			l := newLAN(t)
			h := l.host()
			if !c.plugged {
				sh(t, "ip -n %s link del eth0", h.name)
			}
			one := h.start(sample(1))
			time.Sleep(200 * time.Millisecond)
			two := h.start(sample(2))
			one.await(sample(2).Instance, 1500*time.Millisecond, "the first sees the second", offers(c.endpoint, 40002))
			two.await(sample(1).Instance, 1500*time.Millisecond, "the second sees the first", offers(c.endpoint, 40001))
			left := time.Now()
			one.stop()
			two.await(sample(1).Instance, time.Second, "goodbye", after(left, gone))
			if n := len(two.events(sample(2).Instance)); n != 0 {
				t.Errorf("%d sightings of itself", n)
			}
		})
	}
}

// TestOneHostByQuestion: the answer to a neighbour on the same host must arrive
// although both share port 5353.
func TestOneHostByQuestion(t *testing.T) {
	t.Parallel()
	h := newLAN(t).host()
	h.start(sample(1))
	time.Sleep(2500 * time.Millisecond)
	h.start(nil).await(sample(1).Instance, 900*time.Millisecond, "the answer", present)
}

func TestDecoyBridge(t *testing.T) {
	t.Parallel()
	l := newLAN(t)
	a, b := l.host(), l.host()
	for _, h := range []*host{a, b} {
		sh(t, "ip -n %s link add docker0 type bridge", h.name)
		sh(t, "ip -n %s addr add 172.17.0.1/16 dev docker0", h.name)
		sh(t, "ip -n %s link set docker0 up", h.name)
		sh(t, "ip -n %s link add vethdecoy type veth peer name vethother", h.name)
		sh(t, "ip -n %s link set vethother master docker0 up", h.name) // docker0 has a carrier
		sh(t, "ip -n %s link set vethdecoy up", h.name)
		sh(t, "ip -n %s addr add 172.17.0.1/32 dev eth0", h.name) // not even on the real one
	}
	one := a.start(sample(1))
	b.start(sample(2))
	one.await(sample(2).Instance, 1500*time.Millisecond, "past the decoy", offers("10.9.0.2", 40002))
	if got := one.finder.Interfaces(); !slices.Equal(got, []string{"eth0"}) {
		t.Errorf("interfaces %v", got)
	}
	time.Sleep(time.Second)
	for _, e := range one.events(sample(2).Instance) {
		for _, p := range e.Endpoints {
			if strings.HasPrefix(p.Addr().String(), "172.17.") {
				t.Errorf("a decoy address was announced: %v", e.Endpoints)
			}
		}
	}
}

func TestTwoInterfaces(t *testing.T) {
	l, other := newLAN(t), newLAN(t)
	a, b, c := l.host(), l.host(), other.host("10.8.0.1/24")
	sh(t, "ip -n %s link add eth1 type veth peer name p9 netns %s", a.name, other.bridge)
	sh(t, "ip -n %s link set p9 master br0 up", other.bridge)
	sh(t, "ip -n %s addr add 10.8.0.9/24 dev eth1", a.name)
	a.up("eth1")
	both := a.start(sample(1))
	left, right := b.start(sample(2)), c.start(sample(3))
	both.await(sample(2).Instance, 2*time.Second, "on eth0", offers("10.9.0.2", 40002))
	both.await(sample(3).Instance, 2*time.Second, "on eth1", offers("10.8.0.1", 40003))
	for n, want := range map[*node]string{left: "10.9.0.1:40001", right: "10.8.0.9:40001"} {
		first := want[:strings.Index(want, ":")]
		e := n.await(sample(1).Instance, 2*time.Second, "the host with two networks", offers(first, 40001))
		if e.Endpoints[0].String() != want {
			t.Errorf("first endpoint %v, want %s", e.Endpoints, want)
		}
	}
	if len(left.events(sample(3).Instance)) != 0 {
		t.Error("heard through the host with two networks")
	}
}

// followMax is how long it may take until a change of interfaces is followed.
const followMax = 5 * time.Second

func TestInterfaceRecreated(t *testing.T) {
	l := newLAN(t)
	a, b := l.host(), l.host()
	one, two := a.start(sample(1)), b.start(sample(2))
	one.await(sample(2).Instance, 1500*time.Millisecond, "at first", present)
	two.await(sample(1).Instance, 1500*time.Millisecond, "at first", present)
	sh(t, "ip -n %s link del eth0", b.name)
	for limit := time.Now().Add(followMax); !slices.Equal(two.finder.Interfaces(), []string{"lo"}); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(limit) {
			t.Fatalf("interfaces without eth0: %v", two.finder.Interfaces())
		}
	}
	back := time.Now() // before it is up, for it may be followed before plug returns
	b.plug("10.9.0.22/24")
	one.await(sample(2).Instance, followMax, "found again at its new address", after(back, offers("10.9.0.22", 40002)))
	t.Logf("found again after %v", time.Since(back))
	b.start(nil).await(sample(1).Instance, time.Second, "the re-created interface hears", present)
	asker := a.start(nil) // its question must reach the restarted responder
	asker.await(sample(2).Instance, time.Second, "the restarted responder answers", present)
}

func TestAddressChanged(t *testing.T) {
	l := newLAN(t)
	a, b := l.host(), l.host()
	one := a.start(sample(1))
	b.start(sample(2))
	one.await(sample(2).Instance, 1500*time.Millisecond, "at first", offers("10.9.0.2", 40002))
	sh(t, "ip -n %s addr del 10.9.0.2/24 dev eth0", b.name)
	sh(t, "ip -n %s addr add 10.9.0.77/24 dev eth0", b.name)
	one.await(sample(2).Instance, followMax, "the new address", offers("10.9.0.77", 40002))
	e := a.start(nil).await(sample(2).Instance, 1500*time.Millisecond, "an answer", present)
	if offers("10.9.0.2", 40002)(e) {
		t.Errorf("the old address is still announced: %v", e.Endpoints)
	}
}

func TestRotation(t *testing.T) {
	l := newLAN(t)
	a, b := l.host(), l.host()
	one, two := a.start(sample(1)), b.start(sample(2))
	one.await(sample(2).Instance, 1500*time.Millisecond, "at first", present)
	turned := time.Now()
	two.finder.Announce(sample(3), nil)
	one.await(sample(3).Instance, time.Second, "the new instance", present)
	one.await(sample(2).Instance, time.Second, "goodbye of the old", after(turned, gone))
	hidden := time.Now()
	two.finder.Announce(nil, nil)
	one.await(sample(3).Instance, time.Second, "goodbye", after(hidden, gone))
	asker := a.start(nil)
	asker.await(sample(1).Instance, time.Second, "the other still answers", present)
	if n := len(asker.events(sample(3).Instance)); n != 0 {
		t.Error("it answers although it announces nothing")
	}
	if n := len(two.events(sample(3).Instance)) + len(two.events(sample(2).Instance)); n != 0 {
		t.Errorf("%d sightings of itself", n)
	}
}

func TestHealthHearsTheEcho(t *testing.T) {
	t.Parallel()
	h := newLAN(t).host()
	n := h.start(sample(1))
	time.Sleep(2500 * time.Millisecond) // the kernel may need a second until IPv6 sends
	health := n.finder.Health()
	if len(health) != 2 {
		t.Fatalf("health %+v, want two families of eth0", health)
	}
	for _, s := range health {
		if s.Interface != "eth0" || s.Announced.IsZero() || s.Echo.IsZero() || s.Echo.Sub(s.Announced).Abs() > time.Second {
			t.Errorf("no echo: %+v", s)
		}
	}
	if t.Failed() {
		n.stop()
		t.Log(n.logged)
	}
}

func TestNamedInterface(t *testing.T) {
	l := newLAN(t)
	a, b := l.host(), l.host()
	for _, h := range []*host{a, b} {
		sh(t, "ip -n %s link set eth0 down", h.name)
		sh(t, "ip -n %s link set eth0 name tun7", h.name)
		sh(t, "ip -n %s link set tun7 up", h.name)
	}
	one := a.start(sample(1), "tun7")
	b.start(sample(2), "tun7")
	one.await(sample(2).Instance, 2500*time.Millisecond, "on the named interface", present)
	if got := one.finder.Interfaces(); !slices.Equal(got, []string{"tun7"}) {
		t.Errorf("interfaces %v", got)
	}
}

// TestHealthCounts has one node that announces and one that only asks.
func TestHealthCounts(t *testing.T) {
	t.Parallel()
	l := newLAN(t)
	a, b := l.host(), l.host()
	one := a.start(sample(1))
	two := b.start(nil)
	two.await(sample(1).Instance, 1500*time.Millisecond, "at first", present)
	for limit := time.Now().Add(3 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		asked, told := one.finder.Health(), two.finder.Health()
		if len(asked) == 2 && len(told) == 2 && asked[0].Questions > 0 && !asked[0].Foreign.IsZero() && asked[0].Announcements == 0 &&
			asked[0].Heard.IsZero() && told[0].Answers > 0 && told[0].Announcements > 0 && !told[0].Heard.IsZero() &&
			told[0].Announced.IsZero() && !told[0].Asked.IsZero() && told[0].Failed == "" {
			break
		}
		if time.Now().After(limit) {
			t.Fatalf("the announcer %+v, the asker %+v", asked, told)
		}
	}
	if got := one.finder.Skipped(); len(got) != 1 || got[0] != (Skipped{Interface: "lo", Reason: ReasonLoopback}) {
		t.Errorf("skipped %v", got)
	}
}

// TestHeard: what was announced to the group in each family is known, and forgotten with its sighting.
func TestHeard(t *testing.T) {
	l := newLAN(t)
	a, b := l.host("10.9.0.1/24", "fd00:9::1/64"), l.host("10.9.0.2/24")
	sh(t, "ip netns exec %s sysctl -qw net.ipv6.conf.eth0.disable_ipv6=1", b.name)
	one, two := a.start(sample(1)), b.start(sample(2))
	one.await(sample(2).Instance, 2500*time.Millisecond, "the other", present)
	by4, by6 := one.finder.Heard(sample(2).Instance)
	for end := time.Now().Add(2500 * time.Millisecond); by4 == 0 && time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		by4, by6 = one.finder.Heard(sample(2).Instance) // it may have been an answer that made it known
	}
	if by4 <= 0 || by4 > 5*time.Second || by6 != 0 {
		t.Errorf("heard %v and %v ago", by4, by6)
	}
	if by4, by6 := one.finder.Heard(sample(1).Instance); by4 != 0 || by6 != 0 {
		t.Errorf("itself %v and %v ago", by4, by6)
	}
	left := time.Now()
	two.stop()
	one.await(sample(2).Instance, time.Second, "goodbye", after(left, gone))
	if by4, _ := one.finder.Heard(sample(2).Instance); by4 != 0 {
		t.Errorf("after the goodbye: %v ago", by4)
	}
}
