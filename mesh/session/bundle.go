package session

import (
	"crypto/mlkem"
	"fmt"
	"io"
	"slices"
	"time"

	"sottovoce/mesh/identity"
	"sottovoce/mesh/ratchet"
	"sottovoce/mesh/wire"
)

// Bundle is what a device publishes to one other device, so that this can
// start a session while it is away: prekeys, signed.
//
// spec: 04-sessions#bundle
type Bundle struct {
	id    wire.Hash
	body  bundleBody
	heads wire.Hash
}

type bundleBody struct {
	Algs       []uint64    `cbor:"0,keyasint"`
	Suite      uint8       `cbor:"1,keyasint"`
	Identity   [32]byte    `cbor:"2,keyasint"` // X25519 of the device
	Signed     [32]byte    `cbor:"3,keyasint"` // X25519, renewed weekly
	LastResort []byte      `cbor:"4,keyasint"` // ML-KEM-768, renewed with it
	OneTime    []oneTime   `cbor:"5,keyasint,omitempty"`
	Made       uint64      `cbor:"6,keyasint"` // Unix milliseconds
	NotAfter   uint64      `cbor:"7,keyasint"` // Unix milliseconds
	Heads      []wire.Hash `cbor:"8,keyasint"` // of the account's DAG, ascending
}

// oneTime is a pair of keys for a single start.
type oneTime struct {
	_     struct{} `cbor:",toarray"`
	Agree [32]byte
	KEM   []byte
}

// ParseBundle verifies a bundle that the device with these keys has signed. It fails
// as identity.Verify and wire.Unmarshal do. Its not-after is no reason to refuse it:
// one of the two clocks may never have been set.
//
// spec: 04-sessions#bundle
func ParseBundle(object []byte, keys identity.DeviceKeys) (*Bundle, error) {
	if len(object) > bundleSizeMax {
		return nil, fmt.Errorf("%w: bundle of %d bytes", wire.ErrMalformed, len(object))
	}
	raw, id, err := identity.Verify(labelBundle, object, keys.Sign)
	if err != nil {
		return nil, fmt.Errorf("their bundle: %w", err)
	}
	b := &Bundle{id: id}
	if err := wire.Unmarshal(raw, &b.body); err != nil {
		return nil, fmt.Errorf("their bundle: %w", err)
	}
	if err := b.body.check(keys); err != nil {
		return nil, fmt.Errorf("their bundle: %w", err)
	}
	b.heads = identity.HashHeads(b.body.Heads)
	return b, nil
}

func (b *bundleBody) check(keys identity.DeviceKeys) error {
	switch {
	case b.Suite != suite:
		return fmt.Errorf("%w: suite %d", wire.ErrNewer, b.Suite)
	case b.Identity != keys.Agree:
		return fmt.Errorf("%w: names another device's key", wire.ErrMalformed)
	case len(b.OneTime) > oneTimeMax:
		return fmt.Errorf("%w: %d one-time pairs", wire.ErrMalformed, len(b.OneTime))
	case len(b.Heads) == 0 || len(b.Heads) > headsMax:
		return fmt.Errorf("%w: %d account heads", wire.ErrMalformed, len(b.Heads))
	}
	for i := range b.Heads {
		if i > 0 && slices.Compare(b.Heads[i-1][:], b.Heads[i][:]) >= 0 {
			return fmt.Errorf("%w: account heads out of order", wire.ErrMalformed)
		}
	}
	for n := range len(b.OneTime) + 1 {
		if _, err := mlkem.NewEncapsulationKey768(b.kem(n)); err != nil {
			return fmt.Errorf("%w: ML-KEM key %d: %v", wire.ErrMalformed, n, err)
		}
	}
	return nil
}

// kem returns the ML-KEM key that goes with one-time pair n, 0 for none.
func (b *bundleBody) kem(n int) []byte {
	if n == 0 {
		return b.LastResort
	}
	return b.OneTime[n-1].KEM
}

// ID returns the bundle's id, SHA-256("sv1 bundle" ‖ body).
func (b *Bundle) ID() wire.Hash { return b.id }

// BundleSecrets are the private keys of a bundle of ours, with the bundle
// itself as long as the peer may still have to be sent it.
type BundleSecrets struct{ s prekeys }

type prekeys struct {
	ID         wire.Hash      `cbor:"1,keyasint"`
	Heads      wire.Hash      `cbor:"2,keyasint"`
	Signed     ratchet.Secret `cbor:"3,keyasint"`
	LastResort []byte         `cbor:"4,keyasint"`           // seed, 64 bytes
	OneTime    [][]byte       `cbor:"5,keyasint,omitempty"` // X25519 32 ‖ ML-KEM seed 64; empty once used
	Made       uint16         `cbor:"6,keyasint,omitempty"` // day
	Gone       uint16         `cbor:"7,keyasint,omitempty"` // the day on which it is erased; 0 while it may be offered
	Object     []byte         `cbor:"8,keyasint,omitempty"` // until the peer is known to have it
	Carriers   []carrier      `cbor:"9,keyasint,omitempty"` // messages that carried it: the first, if it still may arrive, and the last
}

