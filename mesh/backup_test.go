package mesh

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"testing"

	"sottovoce/mesh/conversation"
	"sottovoce/mesh/store"
	"sottovoce/mesh/wire"
)

func quiet(int64) {}

// backedUp is the backup of a running person.
func (p *person) backedUp() []byte {
	p.t.Helper()
	var b bytes.Buffer
	if err := Backup(p.t.Context(), p.Node.store, &b, quiet); err != nil {
		p.t.Fatalf("backup: %v", err)
	}
	return b.Bytes()
}

// restored is the person of a backup, in a home of its own and not started.
func restored(t *testing.T, a *air, name string, backup []byte) *person {
	t.Helper()
	p := &person{t: t, name: name, home: filepath.Join(t.TempDir(), "restored"), air: a}
	if err := Restore(t.Context(), p.home, bytes.NewReader(backup), rand.Reader, quiet); err != nil {
		t.Fatalf("restore: %v", err)
	}
	return p
}

// standings is what of a home's records the messages do not show.
func (p *person) standings() (all []string) {
	p.t.Helper()
	p.inside(func(t *turn) error {
		d := p.device("Bruno")
		mark, err := t.tx.ReadMark([32]byte(d.contact.talk.log.ID()), d.id)
		if err != nil {
			return err
		}
		pairs, err := t.tx.Pairs()
		if err != nil {
			return err
		}
		all = append(all, fmt.Sprint("read up to ", mark, ", seen ", pairs[0].Seen))
		ops, _, err := t.tx.OpsAfter(0, 1000)
		for _, op := range ops {
			deliveries, err := t.tx.DeliveriesOf(op.Seq)
			if err != nil {
				return err
			}
			op.Seq, op.Conversation = 0, 0
			all = append(all, fmt.Sprint(op))
			for _, d := range deliveries {
				all = append(all, fmt.Sprint(d.State, d.Reason, d.Time, d.Settled, d.ReadAt))
			}
		}
		return err
	})
	return all
}

// TestBackupHoldsEverything: who we are, whom we know and what was said is the same in a
// restored home, and of sessions, prekeys and the open profile there is nothing.
func TestBackupHoldsEverything(t *testing.T) {
	t.Parallel()
	a := newAir()
	anna, bruno := newPerson(t, a, "Anna"), newPerson(t, a, "Bruno")
	anna.befriends(bruno)
	for i := range 20 {
		m := anna.says("Bruno", fmt.Sprintf("to Bruno %d", i))
		anna.within(waitLong, "delivered", anna.delivered(m))
		bruno.says("Anna", fmt.Sprintf("to Anna %d", i))
	}
	anna.within(waitLong, "has it all", func() bool { return len(anna.texts("Bruno")) == 40 })
	if err := bruno.SetShare(t.Context(), ShareReading); err != nil {
		t.Fatal(err)
	}
	if _, err := bruno.Read(t.Context(), "Anna"); err != nil {
		t.Fatal(err)
	}
	if _, err := anna.Read(t.Context(), "Bruno"); err != nil {
		t.Fatal(err)
	}
	anna.within(waitLong, "read", func() bool {
		log, err := anna.Log(t.Context(), "Bruno", LogQuery{})
		return err == nil && log[0].State == conversation.StateRead
	})
	if _, err := anna.SetVisibilityElsewhere(t.Context(), Contacts); err != nil {
		t.Fatal(err)
	}
	bruno.stop()
	anna.says("Bruno", "waits")
	standings := anna.standings()
	me, texts, secrets := anna.myself(), anna.texts("Bruno"), *anna.Node.store.Secrets()
	backup := anna.backedUp()
	anna.stop()

	again := restored(t, a, "Anna", backup)
	again.start()
	t.Cleanup(func() { again.stop() })
	again.within(waitLong, "hides where nothing is chosen", again.isSeenBy(Contacts))
	if got := again.myself(); got != me {
		t.Errorf("%+v came back as %+v", me, got)
	}
	if got := again.texts("Bruno"); !slices.Equal(got, texts) {
		t.Errorf("%d texts came back as %d", len(texts), len(got))
	}
	if got := again.standings(); !slices.Equal(got, standings) {
		t.Errorf("records came back otherwise:\n%q\n%q", standings, got)
	}
	now := again.Node.store.Secrets()
	if now.Device != secrets.Device || now.Root != secrets.Root || now.Open == secrets.Open || now.Database == secrets.Database {
		t.Error("keys that were to stay went, or the other way round")
	}
	again.inside(func(t *turn) error {
		d := again.device("Bruno")
		if _, sending := d.pair.Sending(); sending || !d.pair.Lost() {
			again.t.Error("sessions came back")
		}
		queued, _, err := t.tx.PendingCount(uint8(conversation.KindText), uint8(conversation.KindText))
		if queued != 1 {
			again.t.Errorf("%d messages wait", queued)
		}
		return err
	})
	if log, err := again.Log(t.Context(), "Bruno", LogQuery{}); err != nil || log[0].Delivered != 1 || log[0].Devices != 1 {
		t.Errorf("the first message has lost its state: %+v, %v", log[0], err)
	}
}

