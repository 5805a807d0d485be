package netlab

import (
	"fmt"
	"path/filepath"
	"slices"

	"golang.org/x/sys/unix"

	"sottovoce/mesh/needtest"
)

// noClock takes from a command whatever could vouch for the machine's clock: the one with a battery, and the kernel's word that the network
// keeps it right. NUMBERS are those of the system calls that would say so: python3 -c … NUMBERS COMMAND…
const noClock = `import ctypes, os, struct, sys
numbers = [int(n) for n in sys.argv[1].split(",")]
rule = lambda code, yes, no, k: struct.pack("HBBI", code, yes, no, k)
rules = [rule(0x20, 0, 0, 0)]  # the number of the call
rules += [rule(0x15, len(numbers) - i, 0, n) for i, n in enumerate(numbers)]
rules += [rule(6, 0, 0, 0x7FFF0000), rule(6, 0, 0, 0x00050001)]  # let it through; EPERM
text = ctypes.create_string_buffer(b"".join(rules))
filter = ctypes.create_string_buffer(struct.pack("HxxxxxxP", len(rules), ctypes.addressof(text)))
libc = ctypes.CDLL(None, use_errno=True)
libc.unshare(0x00020000)
libc.mount(b"none", b"/", None, 0x44000, None)
libc.mount(b"none", b"/sys/class/rtc", b"tmpfs", 0, None)
if libc.prctl(38, 1, 0, 0, 0) or libc.prctl(22, 2, filter, 0, 0):
    sys.exit(os.strerror(ctypes.get_errno()))
os.execvp(sys.argv[2], sys.argv[2:])
`

// launchYearsAhead runs the supernode of a machine without a battery, whose clock is a year ahead. That is possible for an emulated
// program only, whose emulator can be deceived.
func (s *depot) launchYearsAhead() {
	s.t.Helper()
	found, err := filepath.Glob("/usr/lib/*/faketime/libfaketime.so.1")
	if err != nil || len(found) == 0 {
		needtest.Without(s.t, "there is no libfaketime")
	}
	env := s.Env
	defer func() { s.Env = env }()
	s.Env = append(slices.Clone(env), "LD_PRELOAD="+found[0], "FAKETIME=+400d", "FAKETIME_DONT_FAKE_MONOTONIC=1")
	s.process = s.Start(append([]string{
		"python3", "-c", noClock, fmt.Sprintf("%d,%d", unix.SYS_ADJTIMEX, unix.SYS_CLOCK_ADJTIME), s.binary(), "supernode", "up", "--data", dataDir,
	}, s.flags...)...)
	waitSupernode(s.t, s.Host, dataDir)
}

// wakesAhead: what anna leaves for bert, who is away with what he has got, outlives a power cut after which the supernode believes that its day is long past.
func wakesAhead(pi *depot, anna, bert *someone, got []string) {
	pi.t.Helper()
	anna.leave(bert, "the power will go")
	kept := depotList[supernodeStatusJSON](pi, "status")[0].Blobs
	pi.process.Kill()
	pi.launchYearsAhead()
	if s := depotList[supernodeStatusJSON](pi, "status")[0]; s.Clock != "alone" && s.Clock != "doubted" || s.Blobs != kept || kept == 0 {
		pi.t.Errorf("with a clock a year ahead, of %d it keeps %+v", kept, s)
	}
	pi.process.Kill()
	pi.up()
	anna.leaves()
	bert.up()
	bert.hears(arriveTime, anna, append(got, "the power will go"))
}
