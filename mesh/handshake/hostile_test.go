package handshake

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/flynn/noise"
)

// spoiled makes a flight 1 that is not exactly right, for a connection with exporter e.
type spoiled func(c *cast) (e Exporter, first []byte)

// wrongKeys are flights 1 in which a key, a psk or E is not what it should be.
func wrongKeys(t *testing.T) map[string]spoiled {
	return map[string]spoiled{
		"wrong psk under the right hint": func(c *cast) (Exporter, []byte) {
			c.annaSees.Key.psk[0] ^= 1
			_, f := c.dial(t, Contact)
			return c.e, f[:]
		},
		"unknown hint": func(c *cast) (Exporter, []byte) {
			c.unknownHints = true
			_, f := c.dial(t, Contact)
			return c.e, f[:]
		},
		"relayed onto another connection": func(c *cast) (Exporter, []byte) {
			_, f := c.dial(t, Contact)
			return Exporter{9}, f[:]
		},
		"relayed, the hint made anew": func(c *cast) (Exporter, []byte) {
			_, f := c.dial(t, Contact)
			hint := c.key.Hint(Exporter{9})
			copy(f[1:], hint[:])
			return Exporter{9}, f[:]
		},
		"another device's static key under the right psk": func(c *cast) (Exporter, []byte) {
			c.anna.Device = static(77)
			_, f := c.dial(t, Contact)
			return c.e, f[:]
		},
		"the pair lists the responder's own key": func(c *cast) (Exporter, []byte) {
			c.brunoSees.Their = c.bruno.Device.Public()
			_, f := c.dial(t, Contact)
			return c.e, f[:]
		},
		"dialled as somebody else": func(c *cast) (Exporter, []byte) {
			other := static(88)
			c.annaSees.Their = other.Public()
			_, f := c.dial(t, Contact)
			return c.e, f[:]
		},
	}
}

// wrongShapes are the others.
func wrongShapes(t *testing.T) map[string]spoiled {
	return map[string]spoiled{
		"open flight in mode contact": func(c *cast) (Exporter, []byte) {
			_, f := c.dial(t, Open)
			f[0] = byte(Contact)
			return c.e, f[:]
		},
		"an invite's hint in mode contact": func(c *cast) (Exporter, []byte) {
			_, f := c.dial(t, PairUp)
			f[0] = byte(Contact)
			return c.e, f[:]
		},
		"a contact's hint and key in mode pair": func(c *cast) (Exporter, []byte) {
			c.annaInvites.Key = c.key
			_, f := c.dial(t, PairUp)
			return c.e, f[:]
		},
		"the wrong invite under the right hint": func(c *cast) (Exporter, []byte) {
			c.annaInvites.Key.psk[0] ^= 1
			_, f := c.dial(t, PairUp)
			return c.e, f[:]
		},
		"an invite that nobody holds": func(c *cast) (Exporter, []byte) {
			c.unknownHints = true
			_, f := c.dial(t, PairUp)
			return c.e, f[:]
		},
		"a low-order key in mode pair": func(c *cast) (Exporter, []byte) {
			_, f := c.dial(t, PairUp)
			clear(f[messageOffset : messageOffset+KeySize])
			return c.e, f[:]
		},
		"a reserved mode": func(c *cast) (Exporter, []byte) {
			_, f := c.dial(t, Contact)
			f[0] = byte(Carry)
			return c.e, f[:]
		},
		"no such mode": func(c *cast) (Exporter, []byte) {
			_, f := c.dial(t, Contact)
			f[0] = 0xff
			return c.e, f[:]
		},
		"no open profile shown": func(c *cast) (Exporter, []byte) {
			c.bruno.Open = Static{}
			_, f := c.dial(t, Open)
			return c.e, f[:]
		},
		"open with a low-order key": func(c *cast) (Exporter, []byte) {
			_, f := c.dial(t, Open)
			clear(f[messageOffset : messageOffset+KeySize])
			return c.e, f[:]
		},
		"open with dirty padding": func(c *cast) (Exporter, []byte) {
			_, f := c.dial(t, Open)
			f[FlightSize-1] = 1
			return c.e, f[:]
		},
		"nothing": func(c *cast) (Exporter, []byte) { return c.e, nil },
		"a byte more": func(c *cast) (Exporter, []byte) {
			_, f := c.dial(t, Contact)
			return c.e, append(f[:], 0)
		},
	}
}

