package deb

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// privileged is what the unit of the first boot has root do with the shell, of the lines with that key, with other places put in.
func privileged(t *testing.T, key string, places ...string) *exec.Cmd {
	t.Helper()
	unit, err := os.ReadFile("../../sottovoce/debian/" + firstBoot)
	if err != nil {
		t.Fatal(err)
	}
	lines := regexp.MustCompile(`(?m)^`+key+`=-\+/bin/sh -c '(.*)'$`).FindAllStringSubmatch(string(unit), -1)
	if len(lines) != 1 {
		t.Fatalf("%d lines of %s for the shell", len(lines), key)
	}
	script := strings.NewReplacer("$$", "$", "%%", "%").Replace(lines[0][1])
	return exec.Command("/bin/sh", "-c", strings.NewReplacer(places...).Replace(script))
}

// TestClockOfFirstBoot: a clock that is far behind the file is set by it; one that may be right is not, whatever the time zone of who
// wrote the file.
func TestClockOfFirstBoot(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file, set := filepath.Join(dir, "sottovoce.txt"), filepath.Join(dir, "set")
	fake := "#!/bin/sh\n[ \"$1\" != -s ] || { echo \"$2\" >'" + set + "'; exit 0; }\nexec /bin/date \"$@\"\n"
	if err := os.WriteFile(filepath.Join(dir, "date"), []byte(fake), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for ahead, sets := range map[time.Duration]bool{-9000 * time.Hour: false, 0: false, 14 * time.Hour: false, 48 * time.Hour: true, 9000 * time.Hour: true} {
		then := time.Now().Add(ahead)
		if err := os.Chtimes(file, then, then); err != nil {
			t.Fatal(err)
		}
		_ = os.Remove(set)
		cmd := privileged(t, "ExecStartPre", "/boot/firmware/sottovoce.txt", file)
		cmd.Env = []string{"PATH=" + dir + ":/usr/bin:/bin"}
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		want := ""
		if sets {
			want = fmt.Sprintf("@%d\n", then.Unix())
		}
		if got, _ := os.ReadFile(set); string(got) != want {
			t.Errorf("the file is %v ahead, and the clock is set to %q, not %q", ahead, got, want)
		}
	}
}

// TestWordsOnScreen: root words get to the screen, and nothing else that a supernode in other hands puts a link to in their place.
func TestWordsOnScreen(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	words, console := filepath.Join(dir, "root-words"), filepath.Join(dir, "console")
	shown := func() string {
		_ = os.Remove(console)
		cmd := privileged(t, "ExecStopPost", "/run/sottovoce/root-words", words, "/dev/console", console)
		cmd.Env = append(os.Environ(), "SERVICE_RESULT=success")
		_ = cmd.Run() // may fail, as the unit says
		text, _ := os.ReadFile(console)
		return string(text)
	}
	if got := shown(); got != "" {
		t.Errorf("without words: %q", got)
	}
	if err := os.WriteFile(words, []byte("abandon ability"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := shown(); got != "abandon ability" {
		t.Errorf("the screen shows %q", got)
	}
	secret := filepath.Join(dir, "shadow")
	if err := os.Rename(words, secret); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(secret, words); err != nil {
		t.Fatal(err)
	}
	if got := shown(); got != "" {
		t.Errorf("a link is followed: %q", got)
	}
}

// TestPurgeOfLink: what a link in the place of the data leads to is somebody's choice, and stays; the purge says so.
func TestPurgeOfLink(t *testing.T) {
	t.Parallel()
	script, err := os.ReadFile("../../sottovoce/debian/postrm")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	at, disk := filepath.Join(dir, "data"), filepath.Join(dir, "disk")
	for _, tool := range []string{"systemctl", "deb-systemd-helper"} {
		if err := os.WriteFile(filepath.Join(dir, tool), []byte("#!/bin/sh\n"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	purged := func() (said string, left []string) {
		if err := errors.Join(os.MkdirAll(disk, 0o700), os.WriteFile(filepath.Join(disk, "supernode"), nil, 0o600)); err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command("sh", "-c", strings.NewReplacer("/var/lib/sottovoce", at, "/run/sottovoce", filepath.Join(dir, "run")).Replace(string(script)), "postrm", "purge")
		cmd.Env = []string{"PATH=" + dir + ":/usr/bin:/bin"}
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		left, _ = filepath.Glob(filepath.Join(dir, "d*", "supernode"))
		return string(out), left
	}
	if err := os.Symlink(disk, at); err != nil {
		t.Fatal(err)
	}
	if said, left := purged(); !strings.HasPrefix(said, at+" is a link") || len(left) != 2 {
		t.Errorf("%q; left: %v", said, left)
	}
	if err := os.Remove(at); err != nil {
		t.Fatal(err)
	}
	disk = at
	if said, left := purged(); said != "" || len(left) != 1 {
		t.Errorf("%q; left: %v", said, left)
	}
}
