package identity

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"slices"
	"testing"
	"time"

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
	frozen, err := ParseAccount(readVectors(t, "testdata/account.txt")["account after add, revoke, succession"])
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

// branch is an account with a first op and a device, to which tests add ops
// beside each other.
type branch struct {
	t     *testing.T
	root  *Root
	a     *Account
	first wire.Hash
	head  wire.Hash
	ops   [][]byte
}

func newBranch(t *testing.T) *branch {
	root := newRoot(t, 1)
	a := newAccount(t, root, newDevice(t, 2))
	return &branch{t: t, root: root, a: a, first: wire.Hash(a.id), head: a.heads[0], ops: slices.Clone(a.ops)}
}

// op signs and keeps an op with the given parents.
func (b *branch) op(root *Root, body opBody, parents ...wire.Hash) wire.Hash {
	b.t.Helper()
	slices.SortFunc(parents, func(x, y wire.Hash) int { return bytes.Compare(x[:], y[:]) })
	body.Account, body.Parents = &b.a.id, parents
	raw := signed(b.t, body, root)
	b.ops = append(b.ops, raw)
	return idOfOp(b.t, raw)
}

// succeed keeps a succession signed by both roots.
func (b *branch) succeed(root, next *Root, parents ...wire.Hash) wire.Hash {
	b.t.Helper()
	slices.SortFunc(parents, func(x, y wire.Hash) int { return bytes.Compare(x[:], y[:]) })
	pub := next.Public()
	proof := [64]byte(ed25519.Sign(next.key(), consent(b.a.id, root.Public(), pub, parents)))
	return b.op(root, opBody{Kind: succession, Root: &pub, Proof: &proof}, parents...)
}

func (b *branch) parse() (*Account, error) { return ParseAccount(sorted(b.t, b.ops...)) }

func add(d *Device) opBody {
	k := d.Public()
	return opBody{Kind: addDevice, Device: &k}
}

func revoke(d *Device) opBody {
	id := d.ID()
	return opBody{Kind: revokeDevice, Revoked: &id}
}

