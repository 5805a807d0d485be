package mailbox_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"sottovoce/mesh/wire"
	"sottovoce/relay/mailbox"
	"sottovoce/relay/mailbox/mailboxtest"
)

const stickDay = 20_800

// taker takes what a file brings into a store, up to a last day.
type taker struct {
	mailbox.Store
	c    mailbox.Community
	last uint16
}

func (t taker) Take(ctx context.Context, blobs [][]byte) ([]wire.Reason, []bool, error) {
	reasons, fresh := make([]wire.Reason, len(blobs)), make([]bool, len(blobs))
	for i, b := range blobs {
		h, err := wire.ParseBlob(b)
		if err != nil {
			return nil, nil, err
		}
		if h.ExpiryDay > t.last {
			reasons[i] = wire.ReasonWrongDay
			continue
		}
		got, err := t.Append(ctx, t.c, []mailbox.Deposit{{Blob: b}})
		if err != nil {
			return nil, nil, err
		}
		fresh[i] = got[0].New
		switch {
		case errors.Is(got[0].Err, mailbox.ErrDay):
			reasons[i] = wire.ReasonWrongDay
		case errors.Is(got[0].Err, mailbox.ErrDeleted):
			reasons[i] = wire.ReasonDeleted
		case got[0].Err != nil:
			return nil, nil, got[0].Err
		}
	}
	return reasons, fresh, nil
}

func (t taker) Bury(ctx context.Context, day uint16, secrets [][16]byte) error {
	for _, d := range secrets {
		if _, err := t.Delete(ctx, t.c, []mailbox.Removal{{Tombstone: mailbox.Tombstone{D: d, Day: day}}}); err != nil {
			return err
		}
	}
	return nil
}

