package daemon

import (
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"sottovoce/cmd/internal/control"
)

// examined is what the doctor finds in a check on the loopback interface, as "check cause verdict".
func examined(t *testing.T, check string, x *examination) (found []string) {
	t.Helper()
	x.named = []string{"lo"}
	for f, err := range x.findings(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		if f.Check == check {
			found = append(found, strings.Join([]string{f.Check, f.Cause, string(f.Verdict)}, " "))
		}
	}
	return found
}

// TestDoctorOfClocks sets the clock wrong, beside two nodes whose clocks are right, and takes the machine's battery away.
func TestDoctorOfClocks(t *testing.T) {
	log := new(overheard)
	for _, name := range []string{"Annabella", "Brunhilde"} {
		citizen(t, name, log)
	}
	with, without := t.TempDir(), t.TempDir()
	if err := os.Mkdir(filepath.Join(with, "rtc0"), 0o700); err != nil {
		t.Fatal(err)
	}
	ahead := func(by time.Duration) func() time.Time { return func() time.Time { return time.Now().Add(by) } }
	yes, no := func() bool { return true }, func() bool { return false }
	for want, clock := range map[string]machineClock{
		"clock right ok":        {time.Now, yes, without},
		"clock impossible bad":  {func() time.Time { return time.Unix(0, 0) }, no, with},
		"clock disagrees bad":   {ahead(-30 * 24 * time.Hour), yes, with},
		"clock no-battery warn": {ahead(time.Minute), no, without},
	} {
		eventually(t, want, func() bool { // both are heard
			return slices.Equal(examined(t, "clock", &examination{home: t.TempDir(), clock: clock, time: examinedMax}), []string{want})
		})
	}
}

// TestDoctorCutShort gives the doctor no time.
func TestDoctorCutShort(t *testing.T) {
	x := &examination{home: t.TempDir(), clock: ourClock, time: time.Millisecond}
	if got := examined(t, "examination", x); !slices.Equal(got, []string{"examination cut-short unknown"}) {
		t.Errorf("it finds %q", got)
	}
}

// TestDoctorReadsTables: what the kernel says of routes and neighbours.
func TestDoctorReadsTables(t *testing.T) {
	const routes = `Iface	Destination	Gateway 	Flags	RefCnt	Use	Metric	Mask		MTU	Window	IRTT
docker0	00000000	0101A8C0	0003	0	0	0	00000000	0	0	0
eth0	0000560A	00000000	0001	0	0	0	00FFFFFF	0	0	0
eth0	00000000	0100560A	0003	0	0	0	00000000	0	0	0
`
	router := netip.MustParseAddr("10.86.0.1")
	if got := defaultRouter(routes, []string{"eth0"}); got != router {
		t.Errorf("the router is %v", got)
	}
	for _, table := range []string{"", "\n\n", "eth0\tzz\n", "eth0\t00000000\tXX\t0\t0\t0\t0\t00000000\n", "eth0\t00000000\t00000000\t0\t0\t0\t0\t00000000\n"} {
		if got := defaultRouter(table, []string{"eth0"}); got.IsValid() {
			t.Errorf("%q has the router %v", table, got)
		}
	}
	const neighbours = `IP address       HW type     Flags       HW address            Mask     Device
10.86.0.1        0x1         %s         %s     *        eth0
`
	for _, c := range []struct {
		flags, address string
		want           bool
	}{{"0x2", "02:00:00:00:00:01", true}, {"0x0", "00:00:00:00:00:00", false}, {"0x2", "00:00:00:00:00:00", false}} {
		table := strings.Replace(strings.Replace(neighbours, "%s", c.flags, 1), "%s", c.address, 1)
		if isNeighbour(table, router) != c.want || isNeighbour(table, netip.MustParseAddr("10.86.0.2")) {
			t.Errorf("%+v", c)
		}
	}
}

// TestDoctorLeavesNothing: an examination leaves no file behind, and ends for who goes away.
func TestDoctorLeavesNothing(t *testing.T) {
	home := t.TempDir()
	for f, err := range Doctor(t.Context(), home, "127.0.0.1:0", []string{"lo"}) {
		if err != nil {
			t.Fatal(err)
		}
		if f.Check == "disk" && f.Verdict == control.VerdictBad {
			t.Errorf("%+v", f)
		}
		if f.Check == "multicast" {
			break
		}
	}
	left, err := os.ReadDir(home)
	if err != nil || len(left) != 0 {
		t.Errorf("it left %v, %v", left, err)
	}
}
