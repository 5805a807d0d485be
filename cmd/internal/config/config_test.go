package config

import (
	"path/filepath"
	"testing"

	"github.com/adrg/xdg"
)

func TestHome(t *testing.T) {
	t.Cleanup(xdg.Reload)
	t.Setenv("XDG_DATA_HOME", "/somewhere/data")
	xdg.Reload()
	if got, err := Home(""); err != nil || got != filepath.FromSlash("/somewhere/data/sottovoce") {
		t.Errorf("the default home is %q, %v", got, err)
	}
	t.Chdir(t.TempDir())
	got, err := Home("mine")
	if err != nil || !filepath.IsAbs(got) || filepath.Base(got) != "mine" {
		t.Errorf("a relative home is %q, %v", got, err)
	}
}
