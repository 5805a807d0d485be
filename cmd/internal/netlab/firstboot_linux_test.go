package netlab

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// onReadOnly runs a command on a machine all of whose disks are read-only but for one folder, and whose run folder is
// memory: sh SCRIPT WRITABLE RUN COMMAND…
const onReadOnly = `set -e
state=$1 run=$2; shift 2
for at in $(cut -d ' ' -f 2 /proc/self/mounts); do mount -o remount,bind,ro "$at" 2>/dev/null || :; done
mount --bind "$state" "$state"
mount -o remount,bind,rw "$state"
mount -t tmpfs -o mode=0700 memory "$run"
if (: >"$state/../disk") 2>/dev/null; then echo "the disk can be written" >&2; exit 99; fi
exec "$@"`

// readOnly is what stands before a command to have it run on such a machine, with the folder state in the host's home as the one
// that can be written, and run as its memory.
func (h *Host) readOnly() []string {
	h.lan.t.Helper()
	state := filepath.Join(h.Home, "state")
	if err := os.MkdirAll(state, 0o700); err != nil {
		h.lan.t.Fatal(err)
	}
	return []string{"unshare", "--mount", "--propagation", "private", "sh", "-c", onReadOnly, "sh", state, filepath.Join(h.Home, "run")}
}

// TestFirstBoot: a supernode without keyboard, whose disk is read-only but for its data, is founded by a file, invites people, and
// keeps what they are sent while they are away. A second boot changes nothing; the root words are in memory and nowhere else.
func TestFirstBoot(t *testing.T) {
	t.Parallel()
	lan := New(t, IPv4|ULA)
	anna, bert := settle(t, lan.Host("anna")), settle(t, lan.Host("bert"))
	befriend(anna, bert)
	pi := &depot{Host: lan.Host("pi"), t: t}
	data, boot := filepath.Join(pi.Home, "state", dataDir), filepath.Join(pi.Home, "sottovoce.txt")
	if err := os.WriteFile(boot, []byte("# written on a laptop\r\ncommunity = Orchard\r\nuses = 2\r\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	first := append(pi.readOnly(), "sh", "-c", `"$0" supernode init --from sottovoce.txt --words-to run/words --data state/orchard; code=$?; echo ---; cat run/words; exit $code`, Binary(t))

	pi.Gone()
	boots := pi.Start(first...)
	anna.eventually("a first boot that waits for a network", func() error {
		if !strings.Contains(boots.Output(), "no address on any network yet") {
			return fmt.Errorf("without a network: %s", boots.Output())
		}
		return nil
	})
	if _, err := os.Stat(data); err == nil {
		t.Error("something was founded where nobody can be invited to it")
	}
	pi.Back()
	<-boots.Done()
	said, words, _ := strings.Cut(boots.Output(), "---\n")
	if boots.cmd.ProcessState.ExitCode() != 0 {
		t.Fatal(said)
	}
	var link string
	for line := range strings.Lines(said) {
		if strings.HasPrefix(line, "sottovoce:") {
			link = strings.TrimSpace(line)
		}
	}
	if picture, err := os.ReadFile(filepath.Join(data, "invite.png")); err != nil || !bytes.HasPrefix(picture, []byte("\x89PNG")) {
		t.Errorf("no picture: %v", err)
	}
	pi.hides(words, said)

	before := contents(t, data)
	if again := pi.Run(t.Context(), first...); again.Code != 0 || !strings.HasPrefix(again.Stdout, "Nothing is left to do") {
		t.Errorf("a second boot: %+v", again)
	}
	for name, was := range contents(t, data) {
		if was != before[name] {
			t.Errorf("a second boot has changed %s", name)
		}
	}

	start := func() {
		pi.process = pi.Start(append(pi.readOnly(), Binary(t), "supernode", "up", "--data", "state/orchard")...)
		waitSupernode(t, pi.Host, "state/orchard")
	}
	start()
	for _, p := range []*someone{anna, bert} {
		p.ok("community", "join", link)
	}
	bert.tellsWhereToFind(anna)
	bert.leaves()
	anna.leave(bert, "the key is under the pot")
	pi.process.Kill()
	start()
	anna.leaves()
	bert.up()
	bert.hears(arriveTime, anna, []string{"the key is under the pot"})
}

// TestFirstBootCut cuts first boots short at random moments. A community that there is has its root words in memory, whenever that
// was, and the next boot does what is left.
func TestFirstBootCut(t *testing.T) {
	t.Parallel()
	pi := &depot{Host: New(t, IPv4).Host("pi"), t: t}
	words := filepath.Join("/dev/shm", ownName("words"))
	t.Cleanup(func() { _ = os.Remove(words) })
	data := filepath.Join(pi.Home, dataDir)
	if err := os.WriteFile(filepath.Join(pi.Home, "sottovoce.txt"), []byte("community = Orchard\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	first := []string{Binary(t), "supernode", "init", "--from", "sottovoce.txt", "--words-to", words, "--data", dataDir}
	began := time.Now()
	if got := pi.Run(t.Context(), first...); got.Code != 0 {
		t.Fatalf("%+v", got)
	}
	whole := time.Since(began) // that a boot takes, or nearly
	cut, founded := 0, 0
	for range 12 {
		if err := errors.Join(os.RemoveAll(data), os.RemoveAll(words)); err != nil {
			t.Fatal(err)
		}
		p := pi.Start(first...)
		time.Sleep(rand.N(whole))
		p.Kill()
		if p.cmd.ProcessState.ExitCode() != 0 {
			cut++
			whole += whole / 4 // so that it is about every second one, however busy the machine was at the first
		} else {
			whole -= whole / 4
		}
		if pi.Run(t.Context(), Binary(t), "supernode", "members", "--data", dataDir, "--community", "Orchard").Code == 0 {
			founded++
			depotList[linkJSON](pi, "invite", "--supernode", "--root-words-file", words)
		}
		if got := pi.Run(t.Context(), first...); got.Code != 0 {
			t.Fatalf("the boot after that: %+v", got)
		}
		depotList[linkJSON](pi, "invite", "--supernode", "--root-words-file", words)
		if _, err := os.Stat(filepath.Join(data, "invite.png")); err != nil {
			t.Error(err)
		}
	}
	t.Logf("%d boots of 12 were cut short, of about %v; %d had founded", cut, whole, founded)
	if cut < 3 {
		t.Errorf("only %d boots were cut short", cut)
	}
}

// hides fails the test where three root words in a row are in a text, or in any file of the host.
func (s *depot) hides(shown, text string) {
	s.t.Helper()
	words := strings.FieldsFunc(shown, func(r rune) bool { return r < 'a' || r > 'z' })
	if len(words) < 24 {
		s.t.Fatalf("the root words are not in memory: %q", shown)
	}
	texts := contents(s.t, s.Home)
	texts["standard output"] = text
	for i := range len(words) - 2 {
		for name, text := range texts {
			if strings.Contains(text, words[i]) && strings.Contains(text, words[i+1]) && strings.Contains(text, words[i+2]) {
				s.t.Errorf("%s has root words", name)
			}
		}
	}
}

// contents are the files of a folder, by their names.
func contents(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		b, err := os.ReadFile(path)
		files[path] = string(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}
