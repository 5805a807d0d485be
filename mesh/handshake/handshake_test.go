package handshake

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"sottovoce/mesh/wire"
)

var builtModes = []Mode{Contact, Open, Member, Supernode, PairUp}

func TestBothEndsProve(t *testing.T) {
	for _, mode := range builtModes {
		t.Run(mode.String(), func(t *testing.T) {
			c := newCast()
			initiator, first := c.dial(t, mode)
			responder := c.answerer(mode, c.e)
			second, decoy, err := responder.Answer(first[:])
			if err != nil || decoy {
				t.Fatalf("answer: decoy %v, error %v", decoy, err)
			}
			third, ours, err := initiator.Finish(second[:])
			if err != nil {
				t.Fatal(err)
			}
			theirs, err := responder.Finish(third[:])
			if err != nil {
				t.Fatal(err)
			}
			want := [2]Proof{
				{Mode: Contact, Pair: 33, Their: c.bruno.Device.Public(), Binding: theirs.Binding},
				{Mode: Contact, Pair: 44, Their: c.anna.Device.Public(), Binding: ours.Binding},
			}
			switch mode {
			case PairUp:
				want = [2]Proof{
					{Mode: PairUp, Pair: 55, Label: c.brunoHolds.Label, Binding: theirs.Binding},
					{Mode: PairUp, Pair: 66, Label: c.annaInvites.Label, Binding: ours.Binding},
				}
			case Open:
				want = [2]Proof{
					{Mode: Open, Their: c.bruno.Open.Public(), Sign: c.bruno.OpenSign, Our: c.anna.Open.Public(), Binding: theirs.Binding},
					{Mode: Open, Their: c.anna.Open.Public(), Sign: c.anna.OpenSign, Our: c.bruno.Open.Public(), Binding: ours.Binding},
				}
			case Member:
				want = [2]Proof{
					{Mode: Member, Pair: 77, Their: c.super.Supernode.Public(), Binding: theirs.Binding},
					{Mode: Member, Pair: 88, Binding: ours.Binding},
				}
			case Supernode:
				want = [2]Proof{
					{Mode: Supernode, Pair: 77, Their: c.super.Supernode.Public(), Binding: theirs.Binding},
					{Mode: Supernode, Binding: ours.Binding},
				}
			}
			want[0].Exporter, want[1].Exporter = c.e, c.e
			if got := [2]Proof{ours, theirs}; got != want {
				t.Errorf("proofs:\n got %+v\nwant %+v", got, want)
			}
			if ours.Binding == [32]byte{} {
				t.Error("no binding")
			}
			wantScans := map[Mode]int{Contact: 1, PairUp: 1, Member: 1}[mode]
			if c.scans != wantScans {
				t.Errorf("%d scans, want %d", c.scans, wantScans)
			}
		})
	}
}

// The time of an answer is made of X25519 operations: an honest answer to who was found by
// hint must cost exactly what decoys are topped up to.
func TestHonestAnswerCost(t *testing.T) {
	for _, mode := range []Mode{Contact, Member, PairUp} {
		c := newCast()
		_, first := c.dial(t, mode)
		r := c.answerer(mode, c.e)
		if _, decoy, _ := r.Answer(first[:]); decoy || r.dh.n != responderWork {
			t.Errorf("%s: decoy %v after %d operations, want an answer after %d", mode, decoy, r.dh.n, responderWork)
		}
	}
}

func TestSameRandomnessSameFlights(t *testing.T) {
	for _, mode := range builtModes {
		_, one := newCast().dial(t, mode)
		_, two := newCast().dial(t, mode)
		if one != two {
			t.Errorf("%s: two runs differ", mode)
		}
		other := newCast()
		other.annaRand = seeded(99)
		if _, three := other.dial(t, mode); three == one {
			t.Errorf("%s: the randomness is not used", mode)
		}
	}
}

