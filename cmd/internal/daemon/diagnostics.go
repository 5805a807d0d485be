package daemon

import (
	"context"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"sottovoce/cmd/internal/control"
	"sottovoce/mesh/store"
)

// diagnosticsLogMax is how much of the log goes into diagnostics, in bytes: a mail takes it.
const diagnosticsLogMax = 32 << 10

// Diagnose tells what can be told of a home and this machine to strangers, also when no
// node runs and when the home does not open.
func Diagnose(home, version string) (control.Diagnostics, error) {
	d := control.Diagnostics{
		Made: time.Now().UTC().Truncate(time.Second), Version: version, Go: runtime.Version(),
		System: runtime.GOOS + "/" + runtime.GOARCH, CPUs: runtime.NumCPU(), Files: []control.File{}, Log: []string{},
		Interfaces: interfaces(nil),
	}
	for _, name := range []string{"keys", "chat.db", "chat.db-wal", logName, logBefore} {
		if info, err := os.Stat(filepath.Join(home, name)); err == nil {
			d.Files = append(d.Files, control.File{Name: name, Bytes: info.Size()})
		}
	}
	if locked, err := store.Locked(home); err == nil {
		d.Passphrase = locked
	}
	log, err := readLog(home, diagnosticsLogMax)
	if err != nil {
		return d, err
	}
	for line := range strings.Lines(string(log)) {
		d.Log = append(d.Log, blot(strings.TrimSuffix(line, "\n"), nil))
	}
	return d, nil
}

// Diagnostics implements control.Node.
func (a *adapter) Diagnostics(ctx context.Context) (control.Diagnostics, error) {
	d, err := Diagnose(a.home, a.version)
	if err != nil {
		return d, err
	}
	s, err := a.node.Status(ctx)
	if err != nil {
		return d, failure(err)
	}
	d.Passphrase, d.Interfaces = a.store.Protected(), interfaces(a.finder.Interfaces())
	d.Running = &control.Counts{
		Seconds: int64(time.Since(s.Started).Seconds()), Visibility: s.Seen.Here.String(), Listening: len(s.Listen), Links: s.Links,
		Nearby: s.Nearby, Contacts: s.Contacts, Requests: s.Requests, Queued: s.Queued, Held: s.Held,
		Notices: len(s.Notices), Events: s.Cursor, Dropped: s.Dropped, Memory: residentMemory(), Goroutines: runtime.NumGoroutine(),
	}
	names, err := a.names(ctx)
	if err != nil {
		return d, err
	}
	for i := range d.Log {
		d.Log[i] = blot(d.Log[i], names)
	}
	return d, nil
}

// names are those of everybody the node knows, ourselves too.
func (a *adapter) names(ctx context.Context) (names []string, err error) {
	me, err := a.Me(ctx)
	if err != nil {
		return nil, err
	}
	names = append(names, me.Name)
	for _, list := range []func(context.Context) ([]control.Person, error){a.Contacts, a.Nearby, a.Requests} {
		found, err := list(ctx)
		if err != nil {
			return nil, err
		}
		for _, p := range found {
			names = append(names, p.Name)
		}
	}
	return names, nil
}

// interfaces are the machine's; used names those that discovery has.
func interfaces(used []string) []control.Interface {
	all, err := net.Interfaces()
	if err != nil {
		return []control.Interface{}
	}
	shown := make([]control.Interface, len(all))
	for i, n := range all {
		shown[i] = control.Interface{
			Kind: interfaceKind(n), Used: slices.Contains(used, n.Name), Up: n.Flags&net.FlagUp != 0,
			Multicast: n.Flags&net.FlagMulticast != 0, MTU: n.MTU, Addresses: []string{},
		}
		addresses, _ := n.Addrs() // an interface that is just going has none
		for _, a := range addresses {
			if prefix, err := netip.ParsePrefix(a.String()); err == nil {
				shown[i].Addresses = append(shown[i].Addresses, addressSort(prefix.Addr()))
			}
		}
	}
	return shown
}

// interfaceKind goes by the beginning of the name, as the systems give it.
func interfaceKind(n net.Interface) string {
	if n.Flags&net.FlagLoopback != 0 {
		return "loopback"
	}
	name := strings.ToLower(n.Name)
	for _, k := range []struct {
		kind     string
		prefixes []string
	}{
		{"wireless", []string{"wl", "wi-fi", "wifi", "ath"}},
		{"virtual", []string{"docker", "veth", "br-", "virbr", "vmnet", "vbox", "vethernet", "bridge", "cni", "lxc"}},
		{"tunnel", []string{"tun", "tap", "wg", "utun", "ppp", "tailscale", "zt", "ipsec", "gif", "sit"}},
		{"ethernet", []string{"eth", "en", "usb"}},
	} {
		if slices.ContainsFunc(k.prefixes, func(p string) bool { return strings.HasPrefix(name, p) }) {
			return k.kind
		}
	}
	return "other"
}

func addressSort(a netip.Addr) string {
	family := "ipv6"
	if a.Is4() {
		family = "ipv4"
	}
	switch {
	case a.IsLoopback():
		return family + "_loopback"
	case a.IsLinkLocalUnicast():
		return family + "_link_local"
	case a.IsPrivate():
		return family + "_private"
	}
	return family + "_global"
}
