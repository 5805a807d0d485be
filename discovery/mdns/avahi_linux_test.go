package mdns

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"sottovoce/mesh/needtest"
)

// avahi runs avahi-daemon on a host, with a message bus and a /run of its own,
// then a command, and returns what the command printed.
const avahi = `mount -t tmpfs tmpfs /run && mkdir -p /run/dbus /run/avahi-daemon || exit 1
dbus-daemon --system --nofork --nopidfile & bus=$!
trap 'kill $daemon $bus' EXIT
until [ -S /run/dbus/system_bus_socket ]; do sleep 0.05; done
avahi-daemon --no-drop-root --no-chroot -f /dev/stdin <<END & daemon=$!
[server]
host-name=printerhost
enable-dbus=yes
END
until [ -S /run/avahi-daemon/socket ]; do sleep 0.05; done
sleep 1
`

func (h *host) avahi(command string) string {
	t := h.lan.t
	t.Helper()
	needtest.Programs(t, "avahi-daemon", "avahi-browse", "dbus-daemon", "unshare")
	cmd := exec.CommandContext(t.Context(), "ip", "netns", "exec", h.name, "unshare", "-m", "bash", "-c", avahi+command)
	cmd.WaitDelay = 10 * time.Second
	var errors strings.Builder
	cmd.Stderr = &errors
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("avahi: %v\n%s%s", err, out, &errors)
	}
	return string(out)
}

// TestAvahiListsUs holds our packets against another implementation: on another
// host and on our own, where port 5353 is shared.
func TestAvahiListsUs(t *testing.T) {
	for _, where := range []string{"another host", "the same host"} {
		t.Run(where, func(t *testing.T) {
			t.Parallel()
			l := newLAN(t)
			a, b := l.host(), l.host()
			one := a.start(sample(1))
			other := b.start(sample(2))
			one.await(sample(2).Instance, 1500*time.Millisecond, "at first", present)
			time.Sleep(2500 * time.Millisecond) // avahi comes late, and must ask
			if where == "the same host" {
				b = a
			}
			out := b.avahi("timeout 5 avahi-browse -rpt _sottovoce._udp; timeout 5 avahi-browse -apt")
			for _, want := range []string{
				"=;eth0;IPv4;" + sample(1).Instance + ";_sottovoce._udp;local;" + sample(1).Host + ".local;10.9.0.1;40001;",
				"=;eth0;IPv6;" + sample(1).Instance,
				"=;eth0;IPv4;" + sample(2).Instance,
				`"v=1"`, `"e=494321"`,
			} {
				if !strings.Contains(out, want) {
					t.Errorf("avahi-browse does not show %s:\n%s", want, out)
				}
			}
			if types := out[strings.LastIndex(out, "=;"):]; !strings.Contains(types, "+;eth0;IPv4;"+sample(1).Instance) {
				t.Errorf("avahi-browse -a does not list us:\n%s", out)
			}
			left := time.Now()
			other.stop()
			one.await(sample(2).Instance, time.Second, "goodbye beside avahi", after(left, gone))
		})
	}
}

// TestUnicastQuestionBesideAvahi asks a host alone, on which avahi-daemon listened first: as the one that opened
// the port last we get the question, and answer.
func TestUnicastQuestionBesideAvahi(t *testing.T) {
	t.Parallel()
	l := newLAN(t)
	a, b := l.host(), l.host()
	up, down := filepath.Join(t.TempDir(), "up"), filepath.Join(t.TempDir(), "down")
	var avahi sync.WaitGroup
	avahi.Go(func() { a.avahi("touch " + up + "; until [ -e " + down + " ]; do sleep 0.05; done") })
	defer avahi.Wait()
	defer sh(t, "touch %s", down)
	for limit := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		if _, err := os.Stat(up); err == nil {
			break
		}
		if time.Now().After(limit) {
			t.Fatal("avahi-daemon does not come up")
		}
	}
	node := a.start(sample(1))
	b.start(nil).await(sample(1).Instance, 1500*time.Millisecond, "by multicast", present)
	asking := b.start(nil)
	asking.await(sample(1).Instance, 1500*time.Millisecond, "at first", present)
	progress, err := asking.finder.Scan(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for p, err := range progress {
		if err != nil {
			t.Fatal(err)
		}
		found = p.Found
	}
	if found != 1 {
		t.Errorf("a scan found %d; health of the node that was asked %+v", found, node.finder.Health())
	}
}