func TestStepsOutOfOrder(t *testing.T) {
	for _, mode := range builtModes {
		c := newCast()
		initiator, first := c.dial(t, mode)
		responder := c.answerer(mode, c.e)
		if _, err := responder.Finish(first[:]); err != ErrState {
			t.Errorf("%s: Finish before Answer: %v", mode, err)
		}
		second, _, err := responder.Answer(first[:])
		if err != nil {
			t.Fatal(err)
		}
		if _, decoy, err := responder.Answer(first[:]); err != ErrState || !decoy {
			t.Errorf("%s: Answer twice: %v", mode, err)
		}
		third, _, err := initiator.Finish(second[:])
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := initiator.Finish(second[:]); err != ErrState {
			t.Errorf("%s: the dialler's Finish twice: %v", mode, err)
		}
		if _, err := responder.Finish(third[:]); err != nil {
			t.Fatal(err)
		}
		if _, err := responder.Finish(third[:]); err != ErrState {
			t.Errorf("%s: the responder's Finish twice: %v", mode, err)
		}
	}
}

func TestErasedIsOver(t *testing.T) {
	c := newCast()
	initiator, first := c.dial(t, Contact)
	private, psk, ephemeral := initiator.noise.private, initiator.noise.psk, initiator.noise.LocalEphemeral().Private
	initiator.Erase()
	initiator.Erase()
	for _, secret := range [][]byte{private, psk, ephemeral} {
		for _, b := range secret {
			if b != 0 {
				t.Fatal("a secret outlived Erase")
			}
		}
	}
	if initiator.pair.Key != (LinkKey{}) {
		t.Error("the link key outlived Erase")
	}
	if _, _, err := initiator.Finish(first[:]); err != ErrState {
		t.Errorf("Finish after Erase: %v", err)
	}
	r := c.responder(c.e)
	r.Erase()
	if !r.statics.Device.IsZero() || !r.statics.Open.IsZero() {
		t.Error("the static keys outlived Erase")
	}
	if _, _, err := r.Answer(first[:]); err != ErrState {
		t.Errorf("Answer after Erase: %v", err)
	}
}

func TestRefusedBeforeTheFirstFlight(t *testing.T) {
	c := newCast()
	self := Pair{Their: c.anna.Device.Public(), Key: c.key}
	lowOrder := Pair{Key: c.key} // u = 0
	for name, test := range map[string]struct {
		mode Mode
		our  Static
		pair *Pair
		want error
	}{
		"reserved mode":        {Carry, c.anna.Device, &c.annaSees, ErrMode},
		"member as a contact":  {Member, c.anna.Device, &c.annaSees, nil},
		"contact as a member":  {Contact, c.anna.Device, &c.annaBelongs, nil},
		"member of nothing":    {Member, Static{}, nil, nil},
		"no supernode's key":   {Supernode, Static{}, &Pair{}, nil},
		"a secret for nobody":  {Supernode, Static{}, &c.annaBelongs, nil},
		"no such mode":         {0, c.anna.Device, &c.annaSees, ErrMode},
		"contact without pair": {Contact, c.anna.Device, nil, nil},
		"contact by an invite": {Contact, c.anna.Device, &c.annaInvites, nil},
		"pair without secret":  {PairUp, c.anna.Device, nil, nil},
		"pair with a contact":  {PairUp, c.anna.Device, &c.annaSees, nil},
		"no key of ours":       {Contact, Static{}, &c.annaSees, nil},
		"to oneself":           {Contact, c.anna.Device, &self, ErrSelf},
		"to a low-order key":   {Contact, c.anna.Device, &lowOrder, nil},
	} {
		i, flight, err := NewInitiator(test.mode, c.e, Statics{Device: test.our, Open: test.our}, test.pair, c.annaRand)
		if err == nil || i != nil || flight != (Flight{}) || (test.want != nil && err != test.want) {
			t.Errorf("%s: error %v, want %v, and nothing else", name, err, test.want)
		}
	}
}

