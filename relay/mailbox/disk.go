package mailbox

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"runtime"
)

// disk is the file system as far as the store uses it. Names are relative to the store's directory.
type disk interface {
	Open(name string) (file, error) // for reading and writing; created where it is not there
	Remove(name string) error
	Mkdir(name string) error
	List(name string) ([]string, error) // names in a folder; "" is the store's directory
	SyncDir(name string) error          // what was created and removed in the folder is so for good
}

// file is one file of a disk.
type file interface {
	io.ReaderAt
	io.WriterAt
	Size() (int64, error)
	Truncate(size int64) error
	Sync() error // content and size are on the disk when it returns
	Close() error
}

// folder is the disk below a directory of the system's.
type folder struct{ dir string }

func (f folder) path(name string) string { return filepath.Join(f.dir, name) }

func (f folder) Open(name string) (file, error) {
	opened, err := os.OpenFile(f.path(name), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	return systemFile{opened}, nil
}

func (f folder) Remove(name string) error { return os.Remove(f.path(name)) }

func (f folder) Mkdir(name string) error {
	if err := os.Mkdir(f.path(name), 0o700); err != nil && !errors.Is(err, os.ErrExist) {
		return err
	}
	return nil
}

func (f folder) List(name string) ([]string, error) {
	entries, err := os.ReadDir(f.path(name))
	if err != nil {
		return nil, err
	}
	names := make([]string, len(entries))
	for i, entry := range entries {
		names[i] = entry.Name()
	}
	return names, nil
}

// SyncDir has nothing to do on Windows, where folders cannot be synced.
func (f folder) SyncDir(name string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	dir, err := os.Open(f.path(name))
	if err != nil {
		return err
	}
	defer dir.Close()
	return dir.Sync()
}

type systemFile struct{ *os.File }

func (f systemFile) Size() (int64, error) {
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

func (f systemFile) Sync() error { return syncData(f.File) }

// fill reads as much of b as the file has from offset at.
func fill(f io.ReaderAt, b []byte, at int64) (int, error) {
	n, err := f.ReadAt(b, at)
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return n, err
}
