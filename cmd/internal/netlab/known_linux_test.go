package netlab

import (
	"strings"
	"sync"
	"testing"
	"time"
)

// healTime is how long contacts may be apart when multicast does not bring them together.
const healTime = 10 * time.Second

// comesBack kills the node by SIGKILL and starts it again; another minute of silence would
// pass before the network tells anybody.
func (s *someone) comesBack() {
	s.t.Helper()
	s.node.Kill()
	s.up()
}

// meets wants words of either to reach the other soon.
func (s *someone) meets(other *someone, how string) {
	s.t.Helper()
	start := time.Now()
	for _, way := range [][2]*someone{{s, other}, {other, s}} {
		got := way[0].call("send", "--wait", "delivered", "--timeout", "20s", way[1].called, how)
		if took := time.Since(start); got.Code != 0 || took > healTime {
			s.t.Errorf("%s: from %s to %s: exit code %d after %v: %s", how, way[0].Name, way[1].Name, got.Code, took, got.Stderr)
		}
	}
	s.t.Logf("%s: %v", how, time.Since(start))
}

// Multicast reaches nobody in one direction: whichever of two contacts is killed and comes
// back, they have a link again within ten seconds.
func TestMulticastOneWay(t *testing.T) {
	t.Parallel()
	lan := New(t, IPv4|LinkLocal)
	anna, bert := settle(t, lan.Host("anna")), settle(t, lan.Host("bert"))
	befriend(anna, bert)
	chat(anna, bert)
	anna.Deaf(bert.Host)
	bert.comesBack()
	bert.meets(anna, "who is not heard comes back")
	anna.comesBack()
	anna.meets(bert, "who does not hear comes back")
}

// Multicast reaches nobody in either direction.
func TestMulticastNoWay(t *testing.T) {
	t.Parallel()
	lan := New(t, IPv4|LinkLocal)
	anna, bert, carl := settle(t, lan.Host("anna")), settle(t, lan.Host("bert")), settle(t, lan.Host("carl"))
	befriend(anna, bert)
	befriend(anna, carl)
	befriend(carl, bert)
	chat(anna, bert)
	anna.Deaf(bert.Host)
	bert.Deaf(anna.Host)
	bert.comesBack()
	bert.meets(anna, "one comes back and remembers")
	carl.say(anna, "nothing for you")
	var both sync.WaitGroup // each has another port now, and what both remember is wrong
	anna.node.Kill()
	bert.node.Kill()
	for _, s := range []*someone{anna, bert} {
		s.node = s.Start(s.program, "up")
		both.Go(func() {
			for end := time.Now().Add(arriveTime); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
				if s.call("status").Code == 0 {
					return
				}
			}
		})
	}
	both.Wait()
	anna.meets(bert, "a third knows where both are")
	if out := anna.ok("nearby"); strings.Contains(out, bert.called) {
		t.Logf("nearby says:\n%s", out)
	}
}
