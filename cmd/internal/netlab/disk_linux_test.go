package netlab

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"sottovoce/mesh/disktest"
)

// disk is a small file system of its own under a host's home.
type disk struct {
	t   *testing.T
	dir string
}

// smallDisk puts a memory disk of some size under the data of a host's user.
func smallDisk(t *testing.T, h *Host, size string) *disk {
	t.Helper()
	requireTools(t)
	d := &disk{t, filepath.Join(h.Home, "share")}
	if err := os.MkdirAll(d.dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mount("tmpfs", d.dir, "tmpfs", 0, "size="+size); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(d.dir, syscall.MNT_DETACH) })
	return d
}

// fill takes all the room and returns what gives it back.
func (d *disk) fill() (free func()) {
	d.t.Helper()
	return disktest.Fill(d.t, d.dir)
}

// burst sends texts until one is refused or there were limit, and returns those that were taken and the refusal.
func (s *someone) burst(to *someone, who string, limit int) (taken []string, refused Result) {
	s.t.Helper()
	for i := range limit {
		text := fmt.Sprintf("%s %d %s", who, i, strings.Repeat(".", 3000))
		if got := s.call("send", to.called, text); got.Code != 0 {
			return taken, got
		}
		taken = append(taken, text)
	}
	return taken, Result{}
}

// oneLine wants a refusal with exit code 1 and one line on stderr that has all the words.
func oneLine(t *testing.T, got Result, words ...string) {
	t.Helper()
	if got.Code != 1 || strings.Count(got.Stderr, "\n") != 1 {
		t.Errorf("exit code %d: %q", got.Code, got.Stderr)
	}
	for _, word := range words {
		if !strings.Contains(got.Stderr, word) {
			t.Errorf("%q does not say %q", got.Stderr, word)
		}
	}
}

// notices wants a notice in the status with some words, or none of them.
func (s *someone) notices(words string, want bool) {
	s.t.Helper()
	s.eventually("notice: "+words, func() error {
		err := s.noticed(words)
		switch {
		case want:
			return err
		case err == nil:
			return fmt.Errorf("it still says %q", words)
		}
		return nil
	})
}

// logged counts the lines of the node's log that have these words.
func (s *someone) logged(words string) (n int) {
	for line := range strings.Lines(s.node.Output()) {
		if strings.Contains(line, words) {
			n++
		}
	}
	return n
}

// TestDiskFillsMidBurst: what was taken is kept and goes out, what is refused says why, and it goes on by itself.
func TestDiskFillsMidBurst(t *testing.T) {
	t.Parallel()
	lan := New(t, IPv4)
	a := lan.Host("anna")
	d := smallDisk(t, a, "12m")
	anna, bert := settle(t, a), settle(t, lan.Host("bert"))
	befriend(anna, bert)
	chat(anna, bert)
	free := d.fill()
	sent, refused := anna.burst(bert, "anna", 3000)
	oneLine(t, refused, "full", "make room")
	theirs, _ := bert.burst(anna, "bert", 20)
	anna.notices("is full", true)
	if n := anna.logged("could not save"); n != 1 {
		t.Errorf("%d lines in the log say so", n)
	}
	free()
	anna.notices("is full", false)
	more, refused := anna.burst(bert, "anna again", 20)
	if refused.Code != 0 {
		t.Errorf("with room again: %+v", refused)
	}
	anna.hears(arriveTime, bert, append([]string{"it is. Lunch?"}, theirs...))
	bert.hears(arriveTime, anna, slices.Concat([]string{"is this thing private?"}, sent, more))
	anna.delivered(arriveTime, bert)
	bert.delivered(arriveTime, anna)
}

// newCard is a card of memory with a host's home on it.
func newCard(t *testing.T, lan *LAN, h *Host) *Card {
	t.Helper()
	return lan.NewCard(t, filepath.Join(h.Home, "share"), "24M")
}

// TestHomeTurnsReadOnly has the file system of a home fall back to read-only, as a worn-out card does.
func TestHomeTurnsReadOnly(t *testing.T) {
	t.Parallel()
	lan := New(t, IPv4)
	a := lan.Host("anna")
	card := newCard(t, lan, a)
	anna, bert := settle(t, a), settle(t, lan.Host("bert"))
	befriend(anna, bert)
	chat(anna, bert)
	sent, _ := anna.burst(bert, "anna", 10)
	card.WearOut()
	_, refused := anna.burst(bert, "never", 1)
	oneLine(t, refused, "cannot be written", "writable")
	theirs, _ := bert.burst(anna, "bert", 10)
	anna.notices("cannot be written", true)
	if got := anna.texts(bert); len(got) != 1 {
		t.Errorf("reading: %q", got)
	}
	anna.node.Kill()
	oneLine(t, anna.call("up"), "cannot be written")
	card.Mend()
	anna.up()
	anna.hears(arriveTime, bert, append([]string{"it is. Lunch?"}, theirs...))
	bert.hears(arriveTime, anna, append([]string{"is this thing private?"}, sent...))
	anna.delivered(arriveTime, bert)
	bert.delivered(arriveTime, anna)
}

// TestHomeTakenAway pulls the disk of a home out of the running machine, and puts it in again.
func TestHomeTakenAway(t *testing.T) {
	t.Parallel()
	lan := New(t, IPv4)
	a := lan.Host("anna")
	anna, bert := settle(t, a), settle(t, lan.Host("bert"))
	befriend(anna, bert)
	chat(anna, bert)
	home := filepath.Join(a.Home, "share", "sottovoce")
	sent, _ := anna.burst(bert, "anna", 10)
	if err := os.Rename(home, home+" away"); err != nil {
		t.Fatal(err)
	}
	if got := anna.call("send", bert.called, "never"); got.Code == 0 || strings.Count(got.Stderr, "\n") != 1 {
		t.Errorf("a message was taken: %+v", got)
	}
	bert.burst(anna, "bert", 3) // which anna's node cannot save
	anna.eventually("word in the log", func() error {
		if n := anna.logged("its disk is gone"); n != 1 {
			return fmt.Errorf("%d lines", n)
		}
		return nil
	})
	if err := os.Rename(home+" away", home); err != nil {
		t.Fatal(err)
	}
	select {
	case <-anna.node.Done(): // it may have given up
		anna.up()
	case <-time.After(2 * time.Second):
	}
	more, refused := anna.burst(bert, "anna again", 3)
	if refused.Code != 0 {
		t.Errorf("with the disk back: %+v", refused)
	}
	bert.hears(arriveTime, anna, slices.Concat([]string{"is this thing private?"}, sent, more))
	anna.eventually("what came meanwhile", func() error {
		if got := len(anna.texts(bert)); got != 4 {
			return fmt.Errorf("%d texts", got)
		}
		return nil
	})
}
