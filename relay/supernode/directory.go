package supernode

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/gofrs/flock"

	"sottovoce/mesh/clock"
	"sottovoce/mesh/identity"
	"sottovoce/mesh/wire"
	"sottovoce/relay/community"
	"sottovoce/relay/mailbox"
	"sottovoce/relay/token"
)

// Errors that callers branch on.
var (
	// ErrInUse says that another process works on the data directory.
	ErrInUse = errors.New("the data directory is in use by another process")
	// ErrNone says that there is no supernode in the directory.
	ErrNone = errors.New("there is no supernode in this directory")
	// ErrOwner says that the directory is another user's, who could not read what we write there.
	ErrOwner = errors.New("the data directory belongs to another user")
	// ErrOthers says that the directory that was to become one of a supernode holds something else, which others may read there.
	ErrOthers = errors.New("the folder holds other things: name one that is empty, or that is not there yet")
	// ErrLocal says that the directory holds a supernode of its own, which is not the one of the cluster.
	ErrLocal = errors.New("this directory holds a supernode of its own: give the processes of a cluster an empty one")
	// ErrNewer says that a newer version wrote the directory; nothing was touched.
	ErrNewer = errors.New("a newer version wrote this data directory: update this program")
	// ErrServed says that the supernode serves the community already.
	ErrServed = errors.New("this supernode serves that community already")
)

// The files of a data directory.
//
// spec: 08-custody#data-directory
const (
	lockName        = "lock"
	keysName        = "supernode"
	clockName       = "clock"
	mailboxName     = "mailbox"
	communitiesName = "communities"

	tokenName     = "token-key"
	houseName     = "house"
	allowanceName = "allowance"
	slotsName     = "slots"

	// directoryVersion is of what is written; a directory of a higher one is refused.
	directoryVersion = 1
)

// keyFile is all that the supernode is: whoever has it can pose as it.
type keyFile struct {
	Version uint64   `cbor:"1,keyasint"`
	Seed    [64]byte `cbor:"2,keyasint"` // of the device
}

// directory is a data directory that this process holds, and where its files are: in it, or on a cluster, where other processes have them
// too.
type directory struct {
	path  string
	lock  *flock.Flock
	files files
	store Shared // of the cluster; nil: there is none
}

// openDirectory takes hold of a data directory, which is made if there is none and found says so, and of what is on the cluster instead, if that is given.
func openDirectory(path string, found bool, cfg Config) (*directory, error) {
	if err := checkOwner(path); err != nil {
		return nil, err
	}
	shared := cfg.Shared
	_, err := os.Stat(filepath.Join(path, keysName))
	switch none := errors.Is(err, os.ErrNotExist); {
	case shared != nil && !none:
		return nil, fmt.Errorf("%w: %s", ErrLocal, path)
	case shared == nil && none && !found:
		return nil, fmt.Errorf("%w: %s", ErrNone, path)
	case none:
		if err := checkOthers(path); err != nil {
			return nil, err
		}
	}
	d, err := lockDirectory(path, found || shared != nil)
	if err != nil || shared == nil {
		return d, err
	}
	if d.store, err = shared(cfg.Limits.Disk); err != nil {
		return nil, errors.Join(err, d.close())
	}
	d.path, d.files = "", newCommon(d.store)
	keys, err := d.files.read(keysName, keyFileMax)
	clear(keys)
	if err == nil && keys == nil && !found {
		err = fmt.Errorf("%w: the store", ErrNone)
	}
	if err != nil {
		return nil, errors.Join(err, d.close())
	}
	return d, nil
}

