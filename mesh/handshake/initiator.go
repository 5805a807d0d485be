package handshake

import (
	"crypto/subtle"
	"errors"
	"fmt"
	"io"

	"github.com/flynn/noise"

	"sottovoce/mesh/wire"
)

// Initiator is the dialling end of one handshake. It is used once, by one goroutine.
type Initiator struct {
	mode  Mode
	e     Exporter
	our   [KeySize]byte // public half of what we prove
	says  payloadMap    // in flight 3
	pair  Pair
	named bool // open: pair.Their is the key that was dialled
	noise *state
	step  step
}

// NewInitiator begins a handshake over the connection whose exporter is e and returns
// flight 1. Of ours the device key is proven in contact mode and the open profile's in
// open mode. All modes but open need pair; in open mode it may be nil, or name in Their
// the one key that is acceptable. It fails with ErrMode, ErrSelf, or when rand does.
// spec: 03-links#flight-1
func NewInitiator(mode Mode, e Exporter, ours Statics, pair *Pair, rand io.Reader) (*Initiator, Flight, error) {
	var flight Flight
	if mode != Open && !mode.shares() && !mode.knows() {
		return nil, flight, ErrMode
	}
	defer ours.Erase()
	our := ours.of(mode, true)
	if our.IsZero() && mode.names() {
		return nil, flight, errors.New("our static key is missing")
	}
	if mode != Open && (pair == nil || !pair.fits(mode)) {
		return nil, flight, fmt.Errorf("a %s link needs its pair", mode)
	}
	i := &Initiator{mode: mode, e: e, our: our.Public(), step: stepWaiting}
	if pair != nil {
		i.pair, i.named = *pair, true
		if mode != PairUp && (pair.Their == i.our || pair.Their == ours.Supernode.Public()) {
			return nil, flight, ErrSelf
		}
	}
	i.says = ours.says(mode, &i.pair)
	var err error
	i.noise, err = newState(mode, true, e, our, &i.pair, noise.DH25519, rand)
	if err != nil {
		return nil, flight, err
	}
	if err := i.writeFirst(&flight, e, rand); err != nil {
		i.Erase()
		return nil, Flight{}, fmt.Errorf("making flight 1: %w", err)
	}
	return i, flight, nil
}

func (i *Initiator) writeFirst(flight *Flight, e Exporter, rand io.Reader) error {
	flight[0] = byte(i.mode)
	size := FlightSize - messageOffset - KeySize
	switch i.mode {
	case Contact:
		size -= KeySize + 2*tagSize
	case Member, Supernode, PairUp:
		size -= tagSize
	}
	if !i.mode.shares() {
		if _, err := io.ReadFull(rand, flight[1:messageOffset]); err != nil {
			return err
		}
	} else {
		hint := i.pair.Key.Hint(e)
		copy(flight[1:], hint[:])
	}
	_, _, _, err := i.noise.WriteMessage(flight[:messageOffset], appendPayload(nil, size, payloadMap{}))
	return err
}

// Finish reads flight 2 and returns flight 3 and the proof of who answered. Nothing of
// ours was revealed to a far end that fails here with ErrRefused or ErrSelf. It fails
// with wire.ErrNewer if the far end is genuine and needs a newer version, and with
// ErrState if called twice. The secrets of the handshake are erased in every case.
// spec: 03-links#flight-3
func (i *Initiator) Finish(flight2 []byte) (Flight, Proof, error) {
	var flight Flight
	if i.step != stepWaiting {
		return flight, Proof{}, ErrState
	}
	defer i.Erase()
	if len(flight2) != FlightSize {
		return flight, Proof{}, ErrRefused
	}
	payload, send, _, err := i.noise.ReadMessage(nil, flight2)
	if err != nil {
		return flight, Proof{}, ErrRefused
	}
	said, err := parsePayload(payload)
	if errors.Is(err, wire.ErrNewer) {
		return flight, Proof{}, err
	}
	proof := Proof{Mode: i.mode, Pair: i.pair.ID, Their: i.noise.their(), Exporter: i.e}
	if i.mode == Open {
		proof.Our = i.our
	}
	if err != nil || !proof.vouch(said) {
		return flight, Proof{}, ErrRefused
	}
	if proof.self(i.our, i.pair.Label) {
		return flight, Proof{}, ErrSelf
	}
	if i.named && subtle.ConstantTimeCompare(proof.Their[:], i.pair.Their[:]) != 1 {
		return flight, Proof{}, ErrRefused
	}
	if err := i.writeLast(&flight, send); err != nil {
		return Flight{}, Proof{}, fmt.Errorf("making flight 3: %v", err)
	}
	proof.Binding = i.noise.binding()
	return flight, proof, nil
}

// vouch takes what the far end says of itself: in open mode the signing key that goes with
// the key it proved, in pair mode its label, and nothing of that otherwise.
// spec: 03-links#payload
func (p *Proof) vouch(said payloadMap) bool {
	if said.Sign != nil {
		p.Sign = *said.Sign
	}
	if said.Label != nil {
		p.Label = *said.Label
	}
	if p.Mode == PairUp && p.Label[LabelSize-1]&labelBit == 0 {
		return false // it could be the key of somebody's open profile
	}
	return (p.Mode == Open) == (p.Sign != [KeySize]byte{}) && (p.Mode == PairUp) == (p.Label != [LabelSize]byte{})
}

// self says whether the far end is who we are: by the key that was proven, or by label.
func (p *Proof) self(our [KeySize]byte, label [LabelSize]byte) bool {
	if p.Mode == PairUp {
		return p.Label == label
	}
	return p.Their == our
}

func (i *Initiator) writeLast(flight *Flight, send *noise.CipherState) error {
	var err error
	if i.mode == Open {
		_, _, _, err = i.noise.WriteMessage(flight[:0], appendPayload(nil, FlightSize-KeySize-2*tagSize, i.says))
	} else {
		_, err = send.Encrypt(flight[:0], nil, appendPayload(nil, FlightSize-tagSize, i.says))
	}
	return err
}

// Erase ends the handshake and overwrites its secrets. It may be called at any time.
func (i *Initiator) Erase() {
	i.step = stepFinished
	i.pair.Key.Erase()
	i.noise.erase()
}
