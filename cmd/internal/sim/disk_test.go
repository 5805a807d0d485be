package sim

import (
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"

	"github.com/ncruces/go-sqlite3/util/vfsutil"
	"github.com/ncruces/go-sqlite3/vfs"

	"sottovoce/mesh/store"
)

// sectorSize is what a disk writes whole or not at all, in bytes.
const sectorSize = 512

// disks are the files of all simulated homes, below everything that the store does with
// its database: its encryption, its gathering of writes. The key file, which the store
// replaces whole by a rename, lies on the machine's own disk and is always durable.
type disks struct {
	vfs.VFS
	mu   sync.Mutex // guards home
	home map[string]*disk
}

// allDisks is registered under store.FilesName before the first home is opened.
var allDisks = &disks{VFS: vfs.Find(""), home: make(map[string]*disk)}

func registerDisks() { vfs.Register(store.FilesName, allDisks) }

// insert gives a home a disk.
func (d *disks) insert(home string, random *rand.Rand) *disk {
	fresh := &disk{random: random, files: make(map[string]*content), losesAfter: -1}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.home[home] = fresh
	return fresh
}

func (d *disks) under(path string) *disk {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.home[filepath.Dir(path)]
}

// OpenFilename opens a file on the disk of its home.
func (d *disks) OpenFilename(name *vfs.Filename, flags vfs.OpenFlag) (vfs.File, vfs.OpenFlag, error) {
	f, got, err := vfsutil.WrapOpenFilename(d.VFS, name, flags)
	if err != nil || name == nil {
		return f, got, err
	}
	at := d.under(name.String())
	if at == nil {
		return f, got, err
	}
	return &file{File: f, disk: at, path: name.String()}, got, nil
}

// Delete removes a file, unless the disk has no power.
func (d *disks) Delete(name string, syncDir bool) error {
	if at := d.under(name); at != nil {
		at.mu.Lock()
		defer at.mu.Unlock()
		if at.dead {
			return syscall.EIO
		}
		delete(at.files, name)
	}
	return d.VFS.Delete(name, syncDir)
}

// disk is one home's: what was written and not synchronised may be lost, in pieces.
type disk struct {
	mu         sync.Mutex // guards the fields below
	random     *rand.Rand
	files      map[string]*content
	full       bool
	dead       bool
	losesAfter int    // writes until the power fails; below zero: it does not
	died       func() // called when it did
	synced     func() // called before the log is synchronised
	writes     int    // ever
}

// content is what a file has beyond what is durable.
type content struct {
	size   int64            // durable
	base   map[int64][]byte // sectors as they are durable, of those written since
	writes []written
}

type written struct {
	at    int64
	bytes []byte
}

// file is one connection's view of a file.
type file struct {
	vfs.File
	disk *disk
	path string
}

func (f *file) SharedMemory() vfs.SharedMemory { return vfsutil.WrapSharedMemory(f.File) }
func (f *file) HasMoved() (bool, error)        { return vfsutil.WrapHasMoved(f.File) }
func (f *file) Unwrap() vfs.File               { return f.File }

// ReadAt reads as long as there is power.
func (f *file) ReadAt(p []byte, off int64) (int, error) {
	f.disk.mu.Lock()
	dead := f.disk.dead
	f.disk.mu.Unlock()
	if dead {
		return 0, syscall.EIO
	}
	return f.File.ReadAt(p, off)
}

// WriteAt writes into the cache of the disk.
func (f *file) WriteAt(p []byte, off int64) (int, error) {
	d := f.disk
	d.mu.Lock()
	if d.losesAfter == 0 && !d.dead {
		d.mu.Unlock()
		d.fail(f, p, off)
		return 0, syscall.EIO
	}
	defer d.mu.Unlock()
	if d.dead {
		return 0, syscall.EIO
	}
	if d.full {
		if size, err := f.File.Size(); err != nil || off+int64(len(p)) > size {
			return 0, syscall.ENOSPC
		}
	}
	if d.losesAfter > 0 {
		d.losesAfter--
	}
	return f.write(p, off)
}

