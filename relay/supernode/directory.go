package supernode

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/gofrs/flock"

	"sottovoce/mesh/clock"
	"sottovoce/mesh/identity"
	"sottovoce/mesh/wire"
	"sottovoce/relay/community"
	"sottovoce/relay/token"
)

// Errors that callers branch on.
var (
	// ErrInUse says that another process works on the data directory.
	ErrInUse = errors.New("the data directory is in use by another process")
	// ErrNone says that there is no supernode in the directory.
	ErrNone = errors.New("there is no supernode in this directory")
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

// directory is a data directory that this process holds.
type directory struct {
	path string
	lock *flock.Flock
}

// openDirectory takes hold of a data directory, which is made if there is none and found says so.
func openDirectory(path string, found bool) (*directory, error) {
	if _, err := os.Stat(filepath.Join(path, keysName)); errors.Is(err, os.ErrNotExist) && !found {
		return nil, fmt.Errorf("%w: %s", ErrNone, path)
	}
	if found {
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
	return &directory{path: path, lock: lock}, nil
}

func (d *directory) close() error { return d.lock.Close() }

func (d *directory) at(name ...string) string {
	return filepath.Join(append([]string{d.path}, name...)...)
}

// device reads the supernode's keys, or draws them where there are none yet.
func (d *directory) device(rand io.Reader) (*identity.Device, error) {
	b, err := readFile(d.at(keysName), keyFileMax)
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
	return device, replaceFile(d.at(keysName), b)
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
	b, err := readFile(d.at(clockName), keyFileMax)
	if err != nil || b == nil {
		return m, err
	}
	if err := wire.Unmarshal(b, &m); err != nil {
		return m, fmt.Errorf("reading %s: %w", d.at(clockName), err)
	}
	return m, nil
}

func (d *directory) saveMark(m clock.Mark) error {
	b, err := wire.Marshal(m)
	if err != nil {
		return err
	}
	return replaceFile(d.at(clockName), b)
}

// folders are those of the communities that are served, in the order of their ids.
func (d *directory) folders() (all []folder, err error) {
	names, err := os.ReadDir(d.at(communitiesName))
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		id, err := community.ParseID(name.Name())
		if err != nil {
			continue // nothing of ours
		}
		all = append(all, folder{path: d.at(communitiesName, name.Name()), id: id})
	}
	slices.SortFunc(all, func(a, b folder) int { return slices.Compare(a.id[:], b.id[:]) })
	return all, nil
}

// folder is what is kept of one community beside its blobs.
type folder struct {
	path string
	id   community.ID
}

// newFolder makes that of a community. What a crash left of an earlier try is overwritten: it exists
// with its house.
func (d *directory) newFolder(id community.ID) (folder, error) {
	f := folder{path: d.at(communitiesName, id.String()), id: id}
	if _, err := os.Stat(f.at(houseName)); err == nil {
		return folder{}, ErrServed
	}
	return f, errors.Join(makeDir(d.at(communitiesName)), makeDir(f.path))
}

func (f folder) at(name string) string { return filepath.Join(f.path, name) }

// exists reports whether the community was founded or entered to the end.
func (f folder) exists() bool {
	_, err := os.Stat(f.at(houseName))
	return err == nil
}

// tokenKey reads the token key, or draws it where there is none yet.
func (f folder) tokenKey(rand io.Reader) (*token.Key, error) {
	b, err := readFile(f.at(tokenName), keyFileMax)
	if err != nil {
		return nil, err
	}
	defer clear(b)
	if len(b) == len(token.KeySeed{}) {
		seed := token.KeySeed(b)
		defer seed.Erase()
		return token.KeyFromSeed(seed), nil
	}
	if f.exists() { // a new key would make all tokens worthless, and members think that they are marked
		return nil, fmt.Errorf("%s is missing or damaged: restore it from a backup", f.at(tokenName))
	}
	key, err := token.NewKey(rand)
	if err != nil {
		return nil, err
	}
	seed := key.Seed()
	defer seed.Erase()
	return key, replaceFile(f.at(tokenName), seed[:])
}

// house reads the community's.
func (f folder) house(device *identity.Device) (*community.House, error) {
	b, err := readFile(f.at(houseName), houseMax)
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
	return replaceFile(f.at(houseName), b)
}

// allowance reads what was drawn of the allowances of the day.
func (f folder) allowance() (*token.Allowance, error) {
	b, err := readFile(f.at(allowanceName), houseMax)
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

func (f folder) saveAllowance(a *token.Allowance) error {
	return replaceFile(f.at(allowanceName), a.Save())
}
