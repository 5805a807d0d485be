package identity

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"slices"
	"testing"

	"sottovoce/mesh/wire"
)

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
}

func TestAccountSuccessions(t *testing.T) {
	phone, next := newDevice(t, 5), newRoot(t, 7)

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
}

func TestAccountParents(t *testing.T) {
	phone := newDevice(t, 5)

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

// refusal is an account that is refused with an error.
type refusal struct {
	build func(b *branch) []byte
	want  error
}

func checkRefusals(t *testing.T, refusals map[string]refusal) {
	t.Helper()
	for name, c := range refusals {
		if a, err := ParseAccount(c.build(newBranch(t))); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, %v; want %v", name, a, err, c.want)
		}
	}
}

func TestParseAccountRefusesForms(t *testing.T) {
	phone, laptop, thief := newDevice(t, 5), newDevice(t, 6), newRoot(t, 8)
	checkRefusals(t, map[string]refusal{
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
	})
}

func TestParseAccountRefusesSignatures(t *testing.T) {
	phone, next, thief := newDevice(t, 5), newRoot(t, 7), newRoot(t, 8)
	checkRefusals(t, map[string]refusal{
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
	})
}