func TestAccountBranches(t *testing.T) {
	phone, laptop := newDevice(t, 5), newDevice(t, 6)
	next := newRoot(t, 7)

	t.Run("two adds beside each other", func(t *testing.T) {
		b := newBranch(t)
		x, y := b.op(b.root, add(phone), b.head), b.op(b.root, add(laptop), b.head)
		a, err := b.parse()
		if err != nil || len(a.Devices()) != 3 || len(a.Heads()) != 2 || !a.Covers([]wire.Hash{x, y, b.head}) {
			t.Fatal(a, err)
		}
		if !slices.IsSortedFunc(a.Heads(), func(x, y wire.Hash) int { return bytes.Compare(x[:], y[:]) }) {
			t.Error("heads are not ascending")
		}
		joined, err := a.RevokeDevice(b.root, phone.ID(), start)
		if joined = grown(t, joined, err); len(joined.Heads()) != 1 || len(joined.Devices()) != 2 {
			t.Errorf("joined: %x", joined.Heads())
		}
	})
	t.Run("a revocation beside the add", func(t *testing.T) {
		b := newBranch(t)
		b.op(b.root, add(phone), b.head)
		b.op(b.root, revoke(phone), b.head)
		if a, err := b.parse(); err != nil || len(a.Devices()) != 1 {
			t.Error("a device revoked elsewhere is active", err)
		}
	})
	t.Run("a revocation before the add", func(t *testing.T) {
		b := newBranch(t)
		b.op(b.root, add(phone), b.op(b.root, revoke(phone), b.head))
		if a, err := b.parse(); err != nil || len(a.Devices()) != 1 {
			t.Error("a device revoked before is active", err)
		}
	})
	t.Run("an add beside a succession", func(t *testing.T) {
		b := newBranch(t)
		s := b.succeed(b.root, next, b.head)
		late := b.op(b.root, add(phone), b.head)
		a, err := b.parse()
		if err != nil || len(a.Devices()) != 1 || a.Root() != next.Public() {
			t.Fatal("whoever holds the old root adds a device", err)
		}
		b.op(next, add(phone), s, late)
		if a, err = b.parse(); err != nil || len(a.Devices()) != 2 {
			t.Error("added again under the new root, it counts", err)
		}
	})
	t.Run("a revocation beside a succession", func(t *testing.T) {
		b := newBranch(t)
		x := b.op(b.root, add(phone), b.head)
		b.succeed(b.root, next, x)
		b.op(b.root, revoke(phone), x)
		if a, err := b.parse(); err != nil || len(a.Devices()) != 1 {
			t.Error("a revocation counts wherever it stands", err)
		}
	})
	t.Run("two successions behind each other", func(t *testing.T) {
		b := newBranch(t)
		last := newRoot(t, 8)
		s := b.succeed(next, last, b.succeed(b.root, next, b.head))
		b.op(last, add(phone), s)
		if a, err := b.parse(); err != nil || a.Root() != last.Public() || len(a.Devices()) != 2 {
			t.Error(a, err)
		}
	})
	t.Run("eight parents", func(t *testing.T) {
		b := newBranch(t)
		var heads []wire.Hash
		for i := range 9 {
			heads = append(heads, b.op(b.root, add(newDevice(t, byte(20+i))), b.head))
		}
		b.op(b.root, add(phone), heads[:8]...)
		a, err := b.parse()
		if err != nil || len(a.Heads()) != 2 || len(a.Devices()) != 11 {
			t.Fatal(err)
		}
	})
	t.Run("more heads than an op may join", func(t *testing.T) {
		b := newBranch(t)
		for i := range 9 {
			b.op(b.root, add(newDevice(t, byte(20+i))), b.head)
		}
		a, err := b.parse()
		if err != nil || len(a.Heads()) != 9 {
			t.Fatal(err)
		}
		next, err := a.Succeed(b.root, newRoot(t, 7), start)
		if next = grown(t, next, err); len(next.Heads()) != 2 {
			t.Errorf("%d heads", len(next.Heads()))
		}
	})
}

