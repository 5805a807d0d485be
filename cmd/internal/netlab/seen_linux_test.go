package netlab

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"
)

// movedMax is how long it may take until a node that was plugged in somewhere else is found there, and until whoever is
// gone without a goodbye is not shown any more.
const movedMax = 20 * time.Second

// visibilityJSON is what visibility --json prints.
type visibilityJSON struct {
	Here      string `json:"here"`
	Chosen    bool   `json:"chosen"`
	Elsewhere string `json:"elsewhere"`
	PortKept  bool   `json:"port_kept"`
}

// seen is who may see a person.
func (s *someone) seen(args ...string) (v visibilityJSON) {
	s.t.Helper()
	if err := json.Unmarshal([]byte(s.ok(append([]string{"visibility", "--json"}, args...)...)), &v); err != nil {
		s.t.Fatal(err)
	}
	return v
}

// misses waits until somebody is not in sight.
func (s *someone) misses(other *someone) {
	s.t.Helper()
	s.within(movedMax, other.called+" is out of sight", func() error {
		for _, p := range list[personJSON](s, "nearby") {
			if p.Name == other.called {
				return fmt.Errorf("nearby: %+v", p)
			}
		}
		return nil
	})
}

// listens are the addresses of a person's node.
func (s *someone) listens() string {
	s.t.Helper()
	var status struct {
		Listen []string `json:"listen"`
	}
	if err := json.Unmarshal([]byte(s.ok("status", "--json")), &status); err != nil || len(status.Listen) == 0 {
		s.t.Fatalf("status: %v", err)
	}
	return status.Listen[0]
}

// TestVisibility switches who may see a node while it runs, and moves it to another LAN, where something else was
// chosen: what other hosts show is what was chosen, and contacts go on.
func TestVisibility(t *testing.T) {
	t.Parallel()
	lan := New(t, IPv4)
	capture := lan.Capture()
	anna, bert, clara := settle(t, lan.Host("anna")), settle(t, lan.Host("bert")), settle(t, lan.Host("clara"))
	befriend(anna, bert)
	clara.sees(anna, "nearby")
	if v := anna.seen(); v != (visibilityJSON{Here: "everyone", Elsewhere: "everyone"}) {
		t.Errorf("at first: %+v", v)
	}
	port := anna.listens()

	anna.seen("contacts")
	clara.misses(anna)
	bert.sees(anna, "nearby")
	if anna.listens() == port {
		t.Error("the port is the same for who hides")
	}
	time.Sleep(2 * partingMax)
	since := time.Now()
	name := textNeedle("her name", anna.called)
	anna.say(bert, "in a low voice")
	bert.hears(movedMax, anna, []string{"in a low voice"})

	anna.seen("nobody")
	anna.node.Stop()
	anna.up()
	bert.say(anna, "who calls?") // she dials: he does not see her
	anna.hears(movedMax, bert, []string{"who calls?"})
	clara.misses(anna)
	for i, frame := range capture.Frames() {
		if frame.Time.After(since) && name.in(frame.Bytes) {
			t.Errorf("frame %d holds the name of who hides", i)
		}
	}

	// Another LAN, where nothing was chosen; and back.
	for _, h := range []*someone{anna, clara} {
		h.ip("address", "flush", "dev", "eth0")
		h.move("lan2")
		h.ip("address", "add", fmt.Sprintf("10.99.0.%d/24", h.number), "brd", "+", "dev", "eth0")
	}
	clara.within(movedMax, "sees who shows herself there", func() error {
		for _, p := range list[personJSON](clara, "nearby") {
			if p.Name == anna.called {
				return nil
			}
		}
		return fmt.Errorf("nearby: %s; she: %s", clara.ok("nearby"), anna.ok("visibility"))
	})
	if v := anna.seen(); v.Here != "everyone" || v.Chosen {
		t.Errorf("on another LAN: %+v", v)
	}
	for _, h := range []*someone{anna, clara} {
		h.ip("address", "flush", "dev", "eth0")
		h.move("lan")
		h.ip("address", "add", h.IPv4.String()+"/24", "brd", "+", "dev", "eth0")
	}
	anna.within(movedMax, "remembers the first LAN", func() error {
		if v := anna.seen(); v.Here != "nobody" || !v.Chosen {
			return fmt.Errorf("%+v", v)
		}
		return nil
	})
	clara.sees(bert, "nearby")
	clara.misses(anna)
	anna.say(bert, "home again")
	bert.hears(movedMax, anna, []string{"in a low voice", "home again"})
}
