package supernode

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"sottovoce/mesh/wire"
	"sottovoce/relay/mailbox"
	"sottovoce/relay/mailbox/mailboxtest"
)

// What one supernode of a community keeps goes to another by a file, and to none of another community.
func TestStick(t *testing.T) {
	one := found(t)
	copied := filepath.Join(t.TempDir(), "data")
	if err := os.CopyFS(copied, os.DirFS(one.dir)); err != nil {
		t.Fatal(err)
	}
	one.run(Config{Vouched: func() bool { return true }})
	two := &rig{t: t, dir: copied, made: one.made, logs: &logged{}, from: one.from}
	two.run(Config{Vouched: func() bool { return true }})
	day := one.day()
	stocks := stock{one.community()}
	if _, err := stocks.Keep(t.Context(), [][]byte{mailboxtest.Blob(1, 0, day+3), mailboxtest.Blob(2, 1, day+4)}); err != nil {
		t.Fatal(err)
	}
	if err := stocks.Bury(t.Context(), day+3, [][16]byte{mailboxtest.D(9)}); err != nil {
		t.Fatal(err)
	}
	f, err := os.Create(filepath.Join(t.TempDir(), "stick"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := one.Export(t.Context(), f, nil); err != nil {
		t.Fatal(err)
	}
	for _, want := range []mailbox.Imported{{New: 2, Tombstones: 1}, {Known: 2, Tombstones: 1}} {
		done, err := two.Import(t.Context(), f, nil)
		if err != nil || done.New != want.New || done.Known != want.Known || done.Tombstones != 1 || done.Refused != 0 {
			t.Fatalf("%+v, %v", done, err)
		}
	}
	if got := two.store.Stats().Blobs; got != 2 {
		t.Errorf("%d blobs", got)
	}
	stranger := start(t)
	if done, err := stranger.Import(t.Context(), f, nil); err != nil || done.Refused != 2 || done.Why[wire.ReasonCommunity] != 2 {
		t.Errorf("at a supernode of another community: %+v, %v", done, err)
	}
}

// What is held stays kept on a full disk, whoever brings it again: a file that changes nothing is taken.
func TestStickOnAFullDisk(t *testing.T) {
	r := found(t)
	blobs := r.blobs(3)
	r.run(Config{Vouched: func() bool { return true }, Limits: Limits{Disk: 64 << 10}})
	stocks := stock{r.community()}
	if _, err := stocks.Keep(t.Context(), blobs); err != nil {
		t.Fatal(err)
	}
	f, err := os.Create(filepath.Join(t.TempDir(), "stick"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := r.Export(t.Context(), f, nil); err != nil {
		t.Fatal(err)
	}
	r.disk.add(0, 64<<10) // as if it was full
	big, _ := newBlob(t, wire.Class1, r.day()+7)
	reasons, fresh, err := stocks.Take(t.Context(), [][]byte{big, blobs[0], big, blobs[1]})
	if err != nil || !slices.Equal(reasons, []wire.Reason{wire.ReasonDiskFull, 0, wire.ReasonDiskFull, 0}) || slices.Contains(fresh, true) {
		t.Errorf("new and held blobs on a full disk: %v, %v, %v", reasons, fresh, err)
	}
	if _, err := stocks.Keep(t.Context(), [][]byte{big, blobs[0]}); err != nil {
		t.Error(err)
	}
	if got := r.Status().Refused; len(got) != 1 || got[wire.ReasonDiskFull] != 1 {
		t.Errorf("of what another supernode brought is refused: %v", got)
	}
	r.disk.add(0, 64<<10)
	if done, err := r.Import(t.Context(), f, nil); err != nil || done.Known != 3 || done.New+done.Refused != 0 {
		t.Errorf("%+v, %v", done, err)
	}
}
