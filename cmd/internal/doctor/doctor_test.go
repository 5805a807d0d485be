package doctor

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"sottovoce/cmd/internal/control"
)

var today = time.Date(2026, 11, 22, 18, 0, 0, 0, time.UTC)

func nic(name, kind, why string, prefixes ...string) Interface {
	i := Interface{Name: name, Kind: kind, Why: why, Used: why == "", MTU: 1500}
	for _, p := range prefixes {
		i.Prefixes = append(i.Prefixes, netip.MustParsePrefix(p))
	}
	return i
}

// linkedTo is a contact that is connected, with which all is well but what change says.
func linkedTo(name string, change func(*Contact)) Contact {
	c := Contact{Name: name, Linked: true, Here: true, Answered: true, WeHear: true, TheyHear: true, Full: true, Knocked: true, Came: true}
	if change != nil {
		change(&c)
	}
	return c
}

func one(f control.Finding) []control.Finding { return []control.Finding{f} }

// cases has for each cause facts that lead to it, and to nothing else of its check.
func cases() map[string][]control.Finding {
	eth := nic("eth0", "ethernet", "", "192.168.1.7/24")
	lo := nic("lo", "loopback", "loopback", "127.0.0.1/8")
	docker := nic("docker0", "virtual", "virtual", "172.17.0.1/16")
	fine := Leg{Interface: "eth0", Left: true, Echo: true, Foreign: true}
	deaf, silent := fine, fine
	deaf.Foreign, silent.Echo = false, false
	ufw := Around{Firewall: "ufw", Subnet: "192.168.1.0/24"}
	bare := nic("eth0", "ethernet", "no-address")
	small := eth
	small.MTU = 1000
	unheard := linkedTo("Bert", func(c *Contact) { c.TheyHear = false })
	unhearing := linkedTo("Bert", func(c *Contact) { c.WeHear = false })
	apart := linkedTo("Bert", func(c *Contact) { c.WeHear, c.TheyHear = false, false })
	shut := linkedTo("Bert", func(c *Contact) { c.Came = false })
	all := func(contacts ...Contact) []Contact { return contacts }
	legs := func(legs ...Leg) []Leg { return legs }
	return map[string][]control.Finding{
		"node running":          one(CheckNode(Node{Running: true, Visibility: "contacts"})),
		"node not-running":      one(CheckNode(Node{Visibility: "nobody"})),
		"node invisible":        one(CheckNode(Node{Running: true, Visibility: "nobody"})),
		"examination cut-short": one(CutShort()),
		"network used":          one(CheckNetwork([]Interface{lo, eth, docker}, nil)),
		"network none":          one(CheckNetwork([]Interface{lo, nic("eth0", "ethernet", "no-carrier", "192.168.1.7/24"), nic("wlan0", "wireless", "down")}, nil)),
		"network no-address":    one(CheckNetwork([]Interface{lo, bare, docker}, nil)),
		"network missing":       one(CheckNetwork([]Interface{lo, nic("eth0", "ethernet", "unnamed", "192.168.1.7/24")}, []string{"wlan0"})),
		"network only-virtual":  one(CheckNetwork([]Interface{lo, docker}, nil)),
		"multicast echo":        CheckMulticast(legs(fine), ufw),
		"multicast unsent":      CheckMulticast(legs(Leg{Interface: "eth0", Failed: "operation not permitted"}), ufw),
		"multicast silent":      CheckMulticast(legs(silent), ufw),
		"multicast untested":    CheckMulticast(legs(Leg{Interface: "eth0"}), ufw),
		"mdns-port shared":      CheckPorts(Ports{})[:1],
		"mdns-port taken":       CheckPorts(Ports{MDNSTaken: "in use"})[:1],
		"port free":             CheckPorts(Ports{})[1:],
		"port taken":            CheckPorts(Ports{Listen: ":4242", Taken: "in use"})[1:],
		"others heard":          one(CheckOthers(Around{Others: 3})),
		"others nobody":         one(CheckOthers(Around{})),
		"seen mutual":           CheckSeen(all(linkedTo("Bert", nil)), legs(fine), ufw, "everyone"),
		"seen unheard":          CheckSeen(all(unheard), legs(fine), ufw, "everyone"),
		"seen deaf":             CheckSeen(all(unhearing), legs(deaf), ufw, "everyone"),
		"seen quiet":            CheckSeen(all(unhearing), legs(deaf, fine), ufw, "everyone"),
		"seen elsewhere":        CheckSeen(all(linkedTo("Bert", func(c *Contact) { c.Here, c.TheyHear = false, false })), legs(fine), ufw, "everyone"),
		"seen no-answer":        CheckSeen(all(Contact{Name: "Bert", Linked: true}), legs(fine), ufw, "everyone"),
		"seen nobody-to-ask":    CheckSeen(all(Contact{Name: "Bert"}), legs(fine), ufw, "everyone"),
		"reach connected":       CheckReach(all(linkedTo("Bert", nil)), ufw)[:1],
		"reach in-vain":         CheckReach(all(Contact{Name: "Bert", Failures: 2}), ufw)[:1],
		"firewall open":         CheckReach(all(shut, linkedTo("Cleo", nil)), ufw)[1:],
		"firewall closed":       CheckReach(all(shut), ufw)[1:],
		"firewall untested":     CheckReach(all(linkedTo("Bert", func(c *Contact) { c.Knocked = false })), ufw)[1:],
		"isolation none":        one(CheckIsolation(nil, legs(deaf), Around{Others: 1}, "everyone")),
		"isolation between":     one(CheckIsolation(all(apart), legs(fine), ufw, "everyone")),
		"isolation suspected":   one(CheckIsolation(nil, legs(deaf), Around{Answers: true}, "everyone")),
		"isolation untested":    one(CheckIsolation(nil, legs(deaf), Around{}, "everyone")),
		"packets whole":         CheckPackets(all(linkedTo("Bert", nil)), []Interface{eth}),
		"packets small":         CheckPackets(nil, []Interface{small}),
		"packets lost":          CheckPackets(all(linkedTo("Bert", func(c *Contact) { c.Full = false })), []Interface{eth}),
		"clock right":           one(CheckClock(Clock{Now: today, Battery: true}, []Date{Date(time.Hour), Date(-time.Hour)})),
		"clock impossible":      one(CheckClock(Clock{Now: time.Unix(0, 0)}, nil)),
		"clock disagrees":       one(CheckClock(Clock{Now: today, Battery: true}, []Date{Date(50 * time.Hour), Date(51 * time.Hour), 0})),
		"clock no-battery":      one(CheckClock(Clock{Now: today}, []Date{Date(90 * time.Hour)})),
		"disk room":             CheckDisk(Disk{Path: "/home", Free: 1 << 30})[:1],
		"disk full":             CheckDisk(Disk{Path: "/home", Free: 1 << 20})[:1],
		"disk low":              CheckDisk(Disk{Path: "/home", Free: 100 << 20})[:1],
		"disk read-only":        CheckDisk(Disk{Path: "/home", ReadOnly: true})[:1],
		"home lasting":          CheckDisk(Disk{Path: "/home"})[1:],
		"home memory":           CheckDisk(Disk{Path: "/home", Memory: true})[1:],
	}
}

