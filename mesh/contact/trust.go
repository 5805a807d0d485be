package contact

import (
	"bytes"
	"errors"
	"fmt"
	"time"

	"sottovoce/mesh/identity"
	"sottovoce/mesh/wire"
)

// Keys says how a contact's account stands to what was pinned of it.
type Keys uint8

// The standings. Nothing is sent to a contact with KeysAlarm.
const (
	KeysOK      Keys = 0
	KeysChanged Keys = 1 // another root speaks for it, named by the one before
	KeysAlarm   Keys = 2 // it is not what follows from what was pinned
)

// Alarm says what is wrong with an account.
type Alarm uint8

// The alarms.
const (
	AlarmNone      Alarm = 0
	AlarmForgot    Alarm = 1 // it does not hold what it held before
	AlarmForked    Alarm = 2 // its root was given to two others
	AlarmOther     Alarm = 3 // it is another account
	AlarmUnsettled Alarm = 4 // it does not verify
)

// Change is what an account that arrived has changed.
type Change uint8

// The changes.
const (
	ChangeNone    Change = 0
	ChangeDevices Change = 1 // devices were added or struck off
	ChangeRoot    Change = 2 // a succession: the keys are KeysChanged
	ChangeAlarm   Change = 3 // the keys are KeysAlarm
)

// Errors of Trust that callers branch on.
var (
	// ErrKeys says that the keys of a contact changed without their word for it, and that
	// the person has not decided yet.
	ErrKeys = errors.New("their keys have changed, and nothing they had before vouches for it")
	// ErrNoChange says that there is nothing to decide about.
	ErrNoChange = errors.New("their keys have not changed; there is nothing to decide")
)

// Trust is what holds of a contact's account here: which one is pinned, whether the person
// has compared, and whether something is to be decided. It is a matter of one side.
//
//	           succession                    forgets, forks, another
//	OK ──────────────────────▶ Changed ─────────────────────────────▶ Alarm
//	 ▲                            │                (from OK, too)        │
//	 └──────── Verify, Accept ────┘                                      │
//	 └──────────────────────────────── Accept ───────────────────────────┘
//
// spec: 05-contacts#key-changes
type Trust struct {
	account  *identity.Account // pinned
	verified time.Time         // when the person compared; zero: not since the root changed
	keys     Keys
	alarm    Alarm
	taken    uint64            // lamport of the op that was judged last
	judged   wire.Hash         // of the account that raised the last alarm
	offered  *identity.Account // that account, if the person can go on with it
	told     wire.Hash         // heads of our own account that they were told
}

// NewTrust pins the account of a contact that has just come about.
func NewTrust(o *Object) *Trust {
	return &Trust{account: o.Their.Account, told: identity.HashHeads(o.Our.Account.Heads())}
}

// Account returns what is pinned: it counts, whatever arrived since.
func (t *Trust) Account() *identity.Account { return t.account }

// Verified returns when the person compared; zero if that does not hold any more.
func (t *Trust) Verified() time.Time { return t.verified }

// Keys returns how the account stands.
func (t *Trust) Keys() Keys { return t.keys }

// Alarm returns what the person is to decide about, AlarmNone if nothing.
func (t *Trust) Alarm() Alarm { return t.alarm }

// Told reports whether they were told that our account has these heads.
func (t *Trust) Told(heads []wire.Hash) bool { return t.told == identity.HashHeads(heads) }

// Tell notes that they are told.
func (t *Trust) Tell(heads []wire.Hash) { t.told = identity.HashHeads(heads) }

// Take judges an account that an op of theirs brought, with the lamport that counts for
// it. One that is older than what was judged before is not heeded. wire.ErrNewer says that
// a newer version must judge it.
//
// spec: 05-contacts#key-changes
func (t *Trust) Take(raw []byte, lamport uint64) (Change, error) {
	if lamport <= t.taken {
		return ChangeNone, nil
	}
	change, err := t.judge(raw)
	if err == nil {
		t.taken = lamport
	}
	return change, err
}

// Meet judges the account of an exchange in which the contact began anew; they have ours
// from its card.
//
// spec: 05-contacts#key-changes
func (t *Trust) Meet(o *Object) Change {
	t.Tell(o.Our.Account.Heads())
	change, _ := t.judge(o.Their.Account.Bytes()) // it was parsed before
	return change
}

