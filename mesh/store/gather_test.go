package store

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/ncruces/go-sqlite3"
	"github.com/ncruces/go-sqlite3/util/vfsutil"
	"github.com/ncruces/go-sqlite3/vfs"
)

// watching tells after each write to a log, and each sync, what was done.
type watching struct {
	vfs.VFS
	after func(what string)
}

func (w watching) OpenFilename(name *vfs.Filename, flags vfs.OpenFlag) (vfs.File, vfs.OpenFlag, error) {
	f, got, err := vfsutil.WrapOpenFilename(w.VFS, name, flags)
	if err != nil || flags&vfs.OPEN_WAL == 0 {
		return f, got, err
	}
	return watched{f, w.after}, got, nil
}

type watched struct {
	vfs.File
	after func(what string)
}

func (w watched) WriteAt(p []byte, off int64) (int, error) {
	n, err := w.File.WriteAt(p, off)
	w.after("write")
	return n, err
}

func (w watched) Sync(flags vfs.SyncFlag) error {
	err := w.File.Sync(flags)
	w.after("sync")
	return err
}

// watchWriter makes a store write through files that tell what they do.
func watchWriter(t *testing.T, s *Store, after func(what string)) {
	t.Helper()
	name := "watched-" + t.Name()
	vfs.Register(name, encrypted(watching{vfs.Find(""), after}))
	c, err := dialOn(name, inHome(s.home, databaseName), s.Secrets().Database)
	must(t, err)
	must(t, c.settle(writer))
	s.writer, c = c, s.writer
	must(t, c.close())
}

// counted is what a database says that only ever has events 1, 2, 3 … in it.
func counted(c *conn) (n int64, err error) {
	sum, err := c.number("SELECT ifnull(sum(ref),0) FROM events")
	if err != nil {
		return 0, err
	}
	n, err = c.number("SELECT count(*) FROM events")
	if err == nil && sum != n*(n+1)/2 {
		err = fmt.Errorf("%d events of sum %d", n, sum)
	}
	return n, err
}

// Between any two writes to the log, another connection and whoever opens the
// files after a kill see all of the commit or nothing of it. Commits end at every
// place in a sector, also between the two halves of a frame's header.
func TestCommitsAreWholeBetweenWrites(t *testing.T) {
	s := openHome(t, newHome(t))
	other, err := s.connect(reader)
	must(t, err)
	defer func() { must(t, other.close()) }()
	copied := filepath.Join(t.TempDir(), databaseName)
	committed, writing, writes, afterSync := int64(0), false, 0, 0
	synced := false
	look := func(who string, c *conn) {
		t.Helper()
		n, err := counted(c)
		must(t, err)
		if n != committed && n != committed+1 {
			t.Fatalf("%s: %d events, %d are committed", who, n, committed)
		}
	}
	watchWriter(t, s, func(what string) {
		if !writing {
			return
		}
		switch {
		case what == "sync":
			synced = true
		case synced:
			afterSync++
		}
		writes++
		look("another connection", other)
		if writes%4 == 0 || synced {
			copyFiles(t, inHome(s.home, databaseName), copied)
			c, err := dial(copied, s.Secrets().Database)
			must(t, err)
			look("after a kill", c)
			must(t, c.close())
		}
	})
	// Frame splitFrame is the first whose header has the end of a sector in it: it is to fill the last sector of a
	// commit. A commit of one page has two frames, so that it is met sooner or later, or by a commit of two pages.
	const splitFrame = (4096 - walHeaderSize) / (walFrameSize - 4096)
	frames := int64(0)
	for frames <= splitFrame {
		left := splitFrame - frames
		large := left > 20
		writing, synced = true, false
		doUpdate(t, s, func(tx *Tx) {
			event := Event{Ref: committed + 1}
			if large {
				event.Detail = make([]byte, committed%3*4000)
			}
			must(t, tx.AppendEvent(&event))
			if !large && left%2 == 0 {
				must(t, tx.SetSetting("name", nil))
			}
		})
		writing = false
		committed++
		n, err := counted(other)
		must(t, err)
		same(t, n, committed)
		fi, err := os.Stat(inHome(s.home, databaseName+"-wal"))
		must(t, err)
		frames = (fi.Size() - walHeaderSize) / walFrameSize
	}
	if frames != splitFrame+1 {
		t.Errorf("the log has %d frames, and frame %d does not end a commit", frames, splitFrame)
	}
	if afterSync < 30 {
		t.Errorf("%d writes after a sync: the test does not test what it is for", afterSync)
	}
}

