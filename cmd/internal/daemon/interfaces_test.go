package daemon

import (
	"log/slog"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// An interface that is not there is waited for, in words.
func TestMissingInterface(t *testing.T) {
	all, err := net.Interfaces()
	if err != nil || len(all) == 0 {
		t.Fatal("no interface at all: ", err)
	}
	if got := missing([]string{all[0].Name}); len(got) != 0 {
		t.Errorf("of one that is there: %q", got)
	}
	home := filepath.Join(t.TempDir(), "home")
	if err := Init(home, "Anna"); err != nil {
		t.Fatal(err)
	}
	var log strings.Builder
	d, err := Start(t.Context(), Options{
		Home: home, Listen: "127.0.0.1:0", Interfaces: []string{"nonsense"}, Log: slog.New(slog.NewTextHandler(&log, nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	s, err := d.Node().Status(t.Context())
	told := slices.ContainsFunc(s.Notices, func(n string) bool {
		return strings.Contains(n, "no network interface nonsense") && strings.Contains(n, all[0].Name)
	})
	if err != nil || !told {
		t.Errorf("the notices are %q, %v", s.Notices, err)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(log.String(), "nonsense") {
		t.Errorf("the log does not name it: %s", log.String())
	}
}
