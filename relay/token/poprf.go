package token

import (
	"crypto"
	"crypto/sha512"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/cloudflare/circl/group"
	"github.com/cloudflare/circl/oprf"
	"github.com/cloudflare/circl/zk/dleq"

	"sottovoce/mesh/wire"
)

// The POPRF of RFC 9497 with ristretto255 and SHA-512. circl's server draws randomness of
// its own, and its group ignores the source it is given; what it computes is put together
// here of its parts, so that a run can be replayed.

var (
	suite = oprf.SuiteRistretto255
	curve = suite.Group()
)

// Domain separation of the suite in mode 2, POPRF (RFC 9497 §3.1).
const (
	contextString = "OPRFV1-\x02-ristretto255-SHA512"
	dstElement    = "HashToGroup-" + contextString
	dstScalar     = "HashToScalar-" + contextString
)

// dleqParams are those of the proof that a batch was evaluated with one key.
func dleqParams() dleq.Params {
	return dleq.Params{G: curve, H: crypto.SHA512, DST: []byte(contextString)}
}

// infoScalar is the m of info.
func infoScalar(info []byte) group.Scalar {
	framed := append([]byte("Info"), lengthOf(info)...)
	return curve.HashToScalar(append(framed, info...), []byte(dstScalar))
}

// finalize is the output of the POPRF for an input, of which element is the evaluation.
func finalize(input, info []byte, element group.Element) ([]byte, error) {
	encoded, err := element.MarshalBinaryCompress()
	if err != nil {
		return nil, fmt.Errorf("encoding an element: %v", err)
	}
	h := sha512.New()
	for _, part := range [][]byte{input, info, encoded} {
		h.Write(lengthOf(part))
		h.Write(part)
	}
	h.Write([]byte("Finalize"))
	return h.Sum(nil), nil
}

func lengthOf(b []byte) []byte { return binary.BigEndian.AppendUint16(nil, uint16(len(b))) }

// drawScalar makes a uniform scalar of 64 bytes of rand, under a label and bound to more.
func drawScalar(rand io.Reader, label string, more ...[]byte) (group.Scalar, error) {
	var drawn [64]byte
	defer clear(drawn[:])
	if _, err := io.ReadFull(rand, drawn[:]); err != nil {
		return nil, fmt.Errorf("drawing a scalar: %v", err)
	}
	input := append([]byte(nil), drawn[:]...)
	for _, m := range more {
		input = append(input, m...)
	}
	defer clear(input)
	s := curve.HashToScalar(input, []byte(label))
	if s.IsZero() {
		return nil, errors.New("drawing a scalar: it is zero")
	}
	return s, nil
}

// parseElements reads elements of the group that stand one after the other: 1 to 256,
// canonical, and not the identity.
//
// spec: 11-tokens#elements
func parseElements(b []byte) ([]group.Element, error) {
	n := len(b) / ElementSize
	if len(b)%ElementSize != 0 || n < 1 || n > DrawMax {
		return nil, fmt.Errorf("%w: elements of %d bytes, want 1 to %d of %d", wire.ErrMalformed, len(b), DrawMax, ElementSize)
	}
	elements := make([]group.Element, n)
	for i := range elements {
		e, err := parseElement(b[i*ElementSize:][:ElementSize])
		if err != nil {
			return nil, fmt.Errorf("element %d: %w", i, err)
		}
		elements[i] = e
	}
	return elements, nil
}

func parseElement(b []byte) (group.Element, error) {
	e := curve.NewElement()
	if err := e.UnmarshalBinary(b); err != nil {
		return nil, fmt.Errorf("%w: not an element of ristretto255", wire.ErrMalformed)
	}
	if e.IsIdentity() {
		return nil, fmt.Errorf("%w: the identity element", wire.ErrMalformed)
	}
	return e, nil
}

func appendElements(b []byte, elements []group.Element) ([]byte, error) {
	for _, e := range elements {
		encoded, err := e.MarshalBinaryCompress()
		if err != nil {
			return nil, fmt.Errorf("encoding an element: %v", err)
		}
		b = append(b, encoded...)
	}
	return b, nil
}

// eraseScalars sets scalars to zero.
func eraseScalars(scalars ...group.Scalar) {
	for _, s := range scalars {
		s.SetUint64(0)
	}
}