func newStore(t testing.TB) mailbox.Store {
	t.Helper()
	s, err := mailbox.Open(t.TempDir(), 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

var (
	home  = mailboxtest.Community(1)
	homes = []mailbox.Community{home}
)

// fill deposits n blobs over three days, and deletes each fifth.
func fill(t testing.TB, s mailbox.Store, from, n uint64) {
	t.Helper()
	for i := from; i < from+n; i++ {
		day := stickDay + uint16(i%3)
		got, err := s.Append(t.Context(), home, []mailbox.Deposit{{Blob: mailboxtest.Blob(i, wire.Class(i%4), day)}})
		if err != nil || got[0].Err != nil {
			t.Fatal(err, got)
		}
		if i%5 == 0 {
			if _, err := s.Delete(t.Context(), home, []mailbox.Removal{{Tombstone: mailbox.Tombstone{D: mailboxtest.D(i), Day: day}}}); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func file(t testing.TB) *os.File {
	t.Helper()
	f, err := os.OpenFile(filepath.Join(t.TempDir(), "stick"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	return f
}

// bring imports the bytes of a file for one community.
func bring(t testing.TB, b []byte, to mailbox.Store, last uint16) mailbox.Imported {
	t.Helper()
	done, err := mailbox.Import(t.Context(), only(taker{to, home, last}), holds(t, b), nil)
	if err != nil {
		t.Fatal(err)
	}
	return done
}

// only serves one community.
func only(to taker) func(mailbox.Community) mailbox.Taker {
	return func(c mailbox.Community) mailbox.Taker {
		if c == to.c {
			return to
		}
		return nil
	}
}

// holds is a file with these bytes.
func holds(t testing.TB, b []byte) *os.File {
	t.Helper()
	f := file(t)
	if _, err := f.Write(b); err != nil {
		t.Fatal(err)
	}
	return f
}

func written(t testing.TB, f *os.File) []byte {
	t.Helper()
	b, err := os.ReadFile(f.Name())
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// same compares what two stores keep.
func same(t *testing.T, a, b mailbox.Store) {
	t.Helper()
	for day := uint16(stickDay); day < stickDay+3; day++ {
		for _, one := range [][2]mailbox.Store{{a, b}, {b, a}} {
			ids, err := one[0].IDs(t.Context(), home, day)
			others, err2 := one[1].IDs(t.Context(), home, day)
			tombs, err3 := one[0].Tombstones(t.Context(), home, day)
			graves, err4 := one[1].Tombstones(t.Context(), home, day)
			if err := errors.Join(err, err2, err3, err4); err != nil || len(ids) != len(others) || len(tombs) != len(graves) || len(ids) == 0 {
				t.Fatalf("day %d: %d and %d blobs, %d and %d tombstones, %v", day, len(ids), len(others), len(tombs), len(graves), err)
			}
			have := make(map[wire.BlobID]bool)
			for _, id := range others {
				have[id] = true
			}
			for _, id := range ids {
				if !have[id] {
					t.Fatalf("day %d: a blob is missing", day)
				}
			}
		}
	}
}

func TestStick(t *testing.T) {
	from, to := newStore(t), newStore(t)
	fill(t, from, 1, 40)
	f := file(t)
	calls := 0
	last := mailbox.Progress{}
	done, err := mailbox.Export(t.Context(), from, homes, f, func(p mailbox.Progress) {
		if p.Done < last.Done || p.Done > p.Total {
			t.Errorf("%+v after %+v", p, last)
		}
		calls, last = calls+1, p
	})
	if err != nil || done.Blobs != 32 || done.Tombstones != 8 || calls == 0 || last.Done != last.Total || last.Total == 0 {
		t.Fatalf("%+v, %v, %d calls", done, err, calls)
	}
	whole := written(t, f)
	if got := bring(t, whole, to, stickDay+3); got.New != 32 || got.Known != 0 || got.Tombstones != 8 || got.Cut || got.Strange != 0 || got.Refused != 0 {
		t.Fatalf("%+v", got)
	}
	same(t, from, to)
	before := to.Head(home)
	if got := bring(t, whole, to, stickDay+3); to.Head(home) != before || got.New != 0 || got.Known != 32 {
		t.Error("the same file once more changes something")
	}
	// Once more onto the same file: what is new comes behind what stands there.
	fill(t, from, 41, 10)
	again, err := mailbox.Export(t.Context(), from, homes, f, nil)
	if err != nil || again.Had != 40 || again.Blobs != 8 || again.Tombstones != 2 {
		t.Fatalf("%+v, %v", again, err)
	}
	if b := written(t, f); !bytes.HasPrefix(b, whole) {
		t.Error("what stood there was written anew")
	}
	bring(t, written(t, f), to, stickDay+3)
	same(t, from, to)
}

// Pulled out at any byte: what came whole is taken, the rest is brought by the next export to the same file.
func TestStickPulledOut(t *testing.T) {
	from := newStore(t)
	fill(t, from, 1, 12)
	f := file(t)
	if _, err := mailbox.Export(t.Context(), from, homes, f, nil); err != nil {
		t.Fatal(err)
	}
	whole := written(t, f)
	for cut := 0; cut < len(whole); cut += 1 + len(whole)/41 {
		if err := os.WriteFile(f.Name(), whole[:cut], 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := mailbox.Export(t.Context(), from, homes, f, nil); err != nil {
			t.Fatalf("cut at %d: %v", cut, err)
		}
		if got := written(t, f); !bytes.Equal(got, whole) {
			t.Fatalf("cut at %d: %d bytes after the next export, want %d", cut, len(got), len(whole))
		}
	}
	to := newStore(t)
	for _, cut := range []int{60, len(whole) / 3, len(whole) - 1} {
		if got := bring(t, whole[:cut], to, stickDay+3); !got.Cut {
			t.Errorf("cut at %d: %+v", cut, got)
		}
	}
	bring(t, whole, to, stickDay+3)
	same(t, from, to)
	// Damage in the middle ends the file there.
	bad := bytes.Clone(whole)
	bad[len(bad)/2] ^= 1
	if got := bring(t, bad, newStore(t), stickDay+3); !got.Cut || got.New == 0 {
		t.Errorf("damaged: %+v", got)
	}
}

// narrow is a stick that is full, or was pulled out.
type narrow struct {
	*os.File
	room int
}

func (n *narrow) Write(b []byte) (int, error) {
	took := min(len(b), n.room)
	n.room -= took
	if _, err := n.File.Write(b[:took]); err != nil || took == len(b) {
		return took, err
	}
	return took, errors.New("no space left on device")
}

func TestStickIsFull(t *testing.T) {
	from, to := newStore(t), newStore(t)
	fill(t, from, 1, 60)
	f := file(t)
	if _, err := mailbox.Export(t.Context(), from, homes, &narrow{File: f, room: 500_000}, nil); err == nil || !strings.Contains(err.Error(), "no space left") {
		t.Fatalf("a full stick: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	_, err := mailbox.Export(ctx, from, homes, f, func(mailbox.Progress) { cancel() })
	if !errors.Is(err, context.Canceled) {
		t.Fatalf("stopped: %v", err)
	}
	if got := bring(t, written(t, f), to, stickDay+3); got.Cut || got.New == 0 || got.New == 48 {
		t.Errorf("after it was stopped: %+v", got)
	}
	if done, err := mailbox.Export(t.Context(), from, homes, f, nil); err != nil || done.Had == 0 || done.Blobs == 0 {
		t.Errorf("%+v, %v", done, err)
	}
	ctx, cancel = context.WithCancel(t.Context())
	if _, err := mailbox.Import(ctx, only(taker{to, home, stickDay + 3}), f, func(mailbox.Progress) { cancel() }); !errors.Is(err, context.Canceled) {
		t.Errorf("an import that is stopped: %v", err)
	}
	bring(t, written(t, f), to, stickDay+3)
	same(t, from, to)
}

func TestStickWrongDays(t *testing.T) {
	from, to := newStore(t), newStore(t)
	fill(t, from, 1, 30)
	f := file(t)
	if _, err := mailbox.Export(t.Context(), from, homes, f, nil); err != nil {
		t.Fatal(err)
	}
	if err := to.Expire(t.Context(), stickDay); err != nil {
		t.Fatal(err)
	}
	got := bring(t, written(t, f), to, stickDay+1)
	if got.New != 8 || got.Refused != 16 || got.Why[wire.ReasonWrongDay] != 16 {
		t.Errorf("%+v", got)
	}
	for day, want := range map[uint16]bool{stickDay: false, stickDay + 1: true, stickDay + 2: false} {
		if ids, err := to.IDs(t.Context(), home, day); err != nil || (len(ids) > 0) != want {
			t.Errorf("day %d: %d blobs, %v", day, len(ids), err)
		}
	}
}

func TestNoStick(t *testing.T) {
	from := newStore(t)
	fill(t, from, 1, 3)
	f := file(t)
	if _, err := mailbox.Export(t.Context(), from, homes, f, nil); err != nil {
		t.Fatal(err)
	}
	later := bytes.Replace(written(t, f), []byte("blobs 1"), []byte("blobs 2"), 1)
	for name, c := range map[string]struct {
		holds string
		want  error
	}{
		"a letter": {"Dear Anna, " + strings.Repeat("all is well. ", 20), mailbox.ErrStick}, "a note": {"milk", mailbox.ErrStick}, "a later version": {string(later), wire.ErrNewer},
	} {
		if err := os.WriteFile(f.Name(), []byte(c.holds), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := mailbox.Export(t.Context(), from, homes, f, nil); !errors.Is(err, c.want) {
			t.Errorf("onto %s: %v", name, err)
		}
		if got := written(t, f); string(got) != c.holds {
			t.Errorf("%s was changed", name)
		}
		if _, err := mailbox.Import(t.Context(), nil, f, nil); !errors.Is(err, c.want) {
			t.Errorf("from %s: %v", name, err)
		}
	}
}

// full refuses all for want of room.
type full struct{ counter }

func (f *full) Take(ctx context.Context, blobs [][]byte) ([]wire.Reason, []bool, error) {
	_, fresh, err := f.counter.Take(ctx, blobs)
	return slices.Repeat([]wire.Reason{wire.ReasonDiskFull}, len(blobs)), fresh, err
}

// A full disk and an end of patience stop an import; a record that is no blob does not.
func TestStickStops(t *testing.T) {
	from := newStore(t)
	fill(t, from, 1, 80)
	f := file(t)
	if _, err := mailbox.Export(t.Context(), from, homes, f, nil); err != nil {
		t.Fatal(err)
	}
	none := &full{}
	done, err := mailbox.Import(t.Context(), func(mailbox.Community) mailbox.Taker { return none }, f, nil)
	if !errors.Is(err, mailbox.ErrFull) || none.blobs == 64 || done.Refused != none.blobs {
		t.Errorf("a full disk: %+v, %v, %d were brought", done, err, none.blobs)
	}
	ctx, cancel := context.WithCancel(t.Context())
	some := &counter{}
	if _, err := mailbox.Import(ctx, func(mailbox.Community) mailbox.Taker { return some }, f, func(mailbox.Progress) { cancel() }); !errors.Is(err, context.Canceled) || some.blobs == 64 {
		t.Errorf("stopped: %v, %d were brought", err, some.blobs)
	}
	strange := append([]byte{0, 0, 0, 0, 1, 0, 0, 3}, "abc"...)
	binary.BigEndian.PutUint32(strange, crc32.Checksum(strange[4:], crc32.MakeTable(crc32.Castagnoli)))
	if got := bring(t, append(written(t, f), strange...), newStore(t), stickDay+3); got.Strange != 1 || got.New != 64 || got.Cut {
		t.Errorf("with something else at the end: %+v", got)
	}
}

// FuzzStick imports anything: what is taken are blobs, and what a file holds whole is found again.
func FuzzStick(f *testing.F) {
	from := newStore(f)
	fill(f, from, 4, 2)
	out := file(f)
	if _, err := mailbox.Export(f.Context(), from, homes, out, nil); err != nil {
		f.Fatal(err)
	}
	whole := written(f, out)
	f.Add(whole)
	f.Add(whole[:len(whole)-9])
	f.Add(whole[:60])
	f.Fuzz(func(t *testing.T, b []byte) {
		took := &counter{}
		done, err := mailbox.Import(t.Context(), func(mailbox.Community) mailbox.Taker { return took }, &memory{Reader: bytes.NewReader(b)}, nil)
		if errors.Is(err, mailbox.ErrStick) || errors.Is(err, wire.ErrNewer) {
			return
		}
		if err != nil || done.New != took.blobs || done.Tombstones != took.graves {
			t.Errorf("%+v, %v", done, err)
		}
	})
}

// memory is a file that is only read.
type memory struct{ *bytes.Reader }

func (memory) Write([]byte) (int, error) { return 0, errors.ErrUnsupported }
func (memory) Truncate(int64) error      { return errors.ErrUnsupported }
func (memory) Sync() error               { return errors.ErrUnsupported }

// Several communities share a file; who serves one takes that one's.
func TestStickOfTwo(t *testing.T) {
	from, to := newStore(t), newStore(t)
	fill(t, from, 1, 10)
	other := mailboxtest.Community(2)
	for n := range uint64(4) {
		if _, err := from.Append(t.Context(), other, []mailbox.Deposit{{Blob: mailboxtest.Blob(n+1, 0, stickDay)}}); err != nil {
			t.Fatal(err)
		}
	}
	f := file(t)
	for range 2 {
		done, err := mailbox.Export(t.Context(), from, []mailbox.Community{home, other}, f, nil)
		if err != nil || done.Blobs+done.Tombstones+done.Had != 14 {
			t.Fatalf("%+v, %v", done, err)
		}
	}
	if got := bring(t, written(t, f), to, stickDay+3); got.New != 8 || got.Refused != 4 || got.Why[wire.ReasonCommunity] != 4 {
		t.Errorf("%+v", got)
	}
	same(t, from, to)
}

// counter takes everything that is a blob.
type counter struct{ blobs, graves int }

func (c *counter) Take(_ context.Context, blobs [][]byte) ([]wire.Reason, []bool, error) {
	for _, b := range blobs {
		if _, err := wire.ParseBlob(b); err != nil {
			return nil, nil, err
		}
	}
	c.blobs += len(blobs)
	return make([]wire.Reason, len(blobs)), slices.Repeat([]bool{true}, len(blobs)), nil
}

func (c *counter) Bury(_ context.Context, _ uint16, secrets [][16]byte) error {
	c.graves += len(secrets)
	return nil
}
