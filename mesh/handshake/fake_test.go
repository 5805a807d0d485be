package handshake

import (
	"encoding/binary"
	"math/rand/v2"
	"testing"
)

// seeded returns a reproducible source of bytes.
func seeded(n uint64) *rand.ChaCha8 {
	var seed [32]byte
	binary.BigEndian.PutUint64(seed[:], n)
	return rand.NewChaCha8(seed)
}

// static makes a private key from a number.
func static(n uint64) Static {
	var s Static
	_, _ = seeded(n).Read(s[:])
	return s
}

// cast is two devices that are a pair, as each of them sees it.
type cast struct {
	e            Exporter
	anna, bruno  Statics
	key          LinkKey
	annaSees     Pair // bruno, as anna knows him
	brunoSees    Pair
	annaInvites  Pair // one secret, as each of the two knows it
	brunoHolds   Pair
	annaVisits   Pair // a supernode, as anyone knows it
	annaBelongs  Pair // and its members' secret, as each of the two knows it
	superKnows   Pair
	super        Statics
	annaRand     *rand.ChaCha8
	brunoRand    *rand.ChaCha8
	scans        int
	unknownHints bool // bruno finds nobody
}

func newCast() *cast {
	c := &cast{
		anna:     Statics{Device: static(1), Open: static(2), OpenSign: [32]byte{1, 2}},
		bruno:    Statics{Device: static(3), Open: static(4), OpenSign: [32]byte{3, 4}},
		key:      NewLinkKey([]byte("0123456789abcdef0123456789abcdef")),
		annaRand: seeded(5), brunoRand: seeded(6),
	}
	for i := range c.e {
		c.e[i] = byte(i)
	}
	c.annaSees = Pair{ID: 33, Their: c.bruno.Device.Public(), Key: c.key}
	c.brunoSees = Pair{ID: 44, Their: c.anna.Device.Public(), Key: c.key}
	invite := NewLinkKey([]byte("an invite's link secret, 32 bytes"))
	c.annaInvites = Pair{ID: 55, Label: [LabelSize]byte{5, 5, LabelSize - 1: labelBit}, Key: invite}
	c.brunoHolds = Pair{ID: 66, Label: [LabelSize]byte{6, 6, LabelSize - 1: labelBit}, Key: invite}
	c.super = Statics{Supernode: static(7)}
	c.annaVisits = Pair{ID: 77, Their: c.super.Supernode.Public()}
	psk := NewLinkKey([]byte("what members share in this week.."))
	c.annaBelongs = Pair{ID: 77, Their: c.super.Supernode.Public(), Member: true, Key: psk}
	c.superKnows = Pair{ID: 88, Member: true, Key: psk}
	return c
}

// find looks for who dials bruno.
func (c *cast) find(e Exporter, hint [HintSize]byte) (Pair, bool) {
	return c.among(e, hint, c.brunoSees, c.brunoHolds)
}

// findMember looks for who dials the supernode.
func (c *cast) findMember(e Exporter, hint [HintSize]byte) (Pair, bool) {
	return c.among(e, hint, c.superKnows)
}

func (c *cast) among(e Exporter, hint [HintSize]byte, all ...Pair) (Pair, bool) {
	c.scans++
	for _, p := range all {
		if !c.unknownHints && p.Key.Hint(e) == hint {
			return p, true
		}
	}
	return Pair{}, false
}

// dial begins as anna.
func (c *cast) dial(t *testing.T, mode Mode) (*Initiator, Flight) {
	t.Helper()
	i, flight, err := NewInitiator(mode, c.e, c.anna, c.pair(mode), c.annaRand)
	if err != nil {
		t.Fatalf("dialling in mode %s: %v", mode, err)
	}
	return i, flight
}

// pair is what anna dials with in a mode.
func (c *cast) pair(mode Mode) *Pair {
	return map[Mode]*Pair{Contact: &c.annaSees, PairUp: &c.annaInvites, Member: &c.annaBelongs, Supernode: &c.annaVisits}[mode]
}

// responder is bruno's side over the connection with exporter e.
func (c *cast) responder(e Exporter) *Responder {
	return NewResponder(e, c.bruno, c.find, c.brunoRand)
}

// answerer is who answers in a mode: bruno, or the supernode.
func (c *cast) answerer(mode Mode, e Exporter) *Responder {
	if mode == Member || mode == Supernode {
		return NewResponder(e, c.super, c.findMember, c.brunoRand)
	}
	return c.responder(e)
}

// decoyed fails the test unless r answers flight with a decoy and then does nothing.
func decoyed(t *testing.T, r *Responder, flight []byte) {
	t.Helper()
	answer, decoy, err := r.Answer(flight)
	if err != nil || !decoy {
		t.Fatalf("got decoy %v, error %v; want a decoy", decoy, err)
	}
	if answer == (Flight{}) {
		t.Error("the decoy is all zeros")
	}
	if r.dh.n != responderWork {
		t.Errorf("a decoy cost %d X25519 operations, an honest answer costs %d", r.dh.n, responderWork)
	}
	if _, err := r.Finish(answer[:]); err != ErrState {
		t.Errorf("after a decoy Finish said %v, want ErrState", err)
	}
}
