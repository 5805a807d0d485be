package netlab

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sottovoce/mesh/needtest"
)

const busConfig = `<busconfig>
  <type>system</type>
  <listen>unix:path=%s</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow user="*"/><allow own="*"/><allow send_type="method_call"/><allow send_type="signal"/>
    <allow send_requested_reply="true"/><allow receive_type="method_call"/><allow receive_type="method_return"/>
    <allow receive_type="error"/><allow receive_type="signal"/>
  </policy>
</busconfig>
`

const avahiConfig = `[server]
use-ipv4=yes
use-ipv6=yes
allow-interfaces=eth0
host-name=foreign
[wide-area]
enable-wide-area=no
`

// TestBesideAvahi runs Debian's mDNS daemon on a third host and on the same host as a node: it must list our service,
// and a foreign service under our name must not disturb our browser.
func TestBesideAvahi(t *testing.T) {
	t.Parallel()
	needtest.Programs(t, "avahi-daemon", "avahi-browse", "avahi-publish", "dbus-daemon", "unshare")
	lan := New(t, IPv4|ULA)
	anna, bert := settle(t, lan.Host("anna")), settle(t, lan.Host("bert"))
	for _, h := range []*Host{lan.Host("avahi"), bert.User("bert-avahi")} {
		startAvahi(t, h)
		foreign := h.Start("avahi-publish", "-s", "A Foreign Service", "_sottovoce._udp", "9", "v=1", "o=!!", "f=short")
		anna.eventually("foreign announcement", func() error {
			if !strings.Contains(foreign.Output(), "Established") {
				return fmt.Errorf("avahi-publish: %s", foreign.Output())
			}
			return nil
		})
		anna.eventually("two of our services in avahi-browse", func() error {
			found := h.Run(t.Context(), "avahi-browse", "-t", "-r", "-p", "_sottovoce._udp")
			if instances := ours(found.Stdout); len(instances) != 2 {
				return fmt.Errorf("%d instances, %+v", len(instances), found)
			}
			return nil
		})
	}
	befriend(anna, bert)
	chat(anna, bert)
	for _, p := range list[personJSON](anna, "nearby") {
		if p.Name != bert.called {
			t.Errorf("anna sees %+v", p)
		}
	}
}

// ours returns the names of the resolved instances in the parsable output of avahi-browse that look like ours.
func ours(output string) map[string]bool {
	found := map[string]bool{}
	for line := range strings.Lines(output) {
		fields := strings.Split(line, ";")
		if len(fields) > 9 && fields[0] == "=" && len(fields[3]) == 16 && strings.Trim(fields[3], "0123456789abcdef") == "" {
			found[fields[3]] = true
		}
	}
	return found
}

// startAvahi starts a message bus and avahi-daemon on a host, apart from those of this machine.
func startAvahi(t *testing.T, h *Host) {
	t.Helper()
	bus := filepath.Join(h.Home, "bus")
	h.Env = append(h.Env, "DBUS_SYSTEM_BUS_ADDRESS=unix:path="+bus)
	for name, content := range map[string]string{"bus.conf": fmt.Sprintf(busConfig, bus), "avahi.conf": avahiConfig} {
		if err := os.WriteFile(filepath.Join(h.Home, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	h.Start("dbus-daemon", "--nofork", "--config-file", filepath.Join(h.Home, "bus.conf"))
	h.waitFor("message bus", func() error { _, err := os.Stat(bus); return err })
	// avahi-daemon keeps its process id in a fixed place: give it one of its own.
	h.Start("unshare", "--mount", "--propagation", "private", "sh", "-c",
		`mkdir -p /run/avahi-daemon && mount -t tmpfs none /run/avahi-daemon && exec avahi-daemon --no-drop-root --no-chroot --no-rlimits -f "$HOME/avahi.conf"`)
	h.waitFor("avahi", func() error {
		if got := h.Run(t.Context(), "avahi-browse", "-t", "-p", "_none._udp"); got.Code != 0 {
			return fmt.Errorf("%+v", got)
		}
		return nil
	})
}
