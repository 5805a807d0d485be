package identity

import (
	"crypto/ed25519"
	"errors"
	"fmt"
	"slices"

	"sottovoce/mesh/wire"
)

// algEd25519 is the one signature algorithm of version 1.
//
// spec: 00-encoding#signed-objects
const algEd25519 = 1

// ErrSignature says that a signed object is well formed and not signed by the
// key that it should be signed by.
var ErrSignature = errors.New("wrong signature")

// signedObject is [body, {alg: signature}].
type signedObject struct {
	_    struct{} `cbor:",toarray"`
	Body []byte
	Sigs map[uint64][]byte
}

// algsOf is what every signed body holds under key 0.
type algsOf struct {
	Algs []uint64 `cbor:"0,keyasint"`
}

// Algs is what a body of version 1 puts under key 0.
func Algs() []uint64 { return []uint64{algEd25519} }

// Sign returns the signed object [body, {1: signature}], the signature being
// over label ‖ body. The body is our own canonical CBOR map with Algs under key
// 0; another body is a bug and panics.
//
// spec: 00-encoding#signed-objects
func Sign(label string, body []byte, key ed25519.PrivateKey) []byte {
	if err := checkAlgs(body); err != nil {
		panic(fmt.Sprintf("identity: signing %q: %v", label, err))
	}
	sig := ed25519.Sign(key, append([]byte(label), body...))
	object, err := wire.Marshal(signedObject{Body: body, Sigs: map[uint64][]byte{algEd25519: sig}})
	if err != nil || len(object) > objectSizeMax {
		panic(fmt.Sprintf("identity: signing %q: %d bytes: %v", label, len(object), err))
	}
	return object
}

// Verify parses a signed object of at most 64 KiB, checks that every algorithm
// the body lists has signed, no other one, and that the signature over label ‖
// body is by key. It returns the body as received and the object's id,
// SHA-256(label ‖ body). An algorithm that this version does not know gives
// wire.ErrNewer, a signature that is missing or wrong ErrSignature.
//
// spec: 00-encoding#signed-objects
func Verify(label string, object []byte, key [32]byte) (body []byte, id wire.Hash, err error) {
	o, err := parseObject(object)
	if err != nil {
		return nil, wire.Hash{}, err
	}
	if !ed25519.Verify(key[:], append([]byte(label), o.Body...), o.Sigs[algEd25519]) {
		return nil, wire.Hash{}, fmt.Errorf("%s: %w", label, ErrSignature)
	}
	return o.Body, wire.HashOf(label, o.Body), nil
}

// parseObject checks everything but the signature itself.
func parseObject(object []byte) (signedObject, error) {
	if len(object) > objectSizeMax {
		return signedObject{}, fmt.Errorf("%w: signed object of %d bytes", wire.ErrMalformed, len(object))
	}
	var o signedObject
	if err := wire.Unmarshal(object, &o); err != nil {
		return signedObject{}, err
	}
	if err := checkAlgs(o.Body); err != nil {
		return signedObject{}, err
	}
	sig, found := o.Sigs[algEd25519]
	switch {
	case !found || len(sig) != ed25519.SignatureSize:
		return signedObject{}, fmt.Errorf("%w: no ed25519 signature", ErrSignature)
	case len(o.Sigs) > 1:
		return signedObject{}, fmt.Errorf("%w: signature of an algorithm that the body does not list", wire.ErrMalformed)
	}
	return o, nil
}

func checkAlgs(body []byte) error {
	var b algsOf
	if err := wire.Unmarshal(body, &b); err != nil {
		return err
	}
	if len(b.Algs) == 0 || len(b.Algs) > algsMax {
		return fmt.Errorf("%w: body lists %d signature algorithms", wire.ErrMalformed, len(b.Algs))
	}
	for i := range b.Algs {
		if i > 0 && b.Algs[i-1] >= b.Algs[i] {
			return fmt.Errorf("%w: signature algorithms are out of order", wire.ErrMalformed)
		}
	}
	if !slices.Equal(b.Algs, Algs()) {
		return fmt.Errorf("%w: signature algorithms %v", wire.ErrNewer, b.Algs)
	}
	return nil
}
