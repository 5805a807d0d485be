package doctor

import (
	"fmt"
	"net"
	"slices"
	"strconv"
	"time"

	"sottovoce/cmd/internal/control"
)

// What is little, in bytes, and what a clock can say.
const (
	diskFull = 8 << 20   // below it a commit may fail
	diskLow  = 200 << 20 // some weeks of busy chat
	// packetMin is the smallest largest packet of an IPv6 network, and room for QUIC's first ones, in bytes.
	packetMin = 1280
	// clockOff is how far the clocks of two announcements of one moment may be apart: an hour of rounding at each end, and
	// one of jitter.
	clockOff = 3 * time.Hour
)

// The years in which this program is believed to run.
var (
	clockFrom  = time.Date(2026, time.January, 1, 0, 0, 0, 0, time.UTC)
	clockUntil = time.Date(2080, time.January, 1, 0, 0, 0, 0, time.UTC)
)

// CheckNode tells whether the node runs and shows itself.
func CheckNode(n Node) control.Finding {
	switch {
	case !n.Running:
		return found("node", "not-running", "")
	case n.Visibility == "nobody":
		return found("node", "invisible", "")
	}
	return found("node", "running", "")
}

// CutShort says that an examination took too long.
func CutShort() control.Finding { return found("examination", "cut-short", "") }

// CheckNetwork tells whether this machine is on a network of people. named are the interfaces that the person chose; nil: none.
func CheckNetwork(all []Interface, named []string) control.Finding {
	var used, missing, names, bare []string
	genuine := false
	for _, i := range all {
		names = append(names, i.Name)
		switch {
		case i.Used && (i.Kind != "loopback" || named != nil):
			used = append(used, i.Name)
			genuine = genuine || i.Kind != "virtual" && i.Kind != "tunnel"
		case i.Why == "no-address" && i.Kind != "virtual" && i.Kind != "tunnel":
			bare = append(bare, i.Name)
		}
	}
	for _, name := range named {
		if !slices.Contains(names, name) {
			missing = append(missing, name)
		}
	}
	switch {
	case len(missing) > 0 && len(used) == 0:
		return found("network", "missing", "", "NAMES", and(missing), "OTHERS", some(names))
	case len(used) > 0 && (genuine || named != nil):
		f := found("network", "used", "", "NAMES", and(used))
		if left := leftOut(all); left != "" {
			f.Says += " Left out: " + left + "."
		}
		return f
	case len(bare) > 0:
		return found("network", "no-address", "", "NAMES", and(bare), "INTERFACE", bare[0])
	}
	if virtual := virtuals(all); len(virtual) > 0 {
		return found("network", "only-virtual", "", "NAMES", and(virtual), "INTERFACE", virtual[0])
	}
	why := leftOut(all)
	if why == "" {
		why = "it has no network card"
	}
	return found("network", "none", "", "NAMES", why)
}

// Nowhere reports whether CheckNetwork found that there is no network to say more about.
func Nowhere(network control.Finding) bool {
	switch network.Cause {
	case "none", "no-address", "missing":
		return true
	}
	return false
}

// leftOut says which interfaces are not used, and why; the loopback interface goes without saying.
func leftOut(all []Interface) string {
	words := map[string]string{
		"unnamed": "not chosen", "down": "switched off", "no-carrier": "no cable or Wi-Fi", "no-address": "no address", "no-multicast": "cannot call out to everybody",
		"point-to-point": "a tunnel or modem", "virtual": "containers, virtual machines or a VPN", "too-many": "there are more than 16", "failed": "cannot be opened",
	}
	var left []string
	for _, i := range all {
		if word, ok := words[i.Why]; ok && !i.Used && i.Kind != "loopback" {
			left = append(left, i.Name+" ("+word+")")
		}
	}
	return some(left)
}

// virtuals are the interfaces with an address that lead to no people.
func virtuals(all []Interface) (names []string) {
	for _, i := range all {
		lives := i.Used || i.Why == "virtual" || i.Why == "point-to-point"
		if lives && len(i.Prefixes) > 0 && (i.Kind == "virtual" || i.Kind == "tunnel") {
			names = append(names, i.Name)
		}
	}
	return names
}

// CheckSizes tells whether the interfaces in use take packets that are large enough.
func CheckSizes(all []Interface) (findings []control.Finding) {
	for _, i := range all {
		if i.Used && i.MTU < packetMin {
			findings = append(findings, found("packets", "small", i.Name, "INTERFACE", i.Name, "SIZE", strconv.Itoa(i.MTU)))
		}
	}
	return findings
}

// CheckPorts tells whether the ports can be had.
func CheckPorts(p Ports) []control.Finding {
	mdns, links := found("mdns-port", "shared", ""), found("port", "free", "")
	if p.MDNSTaken != "" {
		mdns = found("mdns-port", "taken", "")
	}
	if p.Taken != "" {
		_, port, _ := net.SplitHostPort(p.Listen)
		links = found("port", "taken", "", "DETAIL", p.Taken, "PORT", port)
	}
	return []control.Finding{mdns, links}
}

// CheckClock tells whether the clock can be right. Others are believed when two of them agree.
func CheckClock(c Clock, others []Date) control.Finding {
	said := c.Now.UTC().Format("2006-01-02 15:04")
	agree, count := agreed(others)
	switch {
	case c.Now.Before(clockFrom) || !c.Now.Before(clockUntil):
		return found("clock", "impossible", "", "DATE", said)
	case count > 0 && (agree > clockOff || agree < -clockOff):
		right := c.Now.Add(agree).UTC().Format("2006-01-02 15:04")
		return found("clock", "disagrees", "", "DATE", said, "COUNT", strconv.Itoa(count), "OTHERS", right)
	case !c.Battery && !c.Vouched:
		return found("clock", "no-battery", "", "DATE", said)
	}
	return found("clock", "right", "", "DATE", said)
}

// agreed is how far from ours the clocks are that most others share, two at least and more than half of all; and how many do.
func agreed(others []Date) (off time.Duration, count int) {
	sorted := slices.Sorted(slices.Values(others))
	for i, first := range sorted {
		n := 0
		for n < len(sorted)-i && sorted[i+n]-first <= Date(clockOff) {
			n++
		}
		if n > count {
			off, count = time.Duration(sorted[i+n/2]), n
		}
	}
	if count < 2 || 2*count <= len(others) {
		return 0, 0
	}
	return off, count
}

// CheckDisk tells whether the home can be written to, and stays.
func CheckDisk(d Disk) []control.Finding {
	room := found("disk", "room", "", "SIZE", size(d.Free))
	switch {
	case d.ReadOnly:
		room = found("disk", "read-only", "", "PATH", d.Path)
	case d.Free < diskFull:
		room = found("disk", "full", "", "SIZE", size(d.Free), "PATH", d.Path)
	case d.Free < diskLow:
		room = found("disk", "low", "", "SIZE", size(d.Free), "PATH", d.Path)
	}
	lasts := found("home", "lasting", "")
	if d.Memory {
		lasts = found("home", "memory", "", "PATH", d.Path)
	}
	return []control.Finding{room, lasts}
}

// size is a number of bytes as people say it.
func size(bytes uint64) string {
	switch {
	case bytes < 1<<20:
		return fmt.Sprintf("%d KiB", bytes>>10)
	case bytes < 1<<30:
		return fmt.Sprintf("%d MiB", bytes>>20)
	}
	return fmt.Sprintf("%d GiB", bytes>>30)
}
