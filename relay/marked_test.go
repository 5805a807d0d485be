package relay_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"sottovoce/relay"
	"sottovoce/relay/community"
	"sottovoce/relay/relaytest"
)

// A supernode that has a key of the week for each member, and one card for all: nobody takes such a key, or deposits there, and each is
// told which supernode it is.
func TestAKeyForEach(t *testing.T) {
	one, _ := foundHouse(t)
	invite, err := one.Invite(one.id, 2, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	annas := new(shelf)
	anna, l, stop := live(t, annas)
	if _, err := anna.Join(within(t), invite.Text()); err != nil {
		t.Fatal(err)
	}
	l.until(t, "Anna reaches it", func() bool { return reached(anna) == 1 })
	stop()
	one.stop()
	lie(t, one)
	one.start()

	named := func(c *relay.Client) bool {
		s := c.Communities()[0].Supernodes[0]
		return s.Trouble != "" && slices.ContainsFunc(s.Breaches, func(b relay.Breach) bool { return b.Kind == relay.BreachKeys })
	}
	anna, l, _ = live(t, annas)
	l.until(t, "Anna is told", func() bool { return named(anna) })
	bruno, heard, _ := live(t, new(shelf))
	ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
	defer cancel()
	if c, err := bruno.Join(ctx, invite.Text()); !errors.Is(err, relay.ErrUnreached) || c.Joined {
		t.Errorf("Bruno has joined: %+v, %v", c, err)
	}
	heard.until(t, "Bruno is told", func() bool { return named(bruno) })
	for name, c := range map[string]*relay.Client{"Anna": anna, "Bruno": bruno} {
		if s := c.Communities()[0].Supernodes[0]; s.Reached || s.ID != one.ID() || s.Trouble != relay.BreachKeys.String() {
			t.Errorf("%s: %+v", name, s)
		}
		if at := c.Communities()[0].Alarms; len(at) > 0 {
			t.Errorf("%s: %v", name, at)
		}
	}
}

// lie has a supernode that does not run give out keys of its own.
func lie(t *testing.T, h *house) {
	t.Helper()
	path := filepath.Join(h.dir, "communities", h.id.String(), "house")
	kept, err := os.ReadFile(path)
	if err == nil {
		err = errors.Join(relaytest.OwnKeys(kept), os.WriteFile(path, kept, 0o600))
	}
	if err != nil {
		t.Fatal(err)
	}
}

// A supernode that has another port for each member: they tell each other what cards they hold, and are told of it when it shows its
// papers next. Nothing is sent because of what was told.
func TestAPortForEach(t *testing.T) {
	one, _ := foundHouse(t)
	invite, err := one.Invite(one.id, 2, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	one.stop()
	other := newHouse(t)
	other.dir, other.id = filepath.Join(t.TempDir(), "data"), one.id
	if err := os.CopyFS(other.dir, os.DirFS(one.dir)); err != nil {
		t.Fatal(err)
	}
	one.start()
	other.start()
	if err := errors.Join(one.Advertise([]string{one.at, "127.0.0.1:9"}), other.Advertise([]string{other.at})); err != nil {
		t.Fatal(err)
	}
	join := func(at string) (*shelf, *relay.Client, func()) {
		link, err := community.ParseLink(invite.Text())
		if err != nil {
			t.Fatal(err)
		}
		link.Stops[0].Addresses = []string{at}
		kept := new(shelf)
		c, l, stop := live(t, kept)
		if _, err := c.Join(within(t), link.Text()); err != nil {
			t.Fatal(err)
		}
		l.until(t, "it tells of the card", func() bool { return relay.TellsCard(c.Mailbox([32]byte{}, c.Mailbox([32]byte{}, nil))) })
		return kept, c, stop
	}
	annas, anna, stop := join(one.at)
	_, bruno, _ := join(other.at)
	if card := bruno.Mailbox([32]byte{'c'}, nil); relay.TellsCard(card) {
		t.Error("who is no member is told of the card")
	}
	told := bruno.Mailbox([32]byte{'a'}, anna.Mailbox([32]byte{'b'}, nil))
	anna.Where(told)
	if at := anna.Communities()[0].Alarms; len(at) > 0 {
		t.Errorf("at once: %v", at)
	}
	stop()
	anna, run := stopped(t, annas)
	anna.Where(told)
	l, _ := run()
	l.until(t, "Anna is told", func() bool { return len(anna.Communities()[0].Alarms) > 0 })
	if at := anna.Communities()[0].Alarms; len(at) != 1 || !strings.Contains(at[0], one.ID().String()) || !strings.Contains(at[0], community.AlarmCard.String()) {
		t.Errorf("%v", at)
	}
}

// What a member tells contacts of a supernode's card it takes once a day: a new card, which may have come at a log-in, is followed by
// nothing.
func TestCardIsToldDaily(t *testing.T) {
	one, _ := foundHouse(t)
	invite, err := one.Invite(one.id, 1, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	kept := new(shelf)
	anna, l, stop := live(t, kept)
	if _, err := anna.Join(within(t), invite.Text()); err != nil {
		t.Fatal(err)
	}
	tells := func(c *relay.Client) []byte { return c.Mailbox([32]byte{}, c.Mailbox([32]byte{}, nil)) }
	l.until(t, "she tells of the card", func() bool { return relay.TellsCard(tells(anna)) })
	before := tells(anna)
	if err := one.Advertise([]string{one.at, "127.0.0.1:9"}); err != nil {
		t.Fatal(err)
	}
	l.until(t, "she has the new one", func() bool { return len(anna.Communities()[0].Supernodes[0].Addresses) == 2 })
	if anna.Retell(); !bytes.Equal(tells(anna), before) {
		t.Error("a new card is told at once")
	}
	stop()
	anna, run := stoppedAt(t, kept, func() time.Time { return time.Now().Add(24 * time.Hour) })
	if !bytes.Equal(tells(anna), before) {
		t.Error("what is told was forgotten")
	}
	l, _ = run()
	l.until(t, "a day later she tells of it", func() bool { return !bytes.Equal(tells(anna), before) })
}

// A supernode that goes on from an old copy of its disk has keys that no card commits to that its members know: it is given the card
// back, draws other keys, and has broken no word.
func TestKeysOfACopy(t *testing.T) {
	one, _ := foundHouse(t)
	invite, err := one.Invite(one.id, 2, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	annas := new(shelf)
	anna, _, stop := live(t, annas)
	if _, err := anna.Join(within(t), invite.Text()); err != nil {
		t.Fatal(err)
	}
	bruno, _, leave := live(t, new(shelf))
	shut, err := bruno.Join(within(t), invite.Text())
	if err != nil {
		t.Fatal(err)
	}
	leave()
	stop()
	one.stop()
	copied := filepath.Join(t.TempDir(), "data")
	if err := os.CopyFS(copied, os.DirFS(one.dir)); err != nil {
		t.Fatal(err)
	}
	one.start()
	if err := one.Revoke(one.id, shut.Persona); err != nil {
		t.Fatal(err)
	}
	var l listener
	anna, l, stop = live(t, annas)
	l.until(t, "Anna is in, by the new keys", func() bool { return reached(anna) == 1 })
	stop()
	one.stop()
	one.dir = copied
	one.start()
	anna, l, _ = live(t, annas)
	l.until(t, "Anna is in, by keys of the copy", func() bool { return reached(anna) == 1 })
	if b := anna.Communities()[0].Supernodes[0].Breaches; len(b) > 0 {
		t.Errorf("%+v", b)
	}
}
