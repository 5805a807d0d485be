package store

import (
	"cmp"
	"sync"

	"github.com/ncruces/go-sqlite3/util/vfsutil"
	"github.com/ncruces/go-sqlite3/vfs"
)

// gathering hands the frames that a commit appends to the log to the files below
// in one piece. A frame is 4,120 bytes and lies across the blocks of 4,096 that the
// page encryption works on: alone, each would have three of them read, decrypted,
// encrypted and written.
//
// What others may read has always been written: a commit is shown to them after
// its Sync (synchronous=full), and what SQLite writes between the two, the end of
// the frame that fills the last sector, does not begin where a frame does and is
// not held back.
type gathering struct {
	vfs.VFS
	blocks *sync.RWMutex // of every log that is opened through it
}

// OpenFilename opens a file.
func (g gathering) OpenFilename(name *vfs.Filename, flags vfs.OpenFlag) (vfs.File, vfs.OpenFlag, error) {
	f, got, err := vfsutil.WrapOpenFilename(g.VFS, name, flags)
	if err != nil || flags&vfs.OPEN_WAL == 0 {
		return f, got, err
	}
	return &gathered{File: whole{f, g.blocks}}, got, nil
}

// whole lets nobody read a block of the log while it is being written: a frame begins
// inside a block that others read, and the page encryption writes blocks whole.
type whole struct {
	vfs.File
	blocks *sync.RWMutex
}

// WriteAt writes alone.
func (w whole) WriteAt(p []byte, off int64) (int, error) {
	w.blocks.Lock()
	defer w.blocks.Unlock()
	return w.File.WriteAt(p, off)
}

// ReadAt reads beside others that read.
func (w whole) ReadAt(p []byte, off int64) (int, error) {
	w.blocks.RLock()
	defer w.blocks.RUnlock()
	return w.File.ReadAt(p, off)
}

// Unwrap returns the file below.
func (w whole) Unwrap() vfs.File { return w.File }

// The log, in bytes: a header, then frames of a header and a page each.
const (
	walHeaderSize = 32
	walFrameSize  = 24 + 4096
)

// gathered is one connection's log.
type gathered struct {
	vfs.File
	held []byte // frames not written yet, gatheredMax bytes at most
	at   int64  // the offset of held
}

// WriteAt holds back what continues held, or begins it at a frame.
func (g *gathered) WriteAt(p []byte, off int64) (int, error) {
	end := g.at + int64(len(g.held))
	if len(g.held) > 0 && (off != end || len(g.held)+len(p) > gatheredMax) {
		if err := g.flush(); err != nil {
			return 0, err
		}
	}
	if len(g.held) == 0 {
		if off < walHeaderSize || (off-walHeaderSize)%walFrameSize != 0 {
			return g.File.WriteAt(p, off)
		}
		g.at = off
	}
	g.held = append(g.held, p...)
	return len(p), nil
}

// flush writes what is held. If that fails it stays: the transaction may go on
// without the statement that failed.
func (g *gathered) flush() error {
	if len(g.held) == 0 {
		return nil
	}
	_, err := g.File.WriteAt(g.held, g.at)
	if err == nil {
		g.held = g.held[:0]
	}
	return err
}

// ReadAt reads what was written, held back or not.
func (g *gathered) ReadAt(p []byte, off int64) (int, error) {
	if off < g.at+int64(len(g.held)) && off+int64(len(p)) > g.at {
		if err := g.flush(); err != nil {
			return 0, err
		}
	}
	return g.File.ReadAt(p, off)
}

// Truncate changes the size.
func (g *gathered) Truncate(size int64) error {
	if err := g.flush(); err != nil {
		return err
	}
	return g.File.Truncate(size)
}

// Sync makes everything durable.
func (g *gathered) Sync(flags vfs.SyncFlag) error {
	if err := g.flush(); err != nil {
		return err
	}
	return g.File.Sync(flags)
}

// Size returns the size, what is held back included.
func (g *gathered) Size() (int64, error) {
	if err := g.flush(); err != nil {
		return 0, err
	}
	return g.File.Size()
}

// Close writes what is held.
func (g *gathered) Close() error {
	err := g.flush()
	return cmp.Or(err, g.File.Close())
}

// Unwrap returns the file below.
func (g *gathered) Unwrap() vfs.File { return g.File }
