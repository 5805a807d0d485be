package netlab

import (
	"context"
	"errors"
	"net"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"sottovoce/cmd/internal/control"
)

// examinedTime is what an examination may take.
const examinedTime = 10 * time.Second

// examine asks the doctor.
func (s *someone) examine(flags ...string) (findings []control.Finding, code int) {
	s.t.Helper()
	began := time.Now()
	got := s.call(append([]string{"doctor", "--json"}, flags...)...)
	findings, err := lines[control.Finding](got.Stdout)
	if err != nil || len(findings) == 0 {
		s.t.Errorf("%s: doctor: %v: %+v", s.Name, err, got)
	}
	if took := time.Since(began); took > examinedTime {
		s.t.Errorf("%s: the doctor took %v", s.Name, took)
	}
	return findings, got.Code
}

// finds wants findings, as "check cause verdict", among the doctor's, and nothing else in the checks that they are of. The
// doctor ends with 1 when one of all is bad, with 0 else.
func (s *someone) finds(want []string, flags ...string) {
	s.t.Helper()
	findings, code := s.examine(flags...)
	s.wants(want, findings, code)
}

// wants is finds for an examination that was made.
func (s *someone) wants(want []string, findings []control.Finding, code int) {
	s.t.Helper()
	var got []string
	sick := 0
	for _, f := range findings {
		if f.Verdict == control.VerdictBad {
			sick = 1
		}
		if f.Verdict != control.VerdictOK && (f.Why == "" || f.Do == "") || strings.ContainsAny(f.Says+f.Why+f.Do, "\n\t") {
			s.t.Errorf("%s: %+v", s.Name, f)
		}
		if slices.ContainsFunc(want, func(w string) bool { return strings.HasPrefix(w, f.Check+" ") }) {
			got = append(got, f.Check+" "+f.Cause+" "+string(f.Verdict))
		}
	}
	if !slices.Equal(got, want) {
		s.t.Errorf("%s: the doctor finds %q, want %q: %+v", s.Name, got, want, findings)
	}
	if code != sick {
		s.t.Errorf("%s: exit code %d, and bad findings: %d", s.Name, code, sick)
	}
}

// visitor is somebody without an identity and a node.
func visitor(t *testing.T, h *Host) *someone {
	return &someone{Host: h, t: t, program: Binary(t), called: h.Name}
}

// TestDoctorAllIsWell has two contacts on a LAN where nothing is wrong, and then one thing after the other.
func TestDoctorAllIsWell(t *testing.T) {
	t.Parallel()
	lan := New(t, IPv4|LinkLocal)
	anna, bert := settle(t, lan.Host("anna")), settle(t, lan.Host("bert"))
	befriend(anna, bert)
	chat(anna, bert)
	well := []string{
		"node running ok", "mdns-port shared ok", "port free ok", "network used ok", "multicast echo ok", "multicast echo ok", "others heard ok",
		"seen mutual ok", "reach connected ok", "firewall open ok", "isolation none ok", "packets whole ok",
	}
	anna.finds(well)
	if got := anna.call("doctor"); got.Code != 0 || strings.Contains(got.Stdout, "✗") || !strings.Contains(got.Stdout, "✓  "+bert.called+" hears you") {
		t.Errorf("%+v", got)
	}

	off := anna.Firewall("input", "iifname eth0 ct state new udp dport != 5353 drop")
	anna.finds([]string{"seen mutual ok", "firewall closed bad"})
	off()

	off = anna.Firewall("output", "udp dport 5353 drop")
	anna.finds([]string{"multicast unsent bad", "multicast unsent bad", "seen unheard bad"})
	off()
	off = anna.Firewall("output", "ip6 nexthdr udp udp dport 5353 drop")
	anna.finds([]string{"multicast echo ok", "multicast unsent warn", "seen mutual ok"})
	off()
	off = anna.Firewall("input", "udp dport 5353 drop")
	anna.finds([]string{"multicast silent bad", "multicast silent bad", "seen deaf bad"})
	off()

	off = bert.Firewall("input", "udp dport 5353 drop")
	anna.finds([]string{"multicast echo ok", "multicast echo ok", "seen unheard bad", "isolation none ok"})
	off()
	others := []string{"ip saddr != " + anna.IPv4.String() + " udp dport 5353 drop", "ip6 saddr != " + anna.LinkLocal.String() + " udp dport 5353 drop"}
	off = anna.Firewall("input", others...)
	anna.finds([]string{"multicast echo ok", "multicast echo ok", "seen deaf bad"})
	off()
	off = bert.Firewall("output", "udp dport 5353 @th,80,1 1 drop") // announcements, and not questions
	anna.finds([]string{"seen quiet warn"})
	off()

	for _, h := range []*someone{anna, bert} {
		h.Port("bridge", "mcast_flood", "off")
	}
	anna.finds([]string{"multicast echo ok", "multicast echo ok", "isolation between bad"})
	for _, h := range []*someone{anna, bert} {
		h.Port("bridge", "mcast_flood", "on")
	}
	anna.finds(well)

	anna.ok("visibility", "nobody")
	anna.finds([]string{"node invisible warn", "multicast untested unknown", "multicast untested unknown", "reach connected ok", "isolation none ok"})
	anna.ok("visibility", "contacts")
	anna.finds(well)
}