// Every flight 1 that is not exactly right gets a decoy that costs what an answer costs.
func TestDecoys(t *testing.T) {
	all := wrongKeys(t)
	maps.Copy(all, wrongShapes(t))
	for name, spoil := range all {
		t.Run(name, func(t *testing.T) {
			c := newCast()
			e, first := spoil(c)
			decoyed(t, c.responder(e), first)
			if c.scans != 1 {
				t.Errorf("%d scans, want 1: their time would tell", c.scans)
			}
		})
	}
}

// lowOrderPoints all give an all-zero Diffie–Hellman result with any key.
var lowOrderPoints = [][]byte{
	make([]byte, 32),
	append([]byte{1}, make([]byte, 31)...),
	{0xe0, 0xeb, 0x7a, 0x7c, 0x3b, 0x41, 0xb8, 0xae, 0x16, 0x56, 0xe3, 0xfa, 0xf1, 0x9f, 0xc4, 0x6a, 0xda, 0x09, 0x8d, 0xeb, 0x9c, 0x32, 0xb1, 0xfd, 0x86, 0x62, 0x05, 0x16, 0x5f, 0x49, 0xb8, 0x00},
	{0x5f, 0x9c, 0x95, 0xbc, 0xa3, 0x50, 0x8c, 0x24, 0xb1, 0xd0, 0xb1, 0x55, 0x9c, 0x83, 0xef, 0x5b, 0x04, 0x44, 0x5c, 0xc4, 0x58, 0x1c, 0x8e, 0x86, 0xd8, 0x22, 0x4e, 0xdd, 0xd0, 0x9f, 0x11, 0x57},
	{0xec, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f},
	{0xed, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f},
	{0xee, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f},
}

// A far end that contributes nothing to the key exchange is refused wherever its key
// enters: as an ephemeral of either side, or as a static.
func TestLowOrderPoints(t *testing.T) {
	for i, point := range lowOrderPoints {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			c := newCast()
			_, first := c.dial(t, Open)
			copy(first[messageOffset:], point)
			decoyed(t, c.responder(c.e), first[:])

			for _, mode := range builtModes {
				initiator, _ := c.dial(t, mode)
				second := bytes.Repeat([]byte{7}, FlightSize)
				copy(second, point)
				if _, _, err := initiator.Finish(second); !errors.Is(err, ErrRefused) {
					t.Errorf("%s: as the responder's ephemeral: %v", mode, err)
				}
			}
			pair := Pair{Their: [KeySize]byte(point), Key: c.key}
			if _, _, err := NewInitiator(Contact, c.e, c.anna, &pair, c.annaRand); err == nil {
				t.Error("as the pair's static: dialled")
			}
			evil := noise.DHKey{Private: bytes.Repeat([]byte{3}, 32), Public: point}
			decoyed(t, c.responder(c.e), forgeFirst(t, c, evil))
		})
	}
}

// forgeFirst is a contact-mode flight 1 by somebody who has the psk and names an
// arbitrary static key.
func forgeFirst(t *testing.T, c *cast, key noise.DHKey) []byte {
	t.Helper()
	cfg := config(Contact, true, noise.DH25519)
	cfg.Random = c.annaRand
	cfg.Prologue = append(append([]byte(labelPrologue), byte(Contact)), c.e[:]...)
	cfg.StaticKeypair = key
	their := c.bruno.Device.Public()
	cfg.PeerStatic, cfg.PresharedKey = their[:], c.key.psk[:]
	hs, err := noise.NewHandshakeState(cfg)
	if err != nil {
		t.Fatal(err)
	}
	hint := c.key.Hint(c.e)
	first := append([]byte{byte(Contact)}, hint[:]...)
	first, _, _, err = hs.WriteMessage(first, appendPayload(nil, FlightSize-messageOffset-2*KeySize-2*tagSize, payloadMap{}))
	if err != nil || len(first) != FlightSize {
		t.Fatalf("forging %d bytes: %v", len(first), err)
	}
	return first
}

