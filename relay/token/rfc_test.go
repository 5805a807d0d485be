package token

import (
	"bytes"
	"testing"

	"github.com/cloudflare/circl/group"
	"github.com/cloudflare/circl/oprf"

	"sottovoce/mesh/goldentest"
)

// TestRFC9497 holds both ends against the RFC's vectors of POPRF(ristretto255, SHA-512),
// appendix A.1.3.
func TestRFC9497(t *testing.T) {
	v := goldentest.Hex(t, "rfc9497.txt")
	private, err := oprf.DeriveKey(suite, oprf.PartialObliviousMode, v["seed"], v["keyInfo"])
	if err != nil {
		t.Fatal(err)
	}
	key := keyOf(KeySeed(v["seed"]), private)
	if secret, err := key.keys.get().scalar.MarshalBinary(); err != nil || !bytes.Equal(secret, v["skSm"]) {
		t.Errorf("the secret key is %x, %v", secret, err)
	}
	if public := key.Public(); !bytes.Equal(public[:], v["pkSm"]) {
		t.Errorf("the public key is %x", public)
	}
	for _, n := range []string{"1 ", "2 ", "3 "} {
		of := func(name string) []byte { return v[n+name] }
		inputs, info := [][]byte{of("Input")}, of("Info")
		if n == "3 " { // a batch of two: the inputs have one byte and seventeen
			inputs = [][]byte{of("Input")[:1], of("Input")[1:]}
		}
		blinds := make([]group.Scalar, len(inputs))
		for i := range blinds {
			blinds[i] = scalarOf(t, of("Blind")[i*32:][:32])
		}
		draw, err := newDraw(key.Public(), Info{}, info, drawing{nonces: inputs, blinds: blinds})
		if err != nil || !bytes.Equal(draw.Request(), of("BlindedElement")) {
			t.Fatalf("%sblinded %x, %v", n, draw.Request(), err)
		}
		issuer, err := key.issuer(Info{}, info)
		if err != nil {
			t.Fatal(err)
		}
		evaluated, proof := evaluateWith(t, issuer, scalarOf(t, of("ProofRandomScalar")), draw.Request())
		if !bytes.Equal(evaluated, of("EvaluationElement")) || !bytes.Equal(proof, of("Proof")) {
			t.Errorf("%sevaluated %x, proof %x", n, evaluated, proof)
		}
		for i, input := range inputs {
			if output, err := issuer.output(input); err != nil || !bytes.Equal(output, of("Output")[i*64:][:64]) {
				t.Errorf("%soutput %x, %v", n, output, err)
			}
		}
		for i, output := range outputsOf(t, draw, of("EvaluationElement"), of("Proof")) {
			if !bytes.Equal(output, of("Output")[i*64:][:64]) {
				t.Errorf("%sfinished %x", n, output)
			}
		}
	}
}

// outputsOf finishes a draw whose inputs need not have the length of nonces.
func outputsOf(t *testing.T, draw *Draw, evaluated, proof []byte) [][]byte {
	t.Helper()
	outputs, err := draw.outputs(evaluated, [ProofSize]byte(proof))
	if err != nil {
		t.Fatal(err)
	}
	return outputs
}

// evaluateWith is Evaluate with the one-time scalar of the proof given.
func evaluateWith(t testing.TB, s *Issuer, once group.Scalar, blinded []byte) (evaluated, proof []byte) {
	t.Helper()
	asked, given, evaluated, err := s.evaluate(blinded)
	if err != nil {
		t.Fatal(err)
	}
	proof, err = s.proveWith(once, asked, given)
	if err != nil {
		t.Fatal(err)
	}
	return evaluated, proof
}

func scalarOf(t testing.TB, b []byte) group.Scalar {
	t.Helper()
	s := curve.NewScalar()
	if err := s.UnmarshalBinary(b); err != nil {
		t.Fatal(err)
	}
	return s
}
