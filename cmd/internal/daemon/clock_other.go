//go:build !linux

package daemon

// clockVouched holds: the machines that run these systems have a clock with a battery.
func clockVouched() bool { return true }