// A contact lists a key that is not its own: whoever owns that key is found under the
// contact's pair only if it also has the contact's secret.
func TestAttributionIsByPair(t *testing.T) {
	c := newCast()
	mallory := Pair{ID: 66, Their: c.anna.Device.Public(), Key: NewLinkKey([]byte("between mallory and bruno"))}
	find := func(e Exporter, hint [HintSize]byte) (Pair, bool) {
		for _, p := range []Pair{mallory, c.brunoSees} {
			if p.Key.Hint(e) == hint {
				return p, true
			}
		}
		return Pair{}, false
	}
	initiator, first := c.dial(t, Contact)
	r := NewResponder(c.e, c.bruno, find, c.brunoRand)
	second, decoy, err := r.Answer(first[:])
	if err != nil || decoy {
		t.Fatalf("decoy %v, error %v", decoy, err)
	}
	third, _, err := initiator.Finish(second[:])
	if err != nil {
		t.Fatal(err)
	}
	if proof, err := r.Finish(third[:]); err != nil || proof.Pair != 44 {
		t.Errorf("attributed to pair %d, error %v; want 44", proof.Pair, err)
	}

	// Mallory has the secret of its own pair but not anna's private key.
	forger := newCast()
	forger.key, forger.anna.Device = mallory.Key, static(66)
	forger.annaSees.Key = mallory.Key
	_, first = forger.dial(t, Contact)
	decoyed(t, NewResponder(forger.e, c.bruno, func(e Exporter, hint [HintSize]byte) (Pair, bool) {
		return mallory, mallory.Key.Hint(e) == hint
	}, c.brunoRand), first[:])
}

// Every byte of every flight matters, and every bit of the mode, the hint and the keys,
// but for the hint of modes open and supernode, which is random and unread. What is in clear in flight
// 1 is caught one flight later.
func TestEveryBitOfEveryFlight(t *testing.T) {
	const keys = messageOffset + 2*KeySize + tagSize
	for _, mode := range builtModes {
		short := mode == Member || mode == Supernode // what mode pair shows holds for them
		for bit := 0; bit < FlightSize*8; bit += bitStride {
			if bitStride == 1 && (short || bit/8 >= keys) && bit%8 != bit/8%8 {
				continue // sealed padding, or zeros in clear: one bit of each byte will do
			}
			flip := func(f *Flight) { f[bit/8] ^= 1 << (bit % 8) }
			unread := !mode.shares() && bit >= 8 && bit < 8*messageOffset
			if err := handshakeWith(t, mode, flip, nil, nil); (err == nil) != unread {
				t.Errorf("%s: flight 1 bit %d flipped: %v", mode, bit, err)
			}
			if err := handshakeWith(t, mode, nil, flip, nil); !errors.Is(err, ErrRefused) {
				t.Errorf("%s: flight 2 bit %d flipped: %v", mode, bit, err)
			}
			if err := handshakeWith(t, mode, nil, nil, flip); !errors.Is(err, ErrRefused) {
				t.Errorf("%s: flight 3 bit %d flipped: %v", mode, bit, err)
			}
		}
	}
}

var errDecoy = errors.New("a decoy")

// handshakeWith runs a handshake while somebody alters flights on their way.
func handshakeWith(t *testing.T, mode Mode, alter1, alter2, alter3 func(*Flight)) error {
	t.Helper()
	c := newCast()
	initiator, first := c.dial(t, mode)
	if alter1 != nil {
		alter1(&first)
	}
	responder := c.answerer(mode, c.e)
	second, decoy, err := responder.Answer(first[:])
	if err != nil {
		t.Fatal(err)
	}
	if alter2 != nil {
		alter2(&second)
	}
	third, _, err := initiator.Finish(second[:])
	if decoy && !errors.Is(err, ErrRefused) {
		t.Errorf("the dialler took a decoy for an answer: %v", err)
	}
	if decoy {
		return errDecoy
	}
	if err != nil {
		return err
	}
	if alter3 != nil {
		alter3(&third)
	}
	_, err = responder.Finish(third[:])
	return err
}

