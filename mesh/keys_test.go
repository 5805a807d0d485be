package mesh

import (
	"bytes"
	"crypto/rand"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"sottovoce/mesh/contact"
	"sottovoce/mesh/conversation"
	"sottovoce/mesh/identity"
	"sottovoce/mesh/store"
)

// renews lets the person's account become another one while the node is down.
func (p *person) renews(become func(root *identity.Root, a *identity.Account) (*identity.Account, error)) {
	p.t.Helper()
	p.stop()
	db, err := store.Open(p.home, rand.Reader)
	if err != nil {
		p.t.Fatal(err)
	}
	err = db.Update(func(tx *store.Tx) error {
		raw, err := tx.Setting(settingAccount)
		if err != nil {
			return err
		}
		a, err := identity.ParseAccount(raw)
		if err != nil {
			return err
		}
		if a, err = become(identity.RootFromSeed(db.Secrets().Root), a); err != nil {
			return err
		}
		return tx.SetSetting(settingAccount, a.Bytes())
	})
	if err := errors.Join(err, db.Close()); err != nil {
		p.t.Fatal(err)
	}
	p.start()
}

// another draws a device.
func another(t testing.TB) *identity.Device {
	t.Helper()
	d, err := identity.NewDevice(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func newRoot(t testing.TB) *identity.Root {
	t.Helper()
	r, err := identity.NewRoot(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// claims lets a person tell a contact that this is their account, whatever it is.
func (p *person) claims(to string, raw []byte) {
	p.t.Helper()
	p.inside(func(t *turn) error {
		_, err := t.say(p.device(to).contact, conversation.Account(raw))
		return err
	})
}

func keys(want Keys) func(Person) bool {
	return func(found Person) bool { return found.Keys == want }
}

// notices are what a person is shown.
func (p *person) notices() string {
	p.t.Helper()
	s, err := p.Status(p.t.Context())
	if err != nil {
		p.t.Fatal(err)
	}
	return strings.Join(s.Notices, "\n")
}

// A new device is a line: it is told to every contact, who go on as before.
func TestNewDevice(t *testing.T) {
	t.Parallel()
	lan := newAir()
	anna, bruno := newPerson(t, lan, "Anna"), newPerson(t, lan, "Bruno")
	anna.befriends(bruno)
	if _, err := anna.Confirm(t.Context(), "Bruno"); err != nil {
		t.Fatal(err)
	}
	words, err := anna.Verification(t.Context(), "Bruno")
	if err != nil {
		t.Fatal(err)
	}
	heard := anna.hears()
	bruno.renews(func(root *identity.Root, a *identity.Account) (*identity.Account, error) {
		return a.AddDevice(root, another(t).Public(), time.Now())
	})
	heard("the line", said("Bruno has a new device"))
	if !anna.finds(anna.Contacts, "Bruno", func(p Person) bool { return p.Verified && p.Keys == KeysOK })() || anna.notices() != "" {
		t.Errorf("more than a line: %q", anna.notices())
	}
	if after, err := anna.Verification(t.Context(), "Bruno"); err != nil || !slices.Equal(after.Words, words.Words) {
		t.Errorf("the safety words are others, %v", err)
	}
	anna.within(waitLong, "linked", anna.finds(anna.Contacts, "Bruno", linked))
	anna.within(waitLong, "delivered", anna.delivered(anna.says("Bruno", "on your new device?")))
	bruno.inside(func(*turn) error { // and told once
		if !bruno.device("Anna").contact.trust.Told(bruno.me.account.Heads()) {
			t.Error("Anna counts as not told")
		}
		return nil
	})
	anna.compares("Bruno") // both hold the newer account
	bruno.within(waitLong, "linked", bruno.finds(bruno.Contacts, "Anna", linked))
	bruno.compares("Anna")
	if !slices.Equal(anna.shown("Bruno").Emoji, bruno.shown("Anna").Emoji) {
		t.Error("the emoji differ")
	}
	anna.stop()
	anna.start()
	anna.inside(func(*turn) error {
		if got := len(anna.device("Bruno").contact.account.Devices()); got != 2 {
			t.Errorf("%d devices after a restart", got)
		}
		return nil
	})
}

// A succession is amber: it goes on, and is verified no more; the safety words are others.
func TestSuccession(t *testing.T) {
	t.Parallel()
	lan := newAir()
	anna, bruno := newPerson(t, lan, "Anna"), newPerson(t, lan, "Bruno")
	anna.befriends(bruno)
	if _, err := anna.Confirm(t.Context(), "Bruno"); err != nil {
		t.Fatal(err)
	}
	before, _ := anna.Verification(t.Context(), "Bruno")
	next := newRoot(t)
	bruno.renews(func(root *identity.Root, a *identity.Account) (*identity.Account, error) {
		return a.Succeed(root, next, time.Now())
	})
	anna.within(waitLong, "amber", anna.finds(anna.Contacts, "Bruno", keys(KeysChanged)))
	if anna.finds(anna.Contacts, "Bruno", verified)() || !strings.Contains(anna.notices(), "Bruno has new keys") {
		t.Errorf("still verified, or shown %q", anna.notices())
	}
	hers, _ := anna.Verification(t.Context(), "Bruno")
	his, _ := bruno.Verification(t.Context(), "Anna")
	if !slices.Equal(hers.Words, his.Words) || slices.Equal(hers.Words, before.Words) {
		t.Error("the safety words")
	}
	anna.within(waitLong, "linked", anna.finds(anna.Contacts, "Bruno", linked))
	anna.within(waitLong, "delivered", anna.delivered(anna.says("Bruno", "it goes on")))
	anna.stop()
	anna.start()
	if !anna.finds(anna.Contacts, "Bruno", keys(KeysChanged))() {
		t.Error("forgotten after a restart")
	}
	if p, err := anna.Confirm(t.Context(), "Bruno"); !errors.Is(err, ErrUnread) || p.Verified {
		t.Errorf("by words that were not shown: %+v, %v", p, err)
	}
	if _, err := anna.Verification(t.Context(), "Bruno"); err != nil {
		t.Fatal(err)
	}
	if p, err := anna.Confirm(t.Context(), "Bruno"); err != nil || !p.Verified || p.Keys != KeysOK || anna.notices() != "" {
		t.Errorf("compared: %+v, %v, %q", p, err, anna.notices())
	}
}

// Whatever the old keys do not vouch for is red: nothing is sent, whoever asks is told why,
// and what waits goes out when the person has decided.
func TestAlarm(t *testing.T) {
	t.Parallel()
	stranger, err := identity.NewAccount(newRoot(t), another(t).Public(), time.Now(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for name, claim := range map[string][]byte{"another account": stranger.Bytes(), "not an account": []byte("junk")} {
		t.Run(name, func(t *testing.T) {
			lan := newAir()
			anna, bruno := newPerson(t, lan, "Anna"), newPerson(t, lan, "Bruno")
			anna.befriends(bruno)
			heard := anna.hears()
			bruno.claims("Anna", claim)
			heard("the alarm", said(`sottovoce verify "Bruno" --accept-change`))
			blocked := func() {
				t.Helper()
				if r := anna.Send(t.Context(), []Outgoing{{To: "Bruno", Text: "secret"}}); !errors.Is(r[0].Err, ErrKeys) {
					t.Errorf("sent: %v", r[0].Err)
				}
				if _, err := anna.Confirm(t.Context(), "Bruno"); !errors.Is(err, ErrKeys) {
					t.Errorf("verified: %v", err)
				}
				if _, err := anna.Introduce(t.Context(), "Bruno", "Bruno"); !errors.Is(err, ErrKeys) {
					t.Errorf("introduced: %v", err)
				}
				if _, err := anna.Compare(t.Context(), "Bruno"); !errors.Is(err, ErrKeys) {
					t.Errorf("compared: %v", err)
				}
				if !anna.finds(anna.Contacts, "Bruno", func(p Person) bool { return p.Keys == KeysAlarm && !p.Verified })() {
					t.Error("no alarm")
				}
			}
			blocked()
			anna.stop()
			anna.start()
			blocked()
			bruno.within(waitLong, "linked", bruno.finds(bruno.Contacts, "Anna", linked))
			bruno.within(waitLong, "what he writes arrives", bruno.delivered(bruno.says("Anna", "hello?")))
			if p, err := anna.AcceptKeys(t.Context(), "Bruno"); err != nil || p.Keys != KeysOK || p.Verified || anna.notices() != "" {
				t.Errorf("accepted: %+v, %v, %q", p, err, anna.notices())
			}
			anna.within(waitLong, "delivered", anna.delivered(anna.says("Bruno", "now it goes")))
			if _, err := anna.AcceptKeys(t.Context(), "Bruno"); !errors.Is(err, ErrNoChange) {
				t.Errorf("accepted twice: %v", err)
			}
		})
	}
}

// What was queued before an alarm waits for the decision, also where there is a link.
func TestAlarmHoldsBack(t *testing.T) {
	t.Parallel()
	lan := newAir()
	anna, bruno := newPerson(t, lan, "Anna"), newPerson(t, lan, "Bruno")
	anna.befriends(bruno)
	bruno.stop()
	anna.within(waitLong, "away", anna.finds(anna.Contacts, "Bruno", unlinked))
	waits := anna.says("Bruno", "written before")
	anna.inside(func(t *turn) error { // as if it had come just before he left
		c := anna.device("Bruno").contact
		before := c.account
		change, err := c.trust.Take([]byte("junk"), 1<<40)
		if err != nil {
			return err
		}
		return t.keysMoved(c, change, before)
	})
	bruno.start()
	anna.within(waitLong, "linked", anna.finds(anna.Contacts, "Bruno", linked))
	bruno.within(waitLong, "linked", bruno.finds(bruno.Contacts, "Anna", linked))
	full := errors.New("no room")
	if err := anna.do(t.Context(), func(*turn) error { return full }); !errors.Is(err, full) { // all is read again
		t.Errorf("a turn that fails: %v", err)
	}
	anna.inside(func(t *turn) error { return t.tick() })
	hello := bruno.says("Anna", "hello") // a whole exchange on that link, in which nothing of hers leaves
	bruno.within(waitLong, "delivered", bruno.delivered(hello))
	if got := bruno.texts("Anna"); !slices.Equal(got, []string{"hello"}) {
		t.Errorf("Bruno has %q", got)
	}
	j, err := anna.Journey(t.Context(), waits.ID)
	if err != nil || !strings.Contains(j.Copies[0].Waits, "decide about their keys") {
		t.Errorf("it waits %+v, %v", j.Copies, err)
	}
	if _, err := anna.AcceptKeys(t.Context(), "Bruno"); err != nil {
		t.Fatal(err)
	}
	anna.within(waitLong, "delivered", anna.delivered(waits))
}

// A list that forgets is an alarm, and what the person accepts is pinned; nothing of it is
// left when the contact is removed.
func TestForgottenHeads(t *testing.T) {
	t.Parallel()
	lan := newAir()
	anna, bruno := newPerson(t, lan, "Anna"), newPerson(t, lan, "Bruno")
	anna.befriends(bruno)
	var old []byte
	bruno.inside(func(*turn) error {
		old = bruno.me.account.Bytes()
		return nil
	})
	bruno.renews(func(root *identity.Root, a *identity.Account) (*identity.Account, error) {
		return a.AddDevice(root, another(t).Public(), time.Now())
	})
	anna.within(waitLong, "the newer account", func() (there bool) {
		anna.inside(func(*turn) error {
			there = len(anna.device("Bruno").contact.account.Devices()) == 2
			return nil
		})
		return there
	})
	bruno.claims("Anna", old)
	anna.within(waitLong, "alarm", anna.finds(anna.Contacts, "Bruno", keys(KeysAlarm)))
	if !strings.Contains(anna.notices(), "left out what was in them before") {
		t.Errorf("shown %q", anna.notices())
	}
	if _, err := anna.AcceptKeys(t.Context(), "Bruno"); err != nil {
		t.Fatal(err)
	}
	var row int64
	anna.inside(func(*turn) error {
		c := anna.device("Bruno").contact
		row = c.row.ID
		if !bytes.Equal(c.account.Bytes(), old) {
			t.Error("what was accepted is not pinned")
		}
		return nil
	})
	if _, err := anna.Remove(t.Context(), "Bruno"); err != nil {
		t.Fatal(err)
	}
	anna.inside(func(turn *turn) error {
		if _, err := turn.tx.Setting(trustOf(row)); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("something of it is left: %v", err)
		}
		return nil
	})
}

// To a device that was struck off nothing is sent, and no link is made.
func TestStruckOff(t *testing.T) {
	t.Parallel()
	lan := newAir()
	anna, bruno := newPerson(t, lan, "Anna"), newPerson(t, lan, "Bruno")
	anna.befriends(bruno)
	heard := anna.hears()
	waits := anna.says("Bruno", "hello")
	anna.within(waitLong, "delivered", anna.delivered(waits))
	var struck *identity.Account
	bruno.inside(func(*turn) error {
		root := identity.RootFromSeed(bruno.store.Secrets().Root)
		var err error
		struck, err = bruno.me.account.RevokeDevice(root, bruno.me.device.ID(), time.Now())
		return err
	})
	bruno.claims("Anna", struck.Bytes())
	heard("the line", said("does not use a device any more"))
	anna.within(waitLong, "no link", anna.finds(anna.Contacts, "Bruno", unlinked))
	if r := anna.Send(t.Context(), []Outgoing{{To: "Bruno", Text: "still there?"}}); !errors.Is(r[0].Err, ErrNoDevice) {
		t.Errorf("sent: %v", r[0].Err)
	}
	anna.inside(func(*turn) error {
		for _, p := range anna.keyring.pairs {
			if p.ID&^recoveryBit == uint64(anna.device("Bruno").row) {
				t.Error("its links are still answered")
			}
		}
		return nil
	})
}

// What holds of an account comes back with a backup.
func TestTrustInBackup(t *testing.T) {
	t.Parallel()
	lan := newAir()
	anna, bruno := newPerson(t, lan, "Anna"), newPerson(t, lan, "Bruno")
	anna.befriends(bruno)
	if _, err := anna.Confirm(t.Context(), "Bruno"); err != nil {
		t.Fatal(err)
	}
	var backup bytes.Buffer
	if err := Backup(t.Context(), anna.store, &backup, func(int64) {}); err != nil {
		t.Fatal(err)
	}
	anna.stop()
	home := t.TempDir() + "/restored"
	if err := Restore(t.Context(), home, &backup, rand.Reader, func(int64) {}); err != nil {
		t.Fatal(err)
	}
	back := &person{t: t, name: "Anna", home: home, air: lan}
	back.start()
	defer back.stop()
	if !back.finds(back.Contacts, "Bruno", verified)() {
		t.Error("not verified any more")
	}
}

// An old card that is shown once more is no alarm: only its own account could raise one.
func TestBeginAnewKeepsTrust(t *testing.T) {
	t.Parallel()
	lan := newAir()
	anna, bruno := newPerson(t, lan, "Anna"), newPerson(t, lan, "Bruno")
	anna.befriends(bruno)
	if _, err := anna.Confirm(t.Context(), "Bruno"); err != nil {
		t.Fatal(err)
	}
	anna.compares("Bruno")
	if _, err := bruno.Remove(t.Context(), "Anna"); err != nil {
		t.Fatal(err)
	}
	bruno.within(waitLong, "sees her", bruno.finds(bruno.Nearby, "Anna", anyhow))
	if _, err := bruno.Add(t.Context(), "Anna"); err != nil {
		t.Fatal(err)
	}
	anna.within(waitLong, "has the request", anna.finds(anna.Requests, "Bruno", anyhow))
	if _, err := anna.Accept(t.Context(), "Bruno"); err != nil {
		t.Fatal(err)
	}
	bruno.within(waitLong, "linked", bruno.finds(bruno.Contacts, "Anna", linked))
	anna.within(waitLong, "linked", anna.finds(anna.Contacts, "Bruno", linked))
	anna.inside(func(*turn) error {
		c := anna.device("Bruno").contact
		if c.trust.Verified().IsZero() || c.trust.Keys() != contact.KeysOK {
			t.Error("the account is the same, and not trusted any more")
		}
		return nil
	})
	if bruno.finds(bruno.Contacts, "Anna", verified)() {
		t.Error("who was removed is verified")
	}
	var hers, his Comparison // a link that takes another's place meanwhile ends them, for both
	anna.within(waitLong, "both see emoji", func() bool {
		hers, his = anna.peeks("Bruno"), bruno.peeks("Anna")
		return hers.State == ComparisonShown && his.State == ComparisonShown
	})
	if !slices.Equal(hers.Emoji, his.Emoji) {
		t.Error("the emoji differ after a new beginning")
	}
}