type carrier struct {
	_        struct{} `cbor:",toarray"`
	Session  [8]byte
	Chain, N uint32
	Day      uint16
}

const oneTimeSize = 32 + mlkem.SeedSize

// NewBundle makes a bundle for one peer device, with 0 to 3 one-time pairs,
// which are thereby reserved for it. heads are those of our account. It draws
// 96 bytes from rand, and 96 more for each pair: X25519 key, then ML-KEM seed.
//
// spec: 04-sessions#bundle
func NewBundle(dev *identity.Device, heads []wire.Hash, oneTimePairs int, now time.Time, rand io.Reader) (*BundleSecrets, error) {
	if oneTimePairs < 0 || oneTimePairs > oneTimeMax || len(heads) == 0 || len(heads) > headsMax {
		return nil, fmt.Errorf("our bundle with %d one-time pairs and %d account heads", oneTimePairs, len(heads))
	}
	seeds := make([]byte, oneTimeSize*(1+oneTimePairs))
	if _, err := io.ReadFull(rand, seeds); err != nil {
		return nil, fmt.Errorf("draw our bundle: %w", err)
	}
	s := prekeys{Signed: ratchet.Secret(seeds[:32]), LastResort: seeds[32:oneTimeSize:oneTimeSize], Made: wire.DayAt(now)}
	body := bundleBody{
		Algs: identity.Algs(), Suite: suite, Identity: dev.Public().Agree,
		Signed: ratchet.Public(s.Signed), LastResort: kemPublic(s.LastResort),
		Made: uint64(max(now.UnixMilli(), 0)), NotAfter: uint64(max(now.Add(bundleLife).UnixMilli(), 0)),
		Heads: slices.SortedFunc(slices.Values(heads), func(a, b wire.Hash) int { return slices.Compare(a[:], b[:]) }),
	}
	for pair := range slices.Chunk(seeds[oneTimeSize:], oneTimeSize) {
		s.OneTime = append(s.OneTime, pair)
		body.OneTime = append(body.OneTime, oneTime{Agree: ratchet.Public(ratchet.Secret(pair[:32])), KEM: kemPublic(pair[32:])})
	}
	raw, err := wire.Marshal(body)
	if err != nil {
		panic(fmt.Sprintf("session: encode our bundle: %v", err))
	}
	s.Object = identity.Sign(labelBundle, raw, dev.SignKey())
	s.ID, s.Heads = wire.HashOf(labelBundle, raw), identity.HashHeads(heads)
	return &BundleSecrets{s}, nil
}

func kemPublic(seed []byte) []byte {
	dk, err := mlkem.NewDecapsulationKey768(seed)
	if err != nil {
		panic(fmt.Sprintf("session: ML-KEM seed of %d bytes: %v", len(seed), err))
	}
	return dk.EncapsulationKey().Bytes()
}

// Public returns the signed bundle, for the contact card; nil when NewPair has
// taken the secrets over.
func (b *BundleSecrets) Public() []byte { return slices.Clone(b.s.Object) }

// Save returns the secrets as bytes, at most 8 KiB, for the time of a contact
// exchange.
func (b *BundleSecrets) Save() []byte { return mustMarshal(b.s) }

// LoadBundle is the inverse of Save.
func LoadBundle(state []byte) (*BundleSecrets, error) {
	b := new(BundleSecrets)
	if err := wire.Unmarshal(state, &b.s); err != nil {
		return nil, fmt.Errorf("load our bundle: %w", err)
	}
	if err := b.s.check(); err != nil {
		return nil, fmt.Errorf("load our bundle: %w", err)
	}
	if b.s.named() {
		return nil, fmt.Errorf("load our bundle: %w: no private keys", wire.ErrMalformed)
	}
	return b, nil
}

func (s *prekeys) check() error {
	ok := (len(s.LastResort) == mlkem.SeedSize || s.named()) && len(s.OneTime) <= oneTimeMax
	for _, pair := range s.OneTime {
		ok = ok && (len(pair) == 0 || len(pair) == oneTimeSize)
	}
	if !ok {
		return fmt.Errorf("%w: prekeys of impossible sizes", wire.ErrMalformed)
	}
	return nil
}

// named reports whether only the bundle's name is known: its private keys are lost.
func (s *prekeys) named() bool { return len(s.LastResort) == 0 }

// Erase overwrites the secrets.
func (b *BundleSecrets) Erase() { b.s.erase() }

func (s *prekeys) erase() {
	s.Signed.Erase()
	clear(s.LastResort)
	for _, pair := range s.OneTime {
		clear(pair)
	}
	*s = prekeys{}
}

// Format reveals nothing.
func (b BundleSecrets) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "bundle secrets") }

func mustMarshal(v any) []byte {
	b, err := wire.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("session: encode %T: %v", v, err))
	}
	return b
}
