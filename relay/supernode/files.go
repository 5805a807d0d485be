package supernode

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"sync"
	"time"

	"sottovoce/relay/mailbox"
)

// Shared is a store of blobs that several processes have open, and the files of the one supernode that they are.
// relay/mailbox/jetstream has one.
type Shared interface {
	mailbox.Store
	// Load reads a file; version names what was read, 0 that there is none.
	Load(ctx context.Context, name string) (content []byte, version uint64, err error)
	// Save puts a file in the place of a version, or fails if another process has written it since.
	Save(ctx context.Context, name string, content []byte, version uint64) (uint64, error)
	Remove(ctx context.Context, name string) error
	List(ctx context.Context, folder string) ([]string, error)
	// Changed tells when another process has written a file.
	Changed() <-chan struct{}
	// Withdrawn changes whenever something was deleted from a log, or has expired, by whatever process.
	Withdrawn(c mailbox.Community) uint64
	// IsStale tells whether an error of Save says that another process has written the file.
	IsStale(err error) bool
	// Date is the time by the clock of the server that leads.
	Date(ctx context.Context) (time.Time, error)
}

// withdrawn tells of a log on a cluster what another process has deleted; nil where there is none.
func withdrawn(store Shared, c mailbox.Community) func() uint64 {
	if store == nil {
		return nil
	}
	return func() uint64 { return store.Withdrawn(c) }
}

// files are where a supernode keeps what it has beside the blobs. Paths are those of the data directory.
type files interface {
	// read reads a file of at most limit bytes; nil if there is none.
	read(path string, limit int64) ([]byte, error)
	// replace puts a file in the place of whatever was there, and returns once it is kept; errStale if another process has written it
	// since it was read here.
	replace(path string, content []byte) error
	remove(path string) error // none is no error
	// sync makes what was removed from a folder stay so.
	sync(path string) error
	// list are the names in a folder, of files and folders; none if there is no such folder.
	list(path string) ([]string, error)
	// makeDir makes a folder that is nobody else's to read.
	makeDir(path string) error
	// isFresh reports whether a file may have been written elsewhere since it was read or written here.
	isFresh(path string) (bool, error)
	// shared reports whether other processes write here too.
	shared() bool
}

// errStale says that another process has written a file since it was read here.
var errStale = errors.New("another process has written this meanwhile")

// local are the files of a directory that this process alone has.
type local struct{}

func (local) read(path string, limit int64) ([]byte, error) { return readFile(path, limit) }
func (local) replace(path string, content []byte) error     { return replaceFile(path, content) }
func (local) makeDir(path string) error                     { return makeDir(path) }
func (local) sync(path string) error                        { return syncDir(path) }
func (local) isFresh(string) (bool, error)                  { return true, nil }
func (local) shared() bool                                  { return false }

func (local) remove(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

func (local) list(path string) (names []string, err error) {
	entries, err := os.ReadDir(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	for _, entry := range entries {
		names = append(names, entry.Name())
	}
	return names, err
}

// common are files that other processes write as well.
type common struct {
	store Shared

	mu       sync.Mutex // guards the following
	versions map[string]uint64
}

func newCommon(store Shared) *common { return &common{store: store, versions: make(map[string]uint64)} }

func (c *common) shared() bool         { return true }
func (c *common) makeDir(string) error { return nil }
func (c *common) sync(string) error    { return nil }

// soon bounds what is asked of the servers: who waits for it holds the lock of a community.
func soon() (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.Background(), filesTime)
}

func (c *common) read(name string, limit int64) ([]byte, error) {
	ctx, cancel := soon()
	defer cancel()
	content, version, err := c.store.Load(ctx, path.Clean(filepath.ToSlash(name)))
	if err != nil {
		return nil, err
	}
	if int64(len(content)) > limit {
		return nil, errors.New(name + " is larger than it may be: it is not what this program wrote")
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.versions[name] = version; version == 0 { // strangers ask for what there is not
		delete(c.versions, name)
	}
	return content, nil
}

func (c *common) replace(name string, content []byte) error {
	ctx, cancel := soon()
	defer cancel()
	c.mu.Lock()
	after := c.versions[name]
	c.mu.Unlock()
	version, err := c.store.Save(ctx, path.Clean(filepath.ToSlash(name)), content, after)
	if c.store.IsStale(err) {
		return errStale
	}
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.versions[name] = version
	return nil
}

func (c *common) remove(name string) error {
	ctx, cancel := soon()
	defer cancel()
	c.mu.Lock()
	delete(c.versions, name)
	c.mu.Unlock()
	return c.store.Remove(ctx, path.Clean(filepath.ToSlash(name)))
}

func (c *common) list(name string) ([]string, error) {
	ctx, cancel := soon()
	defer cancel()
	return c.store.List(ctx, path.Clean(filepath.ToSlash(name)))
}

func (c *common) isFresh(name string) (bool, error) {
	ctx, cancel := soon()
	defer cancel()
	_, version, err := c.store.Load(ctx, path.Clean(filepath.ToSlash(name)))
	c.mu.Lock()
	defer c.mu.Unlock()
	return version == c.versions[name], err
}

// filesTime is how long a file on a cluster is waited for: an election there takes some seconds.
const filesTime = 15 * time.Second

// again does what reads a file and writes it, until no other process has written it in between.
func again(what func() error) (err error) {
	for n := range staleMost {
		if err = what(); !errors.Is(err, errStale) {
			return err
		}
		time.Sleep(time.Duration(n) * stalePause)
	}
	return err
}

// staleMost is how often something is done again since another process was first, each time with what that has written.
// stalePause stands between the first two times, and one more each time: as long as servers take to agree on what another process has written.
const (
	staleMost  = 32
	stalePause = 2 * time.Millisecond
)