// TestDoctorOfPackets has two contacts between whom packets of full size are lost, one that is on another network, and one
// that does not answer.
func TestDoctorOfPackets(t *testing.T) {
	t.Parallel()
	lan := New(t, IPv4)
	anna, bert := settle(t, lan.Host("anna")), settle(t, lan.Host("bert"))
	befriend(anna, bert)
	chat(anna, bert)
	net24 := "10.86.0.0/24"
	anna.IP("address", "add", anna.IPv4.String()+"/32", "dev", "eth0")
	anna.IP("address", "del", anna.IPv4.String()+"/24", "dev", "eth0")
	anna.IP("route", "add", net24, "dev", "eth0", "src", anna.IPv4.String())
	anna.finds([]string{"seen elsewhere ok"})
	anna.IP("route", "del", net24)
	anna.IP("address", "add", anna.IPv4.String()+"/24", "brd", "+", "dev", "eth0")
	anna.IP("address", "del", anna.IPv4.String()+"/32", "dev", "eth0")

	anna.eventually("link that outlives the other addresses", func() error {
		anna.say(bert, "back")                                   // no link comes about without packets of full size
		off := bert.Firewall("input", "meta length > 1000 drop") // as where a tunnel with a small MTU drops in silence
		findings, code := anna.examine()
		off()
		if slices.ContainsFunc(findings, func(f control.Finding) bool { return f.Cause == "nobody-to-ask" }) {
			return errors.New("there is none")
		}
		anna.wants([]string{"seen mutual ok", "packets lost bad"}, findings, code)
		return nil
	})
	anna.say(bert, "whole again")

	if err := bert.node.cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	anna.finds([]string{"seen no-answer unknown", "firewall untested unknown", "packets whole ok"})
	if err := bert.node.cmd.Process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	cleo := visitor(t, lan.Host("cleo"))
	cleo.IP("link", "set", "dev", "eth0", "mtu", "1000")
	cleo.finds([]string{"packets small bad"})
}

// TestDoctorInVain has, on a LAN without IPv4, a contact that is heard and cannot be reached.
func TestDoctorInVain(t *testing.T) {
	t.Parallel()
	lan := New(t, LinkLocal)
	anna, bert := settle(t, lan.Host("anna")), settle(t, lan.Host("bert"))
	befriend(anna, bert)
	chat(anna, bert)
	anna.finds([]string{"network used ok", "multicast echo ok", "seen mutual ok", "firewall open ok", "packets whole ok"})
	anna.ok("down")
	anna.Firewall("input", "iifname eth0 udp dport != 5353 udp sport != 5353 drop")
	anna.up()
	anna.eventually("vain attempts", func() error {
		findings, _ := anna.examine()
		if i := slices.IndexFunc(findings, func(f control.Finding) bool { return f.Check == "reach" }); i >= 0 && findings[i].Cause == "in-vain" {
			return nil
		}
		return context.DeadlineExceeded
	})
	anna.finds([]string{"others heard ok", "seen nobody-to-ask unknown", "reach in-vain bad"})
}