// TestCauses: every cause follows from some facts, and what is said is whole.
func TestCauses(t *testing.T) {
	led := cases()
	for _, c := range Causes() {
		key := c.Check + " " + c.Name
		findings := led[key]
		delete(led, key)
		if len(findings) != 1 || findings[0].Check != c.Check || findings[0].Cause != c.Name || findings[0].Verdict != c.Verdict {
			t.Errorf("%s: the facts lead to %+v", key, findings)
			continue
		}
		f := findings[0]
		if (c.Verdict == ok) != (f.Why == "") || (c.Verdict == ok) != (f.Do == "") || f.Says == "" {
			t.Errorf("%s: %+v", key, f)
		}
		for _, text := range []string{f.Says, f.Why, f.Do} {
			for _, hole := range []string{"NAMES", "INTERFACE", "DETAIL", "FIREWALL", "COUNT", "OTHERS", "SIZE", "DATE", "PATH", "SUBNET", "\n"} {
				if strings.Contains(text, hole) {
					t.Errorf("%s says %q", key, text)
				}
			}
		}
		if c.Check != "seen" && c.Check != "firewall" && strings.Contains(f.Says, "WHO") {
			t.Errorf("%s says %q", key, f.Says)
		}
	}
	for key := range led {
		t.Errorf("%s is no cause", key)
	}
}

