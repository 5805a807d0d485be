package identity

import (
	"bytes"
	"errors"
	"slices"
	"testing"
	"time"

	"sottovoce/mesh/goldentest"
	"sottovoce/mesh/peer"
	"sottovoce/mesh/wire"
)

var start = time.UnixMilli(1_800_000_000_000)

func newAccount(t testing.TB, root *Root, d *Device) *Account {
	t.Helper()
	a, err := NewAccount(root, d.Public(), start, drawn(9))
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// grown returns the account that extend makes of a.
func grown(t testing.TB, a *Account, err error) *Account {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func TestAccountVectors(t *testing.T) {
	root, next := RootFromSeed(RootSeed(counted(0, 32))), RootFromSeed(RootSeed(counted(0x20, 32)))
	first, second := DeviceFromSeed(DeviceSeed(counted(0x40, 64))), DeviceFromSeed(DeviceSeed(counted(0x80, 64)))
	one, err := NewAccount(root, first.Public(), start, bytes.NewReader(counted(0xe0, 16)))
	one = grown(t, one, err)
	a, err := one.AddDevice(root, second.Public(), start.Add(time.Second))
	a = grown(t, a, err)
	a, err = a.RevokeDevice(root, first.ID(), start.Add(2*time.Second))
	a = grown(t, a, err)
	a, err = a.Succeed(root, next, start.Add(3*time.Second))
	a = grown(t, a, err)
	id, head := one.ID(), a.Heads()[0]
	checkVectors(t, "account.txt", []vector{
		{"root seed", counted(0, 32)},
		{"next root seed", counted(0x20, 32)},
		{"device seed", counted(0x40, 64)},
		{"second device seed", counted(0x80, 64)},
		{"salt", counted(0xe0, 16)},
		{"account of one device", one.Bytes()},
		{"account id", id[:]},
		{"account after add, revoke, succession", a.Bytes()},
		{"its head", head[:]},
	})
	frozen, err := ParseAccount(goldentest.Hex(t, "account.txt")["account after add, revoke, succession"])
	if err != nil || frozen.Root() != next.Public() || !slices.Equal(frozen.Devices(), []DeviceKeys{second.Public()}) {
		t.Errorf("the frozen account is read as %+v, %v", frozen, err)
	}
}

func TestAccountRoundTrip(t *testing.T) {
	root, d := newRoot(t, 1), newDevice(t, 2)
	a := newAccount(t, root, d)
	b, err := ParseAccount(a.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	if b.ID() != a.ID() || !bytes.Equal(b.Bytes(), a.Bytes()) || b.Root() != root.Public() || !slices.Equal(b.Heads(), a.Heads()) {
		t.Error("another account comes back")
	}
	if !slices.Equal(b.Devices(), []DeviceKeys{d.Public()}) {
		t.Errorf("devices are %x", b.Devices())
	}
	if len(a.Heads()) != 1 || AccountID(a.Heads()[0]) == a.ID() {
		t.Errorf("heads are %x", a.Heads())
	}
	other, err := NewAccount(root, d.Public(), start, drawn(10))
	if err != nil || other.ID() == a.ID() {
		t.Error("another salt makes the same account", err)
	}
	// What is handed out is a copy.
	a.Bytes()[0], a.Heads()[0], a.Devices()[0] = 0, wire.Hash{}, DeviceKeys{}
	if !bytes.Equal(a.Bytes(), b.Bytes()) || a.Heads()[0] != b.Heads()[0] || a.Devices()[0] != d.Public() {
		t.Error("an account can be changed from outside")
	}
}

func TestAccountKeepsUnknownKeys(t *testing.T) {
	a := newAccount(t, newRoot(t, 1), newDevice(t, 2))
	raw := a.Bytes()
	raw[0] = 0xa2
	raw = append(raw, 0x18, 0x20, 0xf5)
	b, err := ParseAccount(raw)
	if err != nil || !bytes.Equal(b.Bytes(), raw) || b.ID() != a.ID() {
		t.Errorf("an unknown key: %v", err)
	}
}

func TestAccountGrows(t *testing.T) {
	root, next, phone, laptop := newRoot(t, 1), newRoot(t, 2), newDevice(t, 3), newDevice(t, 4)
	one := newAccount(t, root, phone)

	two, err := one.AddDevice(root, laptop.Public(), start)
	two = grown(t, two, err)
	if !slices.Equal(two.Devices(), []DeviceKeys{phone.Public(), laptop.Public()}) || two.ID() != one.ID() {
		t.Errorf("devices are %x", two.Devices())
	}
	if !two.Covers(one.Heads()) || one.Covers(two.Heads()) || !one.Covers(nil) {
		t.Error("Covers is wrong: a list that forgets goes unnoticed")
	}

	lost, err := two.RevokeDevice(root, phone.ID(), start)
	lost = grown(t, lost, err)
	again, err := lost.AddDevice(root, phone.Public(), start)
	again = grown(t, again, err)
	if !slices.Equal(again.Devices(), []DeviceKeys{laptop.Public()}) {
		t.Error("a revoked device came back")
	}
	none, err := lost.RevokeDevice(root, laptop.ID(), start)
	if none = grown(t, none, err); len(none.Devices()) != 0 {
		t.Error("a closed account has devices")
	}

	heir, err := two.Succeed(root, next, start)
	heir = grown(t, heir, err)
	if heir.Root() != next.Public() || len(heir.Devices()) != 2 || heir.ID() != one.ID() {
		t.Error("a succession changes more than the root")
	}
	if _, err := heir.AddDevice(root, laptop.Public(), start); err == nil {
		t.Error("the old root still adds devices")
	}
	tablet := newDevice(t, 5)
	three, err := heir.AddDevice(next, tablet.Public(), start)
	if three = grown(t, three, err); len(three.Devices()) != 3 {
		t.Error("the new root adds no device")
	}
	twice, err := three.AddDevice(next, tablet.Public(), start)
	if twice = grown(t, twice, err); len(twice.Devices()) != 3 {
		t.Error("a device added twice counts twice")
	}
}

func TestAccountIsFull(t *testing.T) {
	root := newRoot(t, 1)
	a := newAccount(t, root, newDevice(t, 2))
	// Extending one by one would verify 256² signatures.
	body := func(i int, parent wire.Hash) opBody {
		id := peer.ID{byte(i), byte(i >> 8)}
		return opBody{Kind: revokeDevice, Account: &a.id, Parents: []wire.Hash{parent}, Revoked: &id}
	}
	ops := slices.Clone(a.ops)
	parent := a.heads[0]
	for i := len(ops); i < AccountOpsMax; i++ {
		raw := signed(t, body(i, parent), root)
		parent = idOfOp(t, raw)
		ops = append(ops, raw)
	}
	full, err := fromOps(ops)
	full = grown(t, full, err)
	if _, err := full.RevokeDevice(root, peer.ID{1}, start); err == nil {
		t.Error("an op more than the limit is added")
	}
	more := append(ops, signed(t, body(AccountOpsMax, parent), root))
	if _, err := ParseAccount(listed(t, more...)); !errors.Is(err, wire.ErrMalformed) {
		t.Errorf("an op more than the limit is read: %v", err)
	}
	if len(full.Bytes()) > AccountSizeMax {
		t.Errorf("a full account has %d bytes", len(full.Bytes()))
	}
}

// signed makes an op of any body.
func signed(t testing.TB, body opBody, root *Root) []byte {
	t.Helper()
	raw, err := signOp(body, root)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func idOfOp(t testing.TB, raw []byte) wire.Hash {
	t.Helper()
	o, err := parseObject(raw)
	if err != nil {
		t.Fatal(err)
	}
	return wire.HashOf(labelAccountOp, o.Body)
}

// listed encodes ops in the order given.
func listed(t testing.TB, ops ...[]byte) []byte {
	t.Helper()
	b, err := wire.Marshal(accountBody{Ops: ops})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// sorted encodes ops in canonical order.
func sorted(t testing.TB, ops ...[]byte) []byte {
	t.Helper()
	ops, err := sortOps(ops)
	if err != nil {
		t.Fatal(err)
	}
	return listed(t, ops...)
}

// TestOpFields gives each kind a field too many and one too few.
func TestOpFields(t *testing.T) {
	root := newRoot(t, 1)
	pub, keys := root.Public(), newDevice(t, 2).Public()
	id := keys.ID()
	account, parents := &AccountID{1}, []wire.Hash{{2}}
	whole := map[opKind]opBody{
		addDevice:    {Account: account, Parents: parents, Device: &keys},
		revokeDevice: {Account: account, Parents: parents, Revoked: &id},
		setRoot:      {Root: &pub, Salt: &[16]byte{}},
		succession:   {Account: account, Parents: parents, Root: &pub, Proof: &[64]byte{}},
	}
	toggles := map[string]func(*opBody){
		"account": func(b *opBody) { b.Account = toggle(b.Account) },
		"parents": func(b *opBody) {
			if len(b.Parents) > 0 {
				b.Parents = nil
			} else {
				b.Parents = parents
			}
		},
		"root":    func(b *opBody) { b.Root = toggle(b.Root) },
		"salt":    func(b *opBody) { b.Salt = toggle(b.Salt) },
		"proof":   func(b *opBody) { b.Proof = toggle(b.Proof) },
		"device":  func(b *opBody) { b.Device = toggle(b.Device) },
		"revoked": func(b *opBody) { b.Revoked = toggle(b.Revoked) },
	}
	for kind, body := range whole {
		body.Kind = kind
		if _, err := parseOp(signed(t, body, root)); err != nil {
			t.Errorf("kind %d: %v", kind, err)
		}
		for name, change := range toggles {
			changed := body
			change(&changed)
			if _, err := parseOp(signed(t, changed, root)); !errors.Is(err, wire.ErrMalformed) {
				t.Errorf("kind %d with %s toggled: %v", kind, name, err)
			}
		}
	}
	for kind, want := range map[opKind]error{0: wire.ErrMalformed, 5: wire.ErrNewer, 255: wire.ErrNewer} {
		body := whole[addDevice]
		body.Kind = kind
		if _, err := parseOp(signed(t, body, root)); !errors.Is(err, want) {
			t.Errorf("kind %d: %v", kind, err)
		}
	}
}

func toggle[T any](p *T) *T {
	if p != nil {
		return nil
	}
	return new(T)
}

// TestAccountCoversEveryByte flips each bit of an account: none may go unnoticed.
func TestAccountCoversEveryByte(t *testing.T) {
	raw := newAccount(t, newRoot(t, 1), newDevice(t, 2)).Bytes()
	for i := range raw {
		if _, err := ParseAccount(raw[:i]); err == nil {
			t.Errorf("cut at %d is read", i)
		}
		for bit := range 8 {
			changed := bytes.Clone(raw)
			changed[i] ^= 1 << bit
			if _, err := ParseAccount(changed); err == nil {
				t.Errorf("bit %d of byte %d is not covered", bit, i)
			}
		}
	}
}

func FuzzParseAccount(f *testing.F) {
	root, d := newRoot(f, 1), newDevice(f, 2)
	a := newAccount(f, root, d)
	f.Add(a.Bytes())
	longer, err := a.Succeed(root, newRoot(f, 3), start)
	f.Add(grown(f, longer, err).Bytes())
	f.Add(listed(f, a.ops[1], a.ops[0]))
	f.Add(listed(f))
	f.Fuzz(func(t *testing.T, b []byte) {
		a, err := ParseAccount(b)
		if err != nil {
			return
		}
		if again, err := ParseAccount(a.Bytes()); err != nil || again.ID() != a.ID() || len(a.Heads()) == 0 {
			t.Errorf("%x: %v", b, err)
		}
	})
}

func BenchmarkParseAccount(b *testing.B) {
	raw := newAccount(b, newRoot(b, 1), newDevice(b, 2)).Bytes()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ParseAccount(raw); err != nil {
			b.Fatal(err)
		}
	}
}
