package store

import (
	"crypto/rand"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"sottovoce/mesh/disktest"
	"sottovoce/mesh/needtest"
)

func oneLine(t *testing.T, err error, path string) {
	t.Helper()
	if text := err.Error(); strings.Contains(text, "\n") || !strings.Contains(text, path) || !strings.Contains(text, ": ") {
		t.Errorf("the error does not tell what to do: %q", text)
	}
}

// fillDisk leaves so many bytes and returns what makes room again.
func fillDisk(t *testing.T, dir string, leave int64) (free func()) {
	t.Helper()
	var fs syscall.Statfs_t
	must(t, syscall.Statfs(dir, &fs))
	f, err := os.CreateTemp(dir, "filler")
	must(t, err)
	_, err = f.Write(make([]byte, int64(fs.Bavail)*int64(fs.Bsize)-leave))
	must(t, errors.Join(err, f.Close()))
	return func() { must(t, os.Remove(f.Name())) }
}

// growing is a conversation that gets three ops a commit.
type growing struct {
	t         *testing.T
	s         *Store
	c         Conversation
	committed uint64
}

func (g *growing) add() error {
	err := g.s.Update(func(tx *Tx) error {
		for i := range uint64(3) {
			seq := g.committed + i + 1
			if _, err := tx.AppendOp(&Op{Conversation: g.c.ID, AuthorSeq: seq, Lamport: seq, Body: make([]byte, 20000)}); err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil {
		g.committed += 3
	}
	return err
}

// check wants exactly what was committed.
func (g *growing) check() {
	g.t.Helper()
	doView(g.t, g.s, func(tx *Tx) {
		ops, err := tx.Log(g.c.ID, nil, rowsMax)
		must(g.t, err)
		same(g.t, uint64(len(ops)), g.committed)
	})
}

// On a full disk nothing that was acknowledged is lost, nothing is half there,
// reading goes on, and with room again so does writing.
func TestFullDisk(t *testing.T) {
	dir := disktest.Small(t, "size=4m")
	home := filepath.Join(dir, "home")
	must(t, Init(home, sampleSecrets(), rand.Reader))
	g := &growing{t: t, s: openHome(t, home)}
	doUpdate(t, g.s, func(tx *Tx) { must(t, tx.PutConversation(&g.c)) })
	free := fillDisk(t, dir, 1<<20)
	var err error
	for i := 0; i < 1000 && err == nil; i++ {
		err = g.add()
	}
	if !errors.Is(err, ErrFull) || g.committed < 3 {
		t.Fatalf("after %d ops: %v", g.committed, err)
	}
	oneLine(t, err, home)
	g.check()
	for range 3 {
		if err := g.add(); !errors.Is(err, ErrFull) {
			t.Fatalf("on the full disk: %v", err)
		}
	}
	// Whoever overlooks the error within a transaction gets no part of it either.
	err = g.s.Update(func(tx *Tx) error {
		for seq := range uint64(200) {
			_, _ = tx.AppendOp(&Op{Conversation: g.c.ID, AuthorSeq: 1e6 + seq, Body: make([]byte, 60000)})
		}
		_ = tx.SetSetting("small", []byte("x"))
		return nil
	})
	if !errors.Is(err, ErrFull) {
		t.Fatalf("with the error overlooked: %v", err)
	}
	g.check()
	secrets := g.s.Secrets()
	fillDisk(t, dir, 0)
	err = g.s.SaveSecrets(func(to *Secrets) { to.Open[0] ^= 1 })
	if !errors.Is(err, ErrFull) || g.s.Secrets() != secrets {
		t.Fatalf("key file on the full disk: %v", err)
	}
	oneLine(t, err, home)
	closeStore(t, g.s)
	free()
	g.s = openHome(t, home)
	g.check()
	must(t, g.add())
	g.check()
}

func TestOpenOnAFullDisk(t *testing.T) {
	dir := disktest.Small(t, "size=2m")
	home := filepath.Join(dir, "home")
	must(t, Init(home, sampleSecrets(), rand.Reader))
	free := fillDisk(t, dir, 0)
	if _, err := Open(home, rand.Reader); !errors.Is(err, ErrFull) {
		t.Fatalf("Open: %v", err)
	} else {
		oneLine(t, err, home)
	}
	free()
	closeStore(t, openHome(t, home))
}

func TestInitOnAFullDisk(t *testing.T) {
	dir := disktest.Small(t, "size=1m")
	for _, room := range []int64{0, 4096, 64 << 10, 160 << 10} {
		free := fillDisk(t, dir, room)
		home := filepath.Join(dir, "home")
		err := Init(home, sampleSecrets(), rand.Reader)
		if !errors.Is(err, ErrFull) {
			t.Fatalf("%d bytes of room: %v", room, err)
		}
		oneLine(t, err, home)
		if there, err := exists(home); there || err != nil {
			t.Errorf("%d bytes of room: something stays (%v)", room, err)
		}
		free()
	}
}

// Rights do not bind root, a mount does.
func TestReadOnlyHome(t *testing.T) {
	dir := disktest.Small(t, "size=2m")
	home := filepath.Join(dir, "home")
	must(t, Init(home, sampleSecrets(), rand.Reader))
	s := openHome(t, home)
	w := newWorld()
	doUpdate(t, s, func(tx *Tx) { w.put(t, tx) })
	closeStore(t, s)
	must(t, syscall.Mount("", dir, "", syscall.MS_REMOUNT|syscall.MS_RDONLY, ""))
	before := sums(t, home)
	_, err := Open(home, rand.Reader)
	if !errors.Is(err, ErrReadOnly) {
		t.Fatalf("Open: %v", err)
	}
	oneLine(t, err, home)
	err = Init(filepath.Join(dir, "other"), sampleSecrets(), rand.Reader)
	if !errors.Is(err, ErrReadOnly) {
		t.Fatalf("Init: %v", err)
	}
	oneLine(t, err, dir)
	same(t, sums(t, home), before)
	must(t, syscall.Mount("", dir, "", syscall.MS_REMOUNT, ""))
	checkWorld(t, openHome(t, home), w)
}

// What is written to a home whose files were taken away is not acknowledged.
func TestHomeGone(t *testing.T) {
	home := filepath.Join(t.TempDir(), "home")
	must(t, Init(home, sampleSecrets(), rand.Reader))
	g := &growing{t: t, s: openHome(t, home)}
	doUpdate(t, g.s, func(tx *Tx) { must(t, tx.PutConversation(&g.c)) })
	must(t, g.add())
	away := home + " away"
	must(t, os.Rename(home, away))
	for range 3 {
		if err := g.add(); !errors.Is(err, ErrGone) {
			t.Fatalf("without a home: %v", err)
		} else {
			oneLine(t, err, home)
		}
	}
	must(t, os.Rename(away, home))
	must(t, g.add()) // it is the very same again
	g.check()
	closeStore(t, g.s)
	g.s = openHome(t, home)
	g.check()
}

// A file system falls back to read-only when its disk wears out.
func TestTurnsReadOnly(t *testing.T) {
	dir, image := t.TempDir(), filepath.Join(t.TempDir(), "card")
	for _, step := range [][]string{
		{"truncate", "-s", "24M", image}, {"mkfs.ext4", "-q", image}, {"mount", "-o", "loop", image, dir},
	} {
		if out, err := exec.Command(step[0], step[1:]...).CombinedOutput(); err != nil {
			needtest.Without(t, "needs root, a loop device and mkfs.ext4: "+err.Error()+": "+string(out))
		}
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	home := filepath.Join(dir, "home")
	must(t, Init(home, sampleSecrets(), rand.Reader))
	g := &growing{t: t, s: openHome(t, home)}
	doUpdate(t, g.s, func(tx *Tx) { must(t, tx.PutConversation(&g.c)) })
	must(t, g.add())
	g.check() // and so there is a reader, which needs to write to begin
	must(t, exec.Command("mount", "-o", "remount,abort", dir).Run())
	for range 3 {
		if err := g.add(); !errors.Is(err, ErrReadOnly) {
			t.Fatalf("on the read-only disk: %v", err)
		} else {
			oneLine(t, err, home)
		}
	}
	g.check()
	_ = g.s.Close() // which cannot tidy up
}
