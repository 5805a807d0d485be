//go:build !linux

package daemon

import (
	"context"
	"math"
	"net/netip"
	"os"

	"sottovoce/cmd/internal/doctor"
)

// firewallProgram is not known.
func firewallProgram() string { return "" }

// hasBatteryClock holds: the machines that run these systems have one.
func hasBatteryClock(string) bool { return true }

// diskOf finds out whether a home can be written to; how much room there is, it cannot.
func diskOf(home string) doctor.Disk {
	d := doctor.Disk{Path: home, Free: math.MaxInt64}
	if probe, err := os.CreateTemp(home, ".doctor-*"); err == nil {
		_ = probe.Close()
		_ = os.Remove(probe.Name())
	} else {
		d.ReadOnly = !os.IsNotExist(err)
	}
	return d
}

// routerAnswers is not known.
func routerAnswers(context.Context, []string, func(netip.Addr) bool) bool { return false }