func TestWords(t *testing.T) {
	says := func(f control.Finding, want string) {
		t.Helper()
		if got := f.Says + " " + f.Do; !strings.Contains(got, want) {
			t.Errorf("%q does not say %q", got, want)
		}
	}
	eth, docker := nic("eth0", "ethernet", "", "192.168.1.7/24"), nic("docker0", "virtual", "virtual", "172.17.0.1/16")
	says(CheckNetwork([]Interface{eth, docker}, nil), "Connected by eth0. Left out: docker0 (containers, virtual machines or a VPN).")
	says(CheckNetwork([]Interface{nic("wlan0", "wireless", "down")}, nil), "on no network: wlan0 (switched off)")
	says(CheckNetwork(nil, nil), "it has no network card")
	says(CheckNetwork([]Interface{nic("wg0", "tunnel", "", "10.0.0.1/24")}, nil), "Only wg0 has")
	says(CheckNetwork([]Interface{nic("wg0", "tunnel", "", "10.0.0.1/24")}, []string{"wg0"}), "Connected by wg0")
	says(CheckNetwork([]Interface{nic("lo", "loopback", "", "127.0.0.1/8")}, []string{"lo"}), "Connected by lo")
	says(CheckPorts(Ports{Listen: ":4242", Taken: "cannot listen"})[1], "sport = :4242")
	says(CheckOthers(Around{Others: 1}), "Another one is heard")
	says(CheckOthers(Around{Others: 12}), "12 others are heard")
	says(CheckDisk(Disk{Free: 3 << 10})[0], "3 KiB are left")
	says(CheckClock(Clock{Now: today, Battery: true}, []Date{Date(48 * time.Hour), Date(48 * time.Hour)}), "2 others here agree on 2026-11-24 18:00")
	unsent := Leg{Interface: "eth0", Failed: "operation not permitted"}
	says(CheckMulticast([]Leg{unsent}, Around{Firewall: "ufw"})[0], "(operation not permitted). Let UDP port 5353 out of this machine. sudo ufw allow out 5353/udp")
	says(CheckMulticast([]Leg{unsent}, Around{})[0], "sudo nft list ruleset")
	shut := linkedTo("Bert", func(c *Contact) { c.Came = false })
	says(CheckReach([]Contact{shut}, Around{Firewall: "ufw", Subnet: "192.168.1.0/24"})[1], "sudo ufw allow proto udp from 192.168.1.0/24")
	if got := some([]string{"a", "b", "c", "d", "e", "f", "g", "h"}); got != "a, b, c, d, e, f and others" {
		t.Error(got)
	}
}

// TestOneOfTwo: what fails in one family while the other works is a warning.
func TestOneOfTwo(t *testing.T) {
	got := CheckMulticast([]Leg{{Interface: "eth0", Left: true, Echo: true}, {Interface: "eth0", IPv6: true, Left: true}}, Around{})
	if len(got) != 2 || got[0].Verdict != ok || got[1].Verdict != warn || got[1].On != "eth0, IPv6" {
		t.Errorf("%+v", got)
	}
}

// TestInvisible: who chose to be seen by nobody is not told that others do not hear.
func TestInvisible(t *testing.T) {
	contacts := []Contact{linkedTo("Bert", func(c *Contact) { c.TheyHear = false }), linkedTo("Cleo", func(c *Contact) { c.WeHear, c.TheyHear = false, false })}
	if got := CheckSeen(contacts, nil, Around{}, "nobody"); len(got) != 0 {
		t.Errorf("%+v", got)
	}
	if got := CheckIsolation(contacts, nil, Around{Others: 1}, "nobody"); got.Cause != "none" {
		t.Errorf("%+v", got)
	}
}

// TestAgreed: one liar does not make a clock wrong, nor do many who disagree with each other.
func TestAgreed(t *testing.T) {
	day := Date(24 * time.Hour)
	for _, c := range []struct {
		others []Date
		count  int
	}{
		{nil, 0},
		{[]Date{day}, 0},
		{[]Date{day, 2 * day}, 0},
		{[]Date{day, day, 0, 0}, 0},
		{[]Date{day, day, 0}, 2},
		{[]Date{day, day + Date(time.Hour), -day, day - Date(time.Hour)}, 3},
	} {
		if _, count := agreed(c.others); count != c.count {
			t.Errorf("of %v %d agree", c.others, count)
		}
	}
	if off, _ := agreed([]Date{day, 0, day}); off != 24*time.Hour {
		t.Errorf("they agree on %v", off)
	}
}

// TestOrder: the page and the findings have the checks in one order, without repeating one.
func TestOrder(t *testing.T) {
	var checks []string
	for _, c := range Causes() {
		if len(checks) == 0 || checks[len(checks)-1] != c.Check {
			if slices.Contains(checks, c.Check) {
				t.Errorf("%s stands in two places", c.Check)
			}
			checks = append(checks, c.Check)
		}
	}
}
