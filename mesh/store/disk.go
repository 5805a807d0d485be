package store

import (
	"sync"

	"github.com/ncruces/go-sqlite3"
	"github.com/ncruces/go-sqlite3/util/vfsutil"
	"github.com/ncruces/go-sqlite3/vfs"
	"github.com/ncruces/go-sqlite3/vfs/adiantum"
)

// diskName returns the name under which the database library knows our files:
// page-encrypted ones that tell a full disk, and one that turned read-only, from a broken one.
var diskName = sync.OnceValue(func() string {
	const name = "sottovoce"
	files := vfs.Find(FilesName)
	if files == nil {
		files = vfs.Find("") // the operating system's
	}
	vfs.Register(name, encrypted(files))
	return name
})

// FilesName is the name under which a program may register files of its own with the
// database library, before it opens the first home: a simulation's lose power and are full.
const FilesName = "sottovoce-files"

// encrypted puts our layers on the operating system's files.
func encrypted(files vfs.VFS) vfs.VFS {
	return gathering{adiantum.Wrap(disk{files}, nil), new(sync.RWMutex)}
}

// disk is the operating system's files but for one thing: the library loses
// which error a write had, so that a full or read-only disk would be any I/O error.
type disk struct{ vfs.VFS }

// OpenFilename opens a file.
func (d disk) OpenFilename(name *vfs.Filename, flags vfs.OpenFlag) (vfs.File, vfs.OpenFlag, error) {
	f, flags, err := vfsutil.WrapOpenFilename(d.VFS, name, flags)
	if err != nil {
		return nil, flags, tell(err)
	}
	return diskFile{f}, flags, nil
}

type diskFile struct{ vfs.File }

func (f diskFile) WriteAt(p []byte, off int64) (int, error) {
	n, err := f.File.WriteAt(p, off)
	return n, tell(err)
}

// Sync fails also when the file has its name no more: what is written to a file that was
// deleted, or to a disk that was taken away, is acknowledged by nobody.
func (f diskFile) Sync(flags vfs.SyncFlag) error {
	if err := f.File.Sync(flags); err != nil {
		return tell(err)
	}
	if moved, _ := f.HasMoved(); moved { // files that cannot tell have not
		return sqlite3.READONLY_DBMOVED
	}
	return nil
}

// SizeHint reserves room.
func (f diskFile) SizeHint(size int64) error {
	if f, ok := f.File.(vfs.FileSizeHint); ok {
		return tell(f.SizeHint(size))
	}
	return nil
}

// SharedMemory is the index of the log, which holds no content.
func (f diskFile) SharedMemory() vfs.SharedMemory { return vfsutil.WrapSharedMemory(f.File) }

// HasMoved reports whether another file has the name now.
func (f diskFile) HasMoved() (bool, error) { return vfsutil.WrapHasMoved(f.File) }

// Unwrap returns the operating system's file.
func (f diskFile) Unwrap() vfs.File { return f.File }

func tell(err error) error {
	switch {
	case isFull(err):
		return vfs.SystemError(err, sqlite3.FULL)
	case isReadOnly(err):
		return vfs.SystemError(err, sqlite3.READONLY)
	}
	return err
}
