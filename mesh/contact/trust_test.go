package contact

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"testing"
	"time"

	"sottovoce/mesh/identity"
	"sottovoce/mesh/wire"
)

// lineage is an account with everything that can become of it.
type lineage struct {
	t     testing.TB
	src   *rand.ChaCha8
	roots [3]*identity.Root
	base  *identity.Account
}

func newLineage(t testing.TB, seed byte) *lineage {
	l := &lineage{t: t, src: rand.NewChaCha8([32]byte{seed})}
	var err error
	for i := range l.roots {
		l.roots[i], err = identity.NewRoot(l.src)
		fatal(t, err)
	}
	l.base, err = identity.NewAccount(l.roots[0], l.device(), noon, l.src)
	fatal(t, err)
	return l
}

func (l *lineage) device() identity.DeviceKeys {
	l.t.Helper()
	d, err := identity.NewDevice(l.src)
	fatal(l.t, err)
	return d.Public()
}

// grown adds a device.
func (l *lineage) grown(a *identity.Account) *identity.Account {
	l.t.Helper()
	next, err := a.AddDevice(l.roots[0], l.device(), noon)
	fatal(l.t, err)
	return next
}

// succeeded gives the root to another.
func (l *lineage) succeeded(a *identity.Account, to int) *identity.Account {
	l.t.Helper()
	next, err := a.Succeed(l.roots[0], l.roots[to], noon)
	fatal(l.t, err)
	return next
}

// forked is an account whose root was given to two others.
func (l *lineage) forked() []byte {
	l.t.Helper()
	type ops struct {
		Ops [][]byte `cbor:"1,keyasint"`
	}
	var one, two ops
	fatal(l.t, wire.Unmarshal(l.succeeded(l.base, 1).Bytes(), &one))
	fatal(l.t, wire.Unmarshal(l.succeeded(l.base, 2).Bytes(), &two))
	last := len(one.Ops) - 1
	for _, tail := range [][2][]byte{{one.Ops[last], two.Ops[last]}, {two.Ops[last], one.Ops[last]}} {
		b, err := wire.Marshal(ops{append(one.Ops[:last:last], tail[:]...)})
		fatal(l.t, err)
		if _, err := identity.ParseAccount(b); errors.Is(err, identity.ErrForked) {
			return b
		}
	}
	l.t.Fatal("no forked account")
	return nil
}

// trust pins the base of the lineage.
func (l *lineage) trust() *Trust {
	return NewTrust(&Object{Our: Party{Account: newLineage(l.t, 99).base}, Their: Party{Account: l.base}})
}

// What arrives is judged once, kept over a restart, and decided by a person where it must be.
func TestTrust(t *testing.T) {
	l := newLineage(t, 1)
	grown := l.grown(l.base)
	successor := l.succeeded(grown, 1)
	other := newLineage(t, 2).base
	for name, c := range map[string]struct {
		pinned   *identity.Account
		arrives  []byte
		change   Change
		keys     Keys
		alarm    Alarm
		verified bool
		after    *identity.Account // pinned then
		accepted *identity.Account // and after the person accepted it
	}{
		"the same":        {l.base, l.base.Bytes(), ChangeNone, KeysOK, AlarmNone, true, l.base, nil},
		"a new device":    {l.base, grown.Bytes(), ChangeDevices, KeysOK, AlarmNone, true, grown, nil},
		"a succession":    {l.base, successor.Bytes(), ChangeRoot, KeysChanged, AlarmNone, false, successor, successor},
		"an older one":    {grown, l.base.Bytes(), ChangeAlarm, KeysAlarm, AlarmForgot, false, grown, l.base},
		"another branch":  {grown, l.succeeded(l.base, 1).Bytes(), ChangeAlarm, KeysAlarm, AlarmForgot, false, grown, l.succeeded(l.base, 1)},
		"a fork":          {l.base, l.forked(), ChangeAlarm, KeysAlarm, AlarmForked, false, l.base, l.base},
		"another account": {l.base, other.Bytes(), ChangeAlarm, KeysAlarm, AlarmOther, false, l.base, l.base},
		"junk":            {l.base, []byte("junk"), ChangeAlarm, KeysAlarm, AlarmUnsettled, false, l.base, l.base},
	} {
		trust := l.trust()
		trust.account = c.pinned
		fatal(t, trust.Verify(noon))
		change, err := trust.Take(c.arrives, 7)
		trust = again(t, trust)
		if err != nil || change != c.change || trust.Keys() != c.keys || trust.Alarm() != c.alarm || trust.Verified().Equal(noon) != c.verified {
			t.Errorf("%s: change %d, %v; keys %d, alarm %d, verified %v", name, change, err, trust.Keys(), trust.Alarm(), trust.Verified())
		}
		if !bytes.Equal(trust.Account().Bytes(), c.after.Bytes()) {
			t.Errorf("%s: another account is pinned", name)
		}
		if change, _ := trust.Take(c.arrives, 8); change != ChangeNone || trust.Keys() != c.keys {
			t.Errorf("%s, a second time: %d", name, change)
		}
		if err := trust.Verify(noon); errors.Is(err, ErrKeys) != (c.keys == KeysAlarm) {
			t.Errorf("%s: compared: %v", name, err)
		}
		if c.accepted == nil || c.keys != KeysAlarm {
			if err := trust.Accept(); !errors.Is(err, ErrNoChange) {
				t.Errorf("%s: nothing to accept: %v", name, err)
			}
			continue
		}
		fatal(t, trust.Accept())
		trust = again(t, trust)
		if trust.Keys() != KeysOK || !trust.Verified().IsZero() || !bytes.Equal(trust.Account().Bytes(), c.accepted.Bytes()) {
			t.Errorf("%s: accepted, keys %d", name, trust.Keys())
		}
		if change, _ := trust.Take(c.arrives, 9); change != ChangeNone {
			t.Errorf("%s: what was decided is asked again: %d", name, change)
		}
	}
}

