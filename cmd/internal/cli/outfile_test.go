package cli

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestNewFile: what gets the name while a file is being filled is not replaced, and nothing is left beside it.
func TestNewFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "backup")
	for _, other := range []string{"", "of somebody else"} {
		_, err := newFile(path, func(int64) {}, func(w io.Writer) error {
			if other != "" {
				if err := os.WriteFile(path, []byte(other), 0o600); err != nil {
					return err
				}
			}
			_, err := io.WriteString(w, "whole")
			return err
		})
		want := other
		if other == "" {
			want = "whole"
		}
		got, _ := os.ReadFile(path)
		if (err != nil) != (other != "") || string(got) != want {
			t.Errorf("%q, %v", got, err)
		}
		if err != nil && !strings.Contains(err.Error(), "choose another name") {
			t.Errorf("it is not said what to do: %v", err)
		}
		if all, err := os.ReadDir(filepath.Dir(path)); err != nil || len(all) != 1 {
			t.Errorf("%d files, %v", len(all), err)
		}
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
	}
}