// TestBackupHoldsMemberships: who restores a home is a member still, and has no tokens twice.
func TestBackupHoldsMemberships(t *testing.T) {
	a := newAir()
	anna := newPerson(t, a, "Anna")
	member := MembershipSettings + "/of"
	anna.inside(func(t *turn) error {
		return errors.Join(t.tx.SetSecret(member, []byte("the Orchard")), t.tx.SetSecret("custody/of", []byte("tokens")))
	})
	backup := anna.backedUp()
	anna.stop()
	again := restored(t, a, "Anna", backup)
	again.start()
	t.Cleanup(func() { again.stop() })
	again.inside(func(t *turn) error {
		if kept, err := t.tx.Secret(member); err != nil || string(kept) != "the Orchard" {
			again.t.Errorf("the membership came back as %q, %v", kept, err)
		}
		if _, err := t.tx.Secret("custody/of"); !errors.Is(err, store.ErrNotFound) {
			again.t.Errorf("tokens came back: %v", err)
		}
		return nil
	})
}

// TestBackupOfRemovedAndBlocked: who was removed does not come back, and who is shut out
// stays so.
func TestBackupOfRemovedAndBlocked(t *testing.T) {
	t.Parallel()
	a := newAir()
	anna, bruno, carla := newPerson(t, a, "Anna"), newPerson(t, a, "Bruno"), newPerson(t, a, "Carla")
	for _, o := range []*person{bruno, carla} {
		anna.befriends(o)
		anna.tells(o, "hello")
	}
	if _, err := anna.Remove(t.Context(), "Carla"); err != nil {
		t.Fatal(err)
	}
	if _, err := anna.Block(t.Context(), "Bruno"); err != nil {
		t.Fatal(err)
	}
	backup := anna.backedUp()
	anna.stop()
	again := restored(t, a, "Anna", backup)
	again.start()
	t.Cleanup(func() { again.stop() })
	people, err := again.Contacts(t.Context())
	if err != nil || len(people) != 1 || people[0].Name != "Bruno" || !people[0].Blocked {
		t.Errorf("%+v, %v", people, err)
	}
	if got := again.texts("Bruno"); !slices.Equal(got, []string{"hello"}) {
		t.Errorf("what was said with Bruno is %q", got)
	}
}

// TestBackupKnowsTheRecords: whoever adds a field to one of these decides whether a backup
// holds it, in backup.go and restore.go, and counts it here.
func TestBackupKnowsTheRecords(t *testing.T) {
	for record, want := range map[reflect.Type]int{
		reflect.TypeFor[store.Contact](): 9, reflect.TypeFor[store.Pair](): 7, reflect.TypeFor[store.Conversation](): 5,
		reflect.TypeFor[store.Op](): 16, reflect.TypeFor[store.Delivery](): 9,
	} {
		if got := record.NumField(); got != want {
			t.Errorf("%v has %d fields, a backup knows %d", record, got, want)
		}
	}
}

