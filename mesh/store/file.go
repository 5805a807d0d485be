package store

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
)

// replaceFile puts a file with this content in the place of whatever was there,
// or leaves that as it was; when it returns nil the disk has it.
func replaceFile(path string, content []byte) (err error) {
	fresh := path + ".new"
	f, err := os.OpenFile(fresh, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(fresh))
		}
	}()
	_, err = f.Write(content)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	former, _ := openFormer(path)
	if err = os.Rename(fresh, path); err == nil {
		err = syncDir(filepath.Dir(path))
	}
	if former == nil {
		return err
	}
	if err == nil {
		overwrite(former)
	}
	return errors.Join(err, former.Close())
}

// openFormer opens a file that is to be replaced, to be overwritten then. There is none
// where a file that is open cannot be replaced.
func openFormer(path string) (*os.File, error) {
	if runtime.GOOS == "windows" {
		return nil, nil
	}
	return os.OpenFile(path, os.O_WRONLY, 0)
}

// overwrite leaves nothing of a file that has lost its name, as far as the file system
// writes in place; it is no error where it does not.
//
// spec: 09-storage#erasure
func overwrite(f *os.File) {
	if fi, err := f.Stat(); err == nil {
		if _, err := f.WriteAt(make([]byte, fi.Size()), 0); err == nil {
			_ = f.Sync()
		}
	}
}

// syncDir makes the names in a directory durable.
func syncDir(dir string) error {
	if runtime.GOOS == "windows" {
		return nil // directories cannot be opened there; NTFS logs their changes
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// exists reports whether there is something of that name.
func exists(path string) (bool, error) {
	_, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

// removeAll removes files that may not be there.
func removeAll(paths ...string) error {
	var errs []error
	for _, p := range paths {
		if err := os.Remove(p); err != nil && !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// closeToOthers takes the rights of other users off files that may not be there.
func closeToOthers(paths ...string) error {
	for _, p := range paths {
		fi, err := os.Stat(p)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err == nil && fi.Mode().Perm()&0o077 != 0 {
			err = os.Chmod(p, fi.Mode().Perm()&^0o077)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