// again is what a restart reads.
func again(t testing.TB, trust *Trust) *Trust {
	t.Helper()
	loaded, err := LoadTrust(trust.Save())
	fatal(t, err)
	return loaded
}

// Changed keys are settled by comparing or by the person's word; an alarm stays beside a later
// succession.
func TestTrustSettles(t *testing.T) {
	l := newLineage(t, 1)
	for _, settle := range []func(*Trust) error{(*Trust).Accept, func(trust *Trust) error { return trust.Verify(noon) }} {
		trust := l.trust()
		_, err := trust.Take(l.succeeded(l.base, 1).Bytes(), 1)
		fatal(t, err)
		fatal(t, settle(trust))
		if trust.Keys() != KeysOK {
			t.Errorf("keys %d", trust.Keys())
		}
	}
	trust := l.trust()
	_, err := trust.Take([]byte("junk"), 1)
	fatal(t, err)
	if change, err := trust.Take(l.succeeded(l.base, 1).Bytes(), 2); change != ChangeRoot || err != nil || trust.Keys() != KeysAlarm {
		t.Errorf("change %d, %v, keys %d", change, err, trust.Keys())
	}
	trust.Doubt()
	if !trust.Verified().IsZero() {
		t.Error("still verified")
	}
	trust, first := l.trust(), l.grown(l.base)
	latest := l.grown(first)
	for i, arrives := range []*identity.Account{first, l.base, latest} {
		_, err := trust.Take(arrives.Bytes(), uint64(i+1))
		fatal(t, err)
	}
	fatal(t, trust.Accept())
	if !bytes.Equal(trust.Account().Bytes(), latest.Bytes()) {
		t.Error("what they said before the latest was accepted")
	}
}

// An op that arrives late brings what was overtaken already: no alarm.
func TestTrustLate(t *testing.T) {
	l := newLineage(t, 1)
	first := l.grown(l.base)
	second := l.grown(first)
	trust := l.trust()
	_, err := trust.Take(second.Bytes(), 9)
	fatal(t, err)
	if change, err := trust.Take(first.Bytes(), 5); change != ChangeNone || err != nil || trust.Keys() != KeysOK {
		t.Errorf("late: %d, %v", change, err)
	}
	if change, _ := trust.Take(first.Bytes(), 10); change != ChangeAlarm {
		t.Errorf("gone back: %d", change)
	}
}

// Whoever begins anew with an older account has forgotten something; and who knows our
// newest is not told it again.
func TestTrustMeet(t *testing.T) {
	l, ours := newLineage(t, 1), newLineage(t, 2)
	trust := l.trust()
	trust.account = l.grown(l.base)
	if trust.Told(ours.base.Heads()) {
		t.Error("told what they cannot know")
	}
	if change := trust.Meet(&Object{Our: Party{Account: ours.base}, Their: Party{Account: l.base}}); change != ChangeAlarm || trust.Alarm() != AlarmForgot {
		t.Errorf("change %d, alarm %d", change, trust.Alarm())
	}
	if !trust.Told(ours.base.Heads()) || again(t, trust).Told(ours.grown(ours.base).Heads()) {
		t.Error("what they were told")
	}
}

func TestLoadTrustRefuses(t *testing.T) {
	l := newLineage(t, 1)
	for name, spoil := range map[string]func(*Trust){
		"alarm without alarm":      func(x *Trust) { x.keys = KeysAlarm },
		"alarm that is none":       func(x *Trust) { x.alarm = AlarmOther },
		"verified and changed":     func(x *Trust) { x.keys, x.verified = KeysChanged, noon },
		"unknown keys":             func(x *Trust) { x.keys = 9 },
		"an offer without alarm":   func(x *Trust) { x.offered = l.base },
		"an alarm without offer":   func(x *Trust) { x.keys, x.alarm = KeysAlarm, AlarmForgot },
		"an offer of another":      func(x *Trust) { x.keys, x.alarm, x.offered = KeysAlarm, AlarmForgot, newLineage(t, 2).base },
		"an alarm nobody knows of": func(x *Trust) { x.keys, x.alarm = KeysAlarm, 99 },
	} {
		trust := l.trust()
		spoil(trust)
		if _, err := LoadTrust(trust.Save()); !errors.Is(err, wire.ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// FuzzLoadTrust: what loads is saved alike, and no account that arrives makes it contradict itself.
func FuzzLoadTrust(f *testing.F) {
	l := newLineage(f, 1)
	trust := l.trust()
	f.Add(trust.Save(), l.grown(l.base).Bytes())
	fatal(f, trust.Verify(noon.Add(time.Hour)))
	f.Add(trust.Save(), l.forked())
	_, _ = trust.Take(newLineage(f, 2).base.Bytes(), 1)
	f.Add(trust.Save(), l.succeeded(l.base, 1).Bytes())
	f.Fuzz(func(t *testing.T, saved, arrives []byte) {
		trust, err := LoadTrust(saved)
		if err != nil {
			return
		}
		_, _ = trust.Take(arrives, 1<<40)
		if trust.Keys() == KeysAlarm && trust.Verify(noon) == nil {
			t.Error("verified in alarm")
		}
		if _, err := LoadTrust(trust.Save()); err != nil {
			t.Fatalf("what was saved does not load: %v", err)
		}
	})
}
