package mailbox_test

import (
	"errors"
	"io"
	"maps"
	"math/rand/v2"
	"os"
	"path"
	"slices"
	"strings"
	"sync"

	"sottovoce/relay/mailbox"
)

var (
	errPower = errors.New("the power is off")
	errEIO   = errors.New("input/output error")
)

// faulty is a disk in memory whose power fails at a chosen step. What was not synced is then lost in part: sector by sector of
// files, name by name of folders.
type faulty struct {
	mu      sync.Mutex
	names   map[string]*inode // as programs see them
	durable map[string]*inode // as a crash leaves them
	steps   int               // writes, syncs and other changes so far
	fail    int               // the step at which the power fails; 0: never
	off     bool

	room     int // bytes that fit; 0: no limit
	full     error
	syncFail bool // syncs fail, once
}

// span is a part of a file in bytes.
type span struct{ from, to int }

// inode is the content of a file.
type inode struct {
	now, synced []byte
	pending     []pending
	bad         []span // cannot be read
}

// pending is a write that was not synced; without bytes it cut the file at an offset.
type pending struct {
	at    int
	bytes []byte
}

func newFaulty() *faulty { return &faulty{names: map[string]*inode{}, durable: map[string]*inode{}} }

// step counts a change and fails when the power does.
func (d *faulty) step() error {
	if d.off {
		return errPower
	}
	if d.steps++; d.steps == d.fail {
		d.off = true
		return errPower
	}
	return nil
}

// crash returns the disk as the next start finds it. What was not synced survives as keep says, for each piece.
func (d *faulty) crash(keep func() bool) *faulty {
	d.mu.Lock()
	defer d.mu.Unlock()
	after := newFaulty()
	for _, name := range slices.Sorted(maps.Keys(d.names)) {
		if _, was := d.durable[name]; !was && keep() {
			d.durable[name] = d.names[name]
		}
	}
	for _, name := range slices.Sorted(maps.Keys(d.durable)) {
		if _, is := d.names[name]; !is && keep() {
			continue
		}
		content := d.durable[name].torn(keep)
		after.names[name] = &inode{now: content, synced: slices.Clone(content)}
	}
	after.durable = maps.Clone(after.names)
	return after
}

const sector = 512

// torn is what a crash leaves of a file.
func (n *inode) torn(keep func() bool) []byte {
	b := slices.Clone(n.synced)
	for _, p := range n.pending {
		if p.bytes == nil {
			if keep() && p.at < len(b) {
				b = b[:p.at]
			}
			continue
		}
		for at := p.at; at < p.at+len(p.bytes); {
			end := min((at/sector+1)*sector, p.at+len(p.bytes))
			if keep() {
				b = overwrite(b, p.bytes[at-p.at:end-p.at], at)
			}
			at = end
		}
	}
	return b
}

func overwrite(b, with []byte, at int) []byte {
	if grow := at + len(with) - len(b); grow > 0 {
		b = append(b, make([]byte, grow)...)
	}
	copy(b[at:], with)
	return b
}

func (d *faulty) Open(name string) (mailbox.File, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.names[name] == nil {
		if err := d.step(); err != nil {
			return nil, err
		}
		d.names[name] = &inode{}
	}
	if d.off {
		return nil, errPower
	}
	return &faultyFile{d, d.names[name]}, nil
}

func (d *faulty) Remove(name string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.names[name] == nil {
		return os.ErrNotExist
	}
	if err := d.step(); err != nil {
		return err
	}
	delete(d.names, name)
	return nil
}

// Mkdir makes a folder, which is a name that ends in a slash.
func (d *faulty) Mkdir(name string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.names[name+"/"] != nil {
		return nil
	}
	if err := d.step(); err != nil {
		return err
	}
	d.names[name+"/"] = &inode{}
	return nil
}

func (d *faulty) List(folder string) (names []string, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for name := range d.names {
		if in, base := split(name); in == folder {
			names = append(names, strings.TrimSuffix(base, "/"))
		}
	}
	slices.Sort(names)
	return names, nil
}

func split(name string) (folder, base string) {
	folder, base = path.Split(strings.TrimSuffix(name, "/"))
	return strings.TrimSuffix(folder, "/"), base
}

func (d *faulty) SyncDir(folder string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.step(); err != nil {
		return err
	}
	for name := range d.durable {
		if in, _ := split(name); in == folder && d.names[name] == nil {
			delete(d.durable, name)
		}
	}
	for name, n := range d.names {
		if in, _ := split(name); in == folder {
			d.durable[name] = n
		}
	}
	return nil
}

func (d *faulty) used() (n int) {
	for _, node := range d.names {
		n += len(node.now)
	}
	return n
}

type faultyFile struct {
	disk *faulty
	node *inode
}

func (f *faultyFile) ReadAt(b []byte, at int64) (int, error) {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	if at >= int64(len(f.node.now)) {
		return 0, io.EOF
	}
	for _, bad := range f.node.bad {
		if int(at) < bad.to && bad.from < int(at)+len(b) {
			return 0, errEIO
		}
	}
	n := copy(b, f.node.now[at:])
	if n < len(b) {
		return n, io.EOF
	}
	return n, nil
}

// WriteAt writes half of what it was given when the power fails or the disk is full.
func (f *faultyFile) WriteAt(b []byte, at int64) (int, error) {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	if f.disk.off {
		return 0, errPower
	}
	err := f.disk.step()
	if grow := int(at) + len(b) - len(f.node.now); err == nil && grow > 0 && f.disk.room > 0 && f.disk.used()+grow > f.disk.room {
		err = f.disk.full
	}
	n := len(b)
	if err != nil {
		n /= 2
	}
	f.node.now = overwrite(f.node.now, b[:n], int(at))
	f.node.pending = append(f.node.pending, pending{int(at), slices.Clone(b[:n])})
	return n, err
}

func (f *faultyFile) Truncate(size int64) error {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	if err := f.disk.step(); err != nil {
		return err
	}
	f.node.now = f.node.now[:min(int(size), len(f.node.now))]
	f.node.pending = append(f.node.pending, pending{at: int(size)})
	return nil
}

func (f *faultyFile) Sync() error {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	if f.disk.syncFail {
		f.disk.syncFail = false
		return errEIO
	}
	if err := f.disk.step(); err != nil {
		return err
	}
	f.node.synced, f.node.pending = slices.Clone(f.node.now), nil
	return nil
}

func (f *faultyFile) Size() (int64, error) {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	return int64(len(f.node.now)), nil
}

func (f *faultyFile) Close() error { return nil }

// keeping are the ways in which a crash treats what was not synced.
func keeping(r *rand.Rand) map[string]func() bool {
	return map[string]func() bool{
		"nothing": func() bool { return false },
		"all":     func() bool { return true },
		"some":    func() bool { return r.IntN(2) == 0 },
		"most":    func() bool { return r.IntN(8) != 0 },
	}
}
