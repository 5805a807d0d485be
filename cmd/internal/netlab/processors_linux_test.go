package netlab

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"sottovoce/mesh/needtest"
)

// processors are those of the Raspberry Pis, with what stands in for them here: the first has ARMv6 and no more.
var processors = []struct {
	name, goarch, goarm string
	emulator            []string
}{
	{"armv6", "arm", "6", []string{"qemu-arm", "-cpu", "arm1176"}},
	{"arm64", "arm64", "", []string{"qemu-aarch64"}},
}

// TestOtherProcessors lets the program of each Raspberry Pi, emulated, talk to that of this machine, and then both the supernode and
// who is away be such programs in the story of away; at last one supernode wakes up with a clock that is a year ahead. The emulator
// knows no IP_MULTICAST_IF, so an emulated host finds nobody and is found by nobody: addresses are typed, and advertised.
func TestOtherProcessors(t *testing.T) {
	t.Parallel()
	for _, p := range processors {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			needtest.Programs(t, p.emulator[0])
			lan := New(t, IPv4|ULA)
			anna := settleAs(t, lan.Host("anna"), "Anna Fiordaliso")
			pi := &someone{Host: lan.Host(p.name), t: t, called: p.name + " Fiordaliso"}
			pi.program = emulated(t, p.goarch, p.goarm, p.emulator)
			pi.ok("init", "--name", pi.called)
			pi.up("--listen", ":4242")
			anna.ok("add", pi.IPv4.String()+":4242")
			pi.sees(anna, "requests")
			pi.ok("accept", anna.called)
			anna.sees(pi, "contacts")
			chat(anna, pi)
			pi.node.Kill()
			pi.up("--listen", ":4242")
			pi.hears(arriveTime, anna, []string{"is this thing private?"})

			shelf := lan.Host(p.name + "-shelf")
			supernode := &depot{Host: shelf, t: t, program: pi.program, flags: []string{"--advertise", shelf.IPv4.String() + ":4242"}}
			got := away(supernode, anna, pi)
			if p.goarch == "arm64" {
				wakesAhead(supernode, anna, pi, got)
			}
		})
	}
}

// emulated builds the program for another processor, beside a script that runs it, and returns the script.
func emulated(t *testing.T, goarch, goarm string, emulator []string) string {
	t.Helper()
	dir := t.TempDir()
	program, script := filepath.Join(dir, "sottovoce"), filepath.Join(dir, "emulated")
	if err := build(program, "GOARCH="+goarch, "GOARM="+goarm); err != nil {
		t.Fatal(err)
	}
	text := "#!/bin/sh\nexec"
	for _, word := range append(emulator, program) {
		text += fmt.Sprintf(" '%s'", word)
	}
	if err := os.WriteFile(script, []byte(text+" \"$@\"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	return script
}