// write notes what is lost when the power fails before the next Sync.
func (f *file) write(p []byte, off int64) (int, error) {
	d := f.disk
	d.writes++
	c := d.files[f.path]
	if c == nil {
		size, err := f.File.Size()
		if err != nil {
			return 0, err
		}
		c = &content{size: size, base: make(map[int64][]byte)}
		d.files[f.path] = c
	}
	for sector := off / sectorSize; sector*sectorSize < off+int64(len(p)); sector++ {
		if c.base[sector] != nil {
			continue
		}
		old := make([]byte, sectorSize)
		if _, err := f.File.ReadAt(old, sector*sectorSize); err != nil && err != io.EOF {
			return 0, err
		}
		c.base[sector] = old
	}
	c.writes = append(c.writes, written{at: off, bytes: append([]byte(nil), p...)})
	return f.File.WriteAt(p, off)
}

// fail is the moment at which the power goes: others run a little further before they
// notice, the write under way is torn like every other.
func (d *disk) fail(f *file, p []byte, off int64) {
	for range 500 {
		runtime.Gosched()
	}
	d.mu.Lock()
	if !d.dead && !d.full {
		_, _ = f.write(p, off)
	}
	d.dead = true
	died := d.died
	d.mu.Unlock()
	if died != nil {
		died()
	}
}

// Sync makes what was written to the file durable.
func (f *file) Sync(flags vfs.SyncFlag) error {
	d := f.disk
	if synced := d.beforeSync(f.path); synced != nil {
		synced()
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.dead {
		return syscall.EIO
	}
	delete(d.files, f.path)
	return nil
}

func (d *disk) beforeSync(path string) func() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.dead || !strings.HasSuffix(path, "-wal") {
		return nil
	}
	return d.synced
}

// Truncate changes the size, durably.
func (f *file) Truncate(size int64) error {
	d := f.disk
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.dead {
		return syscall.EIO
	}
	delete(d.files, f.path)
	return f.File.Truncate(size)
}

// SizeHint is not followed: a simulated disk has no extents.
func (f *file) SizeHint(int64) error { return nil }

// setFull takes all room, or gives it back.
func (d *disk) setFull(full bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.full = full
}

func (d *disk) isFull() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.full
}

// loseAfter lets the power fail at the write after so many others.
func (d *disk) loseAfter(writes int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.losesAfter = writes
}

// cutPower stops everything at once.
func (d *disk) cutPower() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.dead = true
}

func (d *disk) isDead() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.dead
}

// restore brings the files into a state in which the failure may have left them, and
// the power back. Nobody has them open.
func (d *disk) restore() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, path := range sortedKeys(d.files) {
		if err := d.tear(path, d.files[path]); err != nil {
			return err
		}
	}
	clear(d.files)
	d.dead, d.losesAfter = false, -1
	return nil
}

// tear keeps of each sector what one of the writes since the last Sync left there: all
// the same one, or each its own.
func (d *disk) tear(path string, c *content) error {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if os.IsNotExist(err) {
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close()
	together := d.random.IntN(2) == 0
	kept := d.random.IntN(len(c.writes) + 1)
	size := c.size
	for _, sector := range sortedKeys(c.base) {
		if !together {
			kept = d.random.IntN(len(c.writes) + 1)
		}
		begin := sector * sectorSize
		image := c.base[sector]
		for _, w := range c.writes[:kept] {
			if from, to := max(begin, w.at), min(begin+sectorSize, w.at+int64(len(w.bytes))); from < to {
				copy(image[from-begin:to-begin], w.bytes[from-w.at:])
				size = max(size, w.at+int64(len(w.bytes))) // a size moves with a whole write
			}
		}
		if _, err := f.WriteAt(image, begin); err != nil {
			return err
		}
	}
	return f.Truncate(size)
}
