package token

import (
	"crypto/subtle"
	"errors"
	"fmt"
	"io"

	"github.com/cloudflare/circl/group"
	"github.com/cloudflare/circl/oprf"
	"github.com/cloudflare/circl/zk/dleq"
)

var (
	// ErrDay says that a token or a draw is of a day that is not good now.
	ErrDay = errors.New("token of another day")
	// ErrForged says that no draw at this supernode and community gave such a token.
	ErrForged = errors.New("token was never drawn here")
	// ErrErased says that a key was used after it was erased.
	ErrErased = errors.New("token key was erased")
)

// PublicKey is what the descriptor of a community says of a supernode's Key.
//
// spec: 11-tokens#key
type PublicKey [ElementSize]byte

// Key is a supernode's secret for the tokens of one community. It is not usable after
// Erase.
//
// spec: 11-tokens#key
type Key struct {
	_      [0]func() // not comparable
	keys   hidden[keyPair]
	public PublicKey
}

type keyPair struct {
	seed   KeySeed
	scalar group.Scalar
	gone   bool
}

// NewKey draws 32 bytes from rand.
func NewKey(rand io.Reader) (*Key, error) {
	var seed KeySeed
	defer seed.Erase()
	if _, err := io.ReadFull(rand, seed[:]); err != nil {
		return nil, fmt.Errorf("drawing a token key: %v", err)
	}
	return KeyFromSeed(seed), nil
}

// KeyFromSeed makes the key whose Seed returned seed.
//
// spec: 11-tokens#key
func KeyFromSeed(seed KeySeed) *Key {
	private, err := oprf.DeriveKey(suite, oprf.PartialObliviousMode, seed[:], []byte(labelKey))
	if err != nil {
		panic(fmt.Sprintf("token: a key comes of any 32 bytes: %v", err))
	}
	return keyOf(seed, private)
}

func keyOf(seed KeySeed, private *oprf.PrivateKey) *Key {
	encoded, err := private.MarshalBinary()
	public, err2 := private.Public().MarshalBinary()
	scalar := curve.NewScalar()
	if err = errors.Join(err, err2, scalar.UnmarshalBinary(encoded)); err != nil {
		panic(fmt.Sprintf("token: a key encodes: %v", err))
	}
	defer clear(encoded)
	return &Key{keys: hide(keyPair{seed: seed, scalar: scalar}), public: PublicKey(public)}
}

// Seed returns what KeyFromSeed takes, for the data directory.
func (k *Key) Seed() KeySeed { return k.keys.get().seed }

// Public returns the public key, for the descriptor.
func (k *Key) Public() PublicKey { return k.public }

// Erase sets the secrets to zero.
func (k *Key) Erase() {
	pair := k.keys.get()
	pair.seed.Erase()
	eraseScalars(pair.scalar)
	pair.gone = true
}

// Format prints the public key only.
func (k Key) Format(f fmt.State, _ rune) { fmt.Fprintf(f, "token key %x", k.public) }

// MarshalText returns the public key only.
func (k Key) MarshalText() ([]byte, error) { return fmt.Appendf(nil, "token key %x", k.public), nil }

// Issuer is a Key for one day: it evaluates draws and knows its tokens again. It may be
// used by several goroutines at once, and is not usable after Erase.
type Issuer struct {
	_       [0]func() // not comparable
	info    Info
	raw     []byte // info as the POPRF takes it
	secrets hidden[tweaked]
	public  group.Element // of the tweaked key
}

// tweaked is the key of one info: t = m + k, and its inverse.
type tweaked struct{ t, inverse group.Scalar }

// At returns the issuer of info. It costs about as much as redeeming a token, so one is
// kept for each day that is good.
func (k *Key) At(info Info) (*Issuer, error) { return k.issuer(info, info.bytes()) }

func (k *Key) issuer(info Info, raw []byte) (*Issuer, error) {
	pair := k.keys.get()
	if pair.gone {
		return nil, ErrErased
	}
	t := curve.NewScalar().Add(infoScalar(raw), pair.scalar)
	if t.IsZero() {
		return nil, errors.New("this info gives away the token key") // nobody can find such an info
	}
	return &Issuer{
		info: info, raw: raw, public: curve.NewElement().MulGen(t),
		secrets: hide(tweaked{t: t, inverse: curve.NewScalar().Inv(t)}),
	}, nil
}

