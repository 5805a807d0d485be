package supernode

import (
	"crypto/rand"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"sottovoce/mesh/wire"
	"sottovoce/relay/community"
)

func (r *rig) open() (*Supernode, error) {
	return Open(r.dir, Config{Rand: rand.Reader, Log: slog.New(slog.DiscardHandler)})
}

func TestOneProcess(t *testing.T) {
	t.Parallel()
	r := found(t)
	s, err := r.open()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.open(); !errors.Is(err, ErrInUse) {
		t.Errorf("a second process: %v", err)
	}
	if _, err := Found(r.dir, Charter{Name: "Altra", Policy: policy}, Config{Rand: rand.Reader}); !errors.Is(err, ErrInUse) {
		t.Errorf("another community beside a running supernode: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if s, err = r.open(); err != nil {
		t.Fatalf("after it was closed: %v", err)
	}
	if s.ID().String() != r.made.Supernode || len(s.all()) != 1 {
		t.Errorf("%v serves %d communities", s.ID(), len(s.all()))
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestSeveralCommunities(t *testing.T) {
	t.Parallel()
	r := found(t)
	other, err := Found(r.dir, Charter{Name: "Altra", Policy: policy}, Config{Rand: rand.Reader})
	if err != nil || other.Supernode != r.made.Supernode || other.Community == r.made.Community {
		t.Fatalf("a second community: %+v, %v", other, err)
	}
	r.run(Config{Vouched: func() bool { return true }})
	here := r.join()
	first := r.made
	r.made = other
	r.know(r.Supernode)
	there := r.join()
	there.draw(2)
	blobs := r.blobs(1)
	l := there.mustMember()
	r.deposit(l, wire.Deposit{Tokens: there.take(1)}, blobs...)
	if got := bodies(r.collect(l, 0)); len(got) != 1 {
		t.Errorf("%d blobs in the log that was written to", len(got))
	}
	r.made = first
	r.know(r.Supernode)
	l = here.mustMember()
	if got := bodies(r.collect(l, 0)); len(got) != 0 {
		t.Errorf("%d blobs in the log of the other community", len(got))
	}
	if got := reasons(r.deposit(l, wire.Deposit{Tokens: there.take(1)}, r.blobs(1)...)); got[0] != wire.ReasonToken {
		t.Errorf("a token of another community: %s", Word(got[0]))
	}
	if there.grant.PSK == here.grant.PSK {
		t.Error("two communities share a key")
	}
}

func TestDirectoryIsRefused(t *testing.T) {
	t.Parallel()
	if _, err := Open(t.TempDir(), Config{}); !errors.Is(err, ErrNone) {
		t.Errorf("an empty directory: %v", err)
	}
	for name, c := range map[string]struct {
		file    string
		content func(old []byte) []byte
		want    error // nil: any
	}{
		"keys of a newer version": {keysName, func([]byte) []byte {
			b, err := wire.Marshal(struct {
				Version uint64 `cbor:"1,keyasint"`
				Else    string `cbor:"7,keyasint"`
			}{directoryVersion + 1, "other things"})
			if err != nil {
				t.Fatal(err)
			}
			return b
		}, ErrNewer},
		"keys with something that must be understood": {keysName, func([]byte) []byte {
			return []byte{0xa2, 0x01, 0x01, 0x19, 0x80, 0x00, 0x01}
		}, ErrNewer},
		"keys cut short":      {keysName, func(old []byte) []byte { return old[:len(old)-1] }, wire.ErrMalformed},
		"no token key":        {filepath.Join(communitiesName, "*", tokenName), func([]byte) []byte { return nil }, nil},
		"half a token key":    {filepath.Join(communitiesName, "*", tokenName), func(old []byte) []byte { return old[:16] }, nil},
		"a house cut short":   {filepath.Join(communitiesName, "*", houseName), func(old []byte) []byte { return old[:100] }, wire.ErrMalformed},
		"a house in pieces":   {filepath.Join(communitiesName, "*", houseName), func([]byte) []byte { return []byte{1} }, wire.ErrMalformed},
		"a newer house":       {filepath.Join(communitiesName, "*", houseName), func(old []byte) []byte { return append([]byte{9}, old[1:]...) }, ErrNewer},
		"junk for a mark":     {clockName, func([]byte) []byte { return []byte("1970") }, wire.ErrMalformed},
		"junk for allowances": {filepath.Join(communitiesName, "*", allowanceName), func([]byte) []byte { return []byte("many") }, wire.ErrMalformed},
	} {
		r := found(t)
		path := filepath.Join(r.dir, c.file)
		if found, _ := filepath.Glob(path); len(found) == 1 {
			path = found[0]
		} else if matches, _ := filepath.Glob(filepath.Join(r.dir, filepath.Dir(c.file))); len(matches) == 1 {
			path = filepath.Join(matches[0], filepath.Base(c.file))
		}
		old, _ := os.ReadFile(path)
		if content := c.content(old); content == nil {
			_ = os.Remove(path)
		} else if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		s, err := r.open()
		if err == nil {
			_ = s.Close()
		}
		if err == nil || c.want != nil && !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
		if now, _ := os.ReadFile(path); string(now) != string(c.content(old)) {
			t.Errorf("%s: the file was touched", name)
		}
	}
}

// TestFoundingCutShort leaves what a crash leaves at each step of founding: the next try goes on.
func TestFoundingCutShort(t *testing.T) {
	t.Parallel()
	for _, gone := range [][]string{{houseName}, {houseName, tokenName}} {
		r := found(t)
		folders, err := filepath.Glob(filepath.Join(r.dir, communitiesName, "*"))
		if err != nil || len(folders) != 1 {
			t.Fatal(folders, err)
		}
		for _, name := range gone {
			if err := os.Remove(filepath.Join(folders[0], name)); err != nil {
				t.Fatal(err)
			}
		}
		s, err := r.open()
		if err != nil || len(s.all()) != 0 {
			t.Fatalf("without %v: %v", gone, err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if _, err := Found(r.dir, Charter{Name: "Casa", Policy: policy}, Config{Rand: rand.Reader}); err != nil {
			t.Errorf("another try: %v", err)
		}
	}
}

func TestNothingIsOpenToOthers(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		return // rights are no bits there
	}
	r := start(t)
	p := r.join()
	p.draw(1)
	r.deposit(p.mustMember(), wire.Deposit{Tokens: p.take(1)}, r.blobs(1)...)
	err := filepath.WalkDir(r.dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err == nil && info.Mode().Perm()&0o077 != 0 && path != r.dir {
			t.Errorf("%s has %v", path, info.Mode())
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestShortHold: a command that looks at the directory does not keep the supernode from starting.
func TestShortHold(t *testing.T) {
	t.Parallel()
	r := found(t)
	s, err := r.open()
	if err != nil {
		t.Fatal(err)
	}
	closed := make(chan error, 1)
	time.AfterFunc(50*time.Millisecond, func() { closed <- s.Close() })
	again, err := r.open()
	if err := errors.Join(err, <-closed); err != nil {
		t.Fatal(err)
	}
	if err := again.Close(); err != nil {
		t.Error(err)
	}
}

// TestFoundedAgainUnderAWrongClock: what the root signs is numbered by the clock, so that under one of the past it would never be heeded.
func TestFoundedAgainUnderAWrongClock(t *testing.T) {
	dir := t.TempDir()
	again := func() error {
		root, err := community.NewRoot(rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		_, err = Found(dir, Charter{Name: "Casa", Policy: policy, Root: &root}, Config{Rand: rand.Reader})
		return err
	}
	synctest.Test(t, func(t *testing.T) { // it is the year 2000 in there
		if err := again(); !errors.Is(err, ErrClock) {
			t.Errorf("founded again in 2000: %v", err)
		}
	})
	if err := again(); err != nil {
		t.Errorf("with the right clock: %v", err)
	}
}

// TestTold: who is told the root words and cannot keep them founds nothing; who can has them before there is a community.
func TestTold(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	full := errors.New("no room")
	var told []string
	charter := Charter{Name: "Casa", Policy: policy, Told: func(words []string) error { told = words; return full }}
	communities := func() int {
		d, err := openDirectory(dir, true, Config{})
		if err != nil {
			t.Fatal(err)
		}
		defer d.close()
		all, err := d.folders()
		if err != nil {
			t.Fatal(err)
		}
		return len(all)
	}
	if _, err := Found(dir, charter, Config{Rand: rand.Reader}); !errors.Is(err, full) || len(told) != 24 || communities() != 0 {
		t.Fatalf("%v, %d words, %d communities", err, len(told), communities())
	}
	charter.Told = func(words []string) error { told = words; return nil }
	made, err := Found(dir, charter, Config{Rand: rand.Reader})
	if err != nil || !slices.Equal(made.Words, told) || communities() != 1 {
		t.Fatalf("%v, %q, %d communities", err, told, communities())
	}
}