// copyFiles copies a database and its log, as they lie on the disk.
func copyFiles(t *testing.T, from, to string) {
	t.Helper()
	must(t, removeAll(to+"-shm"))
	for _, end := range []string{"", "-wal"} {
		b, err := os.ReadFile(from + end)
		must(t, err)
		must(t, os.WriteFile(to+end, b, 0o600))
	}
}

// Transactions larger than the cache and what is held back, cut short or not,
// leave what they should.
func TestLargeCommits(t *testing.T) {
	home := newHome(t)
	s := openHome(t, home)
	large := bytes.Repeat([]byte("large"), 100_000)
	var want []byte
	for round := range 3 {
		refused := errors.New("refused")
		value := append(bytes.Clone(large), byte(round))
		err := s.Update(func(tx *Tx) error {
			for i := range 2 * writerCacheSize << 10 / len(large) {
				must(t, tx.SetSetting(fmt.Sprint(i), value))
			}
			must(t, tx.SetSetting("0", value[1:])) // written twice
			return refused
		})
		if !errors.Is(err, refused) {
			t.Fatal(err)
		}
		check := func() {
			doView(t, s, func(tx *Tx) {
				got, err := tx.Setting("large")
				if want == nil && errors.Is(err, ErrNotFound) {
					return
				}
				must(t, err)
				same(t, bytes.Equal(got, want), true)
				must(t, tx.query("PRAGMA integrity_check").each(func(r *row) { same(t, r.text(0), "ok") }))
			})
		}
		check()
		doUpdate(t, s, func(tx *Tx) { must(t, tx.SetSetting("large", value)) })
		want = value
		check()
		closeStore(t, s)
		s = openHome(t, home)
		check()
	}
}

// memory is a log in memory that counts how often it is written, and may be full.
type memory struct {
	vfsutil.SliceFile
	writes int
	full   bool
}

func (m *memory) WriteAt(p []byte, off int64) (int, error) {
	if m.full {
		return 0, sqlite3.FULL
	}
	m.writes++
	return m.SliceFile.WriteAt(p, off)
}

// What is held back is as good as written, whatever is asked.
func TestGathered(t *testing.T) {
	frame := bytes.Repeat([]byte{7}, walFrameSize)
	at := func(n int) int64 { return walHeaderSize + int64(n)*walFrameSize }
	write := func(g *gathered, p []byte, off int64) {
		t.Helper()
		n, err := g.WriteAt(p, off)
		must(t, err)
		same(t, n, len(p))
	}
	for name, flush := range map[string]func(g *gathered) error{
		"Sync":     func(g *gathered) error { return g.Sync(0) },
		"Close":    func(g *gathered) error { return g.Close() },
		"Truncate": func(g *gathered) error { return g.Truncate(at(3)) },
		"Size": func(g *gathered) error {
			size, err := g.Size()
			if err == nil && size != at(2) {
				t.Errorf("size %d", size)
			}
			return err
		},
		"ReadAt": func(g *gathered) error {
			got := make([]byte, walFrameSize)
			_, err := g.ReadAt(got, at(1))
			if err == nil && !bytes.Equal(got, frame) {
				t.Error("read something else")
			}
			return err
		},
		"a write elsewhere": func(g *gathered) error { _, err := g.WriteAt(frame[:1], 0); return err },
	} {
		m := new(memory)
		g := &gathered{File: m}
		write(g, frame[:24], at(0))
		write(g, frame[24:], at(0)+24)
		write(g, frame, at(1))
		same(t, m.writes, 0)
		m.full = true
		if err := flush(g); !errors.Is(err, sqlite3.FULL) {
			t.Errorf("%s on a full disk: %v", name, err)
		}
		_, err := g.ReadAt(make([]byte, 1), at(9))
		same(t, err.Error(), "EOF") // reading elsewhere goes on
		m.full = false
		must(t, flush(g))
		if !bytes.Equal(m.SliceFile[at(0):], append(bytes.Clone(frame), frame...)) {
			t.Errorf("%s does not write what is held", name)
		}
	}
	m := new(memory)
	g := &gathered{File: m}
	write(g, frame[:32], 0)
	write(g, frame[100:], at(0)+100) // the end of a frame
	same(t, m.writes, 2)
	for n := range 3 * gatheredMax / walFrameSize {
		write(g, frame, at(1+n))
		if len(g.held) > gatheredMax {
			t.Fatalf("%d bytes are held", len(g.held))
		}
	}
	same(t, m.writes, 2+3)
}
