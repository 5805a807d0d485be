package netlab

import (
	"strings"
	"testing"
)

// The supernode stands on two networks. So do, for the last part, Anna and Carlo.
const (
	elsewherePi    = "10.99.0.2"
	elsewhereCarlo = "10.99.0.1"
	elsewhereAnna  = "10.99.0.3"
)

// TestInviteWhileAway: anna gives a link out and leaves. Carlo, who is a member of nothing, and on a network from which only the
// supernode is reached, uses it and writes; anna comes back, and has the contact and what he wrote, once and in order. When they
// meet he sees that it was delivered.
func TestInviteWhileAway(t *testing.T) {
	t.Parallel()
	lan, elsewhere := New(t, IPv4), New(t, IPv4)
	anna, host := settle(t, lan.Host("anna")), lan.Host("pi")
	elsewhere.Leg(host, "eth1", elsewherePi+"/24")
	visitor := elsewhere.Host("carlo")
	elsewhere.must("ip", "-n", visitor.namespace, "address", "add", elsewhereCarlo+"/24", "dev", "eth0")
	carlo := settle(t, visitor)
	if got := anna.ok("invite"); !strings.Contains(got, "not while you are away: no supernode of a community of yours is reached now") {
		t.Errorf("without a supernode invite says %s", got)
	}
	pi, _ := found(t, host, "--advertise", elsewherePi+":4242", "--advertise", host.IPv4.String()+":4242")
	pi.admits(anna)
	anna.reaches(pi)

	type invite struct {
		ID, Link string
		Away     struct {
			Supernode, Address string
			Kept               bool
		}
	}
	made := list[invite](anna, "invite")[0]
	if !made.Away.Kept || !strings.HasPrefix(made.Away.Supernode, "Orchard peer-") || made.Away.Address != elsewherePi+":4242" {
		t.Fatalf("the link is kept by %+v", made.Away)
	}
	if got := anna.ok("invite", "--list"); !strings.Contains(got, "not used yet; works while you are away") {
		t.Errorf("the list of links says %s", got)
	}
	anna.leaves()
	if got := carlo.ok("add", made.Link); got != "You and "+anna.called+" are contacts.\n" {
		t.Fatalf("using the link says %q", got)
	}
	texts := []string{"one", "two", "three"}
	carlo.leave(anna, texts...)
	anna.up()
	anna.sees(carlo, "contacts")
	anna.hears(arriveTime, carlo, texts)
	if got := anna.ok("invite", "--list"); !strings.Contains(got, "used by "+carlo.called) {
		t.Errorf("the list of links says %s", got)
	}
	anna.leaves()
	elsewhere.Leg(anna.Host, "eth1", elsewhereAnna+"/24")
	anna.up()
	carlo.delivered(arriveTime, anna)
	anna.hears(arriveTime, carlo, texts)
	if got := carlo.ok("requests", "--json"); got != "" {
		t.Errorf("carlo still waits for %s", got)
	}
}
