package netlab

import (
	"bytes"
	"errors"
	"os"
	"strconv"
	"strings"
)

// Loss makes the host lose that many of a hundred UDP packets that arrive on its cable; 0 ends it.
func (h *Host) Loss(percent int) {
	h.lan.t.Helper()
	nft := func(args ...string) {
		h.lan.t.Helper()
		h.lan.must(append([]string{"ip", "netns", "exec", h.namespace, "nft"}, args...)...)
	}
	if h.lossy {
		nft("delete", "table", "inet", "lab")
		h.lossy = false
	}
	if percent == 0 {
		return
	}
	nft("add table inet lab")
	nft("add chain inet lab in { type filter hook input priority 0; }")
	nft("add rule inet lab in iifname eth0 meta l4proto udp numgen random mod 100 < " + strconv.Itoa(percent) + " drop")
	h.lossy = true
}

// Unplug pulls the host's cable at the switch: the host sees no carrier and keeps its addresses.
func (h *Host) Unplug() {
	h.lan.t.Helper()
	h.lan.must("ip", "-n", h.lan.bridge, "link", "set", h.port, "down")
	h.waitFor("dead cable", func() error {
		if carrier, err := h.carrier(); err != nil || carrier {
			return errors.Join(err, errors.New("the cable is still alive"))
		}
		return nil
	})
}

// Plug puts the cable back and returns when the host sees the carrier.
func (h *Host) Plug() {
	h.lan.t.Helper()
	h.lan.must("ip", "-n", h.lan.bridge, "link", "set", h.port, "up")
	h.waitFor("carrier", func() error {
		if carrier, err := h.carrier(); err != nil || !carrier {
			return errors.Join(err, errors.New("the cable is still dead"))
		}
		return nil
	})
}

func (h *Host) carrier() (bool, error) {
	out, err := command("ip", "-n", h.namespace, "-o", "link", "show", "dev", "eth0")
	return bytes.Contains([]byte(out), []byte("LOWER_UP")), err
}

// Bridge gives the host a bridge to nowhere with an address, such as container programs leave on every machine.
func (h *Host) Bridge(name, address string) {
	h.lan.t.Helper()
	h.lan.must("ip", "-n", h.namespace, "link", "add", name, "type", "bridge")
	h.lan.must("ip", "-n", h.namespace, "address", "add", address, "brd", "+", "dev", name)
	h.lan.must("ip", "-n", h.namespace, "link", "set", name, "up")
}

// Memory returns the resident memory of a running process in bytes.
func (p *Process) Memory() int64 {
	p.host.lan.t.Helper()
	text, err := os.ReadFile("/proc/" + strconv.Itoa(p.PID()) + "/statm")
	if err != nil {
		p.host.lan.t.Fatal(err)
	}
	fields := bytes.Fields(text)
	if len(fields) < 2 {
		p.host.lan.t.Fatalf("process %d: strange statm %q", p.PID(), text)
	}
	pages, err := strconv.ParseInt(string(fields[1]), 10, 64)
	if err != nil {
		p.host.lan.t.Fatal(err)
	}
	return pages * int64(os.Getpagesize())
}

// Deaf makes the host lose what multicast DNS of another host sends, answers included, as
// an access point does that keeps its stations apart or filters groups.
func (h *Host) Deaf(to *Host) {
	h.lan.t.Helper()
	nft := func(rule string) {
		h.lan.t.Helper()
		h.lan.must("ip", "netns", "exec", h.namespace, "nft", rule)
	}
	nft("add table inet deaf")
	nft("add chain inet deaf in { type filter hook input priority 0; }")
	for _, from := range []string{"ip saddr " + to.IPv4.String(), "ip6 saddr " + to.LinkLocal.String(), "ip6 saddr " + to.ULA.String()} {
		if !strings.Contains(from, "invalid") {
			nft("add rule inet deaf in " + from + " udp dport 5353 drop")
			nft("add rule inet deaf in " + from + " udp sport 5353 drop")
		}
	}
}
