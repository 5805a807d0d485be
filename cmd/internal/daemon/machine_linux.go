package daemon

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"sottovoce/cmd/internal/doctor"
)

// firewallProgram is what looks after the firewall here, as far as anybody may know.
func firewallProgram() string {
	if config, err := os.ReadFile("/etc/ufw/ufw.conf"); err == nil && bytes.Contains(config, []byte("\nENABLED=yes")) {
		return "ufw"
	}
	if _, err := os.Stat("/run/firewalld.pid"); err == nil {
		return "firewalld"
	}
	return ""
}

// hasBatteryClock reports whether the machine has a clock that goes on without power.
func hasBatteryClock(folder string) bool {
	found, err := filepath.Glob(filepath.Join(folder, "rtc*"))
	return err == nil && len(found) > 0
}

// diskOf looks at the file system of a home, or of where it would be made.
func diskOf(home string) doctor.Disk {
	d := doctor.Disk{Path: home}
	at := home
	for at != filepath.Dir(at) {
		if _, err := os.Stat(at); err == nil {
			break
		}
		at = filepath.Dir(at)
	}
	var s unix.Statfs_t
	if err := unix.Statfs(at, &s); err == nil {
		d.Free = s.Bavail * uint64(s.Bsize)
		d.Memory = uint32(s.Type) == unix.TMPFS_MAGIC || uint32(s.Type) == unix.RAMFS_MAGIC
	}
	probe, err := os.CreateTemp(at, ".doctor-*")
	if err == nil {
		_ = errors.Join(probe.Close(), os.Remove(probe.Name()))
	}
	d.ReadOnly = err != nil && !errors.Is(err, syscall.ENOSPC)
	return d
}

// neighbourWait is how long the kernel needs to ask for a router's hardware address.
const neighbourWait = 600 * time.Millisecond

// routerAnswers finds the IPv4 router behind the interfaces in use, and whether it answers
// when the kernel asks who it is. A packet to the port "discard" makes the kernel ask.
func routerAnswers(ctx context.Context, used []string, here func(netip.Addr) bool) bool {
	routes, err := os.ReadFile("/proc/net/route")
	if err != nil {
		return false
	}
	router := defaultRouter(string(routes), used)
	if !here(router) {
		return false
	}
	conn, err := net.Dial("udp4", netip.AddrPortFrom(router, 9).String())
	if err != nil {
		return false
	}
	defer conn.Close()
	_, _ = conn.Write([]byte{0})
	for began := time.Now(); time.Since(began) < neighbourWait && ctx.Err() == nil; time.Sleep(factsEvery) {
		table, err := os.ReadFile("/proc/net/arp")
		if err == nil && isNeighbour(string(table), router) {
			return true
		}
	}
	return false
}

// defaultRouter finds the default route of one of the interfaces in the kernel's table.
func defaultRouter(table string, used []string) netip.Addr {
	for line := range strings.Lines(table) {
		fields := strings.Fields(line)
		if len(fields) < 8 || fields[1] != "00000000" || fields[7] != "00000000" || !slices.Contains(used, fields[0]) {
			continue
		}
		b, err := hex.DecodeString(fields[2])
		if err != nil || len(b) != 4 {
			continue
		}
		slices.Reverse(b) // as the machine has numbers, and all that we run on begin with the low byte
		if addr := netip.AddrFrom4([4]byte(b)); !addr.IsUnspecified() {
			return addr
		}
	}
	return netip.Addr{}
}

// isNeighbour reports whether the kernel knows the hardware address of a neighbour.
func isNeighbour(table string, addr netip.Addr) bool {
	for line := range strings.Lines(table) {
		fields := strings.Fields(line)
		if len(fields) >= 4 && fields[0] == addr.String() {
			return fields[2] == "0x2" && fields[3] != "00:00:00:00:00:00"
		}
	}
	return false
}
