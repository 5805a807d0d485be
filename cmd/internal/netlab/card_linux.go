package netlab

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// Card is a small disk of its own with a file system that is mounted somewhere.
type Card struct {
	t          testing.TB
	lan        *LAN
	dir, image string
}

// NewCard makes a disk of some size, as truncate has it, and mounts it at a folder, which is made.
func (l *LAN) NewCard(t testing.TB, dir, size string) *Card {
	t.Helper()
	c := &Card{t, l, dir, filepath.Join(t.TempDir(), "card")}
	for _, step := range [][]string{
		{"mkdir", "-p", c.dir},
		{"truncate", "-s", size, c.image},
		{"mkfs.ext4", "-q", c.image},
	} {
		l.must(step...)
	}
	c.mount()
	t.Cleanup(func() { _ = syscall.Unmount(c.dir, syscall.MNT_DETACH) })
	return c
}

func (c *Card) mount() { c.lan.must("mount", "-o", "loop", c.image, c.dir) }

// WearOut lets the file system fall back to read-only; nothing may be open on it.
func (c *Card) WearOut() { c.lan.must("mount", "-o", "remount,abort", c.dir) }

const (
	// shutDown is the request FS_IOC_SHUTDOWN of the kernel, and atOnce has it write nothing more, not even what it was told to keep in the journal.
	shutDown, atOnce = 0x8004587d, 2
)

// Cut takes the power from the disk: what was not synced is lost.
func (c *Card) Cut() {
	c.t.Helper()
	f, err := os.Open(c.dir)
	if err == nil {
		err = unix.IoctlSetPointerInt(int(f.Fd()), shutDown, atOnce)
		_ = f.Close()
	}
	if err != nil {
		c.t.Fatal(err)
	}
}

// Mend brings a disk back that was worn out or cut, on a new card: the old file system may live on, read-only, wherever
// somebody has copied this machine's mounts meanwhile, as unshare does. Nothing may be open on it.
func (c *Card) Mend() {
	c.t.Helper()
	old := c.image
	c.image += " mended"
	c.lan.must("umount", c.dir)
	c.lan.must("cp", old, c.image)
	_, _ = command("e2fsck", "-p", c.image) // 1: it mended something
	c.mount()
}