// checkOthers refuses a directory that holds anything but what a founding that was cut short has left there: it would be shut for everybody
// else. That of a process before a cluster has our lock, and with it what a process leaves that is killed.
func checkOthers(path string) error {
	entries, err := os.ReadDir(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if slices.ContainsFunc(entries, func(e os.DirEntry) bool { return e.Name() == lockName }) {
		return nil
	}
	for _, e := range entries {
		switch strings.TrimSuffix(e.Name(), freshSuffix) {
		case keysName, clockName, mailboxName, communitiesName, "lost+found": // which a disk of its own has
		default:
			return fmt.Errorf("%w: %s has %s", ErrOthers, path, e.Name())
		}
	}
	return err
}

// lockDirectory takes hold of a directory alone.
func lockDirectory(path string, made bool) (*directory, error) {
	if made {
		if err := makeDir(path); err != nil {
			return nil, fmt.Errorf("making the data directory: %w", err)
		}
	}
	lock := flock.New(filepath.Join(path, lockName), flock.SetFlag(os.O_CREATE|os.O_RDWR), flock.SetPermissions(0o600))
	got, err := lock.TryLock()
	for end := time.Now().Add(lockPatience); err == nil && !got && time.Now().Before(end); {
		time.Sleep(lockPause)
		got, err = lock.TryLock()
	}
	if err != nil {
		return nil, fmt.Errorf("locking the data directory: %w", err)
	}
	if !got {
		return nil, fmt.Errorf("%w: %s", ErrInUse, path)
	}
	return &directory{path: path, lock: lock, files: local{}}, nil
}

// close lets go of the directory, and of what is on the cluster.
func (d *directory) close() error {
	if d.store != nil {
		return errors.Join(d.store.Close(), d.lock.Close())
	}
	return d.lock.Close()
}

// mailbox opens the store of blobs, of at most so many bytes; that of a cluster is open.
func (d *directory) mailbox(limit int64) (mailbox.Store, error) {
	if d.store != nil {
		return d.store, nil
	}
	return mailbox.Open(d.at(mailboxName), limit)
}

// changed tells when another process has written a file; never where there is none.
func (d *directory) changed() <-chan struct{} {
	if d.store == nil {
		return nil
	}
	return d.store.Changed()
}

func (d *directory) at(name ...string) string {
	return filepath.Join(append([]string{d.path}, name...)...)
}

// device reads the supernode's keys, or draws them where there are none yet.
func (d *directory) device(rand io.Reader) (*identity.Device, error) {
	b, err := d.files.read(d.at(keysName), keyFileMax)
	if err != nil {
		return nil, err
	}
	defer clear(b)
	if b == nil {
		return d.newDevice(rand)
	}
	seed, err := parseKeys(b)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", d.at(keysName), err)
	}
	defer seed.Erase()
	return identity.DeviceFromSeed(seed), nil
}

func (d *directory) newDevice(rand io.Reader) (*identity.Device, error) {
	device, err := identity.NewDevice(rand)
	if err != nil {
		return nil, err
	}
	seed := device.Seed()
	defer seed.Erase()
	b, err := wire.Marshal(keyFile{Version: directoryVersion, Seed: seed})
	if err != nil {
		return nil, err
	}
	defer clear(b)
	return device, d.files.replace(d.at(keysName), b)
}

// parseKeys reads a key file of this version, or says that it is a newer one's.
func parseKeys(b []byte) (identity.DeviceSeed, error) {
	var said struct {
		Version uint64 `cbor:"1,keyasint"`
	}
	if err := wire.Unmarshal(b, &said); err != nil && !errors.Is(err, wire.ErrNewer) {
		return identity.DeviceSeed{}, err
	} else if err != nil || said.Version > directoryVersion {
		return identity.DeviceSeed{}, ErrNewer
	}
	var file keyFile
	if err := wire.Unmarshal(b, &file); err != nil {
		return identity.DeviceSeed{}, err
	}
	return file.Seed, nil
}

// mark reads the clock's mark; the zero one, which is far in the past, if there is none.
func (d *directory) mark() (m clock.Mark, err error) {
	b, err := d.files.read(d.at(clockName), keyFileMax)
	if err != nil || b == nil {
		return m, err
	}
	if err := wire.Unmarshal(b, &m); err != nil {
		return m, fmt.Errorf("reading %s: %w", d.at(clockName), err)
	}
	return m, nil
}