func TestCutFlights(t *testing.T) {
	for _, mode := range builtModes {
		for n := range FlightSize {
			c := newCast()
			initiator, first := c.dial(t, mode)
			if n%8 != 0 && n < FlightSize-8 {
				continue
			}
			decoyed(t, c.answerer(mode, c.e), first[:n])
			responder := c.answerer(mode, c.e)
			second, _, err := responder.Answer(first[:])
			if err != nil {
				t.Fatal(err)
			}
			if _, _, err := initiator.Finish(second[:n]); err != ErrRefused {
				t.Fatalf("%s: flight 2 cut at %d: %v", mode, n, err)
			}
			if _, err := responder.Finish(make([]byte, n)); err != ErrRefused {
				t.Fatalf("%s: flight 3 cut at %d: %v", mode, n, err)
			}
		}
	}
}

// What was sent is sent back, or sent again, in every place where a flight is expected.
func TestReflectedAndReplayed(t *testing.T) {
	for _, mode := range builtModes {
		c := newCast()
		initiator, first := c.dial(t, mode)
		if _, _, err := initiator.Finish(first[:]); err != ErrRefused {
			t.Errorf("%s: flight 1 reflected as flight 2: %v", mode, err)
		}

		// Reflected into another connection of the same dialler, which answers too.
		_, first = c.dial(t, mode)
		mirror := NewResponder(Exporter{9}, c.anna, func(e Exporter, hint [HintSize]byte) (Pair, bool) {
			return c.annaSees, c.annaSees.Key.Hint(e) == hint
		}, seeded(8))
		if second, decoy, _ := mirror.Answer(first[:]); mode == Contact && !decoy {
			t.Error("contact: flight 1 reflected to its author got an answer")
		} else if mode == Open {
			// In the clear as it is, flight 1 is answered; but the keys cannot agree.
			initiator, _ := c.dial(t, mode)
			if _, _, err := initiator.Finish(second[:]); err != ErrRefused {
				t.Errorf("open: %v", err)
			}
		}

		// A whole recorded run, played to the responder again: flight 3 no longer fits.
		c = newCast()
		initiator, first = c.dial(t, mode)
		second, _, _ := c.answerer(mode, c.e).Answer(first[:])
		third, _, err := initiator.Finish(second[:])
		if err != nil {
			t.Fatal(err)
		}
		again := c.answerer(mode, c.e) // even with the same E
		fresh, decoy, err := again.Answer(first[:])
		if err != nil || decoy || fresh == second {
			t.Fatalf("%s: decoy %v, error %v, or the same answer twice", mode, decoy, err)
		}
		if _, err := again.Finish(third[:]); err != ErrRefused {
			t.Errorf("%s: a replayed flight 3: %v", mode, err)
		}
		if slices.Equal(first[:], third[:]) {
			t.Error("flights repeat")
		}
	}
}

// The open key that was dialled is the one that must answer, before ours is shown.
func TestOpenKeyIsHeldTo(t *testing.T) {
	for name, test := range map[string]struct {
		their [KeySize]byte
		want  error
	}{
		"right": {newCast().bruno.Open.Public(), nil},
		"wrong": {newCast().bruno.Device.Public(), ErrRefused},
	} {
		c := newCast()
		initiator, first, err := NewInitiator(Open, c.e, c.anna, &Pair{Their: test.their}, c.annaRand)
		if err != nil {
			t.Fatal(err)
		}
		second, _, _ := c.responder(c.e).Answer(first[:])
		third, _, err := initiator.Finish(second[:])
		if err != test.want || (err != nil) != (third == Flight{}) {
			t.Errorf("%s key: %v, want %v", name, err, test.want)
		}
	}
}

