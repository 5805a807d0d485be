package netlab

import (
	"fmt"
	"testing"
	"time"
)

func TestTwoHostsChat(t *testing.T) {
	t.Parallel()
	for name, family := range map[string]Family{"ipv4": IPv4, "link-local": LinkLocal, "ula": ULA, "both": IPv4 | ULA} {
		t.Run(name, func(t *testing.T) {
			lan := New(t, family)
			anna, bert := settle(t, lan.Host("anna")), settle(t, lan.Host("bert"))
			befriend(anna, bert)
			chat(anna, bert)
		})
	}
}

func TestSeenWithinASecond(t *testing.T) {
	lan := New(t, IPv4|ULA)
	anna := settle(t, lan.Host("anna"))
	bert := &someone{Host: lan.Host("bert"), t: t, program: anna.program, called: "bert Fiordaliso"}
	bert.ok("init", "--name", bert.called)
	began := time.Now()
	bert.up()
	anna.sees(bert, "nearby")
	bert.sees(anna, "nearby")
	if took := time.Since(began); took > 3*time.Second { // generous: the machine may be busy; make bench has the figure
		t.Errorf("seen after %v", took)
	}
	bert.node.Stop()
	anna.eventually("goodbye", func() error {
		if left := list[personJSON](anna, "nearby"); len(left) != 0 {
			return fmt.Errorf("nearby still has %+v", left)
		}
		return nil
	})
}

// TestDecoyBridges gives both hosts the bridge 172.17.0.1 that container programs leave on every machine.
func TestDecoyBridges(t *testing.T) {
	t.Parallel()
	lan := New(t, IPv4)
	a, b := lan.Host("anna"), lan.Host("bert")
	a.Bridge("docker0", "172.17.0.1/16")
	b.Bridge("docker0", "172.17.0.1/16")
	anna, bert := settle(t, a), settle(t, b)
	befriend(anna, bert)
	chat(anna, bert)
}

func TestTwoNodesOnOneHost(t *testing.T) {
	t.Parallel()
	lan := New(t, IPv4|ULA)
	host := lan.Host("anna")
	anna, bert := settle(t, host), settle(t, host.User("bert"))
	carla := settle(t, lan.Host("carla"))
	befriend(anna, bert)
	befriend(bert, carla)
	chat(anna, bert)
	chat(bert, carla)
}

// TestLostPackets has three of ten packets lost at both ends.
func TestLostPackets(t *testing.T) {
	t.Parallel()
	lan := New(t, IPv4|ULA)
	anna, bert := settle(t, lan.Host("anna")), settle(t, lan.Host("bert"))
	anna.Loss(30)
	bert.Loss(30)
	befriend(anna, bert)
	var fromAnna, fromBert []string
	for i := range 50 {
		fromAnna = append(fromAnna, fmt.Sprintf("anna says %d", i))
		fromBert = append(fromBert, fmt.Sprintf("bert says %d", i))
		anna.ok("send", bert.called, fromAnna[i])
		bert.ok("send", anna.called, fromBert[i])
	}
	const limit = 2 * time.Minute
	bert.hears(limit, anna, fromAnna)
	anna.hears(limit, bert, fromBert)
	anna.delivered(limit, bert)
	bert.delivered(limit, anna)
}

// TestCablePulled pulls a cable for a minute in the middle of a burst.
func TestCablePulled(t *testing.T) {
	t.Parallel()
	out := time.Minute
	if testing.Short() {
		out = 5 * time.Second
	}
	lan := New(t, IPv4|ULA)
	anna, bert := settle(t, lan.Host("anna")), settle(t, lan.Host("bert"))
	befriend(anna, bert)
	check := anna.watch()
	var texts []string
	burst := func(n int) {
		for range n {
			texts = append(texts, fmt.Sprintf("word %d", len(texts)))
			anna.ok("send", bert.called, texts[len(texts)-1])
		}
	}
	burst(30)
	bert.Unplug()
	pulled := time.Now()
	burst(60)
	time.Sleep(time.Until(pulled.Add(out)))
	bert.Plug()
	burst(30)
	const limit = 90 * time.Second // our next attempt comes within a minute
	bert.hears(limit, anna, texts)
	anna.delivered(limit, bert)
	check()
}
