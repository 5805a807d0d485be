package token

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/cloudflare/circl/group"
	"github.com/cloudflare/circl/oprf"
	"github.com/cloudflare/circl/zk/dleq"

	"sottovoce/mesh/wire"
)

// ErrProof says that a supernode evaluated a draw with another key than the descriptor
// names. By a key for each persona it would know their tokens again: nothing that it
// evaluated may be spent.
var ErrProof = errors.New("supernode evaluated the draw with another key than its community's descriptor names")

// Draw asks a supernode for tokens without showing them: Request goes out, Finish makes
// tokens of the answer. It lives as long as the answer takes, and is not kept.
//
// spec: 11-tokens#draw
type Draw struct {
	_       [0]func() // not comparable
	info    Info
	raw     []byte // info as the POPRF takes it
	request []byte
	state   hidden[drawing]
}

// drawing is what only the client knows.
type drawing struct {
	client oprf.PartialObliviousClient
	nonces [][]byte
	blinds []group.Scalar
	final  *oprf.FinalizeData // nil once finished
}

// NewDraw blinds n fresh nonces, 1 to 256, for the supernode whose key the descriptor
// says is public. It reads 96 bytes of rand a token.
func NewDraw(rand io.Reader, public PublicKey, info Info, n int) (*Draw, error) {
	if n < 1 || n > DrawMax {
		return nil, fmt.Errorf("drawing %d tokens: 1 to %d are drawn at once", n, DrawMax)
	}
	d := drawing{nonces: make([][]byte, n), blinds: make([]group.Scalar, n)}
	for i := range n {
		d.nonces[i] = make([]byte, nonceSize)
		if _, err := io.ReadFull(rand, d.nonces[i]); err != nil {
			return nil, fmt.Errorf("drawing a token: %v", err)
		}
		blind, err := drawScalar(rand, labelBlind)
		if err != nil {
			return nil, err
		}
		d.blinds[i] = blind
	}
	return newDraw(public, info, info.bytes(), d)
}

func newDraw(public PublicKey, info Info, raw []byte, d drawing) (*Draw, error) {
	if err := public.Check(); err != nil {
		return nil, err
	}
	var key oprf.PublicKey
	if err := key.UnmarshalBinary(suite, public[:]); err != nil {
		return nil, fmt.Errorf("%w: token key: %v", wire.ErrMalformed, err)
	}
	d.client = oprf.NewPartialObliviousClient(suite, &key)
	final, asked, err := d.client.DeterministicBlind(d.nonces, d.blinds)
	if err != nil {
		return nil, fmt.Errorf("blinding a draw: %v", err)
	}
	d.final = final
	request, err := appendElements(make([]byte, 0, len(d.nonces)*ElementSize), asked.Elements)
	if err != nil {
		return nil, err
	}
	return &Draw{info: info, raw: raw, request: request, state: hide(d)}, nil
}

// Request returns what the supernode evaluates: elements of 32 bytes, one a token.
func (d *Draw) Request() []byte { return d.request }

// Info returns what the tokens will be good for.
func (d *Draw) Info() Info { return d.info }

// Finish makes tokens of the supernode's answer, once. It fails with wire.ErrMalformed or,
// when the proof is not of the key that was given to NewDraw, ErrProof; there are no
// tokens then.
//
// spec: 11-tokens#draw
func (d *Draw) Finish(evaluated []byte, proof [ProofSize]byte) ([]Token, error) {
	defer d.Erase()
	outputs, err := d.outputs(evaluated, proof)
	if err != nil {
		return nil, err
	}
	tokens := make([]Token, len(outputs))
	for i, output := range outputs {
		tokens[i] = tokenOf(d.info.Day, d.state.get().nonces[i], output)
		clear(output)
	}
	return tokens, nil
}

// outputs are the POPRF's, 64 bytes a nonce.
func (d *Draw) outputs(evaluated []byte, proof [ProofSize]byte) ([][]byte, error) {
	state := d.state.get()
	if state.final == nil {
		return nil, errors.New("draw is finished")
	}
	if len(evaluated) != len(d.request) {
		return nil, fmt.Errorf("%w: %d bytes of evaluated elements, want %d", wire.ErrMalformed, len(evaluated), len(d.request))
	}
	given, err := parseElements(evaluated)
	if err != nil {
		return nil, err
	}
	var decoded dleq.Proof
	if err := decoded.UnmarshalBinary(curve, proof[:]); err != nil {
		return nil, fmt.Errorf("%w: proof of a draw", wire.ErrMalformed)
	}
	outputs, err := state.client.Finalize(state.final, &oprf.Evaluation{Elements: given, Proof: &decoded}, d.raw)
	if errors.Is(err, oprf.ErrInvalidProof) {
		return nil, ErrProof
	}
	if err != nil {
		return nil, fmt.Errorf("finishing a draw: %v", err)
	}
	return outputs, nil
}

// tokenOf puts a token together of its day, its nonce and the POPRF's output.
func tokenOf(day uint16, nonce, output []byte) (t Token) {
	b := binary.BigEndian.AppendUint16(t[:0], day)
	b = append(b, nonce...)
	copy(t[len(b):], output[:markSize])
	return t
}

// Erase forgets the draw; Finish does so as well.
func (d *Draw) Erase() {
	state := d.state.get()
	eraseScalars(state.blinds...)
	for _, nonce := range state.nonces {
		clear(nonce)
	}
	state.final = nil
}

// Format prints how many tokens are drawn.
func (d Draw) Format(f fmt.State, _ rune) {
	fmt.Fprintf(f, "draw of %d tokens", len(d.request)/ElementSize)
}

// MarshalText returns what Format prints.
func (d Draw) MarshalText() ([]byte, error) { return fmt.Append(nil, d), nil }
