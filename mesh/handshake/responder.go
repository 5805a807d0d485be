package handshake

import (
	"crypto/subtle"
	"errors"
	"fmt"
	"io"

	"github.com/flynn/noise"
)

// Find looks for the pair whose key made hint on the connection with exporter e. It
// should take the same time whether or not there is one, since a prober sees how long
// an answer takes.
type Find func(e Exporter, hint [HintSize]byte) (Pair, bool)

// Responder is the answering end of one handshake. It is used once, by one goroutine.
type Responder struct {
	e       Exporter
	statics Statics
	find    Find
	rand    io.Reader
	dh      countedDH

	our   [KeySize]byte // public half of what we prove
	proof Proof
	noise *state
	recv  *noise.CipherState // all but open: what opens flight 3
	label [LabelSize]byte    // pair: what we call ourselves
	step  step
}

// NewResponder prepares to answer on the connection whose exporter is e. find is called
// exactly once for every flight 1 that does not get an honest answer in mode open or supernode.
func NewResponder(e Exporter, statics Statics, find Find, rand io.Reader) *Responder {
	return &Responder{e: e, statics: statics, find: find, rand: rand, dh: countedDH{DHFunc: noise.DH25519}}
}

// Answer reads flight 1 and returns flight 2, which is a decoy of random bytes if
// anything at all is wrong: after a decoy the caller says nothing more until its
// deadline. Nothing is proven yet. The error is ErrState, or that rand failed.
// spec: 03-links#flight-2
func (r *Responder) Answer(flight1 []byte) (flight2 Flight, decoy bool, err error) {
	if r.step != stepFresh {
		return Flight{}, true, ErrState
	}
	r.step = stepWaiting
	if r.honest(flight1, &flight2) {
		return flight2, false, nil
	}
	r.dh.topUp(responderWork)
	r.Erase()
	if _, err := io.ReadFull(r.rand, flight2[:]); err != nil {
		return Flight{}, true, fmt.Errorf("making a decoy: %v", err)
	}
	return flight2, true, nil
}

// honest tries to answer and says whether flight2 holds a true answer.
func (r *Responder) honest(flight1 []byte, flight2 *Flight) bool {
	padded := make([]byte, FlightSize)
	copy(padded, flight1)
	mode, hint := Mode(padded[0]), [HintSize]byte(padded[1:messageOffset])
	if len(flight1) == FlightSize && (mode == Open && !r.statics.Hidden || mode == Supernode) {
		if r.answer(mode, nil, padded[messageOffset:], flight2) {
			return true
		}
	}
	pair, found := r.find(r.e, hint)
	defer pair.Key.Erase()
	if !found {
		// The same way is gone with keys that nobody has.
		var nobody [32]byte
		if _, err := io.ReadFull(r.rand, nobody[:]); err != nil {
			return false
		}
		pair.Key = NewLinkKey(nobody[:])
	}
	if len(flight1) != FlightSize || !mode.shares() || found && pair.mode() != mode {
		return false
	}
	if !r.answer(mode, &pair, padded[messageOffset:], flight2) || !found {
		return false
	}
	r.dh.topUp(responderWork) // modes member and pair have less to do
	return true
}

// answer runs Noise messages 1 and 2 of mode.
func (r *Responder) answer(mode Mode, pair *Pair, message []byte, flight2 *Flight) bool {
	our := r.statics.of(mode, false)
	if mode != PairUp {
		if our.IsZero() {
			return false
		}
		r.our = our.Public()
		r.dh.n++
	}
	var err error
	r.noise, err = newState(mode, false, r.e, our, pair, &r.dh, r.rand)
	if err != nil {
		return false
	}
	payload, _, _, err := r.noise.ReadMessage(nil, message)
	if err != nil {
		return false
	}
	if _, err := parsePayload(payload); err != nil {
		return false
	}
	r.proof = Proof{Mode: mode, Exporter: r.e}
	size := FlightSize - KeySize - tagSize
	switch mode {
	case Contact:
		r.proof.Pair, r.proof.Their = pair.ID, pair.Their
		if !samePeer(r.noise.PeerStatic(), pair.Their, r.our) {
			return false
		}
	case PairUp:
		r.proof.Pair, r.label = pair.ID, pair.Label
	case Member:
		r.proof.Pair = pair.ID
	case Open:
		r.proof.Our = r.our
		size -= KeySize + tagSize
	}
	_, recv, _, err := r.noise.WriteMessage(flight2[:0], appendPayload(nil, size, r.statics.says(mode, pair)))
	r.recv = recv
	return err == nil
}

// samePeer says whether the static key that was proven is the one expected, and not ours.
func samePeer(proven []byte, their, our [KeySize]byte) bool {
	same := subtle.ConstantTimeCompare(proven, their[:])
	self := subtle.ConstantTimeCompare(proven, our[:])
	return same&^self == 1
}

// Finish reads flight 3 and returns the proof of who dialled: only now may the caller
// act on the link at all. It fails with ErrRefused, ErrSelf, wire.ErrNewer, or ErrState if
// it does not follow exactly one honest Answer. The secrets are erased in every case.
// spec: 03-links#flight-3
func (r *Responder) Finish(flight3 []byte) (Proof, error) {
	if r.step != stepWaiting {
		return Proof{}, ErrState
	}
	defer r.Erase()
	if len(flight3) != FlightSize {
		return Proof{}, ErrRefused
	}
	payload, err := r.readLast(flight3)
	if err != nil {
		return Proof{}, ErrRefused
	}
	said, err := parsePayload(payload)
	if err != nil {
		return Proof{}, errors.Join(ErrRefused, err)
	}
	if !r.proof.vouch(said) {
		return Proof{}, ErrRefused
	}
	if r.proof.self(r.our, r.label) {
		return Proof{}, ErrSelf
	}
	r.proof.Binding = r.noise.binding()
	return r.proof, nil
}

func (r *Responder) readLast(flight3 []byte) ([]byte, error) {
	if r.proof.Mode != Open {
		return r.recv.Decrypt(nil, nil, flight3)
	}
	payload, _, _, err := r.noise.ReadMessage(nil, flight3)
	if err == nil {
		r.proof.Their = r.noise.their()
	}
	return payload, err
}

// Erase ends the handshake and overwrites its secrets. It may be called at any time.
func (r *Responder) Erase() {
	r.step = stepFinished
	r.statics.Erase()
	r.noise.erase()
	r.recv = nil
}
