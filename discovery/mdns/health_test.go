package mdns

import (
	"errors"
	"net"
	"slices"
	"testing"
	"time"
)

func TestSkipped(t *testing.T) {
	all := []Interface{
		with(wired("lo", 1, "127.0.0.1/8"), net.FlagUp|net.FlagRunning|net.FlagLoopback),
		wired("eth0", 2, "10.0.0.1/24"),
		with(wired("eth1", 3, "10.0.1.1/24"), net.FlagMulticast),
		with(wired("eth2", 4, "10.0.2.1/24"), net.FlagUp|net.FlagMulticast),
		wired("eth3", 5),
		with(wired("eth4", 6, "10.0.4.1/24"), net.FlagUp|net.FlagRunning),
		with(wired("ppp0", 7, "10.0.5.1/32"), live|net.FlagPointToPoint),
		wired("docker0", 8, "172.18.0.1/16"),
	}
	want := []Skipped{
		{"lo", ReasonLoopback, ""},
		{"eth1", ReasonDown, ""},
		{"eth2", ReasonNoCarrier, ""},
		{"eth3", ReasonNoAddress, ""},
		{"eth4", ReasonNoMulticast, ""},
		{"ppp0", ReasonPointToPoint, ""},
		{"docker0", ReasonVirtual, ""},
	}
	if got := skipped(all, choose(all, nil), nil); !slices.Equal(got, want) {
		t.Errorf("skipped %v, want %v", got, want)
	}
	named := []string{"eth1", "docker0"}
	got := skipped(all, choose(all, named), named)
	if len(got) != 7 || got[0] != (Skipped{"lo", ReasonUnnamed, ""}) || got[2] != (Skipped{"eth1", ReasonDown, ""}) {
		t.Errorf("with names %v", got)
	}
	var many []Interface
	for i := range interfacesMax + 1 {
		many = append(many, wired("eth"+string(rune('a'+i)), i+1, "10.0.0.1/24"))
	}
	if got := skipped(many, choose(many, nil), nil); len(got) != 1 || got[0].Reason != ReasonTooMany {
		t.Errorf("of too many %v", got)
	}
}

func TestTally(t *testing.T) {
	g := &leg{family: IPv6}
	now := time.Unix(1000, 7)
	g.left(errors.New("network is unreachable"), &g.announced, now)
	if h := g.health("eth0"); h.Failed != "network is unreachable" || !h.Announced.IsZero() || !h.IPv6 || h.Interface != "eth0" {
		t.Errorf("after a failure %+v", h)
	}
	g.left(nil, &g.announced, now)
	if h := g.health("eth0"); h.Failed != "" || !h.Announced.Equal(now) || !h.Asked.IsZero() {
		t.Errorf("after success %+v", h)
	}
}