// Info returns what the issuer's tokens are good for.
func (s *Issuer) Info() Info { return s.info }

// Erase sets the secrets to zero.
func (s *Issuer) Erase() { eraseScalars(s.secrets.get().t, s.secrets.get().inverse) }

// Format prints what the tokens are good for.
func (s Issuer) Format(f fmt.State, _ rune) { fmt.Fprintf(f, "token issuer of day %d", s.info.Day) }

// MarshalText returns what Format prints.
func (s Issuer) MarshalText() ([]byte, error) { return fmt.Append(nil, s), nil }

// Evaluate answers a draw: the elements of blinded (1 to 256, 32 bytes each), evaluated,
// and the proof that all were evaluated with this key. It refuses with wire.ErrMalformed
// what is no such elements. It reads 64 bytes of rand.
//
// spec: 11-tokens#draw
func (s *Issuer) Evaluate(rand io.Reader, blinded []byte) (evaluated []byte, proof [ProofSize]byte, err error) {
	asked, given, evaluated, err := s.evaluate(blinded)
	if err != nil {
		return nil, proof, err
	}
	once, err := s.drawOnce(rand, evaluated)
	if err != nil {
		return nil, proof, err
	}
	defer eraseScalars(once)
	encoded, err := s.proveWith(once, asked, given)
	if err != nil {
		return nil, proof, err
	}
	return evaluated, [ProofSize]byte(encoded), nil
}

func (s *Issuer) evaluate(blinded []byte) (asked, given []group.Element, evaluated []byte, err error) {
	if asked, err = parseElements(blinded); err != nil {
		return nil, nil, nil, err
	}
	inverse := s.secrets.get().inverse
	if inverse.IsZero() {
		return nil, nil, nil, ErrErased
	}
	given = make([]group.Element, len(asked))
	for i, e := range asked {
		given[i] = curve.NewElement().Mul(e, inverse)
	}
	evaluated, err = appendElements(make([]byte, 0, len(blinded)), given)
	return asked, given, evaluated, err
}

// drawOnce makes the one-time scalar of a proof. It depends on the secret and on what is proven
// as well: a source of randomness that repeats itself must not give the key away.
//
// spec: 11-tokens#draw
func (s *Issuer) drawOnce(rand io.Reader, evaluated []byte) (group.Scalar, error) {
	secret, err := s.secrets.get().t.MarshalBinary()
	if err != nil {
		return nil, fmt.Errorf("encoding a token key: %v", err)
	}
	defer clear(secret)
	return drawScalar(rand, labelProof, secret, evaluated)
}

// proveWith makes the proof that given are asked, evaluated.
func (s *Issuer) proveWith(once group.Scalar, asked, given []group.Element) ([]byte, error) {
	proof, err := dleq.Prover{Params: dleqParams()}.ProveBatchWithRandomnessRFC9497(s.secrets.get().t, s.public, given, asked, once)
	if err != nil {
		return nil, fmt.Errorf("proving a draw: %v", err)
	}
	return proof.MarshalBinary()
}

// Redeem reports whether the token was drawn from this issuer: nil, ErrDay when it is of
// another day, ErrForged. Whether the day is still good, and the token unspent, is for the
// caller to see.
//
// spec: 11-tokens#redeem
func (s *Issuer) Redeem(t Token) error {
	if t.Day() != s.info.Day {
		return ErrDay
	}
	output, err := s.output(t.nonce())
	if err != nil {
		return err
	}
	if subtle.ConstantTimeCompare(output[:markSize], t.mark()) != 1 {
		return ErrForged
	}
	return nil
}

// output is the POPRF's, 64 bytes.
func (s *Issuer) output(input []byte) ([]byte, error) {
	inverse := s.secrets.get().inverse
	if inverse.IsZero() {
		return nil, ErrErased
	}
	point := curve.HashToElement(input, []byte(dstElement))
	return finalize(input, s.raw, point.Mul(point, inverse))
}

// Check refuses with wire.ErrMalformed what cannot be anybody's public key.
func (p PublicKey) Check() error {
	if _, err := parseElement(p[:]); err != nil {
		return fmt.Errorf("token key: %w", err)
	}
	return nil
}
