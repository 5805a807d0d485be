package daemon

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// What is wrong with a home is one line that names it once and says what to do.
func TestDamagedHome(t *testing.T) {
	home := filepath.Join(t.TempDir(), "home")
	if err := Init(home, "Anna"); err != nil {
		t.Fatal(err)
	}
	for _, damage := range []func(path string) error{
		func(path string) error { return os.WriteFile(path, []byte("rubbish"), 0o600) },
		os.Remove,
	} {
		if err := damage(filepath.Join(home, "keys")); err != nil {
			t.Fatal(err)
		}
		_, err := Start(t.Context(), Options{Home: home})
		if err == nil || !strings.HasPrefix(err.Error(), home) || strings.Contains(err.Error(), home+": "+home) ||
			!strings.Contains(err.Error(), "restore it from a backup") || strings.Contains(err.Error(), "\n") {
			t.Errorf("%v", err)
		}
	}
}