// saveMark keeps the mark, unless another process has kept a later one.
func (d *directory) saveMark(m clock.Mark) error {
	b, err := wire.Marshal(m)
	if err != nil {
		return err
	}
	return again(func() error {
		if d.files.shared() {
			theirs, err := d.mark()
			if err != nil || theirs.Day > m.Day {
				return err
			}
		}
		return d.files.replace(d.at(clockName), b)
	})
}

// folders are those of the communities that are served, in the order of their ids.
func (d *directory) folders() (all []folder, err error) {
	names, err := d.files.list(d.at(communitiesName))
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		id, err := community.ParseID(name)
		if err != nil {
			continue // nothing of ours
		}
		all = append(all, folder{files: d.files, path: d.at(communitiesName, name), id: id})
	}
	slices.SortFunc(all, func(a, b folder) int { return slices.Compare(a.id[:], b.id[:]) })
	return all, nil
}

// folder is what is kept of one community beside its blobs.
type folder struct {
	files files
	path  string
	id    community.ID
}

// newFolder makes that of a community. What a crash left of an earlier try is overwritten: it exists
// with its house.
func (d *directory) newFolder(id community.ID) (folder, error) {
	f := folder{files: d.files, path: d.at(communitiesName, id.String()), id: id}
	exists, err := f.exists()
	if err == nil && exists {
		err = ErrServed
	}
	if err != nil {
		return folder{}, err
	}
	return f, errors.Join(d.files.makeDir(d.at(communitiesName)), d.files.makeDir(f.path))
}

func (f folder) at(name string) string { return filepath.Join(f.path, name) }

// exists reports whether the community was founded or entered to the end.
func (f folder) exists() (bool, error) {
	names, err := f.files.list(f.path)
	return slices.Contains(names, houseName), err
}

// tokenKey reads the token key, or draws it where there is none yet.
func (f folder) tokenKey(rand io.Reader) (*token.Key, error) {
	b, err := f.files.read(f.at(tokenName), keyFileMax)
	if err != nil {
		return nil, err
	}
	defer clear(b)
	if len(b) == len(token.KeySeed{}) {
		seed := token.KeySeed(b)
		defer seed.Erase()
		return token.KeyFromSeed(seed), nil
	}
	if exists, err := f.exists(); err != nil {
		return nil, err
	} else if exists { // a new key would make all tokens worthless, and members think that they are marked
		return nil, fmt.Errorf("%s is missing or damaged: restore it from a backup", f.at(tokenName))
	}
	key, err := token.NewKey(rand)
	if err != nil {
		return nil, err
	}
	seed := key.Seed()
	defer seed.Erase()
	return key, f.files.replace(f.at(tokenName), seed[:])
}

// house reads the community's.
func (f folder) house(device *identity.Device) (*community.House, error) {
	b, err := f.files.read(f.at(houseName), houseMax)
	if err != nil {
		return nil, err
	}
	defer clear(b)
	house, err := community.LoadHouse(b, device)
	if errors.Is(err, wire.ErrNewer) {
		return nil, ErrNewer
	}
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", f.at(houseName), err)
	}
	return house, nil
}

// saveHouse keeps the community's house. With its first the community is one that is served.
func (f folder) saveHouse(h *community.House) error {
	b := h.Save()
	defer clear(b)
	return f.files.replace(f.at(houseName), b)
}

// allowance reads what was drawn of the allowances of the day.
func (f folder) allowance() (*token.Allowance, error) {
	b, err := f.files.read(f.at(allowanceName), houseMax)
	if err != nil {
		return nil, err
	}
	if b == nil {
		return token.NewAllowance(), nil
	}
	a, err := token.LoadAllowance(b)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", f.at(allowanceName), err)
	}
	return a, nil
}

func (f folder) saveAllowance(content []byte) error {
	return f.files.replace(f.at(allowanceName), content)
}
