package netlab

import (
	"fmt"
	"strings"
	"testing"
)

// TestInvite gives a link to one of two people, whom only contacts see, and lets both use it: the first becomes a contact
// without a question, the second is declined, and who gave the link is told. Then the two, who are contacts of the same person, are introduced.
func TestInvite(t *testing.T) {
	t.Parallel()
	lan := New(t, IPv4|ULA)
	anna, bert := settle(t, lan.Host("anna")), settle(t, lan.Host("bert"))
	for _, s := range []*someone{anna, bert} { // no stranger sees either
		s.ok("visibility", "contacts")
	}
	if got := bert.ok("nearby", "--json"); got != "" {
		t.Errorf("before there is a contact bert sees %s", got)
	}
	type invite struct{ ID, Link string }
	made := list[invite](anna, "invite")[0]
	secret := textNeedle("the link", made.Link)
	capture := lan.Capture()
	if got := bert.ok("add", strings.ToUpper(made.Link)); got != "You and "+anna.called+" are contacts.\n" { // as a QR code has it
		t.Errorf("using the link says %q", got)
	}
	anna.sees(bert, "contacts")
	bert.sees(anna, "contacts")
	bert.ok("send", anna.called, "--wait", "delivered", "by your link")

	clara := settle(t, lan.Host("clara"))
	clara.eventually("refusal", func() error { // where anna was not heard yet it is kept, and asked again
		if got := clara.call("add", made.Link); got.Code != 1 || !strings.Contains(got.Stderr, "was used by somebody else before you") {
			return fmt.Errorf("%+v", got)
		}
		return nil
	})
	anna.eventually("warning", func() error { return anna.noticed(made.ID + " was used by somebody else, too") })
	clara.eventually("reason", func() error { return clara.noticed(made.ID + ": this link was used by somebody else before you") })
	if got := clara.ok("contacts", "--json") + clara.ok("requests", "--json"); got != "" {
		t.Errorf("the second has %s", got)
	}
	if got := anna.ok("invite", "--list"); !strings.Contains(got, "used by "+bert.called+", and tried by somebody else") {
		t.Errorf("the list of links says %s", got)
	}
	anna.ok("invite", "--revoke", made.ID)
	if got := anna.ok("status"); strings.Contains(got, made.ID) {
		t.Errorf("the warning is not dealt with: %s", got)
	}

	clara.ok("add", list[invite](anna, "invite", "--expires", "1h")[0].Link)
	anna.sees(clara, "contacts")
	anna.ok("introduce", bert.called, clara.called)
	for s, other := range map[*someone]*someone{bert: clara, clara: bert} {
		s.sees(other, "requests")
		s.ok("accept", other.called)
	}
	for s, other := range map[*someone]*someone{bert: clara, clara: bert} {
		s.sees(other, "contacts")
		if got := s.ok("contacts"); !strings.Contains(got, "contact, introduced by "+anna.called) {
			t.Errorf("who introduced is not shown: %s", got)
		}
	}
	bert.ok("send", clara.called, "--wait", "delivered", "so we meet")
	frames := capture.Frames()
	for _, frame := range frames {
		if secret.in(frame.Bytes) {
			t.Error("the link went over the network")
		}
	}
	if len(frames) == 0 {
		t.Error("nothing was captured: this test is blind")
	}
}
