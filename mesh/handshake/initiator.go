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
	our   [KeySize]byte  // public half of what we prove
	sign  *[KeySize]byte // open: what goes with it
	pair  Pair
	named bool // open: pair.Their is the key that was dialled
	noise *state
	step  step
}

// NewInitiator begins a handshake over the connection whose exporter is e and returns
// flight 1. Of ours the device key is proven in contact mode and the open profile's in
// open mode. Contact mode needs pair; in open mode pair may be nil, or name in Their the one
// key that is acceptable. It fails with ErrMode, ErrSelf, or when rand does.
// spec: 03-links#flight-1
func NewInitiator(mode Mode, e Exporter, ours Statics, pair *Pair, rand io.Reader) (*Initiator, Flight, error) {
	var flight Flight
	if mode != Contact && mode != Open {
		return nil, flight, ErrMode
	}
	defer ours.Erase()
	our := &ours.Device
	if mode == Open {
		our = &ours.Open
	}
	if our.IsZero() {
		return nil, flight, errors.New("our static key is missing")
	}
	if pair == nil && mode == Contact {
		return nil, flight, errors.New("a contact link needs its pair")
	}
	i := &Initiator{mode: mode, our: our.Public(), step: stepWaiting}
	if mode == Open {
		i.sign = &ours.OpenSign
	}
	if pair != nil {
		i.pair, i.named = *pair, true
		if pair.Their == i.our {
			return nil, flight, ErrSelf
		}
	}
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
	if i.mode == Contact {
		hint := i.pair.Key.Hint(e)
		copy(flight[1:], hint[:])
		size -= KeySize + 2*tagSize
	} else if _, err := io.ReadFull(rand, flight[1:messageOffset]); err != nil {
		return err
	}
	_, _, _, err := i.noise.WriteMessage(flight[:messageOffset], appendPayload(nil, size, nil))
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
	proof := Proof{Mode: i.mode, Pair: i.pair.ID, Their: [KeySize]byte(i.noise.PeerStatic())}
	if err != nil || !proof.vouch(said) {
		return flight, Proof{}, ErrRefused
	}
	if proof.Their == i.our {
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

// vouch takes the signing key that the far end says goes with the key it proved: one
// there must be in open mode, and none otherwise.
// spec: 03-links#payload
func (p *Proof) vouch(said payloadMap) bool {
	if said.Sign != nil {
		p.Sign = *said.Sign
	}
	return (p.Mode == Open) == (p.Sign != [KeySize]byte{})
}

func (i *Initiator) writeLast(flight *Flight, send *noise.CipherState) error {
	var err error
	if i.mode == Contact {
		_, err = send.Encrypt(flight[:0], nil, appendPayload(nil, FlightSize-tagSize, nil))
	} else {
		_, _, _, err = i.noise.WriteMessage(flight[:0], appendPayload(nil, FlightSize-KeySize-2*tagSize, i.sign))
	}
	return err
}

// Erase ends the handshake and overwrites its secrets. It may be called at any time.
func (i *Initiator) Erase() {
	i.step = stepFinished
	i.pair.Key.Erase()
	i.noise.erase()
}