// TestBackupIsRefused: cut off, changed or of a later version it makes no home, and an
// existing one is left alone.
func TestBackupIsRefused(t *testing.T) {
	t.Parallel()
	a := newAir()
	anna, bruno := newPerson(t, a, "Anna"), newPerson(t, a, "Bruno")
	anna.befriends(bruno)
	anna.says("Bruno", "something")
	backup := anna.backedUp()
	restore := func(home string, b []byte) error {
		return Restore(t.Context(), home, bytes.NewReader(b), rand.Reader, quiet)
	}
	if err := restore(anna.home, backup); !errors.Is(err, store.ErrInUse) {
		t.Errorf("into a home in use: %v", err)
	}
	anna.stop()
	if err := restore(anna.home, backup); !errors.Is(err, store.ErrExists) {
		t.Errorf("into a home: %v", err)
	}
	home := filepath.Join(t.TempDir(), "h")
	for size := 0; size < len(backup); size += 1 + size/7 {
		if err := restore(home, backup[:size]); !errors.Is(err, wire.ErrMalformed) {
			t.Errorf("%d of %d bytes: %v", size, len(backup), err)
		}
		if _, err := os.Stat(home); !os.IsNotExist(err) {
			t.Fatalf("%d of %d bytes leave something behind: %v", size, len(backup), err)
		}
	}
	if err := restore(home, append([]byte("sottovoce backup 2\n"), backup[19:]...)); !errors.Is(err, wire.ErrNewer) {
		t.Errorf("a later version: %v", err)
	}
	if err := restore(home, append(bytes.Clone(backup), 0)); !errors.Is(err, wire.ErrMalformed) {
		t.Errorf("with something behind its end: %v", err)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	stop := errors.New("enough")
	cancel(stop)
	if err := Restore(ctx, home, bytes.NewReader(backup), rand.Reader, quiet); !errors.Is(err, stop) {
		t.Errorf("cancelled: %v", err)
	}
	if _, err := os.Stat(home); !os.IsNotExist(err) {
		t.Errorf("something is left behind: %v", err)
	}
	if err := restore(home, backup); err != nil {
		t.Errorf("afterwards: %v", err)
	}
}

// tells says something and waits until it has arrived.
func (p *person) tells(o *person, text string) {
	p.t.Helper()
	m := p.says(o.name, text)
	p.within(waitLong, text, p.delivered(m))
}

// TestRestoredBackup: Anna backs up, talks on, dies and comes back. Once Bruno permits it
// both talk as before; what was under way arrives, and nothing is shown twice.
func TestRestoredBackup(t *testing.T) {
	t.Parallel()
	lan := newAir()
	anna, bruno := newPerson(t, lan, "Anna"), newPerson(t, lan, "Bruno")
	anna.befriends(bruno)
	anna.tells(bruno, "from Anna")
	bruno.tells(anna, "from Bruno")
	bruno.stop()
	waits := anna.says("Bruno", "waits in the backup")
	backup := anna.backedUp()
	bruno.start()
	anna.within(waitLong, "delivered", anna.delivered(waits)) // which the backup does not know
	for i := range 3 {
		anna.tells(bruno, fmt.Sprint("lost to Anna ", i))
		bruno.tells(anna, fmt.Sprint("lost from Bruno ", i))
	}
	rolls(t, anna, bruno)
	anna.stop()
	toTheDead := bruno.says("Anna", "are you there?")
	had := bruno.texts("Anna")

	again := restored(t, lan, "Anna", backup)
	again.start()
	t.Cleanup(func() { again.stop() })
	back := again.says("Bruno", "it is me")
	bruno.within(waitLong, "is asked", bruno.shows("Anna", "reset", "--accept"))
	if got := bruno.texts("Anna"); !slices.Equal(got, had) {
		t.Fatalf("without anybody's permission Bruno reads %q", got)
	}
	if _, err := bruno.PermitReset(t.Context(), "Anna"); err != nil {
		t.Fatal(err)
	}
	again.within(waitLong, "delivered", again.delivered(back))
	again.within(waitLong, "what waited is known to be there", again.delivered(waits))
	bruno.within(waitLong, "delivered", bruno.delivered(toTheDead))
	again.tells(bruno, "on")
	bruno.tells(again, "and on")

	if got, want := bruno.texts("Anna"), append(had, "it is me", "on", "and on"); !slices.Equal(slices.Sorted(slices.Values(got)), slices.Sorted(slices.Values(want))) {
		t.Errorf("Bruno reads %q instead of %q", got, want)
	}
	if got, want := again.texts("Bruno"), []string{
		"from Anna", "from Bruno", "waits in the backup", "are you there?", "it is me", "on", "and on",
	}; !slices.Equal(slices.Sorted(slices.Values(got)), slices.Sorted(slices.Values(want))) {
		t.Errorf("Anna reads %q instead of %q", got, want)
	}
	bruno.inside(func(t *turn) error {
		if d := bruno.device("Anna"); d.pair.Refused() {
			bruno.t.Error("Bruno is still asked")
		}
		return nil
	})
	if notices := bruno.shows("Anna"); notices() {
		t.Error("a notice stays")
	}
}

// FuzzBackup reads records of whatever bytes.
func FuzzBackup(f *testing.F) {
	f.Add([]byte("sottovoce backup 1\n\x00\x00\x00\x05\xa1\x04\xa1\x01\x00"))
	f.Add([]byte("sottovoce backup 1\n\x00\x00\x00\x01\xa0"))
	f.Add([]byte("sottovoce backup 99\n"))
	f.Add([]byte("sottovoce backup 1\n\xff\xff\xff\xff"))
	f.Fuzz(func(t *testing.T, b []byte) {
		in, err := openBackup(bytes.NewReader(b))
		for err == nil {
			var rec backupRecord
			if rec, err = in.next(); err != nil {
				break
			}
			body, err := wire.Marshal(rec)
			if err != nil || len(body) > backupMax {
				t.Fatalf("a record that cannot be written: %v", err)
			}
		}
		if !errors.Is(err, wire.ErrMalformed) && !errors.Is(err, wire.ErrNewer) {
			t.Fatal(err)
		}
	})
}
