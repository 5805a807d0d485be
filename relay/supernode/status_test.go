package supernode

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"sottovoce/mesh/wire"
)

func TestStatusAndMetrics(t *testing.T) {
	t.Parallel()
	r := start(t)
	p := r.join()
	p.draw(3)
	l := p.mustMember()
	r.deposit(l, wire.Deposit{Tokens: p.take(3)}, r.blobs(3)...)
	r.deposit(l, wire.Deposit{}, r.blobs(2)...)
	r.collect(l, 0)
	st := r.Status()
	c := st.Communities[0]
	if st.Kept != 3 || st.Blobs != 3 || c.Blobs != 3 || c.Cursor != 3 || c.Name != "Casa" || c.Members != 1 || len(c.Supernodes) != 1 {
		t.Errorf("%+v", st)
	}
	if c.Sent < 3*4096 || c.Received != 3*4096 || c.Quota != (Quota{Days: 58, Tokens: 1000}) {
		t.Errorf("%+v", c)
	}
	if st.Disk < 3*4096 || st.NextExpiry != r.day()+7 || st.Today != r.day() || st.Finished != r.day()-1 || st.Clock != ClockVouched {
		t.Errorf("%+v", st)
	}
	var text bytes.Buffer
	if err := st.WriteMetrics(&text); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"sottovoce_supernode_kept_total 3\n", `sottovoce_supernode_refused_total{reason="token missing, spent or false"} 2` + "\n",
		"sottovoce_supernode_clock_believed 1\n", "sottovoce_supernode_lost_blobs 0\n", `sottovoce_supernode_blobs{community="`,
	} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("no %q in\n%s", want, text.String())
		}
	}
	line := regexp.MustCompile(`^(# (HELP|TYPE) [a-z_]+ .+|[a-z_]+(\{[a-z]+="[^"]*"\})? [0-9.e+]+)$`)
	for _, one := range strings.Split(strings.TrimSuffix(text.String(), "\n"), "\n") {
		if !line.MatchString(one) {
			t.Errorf("no metric: %q", one)
		}
	}
	if err := st.WriteMetrics(full{}); err == nil {
		t.Error("a write that fails is not told")
	}
	if strings.Contains(text.String(), "Casa") {
		t.Error("the metrics tell the name of the community")
	}
}

type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("no space") }

// TestDiskTellsNobody looks for those who deposited and collected in all that is written: personas
// stand in the roster and in the allowance of the day, and nowhere else; addresses nowhere.
// Who asks for the close of a day before the supernode knows the day is told so, and no operator looks for a limit that was reached.
func TestNoDayIsNoLimit(t *testing.T) {
	t.Parallel()
	r := found(t)
	r.run(Config{})
	l := r.join().mustMember()
	if no, is := r.ask(l, wire.Attest{}).(wire.Refused); !is || no.Reason != wire.ReasonNotNow {
		t.Fatalf("a supernode that knows no day says %+v", no)
	}
	if got := r.Status().Refused; len(got) != 0 {
		t.Errorf("its operator is told of %v", got)
	}
}

func TestDiskTellsNobody(t *testing.T) {
	t.Parallel()
	r := start(t)
	p := r.join()
	p.draw(2)
	l := p.mustMember()
	r.deposit(l, wire.Deposit{Tokens: p.take(2)}, r.blobs(2)...)
	r.collect(l, 0)
	if err := r.stop(); err != nil {
		t.Fatal(err)
	}
	persona := p.persona.Persona()
	found := map[string]bool{}
	err := filepath.WalkDir(r.dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		if bytes.Contains(b, persona[:]) {
			found[filepath.Base(path)] = true
		}
		if bytes.Contains(b, []byte{127, 0, 0, 1}) || bytes.Contains(b, []byte("127.0.0.1")) {
			t.Errorf("%s holds an address", path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(found) != 2 || !found[houseName] || !found[allowanceName] {
		t.Errorf("the persona stands in %v", found)
	}
	if log := r.logs.String(); strings.Contains(log, "127.0.0.1") || strings.Contains(log, persona.String()) {
		t.Errorf("the log tells who was here: %s", log)
	}
}

// TestExpiry lets a day end: what expires with it is given up, out of pages that are kept too.
func TestExpiry(t *testing.T) {
	t.Parallel()
	r := start(t)
	p := r.join()
	p.draw(3)
	l := p.mustMember()
	dies, _ := newBlob(t, wire.Class0, r.day())
	lives, _ := newBlob(t, wire.Class0, r.day()+1)
	r.deposit(l, wire.Deposit{Tokens: p.take(2)}, dies, lives)
	if got := len(bodies(r.collect(l, 0))); got != 2 {
		t.Fatalf("%d blobs before the day ends", got)
	}
	r.mu.Lock()
	r.days.mark.Day = r.day() + 1
	r.mu.Unlock()
	r.tick(t.Context(), 0)
	got := bodies(r.collect(l, 0))
	if len(got) != 1 || !bytes.Equal(got[0], lives) {
		t.Errorf("%d blobs after the day has ended", len(got))
	}
	if reason := reasons(r.deposit(l, wire.Deposit{Tokens: p.take(1)}, dies))[0]; reason != wire.ReasonWrongDay {
		t.Errorf("a blob of a day that is over: %s", Word(reason))
	}
	if mark, err := r.directory.mark(); err != nil || mark.Day > r.day()+1 {
		t.Errorf("the mark on the disk: %+v, %v", mark, err)
	}
}

func TestGuestsThatAskNothing(t *testing.T) {
	now := time.Now()
	for _, c := range []struct {
		open  int
		since time.Duration
		want  bool
	}{{0, guestIdleMax, true}, {0, guestIdleMax - 1, false}, {1, time.Hour, false}} {
		if v := (&visit{open: c.open, asked: now.Add(-c.since)}); v.idle(now) != c.want {
			t.Errorf("%d requests, %v after the last began: idle %v", c.open, c.since, !c.want)
		}
	}
}

// TestDamageIsTold: a start that finds damage in what was kept says so, to people and to who watches.
func TestDamageIsTold(t *testing.T) {
	t.Parallel()
	r := start(t)
	r.put(r.blobs(3))
	if err := r.stop(); err != nil {
		t.Fatal(err)
	}
	var blobs string
	err := filepath.WalkDir(r.dir, func(path string, _ fs.DirEntry, err error) error {
		switch filepath.Ext(path) {
		case ".blobs":
			blobs = path
		case ".index": // as if it had been killed
			err = errors.Join(err, os.Remove(path))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(blobs)
	if err != nil {
		t.Fatal(err)
	}
	b[len(b)/2] ^= 1
	if err := os.WriteFile(blobs, b, 0o600); err != nil {
		t.Fatal(err)
	}
	r.run(Config{Vouched: func() bool { return true }})
	st := r.Status()
	var text bytes.Buffer
	if err := st.WriteMetrics(&text); err != nil {
		t.Fatal(err)
	}
	if want := "sottovoce_supernode_damaged_bytes 4192\n"; st.Damaged != 4192 || st.Blobs != 2 || !strings.Contains(text.String(), want) {
		t.Errorf("%+v\n%s", st, text.String())
	}
}