func (t *Trust) judge(raw []byte) (Change, error) {
	sum := wire.HashOf(labelJudged, raw)
	if sum == t.judged || bytes.Equal(raw, t.account.Bytes()) {
		return ChangeNone, nil
	}
	newer, err := identity.ParseAccount(raw)
	switch {
	case errors.Is(err, wire.ErrNewer):
		return ChangeNone, err
	case errors.Is(err, identity.ErrForked):
		return t.alarmed(AlarmForked, sum, nil), nil
	case err != nil:
		return t.alarmed(AlarmUnsettled, sum, nil), nil
	case newer.ID() != t.account.ID():
		return t.alarmed(AlarmOther, sum, nil), nil
	case !newer.Covers(t.account.Heads()):
		return t.alarmed(AlarmForgot, sum, newer), nil
	case t.account.Covers(newer.Heads()):
		return ChangeNone, nil
	}
	root := t.account.Root()
	t.account = newer
	if t.offered != nil {
		t.offered = newer // what they said later counts
	}
	if newer.Root() == root {
		return ChangeDevices, nil
	}
	t.verified, t.keys = time.Time{}, max(t.keys, KeysChanged)
	return ChangeRoot, nil
}

// alarmed waits for the person to decide; what was pinned stays.
func (t *Trust) alarmed(alarm Alarm, sum wire.Hash, offered *identity.Account) Change {
	t.verified, t.keys, t.alarm, t.judged, t.offered = time.Time{}, KeysAlarm, alarm, sum, offered
	return ChangeAlarm
}

// Accept is the person's decision to go on. An account that forgot something is pinned
// from now on; of any other that raised an alarm nothing is taken over, and the keys known
// before stay. It fails with ErrNoChange.
//
// spec: 05-contacts#key-changes
func (t *Trust) Accept() error {
	if t.keys == KeysOK {
		return ErrNoChange
	}
	if t.offered != nil {
		t.account = t.offered
	}
	t.verified, t.keys, t.alarm, t.offered = time.Time{}, KeysOK, AlarmNone, nil
	return nil
}

// Verify is the person's word that they have compared. It fails with ErrKeys.
//
// spec: 05-contacts#verification
func (t *Trust) Verify(now time.Time) error {
	if t.keys == KeysAlarm {
		return ErrKeys
	}
	t.verified, t.keys = time.UnixMilli(now.UnixMilli()), KeysOK
	return nil
}

// Doubt takes it back.
func (t *Trust) Doubt() { t.verified = time.Time{} }

// savedTrust is the form in which it is kept.
type savedTrust struct {
	Account  []byte   `cbor:"1,keyasint"`
	Verified int64    `cbor:"2,keyasint,omitempty"` // Unix milliseconds
	Keys     Keys     `cbor:"3,keyasint,omitempty"`
	Alarm    Alarm    `cbor:"4,keyasint,omitempty"`
	Taken    uint64   `cbor:"5,keyasint,omitempty"`
	Judged   [32]byte `cbor:"6,keyasint"`
	Offered  []byte   `cbor:"7,keyasint,omitempty"`
	Told     [32]byte `cbor:"8,keyasint"`
}

// Save returns it as bytes, canonical CBOR of at most 160 KiB.
func (t *Trust) Save() []byte {
	s := savedTrust{Account: t.account.Bytes(), Keys: t.keys, Alarm: t.alarm, Taken: t.taken, Judged: t.judged, Told: t.told}
	if !t.verified.IsZero() {
		s.Verified = t.verified.UnixMilli()
	}
	if t.offered != nil {
		s.Offered = t.offered.Bytes()
	}
	b, err := wire.Marshal(s)
	if err != nil || len(b) > trustMax {
		panic(fmt.Sprintf("contact: saving trust: %d bytes: %v", len(b), err))
	}
	return b
}

// LoadTrust reads what Save wrote, and refuses what it could not have written.
func LoadTrust(b []byte) (*Trust, error) {
	if len(b) > trustMax {
		return nil, fmt.Errorf("%w: trust of %d bytes", wire.ErrMalformed, len(b))
	}
	var s savedTrust
	if err := wire.Unmarshal(b, &s); err != nil {
		return nil, fmt.Errorf("trust: %w", err)
	}
	t := &Trust{keys: s.Keys, alarm: s.Alarm, taken: s.Taken, judged: s.Judged, told: s.Told}
	var err error
	if t.account, err = identity.ParseAccount(s.Account); err != nil {
		return nil, fmt.Errorf("trust: %w", err)
	}
	if s.Offered != nil {
		if t.offered, err = identity.ParseAccount(s.Offered); err != nil {
			return nil, fmt.Errorf("trust: %w", err)
		}
	}
	if s.Verified != 0 {
		t.verified = time.UnixMilli(s.Verified)
	}
	switch {
	case t.keys > KeysAlarm || t.alarm > AlarmUnsettled || (t.keys == KeysAlarm) != (t.alarm != AlarmNone),
		t.keys != KeysOK && s.Verified != 0,
		(t.offered != nil) != (t.alarm == AlarmForgot),
		t.offered != nil && t.offered.ID() != t.account.ID():
		return nil, fmt.Errorf("%w: trust that contradicts itself", wire.ErrMalformed)
	}
	return t, nil
}
