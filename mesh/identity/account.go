package identity

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"sottovoce/mesh/peer"
	"sottovoce/mesh/wire"
)

// accountBody is the encoding of an account: its ops in canonical order.
type accountBody struct {
	Ops [][]byte `cbor:"1,keyasint"`
}

// ErrForked says that a root was given to two successors: somebody else has it, too.
//
// spec: 01-identity#succession
var ErrForked = errors.New("two successions beside each other")

// Account is a person: a verified, growing list of their devices, in the form of
// a DAG of signed ops. It is immutable; methods that add an op return a longer
// account.
//
// spec: 01-identity#account
type Account struct {
	raw     []byte
	id      AccountID
	root    [32]byte // in force now
	heads   []wire.Hash
	known   map[wire.Hash]bool
	ops     [][]byte
	devices []DeviceKeys
}

// NewAccount founds an account: root is set with a random salt of 16 bytes from
// rand, then device is added, both at now.
func NewAccount(root *Root, device DeviceKeys, now time.Time, rand io.Reader) (*Account, error) {
	var salt [16]byte
	if _, err := io.ReadFull(rand, salt[:]); err != nil {
		return nil, fmt.Errorf("drawing an account salt: %v", err)
	}
	key := root.Public()
	first, err := signOp(opBody{Kind: setRoot, Time: millis(now), Root: &key, Salt: &salt}, root)
	if err != nil {
		return nil, err
	}
	a, err := fromOps([][]byte{first})
	if err != nil {
		return nil, err
	}
	return a.AddDevice(root, device, now)
}

// ParseAccount parses and verifies an account of at most 64 KiB and 256 ops:
// one first op, every parent known, no op twice, canonical order, every op signed
// by the root in force in its past, and no two successions beside each other.
//
// spec: 01-identity#account
func ParseAccount(b []byte) (*Account, error) {
	if len(b) > AccountSizeMax {
		return nil, fmt.Errorf("%w: account of %d bytes, the limit is %d", wire.ErrMalformed, len(b), AccountSizeMax)
	}
	var body accountBody
	if err := wire.Unmarshal(b, &body); err != nil {
		return nil, fmt.Errorf("account: %w", err)
	}
	g, err := newGraph(body.Ops)
	if err != nil {
		return nil, fmt.Errorf("account: %w", err)
	}
	a := g.account()
	a.raw = bytes.Clone(b)
	return a, nil
}

// fromOps makes an account of ops in any order.
func fromOps(ops [][]byte) (*Account, error) {
	ops, err := sortOps(ops)
	if err != nil {
		return nil, err
	}
	b, err := wire.Marshal(accountBody{Ops: ops})
	if err != nil {
		return nil, err
	}
	return ParseAccount(b)
}

// Bytes returns the encoding that ParseAccount takes, as it was received.
func (a *Account) Bytes() []byte { return bytes.Clone(a.raw) }

// ID returns the account's id, the id of its first op.
func (a *Account) ID() AccountID { return a.id }

// Root returns the public key of the root in force.
func (a *Account) Root() [32]byte { return a.root }

// Heads returns the ids of the ops that no other op names as parent, ascending.
// Contacts pin them.
func (a *Account) Heads() []wire.Hash { return slices.Clone(a.heads) }

// Devices returns the active devices, in the order in which they were added.
func (a *Account) Devices() []DeviceKeys { return slices.Clone(a.devices) }

// Covers reports whether every op in heads is in the account. A list that
// forgets what it held before is an alarm.
func (a *Account) Covers(heads []wire.Hash) bool {
	for _, h := range heads {
		if !a.known[h] {
			return false
		}
	}
	return true
}

// AddDevice returns the account with device added by root.
func (a *Account) AddDevice(root *Root, device DeviceKeys, now time.Time) (*Account, error) {
	return a.extend(opBody{Kind: addDevice, Device: &device}, root, now)
}

// RevokeDevice returns the account with device revoked by root, for ever.
func (a *Account) RevokeDevice(root *Root, device peer.ID, now time.Time) (*Account, error) {
	return a.extend(opBody{Kind: revokeDevice, Revoked: &device}, root, now)
}

// Succeed returns the account with newRoot in force in place of root.
//
// spec: 01-identity#succession
func (a *Account) Succeed(root, newRoot *Root, now time.Time) (*Account, error) {
	key := newRoot.key()
	defer clear(key)
	next := newRoot.Public()
	proof := [64]byte(ed25519.Sign(key, consent(a.id, root.Public(), next, a.joined())))
	return a.extend(opBody{Kind: succession, Root: &next, Proof: &proof}, root, now)
}

// joined returns the heads that the next op names: all of them, unless they are
// too many.
func (a *Account) joined() []wire.Hash { return a.heads[:min(len(a.heads), parentsMax)] }

// extend appends an op behind the heads.
func (a *Account) extend(body opBody, root *Root, now time.Time) (*Account, error) {
	if root.Public() != a.root {
		return nil, errors.New("this root is not in force in our account")
	}
	if len(a.ops) == AccountOpsMax {
		return nil, fmt.Errorf("our account has %d ops, the limit", AccountOpsMax)
	}
	body.Account, body.Parents, body.Time = &a.id, a.joined(), millis(now)
	raw, err := signOp(body, root)
	if err != nil {
		return nil, err
	}
	return fromOps(append(slices.Clone(a.ops), raw))
}

func millis(t time.Time) uint64 { return uint64(max(t.UnixMilli(), 0)) }
