package netlab

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"
)

// sideBySide is how many parallel tests run at a time, where -parallel does not say otherwise: they wait more than they work.
const sideBySide = "6"

func TestMain(m *testing.M) {
	if err := flag.Set("test.parallel", sideBySide); err != nil {
		panic(err)
	}
	os.Exit(Main(m))
}

// listen opens a UDP socket on a host.
func listen(t *testing.T, h *Host, at netip.Addr) *net.UDPConn {
	t.Helper()
	var conn *net.UDPConn
	err := h.In(func() (err error) {
		conn, err = net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(at, 0)))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

func addrOf(conn *net.UDPConn) netip.AddrPort { return conn.LocalAddr().(*net.UDPAddr).AddrPort() }

// passes sends a packet from one socket to another and tells whether it arrives within a moment.
func passes(t *testing.T, from, to *net.UDPConn) error {
	t.Helper()
	word := fmt.Sprintf("word %d", count.Add(1))
	if _, err := from.WriteToUDPAddrPort([]byte(word), addrOf(to)); err != nil {
		return err
	}
	return hears(to, word)
}

// hears reads from a socket until a word arrives, for 300 ms at most.
func hears(conn *net.UDPConn, word string) error {
	_ = conn.SetReadDeadline(time.Now().Add(300 * time.Millisecond))
	buffer := make([]byte, 1500)
	for {
		n, _, err := conn.ReadFromUDPAddrPort(buffer)
		if err != nil {
			return err
		}
		if string(buffer[:n]) == word {
			return nil
		}
	}
}

func TestHostsReachEachOther(t *testing.T) {
	lan := New(t, IPv4|ULA)
	anna, bert := lan.Host("anna"), lan.Host("bert")
	for _, pair := range [][2]netip.Addr{{anna.IPv4, bert.IPv4}, {anna.ULA, bert.ULA}} {
		a, b := listen(t, anna, pair[0]), listen(t, bert, pair[1])
		if err := errors.Join(passes(t, a, b), passes(t, b, a)); err != nil {
			t.Errorf("%v and %v: %v", pair[0], pair[1], err)
		}
	}
	if !anna.LinkLocal.IsLinkLocalUnicast() || anna.LinkLocal == bert.LinkLocal {
		t.Errorf("link-local addresses are %v and %v", anna.LinkLocal, bert.LinkLocal)
	}
}

func TestFamilies(t *testing.T) {
	for family, want := range map[Family]string{
		IPv4:       "10.86.0.1/24",
		LinkLocal:  "LL/64",
		ULA:        "fd53:5600::1/64 LL/64",
		IPv4 | ULA: "10.86.0.1/24 fd53:5600::1/64 LL/64",
	} {
		h := New(t, family).Host("anna")
		var got []string
		err := h.In(func() error {
			card, err := net.InterfaceByName("eth0")
			if err != nil {
				return err
			}
			addrs, err := card.Addrs()
			for _, a := range addrs {
				got = append(got, strings.Replace(a.String(), h.LinkLocal.String(), "LL", 1))
			}
			return err
		})
		if err != nil || strings.Join(got, " ") != want {
			t.Errorf("family %d: addresses %v, want %s (%v)", family, got, want, err)
		}
	}
}

func TestNoWayOut(t *testing.T) {
	h := New(t, IPv4|ULA).Host("anna")
	for _, version := range []string{"-4", "-6"} {
		if out := h.Run(t.Context(), "ip", version, "route", "show", "default"); out.Stdout != "" || out.Code != 0 {
			t.Errorf("ip %s route show default: %+v", version, out)
		}
	}
	conn := listen(t, h, netip.IPv4Unspecified())
	if _, err := conn.WriteToUDPAddrPort([]byte("out"), netip.MustParseAddrPort("192.0.2.1:9")); err == nil {
		t.Error("a packet left for the internet")
	}
}

func TestMulticastCrossesTheSwitch(t *testing.T) {
	lan := New(t, IPv4|LinkLocal)
	anna, bert := lan.Host("anna"), lan.Host("bert")
	for _, group := range []string{"224.0.0.251", "ff02::fb"} {
		at := &net.UDPAddr{IP: net.ParseIP(group), Port: 5353}
		var hear *net.UDPConn
		err := bert.In(func() (err error) {
			hear, err = net.ListenMulticastUDP("udp", bert.Interface(), at)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		defer hear.Close()
		err = anna.In(func() error {
			conn, err := net.ListenUDP("udp", nil)
			if err != nil {
				return err
			}
			defer conn.Close()
			err = ipv4.NewPacketConn(conn).SetMulticastInterface(anna.Interface())
			if at.IP.To4() == nil {
				err = ipv6.NewPacketConn(conn).SetMulticastInterface(anna.Interface())
			}
			if err != nil {
				return err
			}
			_, err = conn.WriteToUDP([]byte("who is there"), at)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		if err := hears(hear, "who is there"); err != nil {
			t.Errorf("%s: %v", group, err)
		}
	}
}

func TestLoss(t *testing.T) {
	const sent = 2000
	lan := New(t, IPv4|ULA)
	anna, bert := lan.Host("anna"), lan.Host("bert")
	for _, pair := range [][2]netip.Addr{{anna.IPv4, bert.IPv4}, {anna.ULA, bert.ULA}} {
		a, b := listen(t, anna, pair[0]), listen(t, bert, pair[1])
		if err := b.SetReadBuffer(4 << 20); err != nil {
			t.Fatal(err)
		}
		for percent, bounds := range map[int][2]int{30: {25, 35}, 0: {0, 0}} {
			bert.Loss(percent)
			for range sent {
				if _, err := a.WriteToUDPAddrPort([]byte("x"), addrOf(b)); err != nil {
					t.Fatal(err)
				}
			}
			lost := 100 * (sent - drain(b)) / sent
			if lost < bounds[0] || lost > bounds[1] {
				t.Errorf("%v: lost %d %% where %d %% were wanted", pair[1], lost, percent)
			}
		}
	}
}

// drain counts the packets that wait in a socket.
func drain(conn *net.UDPConn) (n int) {
	buffer := make([]byte, 1500)
	for {
		_ = conn.SetReadDeadline(time.Now().Add(100 * time.Millisecond))
		if _, _, err := conn.ReadFromUDPAddrPort(buffer); err != nil {
			return n
		}
		n++
	}
}

func TestUnplugAndPlug(t *testing.T) {
	t.Parallel()
	lan := New(t, IPv4|ULA)
	anna, bert := lan.Host("anna"), lan.Host("bert")
	for _, pair := range [][2]netip.Addr{{anna.IPv4, bert.IPv4}, {anna.ULA, bert.ULA}} {
		a, b := listen(t, anna, pair[0]), listen(t, bert, pair[1])
		bert.Unplug()
		if passes(t, a, b) == nil {
			t.Errorf("%v: a packet crossed a pulled cable", pair[1])
		}
		bert.Plug()
		bert.waitFor("packets", func() error { return passes(t, a, b) })
	}
}

func TestDecoyBridge(t *testing.T) {
	lan := New(t, IPv4)
	anna, bert := lan.Host("anna"), lan.Host("bert")
	for _, h := range []*Host{anna, bert} {
		h.Bridge("docker0", "172.17.0.1/16")
		if out := h.Run(t.Context(), "ip", "-o", "-4", "address", "show", "dev", "docker0").Stdout; !strings.Contains(out, "172.17.0.1/16") {
			t.Errorf("%s: docker0 is %q", h.Name, out)
		}
	}
	decoy := netip.MustParseAddr("172.17.0.1")
	if passes(t, listen(t, anna, decoy), listen(t, bert, decoy)) == nil {
		t.Error("packets cross from one decoy to the other")
	}
}

func TestCaptureSeesEveryFrame(t *testing.T) {
	t.Setenv("NETLAB_PCAP", t.TempDir())
	lan := New(t, IPv4|ULA)
	anna, bert := lan.Host("anna"), lan.Host("bert")
	before := listen(t, anna, anna.IPv4)
	a, b := listen(t, anna, anna.ULA), listen(t, bert, bert.ULA)
	bert.waitFor("packets", func() error { return passes(t, a, b) })
	capture := lan.Capture()
	if capture.Contains([]byte("needle")) {
		t.Fatal("found a needle before it was sent")
	}
	if _, err := a.WriteToUDPAddrPort([]byte("hay needle hay"), addrOf(b)); err != nil {
		t.Fatal(err)
	}
	if !capture.Contains([]byte("needle")) {
		t.Error("a packet from host to host was not seen")
	}
	if _, err := before.WriteToUDPAddrPort([]byte("thorn"), netip.AddrPortFrom(anna.IPv4, 9)); err != nil {
		t.Fatal(err)
	}
	if capture.Contains([]byte("thorn")) {
		t.Error("a packet was seen that never left its host")
	}
	for range 5000 {
		if _, err := a.WriteToUDPAddrPort([]byte("straw"), addrOf(b)); err != nil {
			t.Fatal(err)
		}
	}
	straws := 0
	for _, frame := range capture.Frames() {
		if bytes.Contains(frame.Bytes, []byte("straw")) {
			straws++
		}
	}
	if straws != 5000 {
		t.Errorf("saw %d frames of 5000, each once", straws)
	}
}

func TestPcapLayout(t *testing.T) {
	got := pcap([]Frame{{Time: time.Unix(1, 2000), Bytes: []byte("frame")}})
	want := "d4c3b2a1" + "02000400" + "0000000000000000" + "00000200" + "01000000" +
		"01000000" + "02000000" + "05000000" + "05000000" + "6672616d65"
	if fmt.Sprintf("%x", got) != want {
		t.Errorf("got  %x\nwant %s", got, want)
	}
}

func TestProcesses(t *testing.T) {
	lan := New(t, IPv4)
	anna := lan.Host("anna")
	carla := anna.User("carla")
	out := anna.RunInput(t.Context(), "in", "sh", "-c", "hostname 2>/dev/null || cat /proc/sys/kernel/hostname; pwd; cat; echo no >&2; exit 3")
	if want := anna.Hostname + "\n" + anna.Home + "\nin"; out.Stdout != want || out.Stderr != "no\n" || out.Code != 3 {
		t.Errorf("got %+v, want %q", out, want)
	}
	if carla.Home == anna.Home || carla.namespace != anna.namespace {
		t.Errorf("two users of one machine: %+v and %+v", anna, carla)
	}
	if name, err := os.Hostname(); err != nil || name == anna.Hostname {
		t.Errorf("this machine is now called %q (%v)", name, err)
	}

	p := anna.Start("sh", "-c", "echo up; exec sleep 1000")
	anna.waitFor("output", func() error {
		if p.Output() != "up\n" {
			return fmt.Errorf("output is %q", p.Output())
		}
		return nil
	})
	if p.Memory() < 4096 {
		t.Errorf("a process of %d bytes", p.Memory())
	}
	p.Kill()
	if code := p.cmd.ProcessState.ExitCode(); code != -1 {
		t.Errorf("killed, yet exit code %d", code)
	}
	polite := anna.Start("sh", "-c", "trap 'exit 7' TERM; echo up; while :; do sleep 0.05; done")
	anna.waitFor("output", func() error {
		if polite.Output() != "up\n" {
			return errors.New("not up")
		}
		return nil
	})
	if code := polite.Stop(); code != 7 {
		t.Errorf("stopped with exit code %d, want 7", code)
	}
}

func TestTerminal(t *testing.T) {
	h := New(t, IPv4).Host("anna")
	term := h.Terminal("sh", "-c", "stty size; read word; test -t 0 && echo heard $word")
	term.Type("cuckoo")
	<-term.Done()
	h.waitFor("answer", func() error {
		if out := term.Output(); !strings.Contains(out, "24 80") || !strings.Contains(out, "heard cuckoo") {
			return fmt.Errorf("the screen shows %q", out)
		}
		return nil
	})
}

func TestSweep(t *testing.T) {
	New(t, IPv4) // for its check of the tools
	dead := exec.Command("true")
	if err := dead.Run(); err != nil {
		t.Fatal(err)
	}
	namespace := fmt.Sprintf("%s%d-1-anna", prefix, dead.Process.Pid)
	folder := filepath.Join(os.TempDir(), fmt.Sprintf("%s%d-2-homes", prefix, dead.Process.Pid))
	if err := os.MkdirAll(filepath.Join(folder, "anna"), 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := command("ip", "netns", "add", namespace); err != nil {
		t.Fatal(err)
	}
	left := exec.Command("sleep", "1000")
	if err := inNamespace(namespace, left.Start); err != nil {
		t.Fatal(err)
	}
	if err := sweep(); err != nil {
		t.Fatal(err)
	}
	if err := left.Wait(); err == nil || left.ProcessState.ExitCode() != -1 {
		t.Errorf("the process left behind ended with %v", err)
	}
	for _, path := range []string{filepath.Join(namespaceDir, namespace), folder} {
		if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s is still there (%v)", path, err)
		}
	}
}

func TestOwnerOf(t *testing.T) {
	for name, want := range map[string]int{
		ownName("anna"):            os.Getpid(),
		prefix + "12-1-x":          12,
		prefix + "0-1-x":           0,
		prefix + "-5-1-x":          0,
		prefix + "x-1-x":           0,
		"sottovoce-12-1-x":         0,
		"another-" + prefix + "1-": 0,
	} {
		if pid, ok := ownerOf(name); ok != (want != 0) || ok && pid != want {
			t.Errorf("%s belongs to %d, %v; want %d", name, pid, ok, want)
		}
	}
}