func TestDiallingOneself(t *testing.T) {
	c := newCast()
	c.bruno = c.anna
	initiator, first := c.dial(t, Open)
	responder := c.responder(c.e)
	second, decoy, err := responder.Answer(first[:])
	if err != nil || decoy {
		t.Fatalf("decoy %v, error %v", decoy, err)
	}
	if _, _, err := initiator.Finish(second[:]); err != ErrSelf {
		t.Errorf("the dialler says %v", err)
	}

	// A dialler that goes on nevertheless is dropped by the responder.
	hs, _ := newState(Open, true, c.e, &c.anna.Open, nil, noise.DH25519, seeded(5))
	first = Flight{0: byte(Open)}
	if _, _, _, err := hs.WriteMessage(first[:messageOffset], appendPayload(nil, FlightSize-messageOffset-KeySize, payloadMap{})); err != nil {
		t.Fatal(err)
	}
	responder = c.responder(c.e)
	second, _, _ = responder.Answer(first[:])
	if _, _, _, err := hs.ReadMessage(nil, second[:]); err != nil {
		t.Fatal(err)
	}
	third, _, _, err := hs.WriteMessage(nil, appendPayload(nil, FlightSize-KeySize-2*tagSize, payloadMap{Sign: &c.anna.OpenSign}))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := responder.Finish(third); err != ErrSelf {
		t.Errorf("the responder says %v", err)
	}
}

// The keys behind a handle are two: an end that does not name its signing key is refused.
func TestOpenNeedsSigningKey(t *testing.T) {
	c := newCast()
	c.bruno.OpenSign = [32]byte{}
	initiator, first := c.dial(t, Open)
	responder := c.responder(c.e)
	second, _, err := responder.Answer(first[:])
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := initiator.Finish(second[:]); err != ErrRefused {
		t.Errorf("the dialler says %v", err)
	}
	c = newCast()
	c.anna.OpenSign = [32]byte{}
	initiator, first = c.dial(t, Open)
	responder = c.responder(c.e)
	if second, _, err = responder.Answer(first[:]); err != nil {
		t.Fatal(err)
	}
	third, proof, err := initiator.Finish(second[:])
	if err != nil || proof.Sign != c.bruno.OpenSign {
		t.Fatalf("the dialler learnt %x, %v", proof.Sign, err)
	}
	if _, err := responder.Finish(third[:]); err != ErrRefused {
		t.Errorf("the responder says %v", err)
	}
}

// Device keys prove nothing in mode open and open keys nothing in mode contact.
func TestKeysKeepToTheirMode(t *testing.T) {
	c := newCast()
	c.annaSees.Their = c.bruno.Open.Public()
	_, first := c.dial(t, Contact)
	decoyed(t, c.responder(c.e), first[:])
}

// Who has used a link and its giver know each other apart by what they call themselves, and
// each end holds the other to having said it.
func TestLabels(t *testing.T) {
	c := newCast()
	c.brunoHolds.Label = c.annaInvites.Label
	initiator, first := c.dial(t, PairUp)
	second, decoy, err := c.responder(c.e).Answer(first[:])
	if err != nil || decoy {
		t.Fatalf("decoy %v, error %v", decoy, err)
	}
	if _, _, err := initiator.Finish(second[:]); err != ErrSelf {
		t.Errorf("dialling oneself: %v", err)
	}
	c = newCast()
	initiator, first = c.dial(t, PairUp)
	responder := c.responder(c.e)
	if second, _, err = responder.Answer(first[:]); err != nil {
		t.Fatal(err)
	}
	initiator.says = payloadMap{}
	third, _, err := initiator.Finish(second[:])
	if err != nil {
		t.Fatal(err)
	}
	if _, err := responder.Finish(third[:]); err != ErrRefused {
		t.Errorf("a dialler without a label: %v", err)
	}
	key := c.anna.Open.Public()
	if (&Proof{Mode: PairUp}).vouch(payloadMap{Label: &key}) {
		t.Error("somebody's key is taken for a label")
	}
	says := payloadMap{Label: &c.annaInvites.Label}
	for mode, want := range map[Mode]bool{Contact: false, Open: false, PairUp: true} {
		if got := (&Proof{Mode: mode}).vouch(says); got != want {
			t.Errorf("a label in mode %s: %v", mode, got)
		}
	}
}