func TestRandomnessFails(t *testing.T) {
	c := newCast()
	for _, mode := range builtModes {
		if _, _, err := NewInitiator(mode, c.e, c.anna, c.pair(mode), strings.NewReader("short")); err == nil {
			t.Errorf("%s: dialled without randomness", mode)
		}
		_, first := c.dial(t, mode)
		r := c.answerer(mode, c.e)
		r.rand = strings.NewReader("short")
		if second, _, err := r.Answer(first[:]); err == nil || second != (Flight{}) {
			t.Errorf("%s: answered without randomness, error %v", mode, err)
		}
	}
}

// A later version may add keys to the map of a payload; it may also demand to be understood.
func TestPayloads(t *testing.T) {
	build := func(version byte, n int, rest ...byte) []byte {
		return append([]byte{version, byte(n >> 8), byte(n)}, append(rest, make([]byte, 20)...)...)
	}
	dirty := build(1, 1, 0xa0)
	dirty[len(dirty)-1] = 1
	for name, test := range map[string]struct {
		payload []byte
		want    error
	}{
		"ours":                 {appendPayload(nil, 40, payloadMap{}), nil},
		"unknown key":          {build(1, 3, 0xa1, 0x05, 0x07), nil},
		"unknown critical key": {build(1, 5, 0xa1, 0x19, 0x80, 0x00, 0x07), wire.ErrNewer},
		"later version":        {build(2, 1, 0xa0), wire.ErrNewer},
		"not a map":            {build(1, 1, 0x80), wire.ErrMalformed},
		"key of a wrong size":  {build(1, 4, 0xa1, 0x01, 0x41, 0x07), wire.ErrMalformed},
		"two maps":             {build(1, 2, 0xa0, 0xa0), wire.ErrMalformed},
		"no map":               {build(1, 0), wire.ErrMalformed},
		"map past the end":     {build(1, 400, 0xa0), wire.ErrMalformed},
		"dirty padding":        {dirty, wire.ErrMalformed},
		"too short":            {[]byte{1, 0}, wire.ErrMalformed},
	} {
		if _, err := parsePayload(test.payload); !errors.Is(err, test.want) || (test.want == nil) != (err == nil) {
			t.Errorf("%s: %v, want %v", name, err, test.want)
		}
	}
}

func TestSecretsPrintAsNothing(t *testing.T) {
	s, k := static(1), NewLinkKey([]byte("secret"))
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%d", "%q"} {
		for _, secret := range []any{s, k} {
			if got := fmt.Sprintf(verb, secret); got != redacted {
				t.Errorf("%s of %T prints %q", verb, secret, got)
			}
		}
	}
	for _, text := range []func() ([]byte, error){s.MarshalText, k.MarshalText} {
		if b, err := text(); err != nil || string(b) != redacted {
			t.Errorf("marshals as %q, %v", b, err)
		}
	}
	if s.String()+s.GoString()+k.String()+k.GoString() != strings.Repeat(redacted, 4) {
		t.Error("String or GoString tells something")
	}
	s.Erase()
	k.Erase()
	if !s.IsZero() || k != (LinkKey{}) || s.Public() != [KeySize]byte{} {
		t.Error("Erase left something")
	}
}

func TestModeNames(t *testing.T) {
	if Contact.String() != "contact" || PairUp.String() != "pair" || Mode(0).String() != "unknown" || Mode(200).String() != "unknown" {
		t.Error("a mode has the wrong name")
	}
}

// Secrets of one label do not show in another, and the hint covers E.
func TestLinkKeys(t *testing.T) {
	one, two := NewLinkKey([]byte("one")), NewLinkKey([]byte("two"))
	if one == two || one.psk == one.hint {
		t.Error("link keys do not depend on secret and label")
	}
	if one.Hint(Exporter{1}) == one.Hint(Exporter{2}) || one.Hint(Exporter{1}) == two.Hint(Exporter{1}) {
		t.Error("the hint does not cover key and E")
	}
}