// TestDoctorAlone has machines that are on no network, or on none of people.
func TestDoctorAlone(t *testing.T) {
	t.Parallel()
	lan := New(t, IPv4)
	anna := visitor(t, lan.Host("anna"))
	anna.finds([]string{
		"node not-running unknown", "port free ok", "network used ok", "multicast echo ok", "others nobody unknown", "seen nobody-to-ask unknown",
		"firewall untested unknown", "isolation untested unknown", "packets whole ok",
	})
	anna.finds([]string{"network missing bad"}, "--interface", "wlan7")
	anna.finds([]string{"network used ok", "multicast echo ok"}, "--interface", "eth0")
	anna.IP("address", "del", anna.IPv4.String()+"/24", "dev", "eth0")
	anna.finds([]string{"network no-address bad"})
	anna.IP("link", "set", "dev", "eth0", "down")
	anna.finds([]string{"network none bad"})
	if got := anna.call("doctor").Stdout; strings.Contains(got, "IPv6") || strings.Contains(got, "heard") {
		t.Errorf("of a machine without a network the doctor says more:\n%s", got)
	}

	bert := visitor(t, lan.Host("bert"))
	bert.Bridge("docker0", "172.17.0.1/16")
	if got := bert.call("doctor"); got.Code != 0 || !strings.Contains(got.Stdout, "Connected by eth0. Left out: docker0 (") {
		t.Errorf("%+v", got)
	}
	bert.IP("link", "set", "dev", "eth0", "down")
	bert.finds([]string{"network only-virtual bad"})
}

// TestDoctorOfPorts has another program keep the ports.
func TestDoctorOfPorts(t *testing.T) {
	t.Parallel()
	h := New(t, IPv4).Host("anna")
	for _, at := range []string{"0.0.0.0:5353", ":4242"} {
		err := h.In(func() error {
			conn, err := net.ListenPacket("udp", at)
			if err == nil {
				t.Cleanup(func() { conn.Close() })
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	visitor(t, h).finds([]string{"mdns-port taken bad", "port taken bad"}, "--listen", ":4242")
	visitor(t, h).finds([]string{"mdns-port taken bad", "port free ok"}, "--listen", ":4243")
}

// TestDoctorOfIsolation has an access point that keeps its devices apart and lets all of them reach the router.
func TestDoctorOfIsolation(t *testing.T) {
	t.Parallel()
	lan := New(t, IPv4)
	router, a, b := lan.Host("router"), lan.Host("anna"), lan.Host("bert")
	for _, h := range []*Host{a, b} {
		h.Port("bridge", "isolated", "on")
		h.IP("route", "add", "default", "via", router.IPv4.String())
	}
	settle(t, b)
	visitor(t, a).finds([]string{"others nobody unknown", "isolation suspected warn"})
	b.Port("bridge", "isolated", "off")
	visitor(t, a).finds([]string{"others heard ok", "isolation none ok"})
}

// TestDoctorOfDisks has homes on memory, on little room, and on what cannot be written to.
func TestDoctorOfDisks(t *testing.T) {
	t.Parallel()
	lan := New(t, IPv4)
	for _, c := range []struct{ size, want string }{{"4m", "disk full bad"}, {"100m", "disk low warn"}, {"300m", "disk room ok"}} {
		h := lan.Host("anna")
		d := smallDisk(t, h, c.size)
		visitor(t, h).finds([]string{c.want, "home memory warn"})
		if err := syscall.Mount("", d.dir, "", syscall.MS_REMOUNT|syscall.MS_RDONLY, ""); err != nil {
			t.Fatal(err)
		}
		visitor(t, h).finds([]string{"disk read-only bad", "home memory warn"})
	}
	h := lan.Host("bert")
	var s syscall.Statfs_t
	if err := syscall.Statfs(os.TempDir(), &s); err != nil {
		t.Fatal(err)
	}
	if memory := int64(0x01021994); int64(s.Type) != memory {
		visitor(t, h).finds([]string{"home lasting ok"})
	}
}

// TestDoctorStops: Ctrl-C ends an examination at once.
func TestDoctorStops(t *testing.T) {
	t.Parallel()
	lan := New(t, IPv4)
	anna := visitor(t, lan.Host("anna"))
	anna.Firewall("input", "udp dport 5353 drop") // it waits for the echo
	p := anna.Start(anna.program, "doctor")
	anna.eventually("first line", func() error {
		if !strings.Contains(p.Output(), "5353") {
			return context.DeadlineExceeded
		}
		return nil
	})
	began := time.Now()
	if err := p.cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	<-p.Done()
	if took := time.Since(began); took > time.Second || p.cmd.ProcessState.ExitCode() != 1 || !strings.Contains(p.Output(), "stopped before everything was tested") {
		t.Errorf("after %v with %d: %s", took, p.cmd.ProcessState.ExitCode(), p.Output())
	}
}