func TestParseAccountRefuses(t *testing.T) {
	phone, laptop := newDevice(t, 5), newDevice(t, 6)
	next, thief := newRoot(t, 7), newRoot(t, 8)
	for name, c := range map[string]struct {
		build func(b *branch) []byte
		want  error
	}{
		"nothing":      {func(*branch) []byte { return nil }, wire.ErrMalformed},
		"an empty map": {func(*branch) []byte { return []byte{0xa0} }, wire.ErrMalformed},
		"no ops":       {func(b *branch) []byte { return listed(b.t) }, wire.ErrMalformed},
		"critical key": {func(b *branch) []byte {
			return append(append([]byte{0xa2}, b.a.raw[1:]...), 0x19, 0x80, 0x00, 0xf5)
		}, wire.ErrNewer},
		"too large":   {func(b *branch) []byte { return append(b.a.Bytes(), make([]byte, AccountSizeMax)...) }, wire.ErrMalformed},
		"no first op": {func(b *branch) []byte { return listed(b.t, b.ops[1]) }, wire.ErrMalformed},
		"two first ops": {func(b *branch) []byte {
			return listed(b.t, b.ops[0], newAccount(b.t, thief, phone).ops[0])
		}, wire.ErrMalformed},
		"out of order": {func(b *branch) []byte { return listed(b.t, b.ops[1], b.ops[0]) }, wire.ErrMalformed},
		"ties out of order": {func(b *branch) []byte {
			b.op(b.root, add(phone), b.head)
			b.op(b.root, add(laptop), b.head)
			ops, err := sortOps(b.ops)
			if err != nil {
				b.t.Fatal(err)
			}
			ops[2], ops[3] = ops[3], ops[2]
			return listed(b.t, ops...)
		}, wire.ErrMalformed},
		"an op twice":        {func(b *branch) []byte { return listed(b.t, b.ops[0], b.ops[1], b.ops[1]) }, wire.ErrMalformed},
		"the first op twice": {func(b *branch) []byte { return listed(b.t, b.ops[0], b.ops[0]) }, wire.ErrMalformed},
		"unknown parent": {func(b *branch) []byte {
			b.op(b.root, add(phone), wire.Hash{1})
			return listed(b.t, b.ops...)
		}, wire.ErrMalformed},
		"another account": {func(b *branch) []byte {
			k := phone.Public()
			return listed(b.t, append(b.ops, signed(b.t, opBody{Kind: addDevice, Account: &AccountID{1}, Parents: []wire.Hash{b.head}, Device: &k}, b.root))...)
		}, wire.ErrMalformed},
		"signed by a stranger": {func(b *branch) []byte {
			b.op(thief, add(phone), b.head)
			return listed(b.t, b.ops...)
		}, ErrSignature},
		"first op signed by a stranger": {func(b *branch) []byte {
			pub := b.root.Public()
			return listed(b.t, signed(b.t, opBody{Kind: setRoot, Root: &pub, Salt: &[16]byte{}}, thief))
		}, ErrSignature},
		"old root after a succession": {func(b *branch) []byte {
			b.op(b.root, add(phone), b.succeed(b.root, next, b.head))
			return listed(b.t, b.ops...)
		}, ErrSignature},
		"new root before its succession": {func(b *branch) []byte {
			b.succeed(b.root, next, b.head)
			b.op(next, add(phone), b.head)
			return sorted(b.t, b.ops...)
		}, ErrSignature},
		"succession signed by a stranger": {func(b *branch) []byte {
			b.succeed(thief, next, b.head)
			return listed(b.t, b.ops...)
		}, ErrSignature},
		"succession without consent": {func(b *branch) []byte {
			pub := next.Public()
			b.op(b.root, opBody{Kind: succession, Root: &pub, Proof: &[64]byte{}}, b.head)
			return listed(b.t, b.ops...)
		}, ErrSignature},
		"consent to another place": {func(b *branch) []byte {
			pub := next.Public()
			proof := [64]byte(ed25519.Sign(next.key(), consent(b.a.id, b.root.Public(), pub, []wire.Hash{b.first})))
			b.op(b.root, opBody{Kind: succession, Root: &pub, Proof: &proof}, b.head)
			return listed(b.t, b.ops...)
		}, ErrSignature},
		"consent to another root": {func(b *branch) []byte {
			pub := next.Public()
			proof := [64]byte(ed25519.Sign(next.key(), consent(b.a.id, thief.Public(), pub, []wire.Hash{b.head})))
			b.op(b.root, opBody{Kind: succession, Root: &pub, Proof: &proof}, b.head)
			return listed(b.t, b.ops...)
		}, ErrSignature},
		"two successions beside each other": {func(b *branch) []byte {
			b.succeed(b.root, next, b.head)
			b.succeed(b.root, thief, b.head)
			return sorted(b.t, b.ops...)
		}, wire.ErrMalformed},
		"nine parents": {func(b *branch) []byte {
			var heads []wire.Hash
			for i := range 9 {
				heads = append(heads, b.op(b.root, add(newDevice(b.t, byte(20+i))), b.head))
			}
			b.op(b.root, add(phone), heads...)
			return listed(b.t, b.ops...)
		}, wire.ErrMalformed},
		"a parent twice": {func(b *branch) []byte {
			b.op(b.root, add(phone), b.head, b.head)
			return listed(b.t, b.ops...)
		}, wire.ErrMalformed},
	} {
		if a, err := ParseAccount(c.build(newBranch(t))); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, %v; want %v", name, a, err, c.want)
		}
	}
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
