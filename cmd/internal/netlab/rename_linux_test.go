package netlab

import (
	"fmt"
	"testing"
	"time"
)

// partingMax is the time in which a node has said goodbye to what it announced before.
//
// spec: 02-discovery#goodbye
const partingMax = time.Second

// TestOldNameIsGone changes a name while the node runs: contacts learn it, who comes later sees the new one, and nothing
// on the network holds the old one any more.
func TestOldNameIsGone(t *testing.T) {
	t.Parallel()
	lan := New(t, IPv4|ULA)
	capture := lan.Capture()
	anna, bert := settle(t, lan.Host("anna")), settle(t, lan.Host("bert"))
	befriend(anna, bert)
	old := textNeedle("the old name", anna.called)
	const name = "Annalena Nontiscordardime"
	anna.ok("me", "--name", name)
	anna.called = name
	bert.eventually("the new name among the contacts", func() error {
		for _, p := range list[personJSON](bert, "contacts") {
			if p.Name == name {
				return nil
			}
		}
		return fmt.Errorf("contacts: %s", bert.ok("contacts"))
	})
	time.Sleep(2 * partingMax) // the goodbye to the old instance comes twice
	since := time.Now()
	clara := settle(t, lan.Host("clara")) // whose questions are answered now
	clara.sees(anna, "nearby")
	bert.ok("down")
	bert.node.Stop()
	bert.up()
	bert.sees(anna, "nearby")
	fresh, told := textNeedle("the new name", name), false
	for i, frame := range capture.Frames() {
		if frame.Time.Before(since) {
			continue
		}
		told = told || fresh.in(frame.Bytes)
		if old.in(frame.Bytes) {
			t.Errorf("frame %d holds the old name", i)
		}
	}
	if !told {
		t.Error("the new name was never announced: this test is blind")
	}
}
