package mesh

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"sottovoce/mesh/clock"
	"sottovoce/mesh/contact"
	"sottovoce/mesh/conversation"
	"sottovoce/mesh/identity"
	"sottovoce/mesh/peer"
	"sottovoce/mesh/store"
)

// self is who this node is.
type self struct {
	name      string
	share     Share
	account   *identity.Account
	device    *identity.Device
	open      *identity.OpenProfile
	discovery identity.DiscoveryKey // as it is kept
	number    uint64                // of that, among all that were drawn
	ours      *contact.Ours         // all of this that goes into contact exchanges
}

// The settings that a home holds from its founding on.
const (
	settingName    = "name"
	settingAccount = "account"
)

// ErrName says that a name is not one that others could be shown.
var ErrName = errors.New("a name has 1 to 64 visible characters")

// Found makes a new identity called name in home: an account with this one device, an
// open profile and a discovery key. Everyone may see it until something else is chosen. A
// founding that was cut short is finished; an identity that is complete is store.ErrExists.
// spec: 01-identity#account
func Found(home, name string, rand io.Reader) error {
	return foundAt(home, name, Everyone, time.Now(), rand)
}

// FoundSeen is Found for who may see the new identity where nothing is chosen.
func FoundSeen(home, name string, seen Visibility, rand io.Reader) error {
	return foundAt(home, name, seen, time.Now(), rand)
}

// foundAt is FoundSeen under a clock that says now.
func foundAt(home, name string, seen Visibility, now time.Time, rand io.Reader) error {
	name, err := peer.CleanName(name)
	if err != nil {
		return fmt.Errorf("%w: %v", ErrName, err)
	}
	secrets, err := newSecrets(rand)
	if err != nil {
		return err
	}
	existed := store.Init(home, secrets, rand)
	if existed != nil && !errors.Is(existed, store.ErrExists) {
		return existed
	}
	db, err := store.Open(home, rand)
	if errors.Is(err, store.ErrLocked) {
		return existed // its founding came to an end
	}
	if err != nil {
		return err
	}
	err = db.Update(func(tx *store.Tx) error {
		if _, err := tx.Setting(settingName); !errors.Is(err, store.ErrNotFound) {
			return errors.Join(err, existed)
		}
		choice := networks{Default: seen}
		return errors.Join(choice.save(tx), writeSelf(tx, db.Secrets(), name, now, rand))
	})
	return errors.Join(err, db.Close())
}

// newSecrets draws what the key file of a new identity holds.
func newSecrets(rand io.Reader) (store.Secrets, error) {
	var s store.Secrets
	for _, key := range [][]byte{s.Root[:], s.Device[:], s.Open[:], s.Database[:]} {
		if _, err := io.ReadFull(rand, key); err != nil {
			return s, fmt.Errorf("drawing keys: %w", err)
		}
	}
	return s, nil
}

// writeSelf founds the account and keeps it with the name.
func writeSelf(tx *store.Tx, s *store.Secrets, name string, now time.Time, rand io.Reader) error {
	root, device := identity.RootFromSeed(s.Root), identity.DeviceFromSeed(s.Device)
	defer root.Erase()
	account, err := identity.NewAccount(root, device.Public(), now, rand)
	if err != nil {
		return err
	}
	if err := tx.SetSetting(settingAccount, account.Bytes()); err != nil {
		return err
	}
	mark := clock.At(now)
	if err := saveMark(tx, mark); err != nil {
		return err
	}
	discovery, err := identity.NewDiscoveryKey(rand, uint32(mark.Day))
	if err != nil {
		return err
	}
	defer discovery.Erase()
	if err := saveOurKey(tx, discovery, 1); err != nil {
		return err
	}
	return tx.SetSetting(settingName, []byte(name))
}

// loadSelf reads who we are.
func loadSelf(tx *store.Tx, s *store.Secrets) (self, error) {
	name, err := tx.Setting(settingName)
	if errors.Is(err, store.ErrNotFound) {
		return self{}, store.ErrNoHome // the founding was cut short; Found finishes it
	}
	if err != nil {
		return self{}, err
	}
	encoded, err := tx.Setting(settingAccount)
	if err != nil {
		return self{}, err
	}
	account, err := identity.ParseAccount(encoded)
	if err != nil {
		return self{}, fmt.Errorf("our account: %w", err)
	}
	discovery, number, err := loadOurKey(tx, s)
	if err != nil {
		return self{}, err
	}
	me := self{
		name: string(name), account: account, discovery: discovery, number: number,
		device: identity.DeviceFromSeed(s.Device), open: identity.OpenProfileFromSeed(s.Open),
	}
	if me.share, err = loadShare(tx); err != nil {
		return self{}, err
	}
	me.ours = &contact.Ours{Device: me.device, Account: account, Discovery: discovery, Name: me.name}
	return me, nil
}

// myself is this node as a person.
func (n *Node) myself() Person {
	return Person{ID: n.me.account.ID().String(), Name: peer.ShowName(n.me.name), Verified: true, Online: true, Via: ViaNone}
}

// Me returns who we are.
func (n *Node) Me(ctx context.Context) (Person, error) {
	var p Person
	err := n.do(ctx, func(*turn) error {
		p = n.myself()
		return nil
	})
	return p, err
}

// SetName changes our own name, announces it, and queues it for all contacts. It fails
// with ErrName.
func (n *Node) SetName(ctx context.Context, name string) (Person, error) {
	name, err := peer.CleanName(name)
	if err != nil {
		return Person{}, fmt.Errorf("%w: %v", ErrName, err)
	}
	var p Person
	err = n.do(ctx, func(t *turn) error {
		if name == n.me.name {
			p = n.myself()
			return nil
		}
		if err := t.tx.SetSetting(settingName, []byte(name)); err != nil {
			return err
		}
		n.me.name, n.me.ours.Name = name, name
		for _, c := range n.contacts {
			if _, err := t.say(c, conversation.Profile{Name: name}); err != nil {
				return err
			}
		}
		p = n.myself()
		t.viewStale = true
		t.then(n.announce)
		return nil
	})
	return p, err
}
