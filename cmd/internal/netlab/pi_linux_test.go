package netlab

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"sottovoce/mesh/needtest"
)

// piGuide is somebody who does what a page says on a Raspberry Pi.
type piGuide struct {
	*guide
	pi      *Host
	journal string // file
}

// newPiGuide has two people who know each other, and a Pi whose commands stand in for those that concern the whole machine.
func newPiGuide(t *testing.T, lan *LAN) *piGuide {
	t.Helper()
	g := &piGuide{guide: &guide{t: t, lan: lan, hosts: map[string]*Host{}, up: map[string]*Process{}, people: map[string]*someone{}}}
	g.pi = g.host("pi")
	g.journal = filepath.Join(g.pi.Home, "journal")
	memory := filepath.Join("/dev/shm", ownName("run"))
	tools := filepath.Join(g.pi.Home, "tools")
	for _, dir := range []string{memory, tools, filepath.Join(g.pi.Home, "boot")} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() { _ = os.RemoveAll(memory) })
	for name, text := range map[string]string{
		"sudo":       "#!/bin/sh\n[ \"$1\" != -u ] || shift 2\nexec \"$@\"\n",
		"journalctl": "#!/bin/sh\nexec cat '" + g.journal + "'\n",
	} {
		if err := os.WriteFile(filepath.Join(tools, name), []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for i, v := range g.pi.Env {
		if path, ok := strings.CutPrefix(v, "PATH="); ok {
			g.pi.Env[i] = "PATH=" + tools + ":" + path
		}
	}
	g.places = []string{
		"/var/lib/sottovoce", filepath.Join(g.pi.Home, "data"), "/run/sottovoce", memory, "/boot/firmware", filepath.Join(g.pi.Home, "boot"),
		"/media/bootfs", filepath.Join(g.pi.Home, "boot"), "VERSION", "1.0",
	}
	g.stands = map[string]func(*Host, string){
		"sudo apt install " + filepath.Join(g.pi.Home, "boot"): func(_ *Host, command string) { g.installs(command) },
	}
	return g
}

// place is where a place of the page is here.
func (g *piGuide) place(written string) string {
	return strings.NewReplacer(g.places...).Replace(written)
}

// installs stands in for the installation of the package, whose unit for the first boot does this; cmd/internal/deb tests the real one.
func (g *piGuide) installs(command string) {
	g.t.Helper()
	if _, err := os.Stat(command[strings.LastIndexByte(command, ' ')+1:]); err != nil {
		g.t.Fatal(err)
	}
	unit, err := os.ReadFile(filepath.Join("..", "..", "sottovoce", "debian", "sottovoce-first-boot.service"))
	if err != nil {
		g.t.Fatal(err)
	}
	first := g.place(regexp.MustCompile(`(?m)^ExecStart=/usr/bin/(sottovoce supernode init .*)$`).FindStringSubmatch(string(unit))[1])
	got := g.pi.Run(g.t.Context(), append([]string{Binary(g.t)}, strings.Fields(first)[1:]...)...)
	if err = os.WriteFile(g.journal, []byte(got.Stdout+got.Stderr), 0o600); got.Code != 0 || err != nil {
		g.t.Fatalf("%+v, %v", got, err)
	}
	g.runs()
}

// runs has the supernode run.
func (g *piGuide) runs() {
	g.t.Helper()
	g.up["pi"] = g.pi.Start(Binary(g.t), "supernode", "up", "--data", g.place("/var/lib/sottovoce"))
	waitSupernode(g.t, g.pi, g.place("/var/lib/sottovoce"))
}

// meet settles two people who know each other.
func (g *piGuide) meet() (anna, bert *someone) {
	g.t.Helper()
	for _, name := range []string{"anna", "bert"} {
		g.people[name] = settleAs(g.t, g.host(name), strings.ToUpper(name[:1])+name[1:])
	}
	anna, bert = g.people["anna"], g.people["bert"]
	befriend(anna, bert)
	return anna, bert
}

// types does every line of a page; Bert leaves before he is to be away, and is back at the end.
func (g *piGuide) types(page string, least int) {
	g.t.Helper()
	for _, line := range typedIn(g.t, page) {
		if strings.Contains(line.command, "send Bert") {
			g.people["bert"].leaves()
		}
		g.does(line)
	}
	if len(g.ran) < least {
		g.t.Fatalf("only %d lines were typed: %q", len(g.ran), g.ran)
	}
	g.people["anna"].leaves()
	g.people["bert"].up()
	g.people["bert"].hears(arriveTime, g.people["anna"], []string{"the key is under the pot"})
}

// TestRaspberryPiGuide types what docs/raspberry-pi.md says to type, with the file that it shows.
func TestRaspberryPiGuide(t *testing.T) {
	t.Parallel()
	g := newPiGuide(t, New(t, IPv4|ULA))
	g.meet()
	laptop := g.host("laptop")
	for name, text := range map[string]string{"sottovoce.txt": shownAfter(t, "raspberry-pi.md", "with the name `sottovoce.txt`"), "sottovoce_1.0_arm64.deb": ""} {
		if err := os.WriteFile(filepath.Join(laptop.Home, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	g.types("raspberry-pi.md", 12)
	if _, err := os.Stat(filepath.Join(g.pi.Home, "invite.png")); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(g.place("/run/sottovoce/root-words")); err == nil {
		t.Error("the root words are still there")
	}
}

// TestAccessPointGuide types what docs/access-point.md says to type, with the files that it shows: dnsmasq gives two hosts without
// an address theirs, and hostapd finds nothing wrong with its file.
func TestAccessPointGuide(t *testing.T) {
	t.Parallel()
	const page = "access-point.md"
	needtest.Programs(t, "dnsmasq", "hostapd", "busybox")
	wifi := New(t, LinkLocal)
	g := newPiGuide(t, wifi)
	g.pi.Gone()
	if got := g.pi.Run(t.Context(), Binary(t), "supernode", "init", "--community", "Orchard", "--data", g.place("/var/lib/sottovoce")); got.Code != 0 {
		t.Fatalf("%+v", got)
	}
	g.runs()
	file := func(name string) string { // of the page, as a file here
		text := strings.ReplaceAll(shownAfter(t, page, "`"+name+"`"), "/run/", g.pi.Home+"/")
		here := filepath.Join(g.pi.Home, filepath.Base(filepath.Dir(name))+".conf")
		if err := os.WriteFile(here, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return here
	}
	leases, radio := file("/etc/dnsmasq.d/sottovoce.conf"), file("/etc/hostapd/hostapd.conf")
	address := regexp.MustCompile(`(?m)^Address=(.*)$`).FindStringSubmatch(shownAfter(t, page, "`/etc/systemd/network/10-sottovoce.network`"))[1]
	nothing := func(*Host, string) {}
	g.stands = map[string]func(*Host, string){
		"sudo apt install": nothing, "sudo rfkill": nothing, "sudo date": nothing, "sudo systemctl unmask": nothing, "sudo systemctl reload": nothing,
		"sudo dnsmasq --test": func(h *Host, _ string) {
			if got := h.Run(t.Context(), "dnsmasq", "--test", "--conf-file="+leases); got.Code != 0 {
				t.Fatalf("%+v", got)
			}
			if said := h.Run(t.Context(), "hostapd", radio); strings.Contains(said.Stdout, "configuration file") || !strings.Contains(said.Stdout, "driver 'nl80211'") {
				t.Fatalf("hostapd: %+v", said)
			}
		},
		"sudo systemctl enable --now systemd-networkd hostapd dnsmasq": func(h *Host, _ string) {
			wifi.Leg(h, "wlan0", address)
			h.Start("dnsmasq", "--keep-in-foreground", "--user=root", "--pid-file=", "--conf-file="+leases)
			for _, name := range []string{"anna", "bert"} {
				g.host(name).leased("10.53.0.")
			}
			g.meet()
		},
	}
	g.types(page, 12)
}

// onLease is what the host does with the address that it is given.
const onLease = "#!/bin/sh\n[ \"$1\" != bound ] || exec ip address add \"$ip/$mask\" broadcast + dev \"$interface\"\n"

// leased has the host ask for an address, which must begin like that.
func (h *Host) leased(begins string) {
	t := h.lan.t
	t.Helper()
	script := filepath.Join(h.Home, "lease")
	if err := os.WriteFile(script, []byte(onLease), 0o700); err != nil {
		t.Fatal(err)
	}
	got := h.Run(t.Context(), "busybox", "udhcpc", "-i", "eth0", "-n", "-q", "-f", "-t", "20", "-T", "1", "-s", script)
	shown := h.Run(t.Context(), "ip", "-4", "-o", "address", "show", "dev", "eth0")
	if got.Code != 0 || !strings.Contains(shown.Stdout, "inet "+begins) {
		t.Fatalf("%s: no address: %+v, %+v", h.Name, got, shown)
	}
	if routes := h.Run(t.Context(), "ip", "route", "show", "default"); routes.Stdout != "" {
		t.Errorf("%s: a way to nowhere: %s", h.Name, routes.Stdout)
	}
}

// shownAfter is the text that a page of docs shows, indented, after a line that says what it is.
func shownAfter(t *testing.T, page, says string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "..", "docs", page))
	if err != nil {
		t.Fatal(err)
	}
	var shown strings.Builder
	found, indent := false, ""
	for line := range strings.Lines(string(text)) {
		blank := strings.TrimSpace(line) == ""
		switch rest := strings.TrimLeft(line, " "); {
		case !found:
			found = strings.Contains(line, says)
		case indent == "" && blank:
		case indent == "" && len(line)-len(rest) >= 4:
			indent = line[:len(line)-len(rest)]
			fallthrough
		case indent != "" && (blank || strings.HasPrefix(line, indent)):
			fmt.Fprint(&shown, strings.TrimPrefix(line, indent))
		case indent != "":
			return shown.String()
		}
	}
	if shown.Len() == 0 {
		t.Fatalf("%s shows nothing after %q", page, says)
	}
	return shown.String()
}
