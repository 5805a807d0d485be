package identity

import (
	"bytes"
	"crypto/ed25519"
	"encoding/hex"
	"encoding/json"
	"errors"
	"testing"

	"sottovoce/mesh/needtest"
	"sottovoce/mesh/wire"
)

const testLabel = "sv1 test object"

// specimenBody is {0: [1], 1: "hello"}.
var specimenBody = []byte{0xa2, 0x00, 0x81, 0x01, 0x01, 0x65, 'h', 'e', 'l', 'l', 'o'}

func specimenKey() ed25519.PrivateKey { return ed25519.NewKeyFromSeed(counted(0, 32)) }

func TestObjectVectors(t *testing.T) {
	object := Sign(testLabel, specimenBody, specimenKey())
	pub := publicSign(specimenKey())
	_, id, err := Verify(testLabel, object, pub)
	if err != nil {
		t.Fatal(err)
	}
	checkVectors(t, "object.txt", []vector{
		{"seed", counted(0, 32)},
		{"public key", pub[:]},
		{"label", []byte(testLabel)},
		{"body", specimenBody},
		{"object", object},
		{"id", id[:]},
	})
}

func TestSignVerify(t *testing.T) {
	key := specimenKey()
	object := Sign(testLabel, specimenBody, key)
	body, id, err := Verify(testLabel, object, publicSign(key))
	if err != nil || !bytes.Equal(body, specimenBody) {
		t.Fatalf("%x %v", body, err)
	}
	if want := wire.HashOf(testLabel, specimenBody); id != want {
		t.Errorf("id is %x, want %x", id, want)
	}
	if _, _, err := Verify(testLabel+" ", object, publicSign(key)); !errors.Is(err, ErrSignature) {
		t.Errorf("another label: %v", err)
	}
	if _, _, err := Verify(testLabel, object, [32]byte{1}); !errors.Is(err, ErrSignature) {
		t.Errorf("another key: %v", err)
	}
	for i := range object {
		if _, _, err := Verify(testLabel, object[:i], publicSign(key)); !errors.Is(err, wire.ErrMalformed) {
			t.Errorf("cut at %d: %v", i, err)
		}
		for bit := range 8 {
			changed := bytes.Clone(object)
			changed[i] ^= 1 << bit
			if _, _, err := Verify(testLabel, changed, publicSign(key)); err == nil {
				t.Errorf("bit %d of byte %d is not covered", bit, i)
			}
		}
	}
}

// signedBy builds an object with any signatures over any body.
func signedBy(t testing.TB, body []byte, sigs map[uint64][]byte) []byte {
	t.Helper()
	object, err := wire.Marshal(signedObject{Body: body, Sigs: sigs})
	if err != nil {
		t.Fatal(err)
	}
	return object
}

func TestVerifyRefuses(t *testing.T) {
	key := specimenKey()
	sign := func(body string) (b, sig []byte) {
		b, err := hex.DecodeString(body)
		if err != nil {
			t.Fatal(err)
		}
		return b, ed25519.Sign(key, append([]byte(testLabel), b...))
	}
	object := func(body string) []byte {
		b, sig := sign(body)
		return signedBy(t, b, map[uint64][]byte{1: sig})
	}
	body, sig := sign("a1008101")
	for name, c := range map[string]struct {
		object []byte
		want   error
	}{
		"good":                   {object("a1008101"), nil},
		"unknown key in body":    {object("a20081011820f5"), nil},
		"no algorithm list":      {object("a10101"), wire.ErrMalformed},
		"empty list":             {object("a10080"), wire.ErrMalformed},
		"another algorithm":      {object("a1008102"), wire.ErrNewer},
		"one more algorithm":     {object("a100820102"), wire.ErrNewer},
		"algorithm 0":            {object("a1008100"), wire.ErrNewer},
		"list out of order":      {object("a100820201"), wire.ErrMalformed},
		"algorithm twice":        {object("a100820101"), wire.ErrMalformed},
		"nine algorithms":        {object("a10089010203040506070809"), wire.ErrMalformed},
		"body not a map":         {object("8101"), wire.ErrMalformed},
		"body empty":             {object(""), wire.ErrMalformed},
		"critical key in body":   {object("a200810119800001"), wire.ErrNewer},
		"no signature":           {signedBy(t, body, nil), ErrSignature},
		"signature of another":   {signedBy(t, body, map[uint64][]byte{2: sig}), ErrSignature},
		"unlisted signature too": {signedBy(t, body, map[uint64][]byte{1: sig, 2: {1}}), wire.ErrMalformed},
		"signature too short":    {signedBy(t, body, map[uint64][]byte{1: sig[:63]}), ErrSignature},
		"signature too long":     {signedBy(t, body, map[uint64][]byte{1: append(bytes.Clone(sig), 0)}), ErrSignature},
		"signature of the body":  {signedBy(t, body, map[uint64][]byte{1: ed25519.Sign(key, body)}), ErrSignature},
		"three elements":         {append(append([]byte{0x83}, object("a1008101")[1:]...), 0), wire.ErrMalformed},
		"one element":            {[]byte{0x81, 0x40}, wire.ErrMalformed},
		"a map":                  {[]byte{0xa0}, wire.ErrMalformed},
		"nothing":                {nil, wire.ErrMalformed},
		"too large":              {append(object("a1008101"), make([]byte, objectSizeMax)...), wire.ErrMalformed},
	} {
		if _, _, err := Verify(testLabel, c.object, publicSign(key)); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
}

func TestSignPanicsOnOurOwnMistakes(t *testing.T) {
	for name, body := range map[string][]byte{
		"no algorithms": {0xa0},
		"not a map":     {0x80},
		"too large":     append([]byte{0xa2, 0x00, 0x81, 0x01, 0x01, 0x5a, 0x00, 0x01, 0x00, 0x00}, make([]byte, 1<<16)...),
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: signed", name)
				}
			}()
			Sign(testLabel, body, specimenKey())
		}()
	}
}

// TestWycheproofEd25519 runs Project Wycheproof's vectors through Verify's
// primitive as we call it.
func TestWycheproofEd25519(t *testing.T) {
	text := needtest.Vectors(t, "ed25519_test.json")
	var suite struct {
		TestGroups []struct {
			PublicKey struct{ Pk string }
			Tests     []struct {
				TcID             int
				Comment          string
				Msg, Sig, Result string
			}
		}
	}
	if err := json.Unmarshal(text, &suite); err != nil {
		t.Fatal(err)
	}
	unhex := func(s string) []byte {
		b, err := hex.DecodeString(s)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	n := 0
	for _, g := range suite.TestGroups {
		key := unhex(g.PublicKey.Pk)
		for _, c := range g.Tests {
			n++
			sig := unhex(c.Sig)
			got := len(sig) == ed25519.SignatureSize && ed25519.Verify(key, unhex(c.Msg), sig)
			if want := c.Result == "valid"; got != want {
				t.Errorf("%d %s: %v, want %s", c.TcID, c.Comment, got, c.Result)
			}
		}
	}
	if n < 100 {
		t.Errorf("only %d vectors", n)
	}
}

func FuzzVerify(f *testing.F) {
	key := specimenKey()
	f.Add(Sign(testLabel, specimenBody, key))
	f.Add(signedBy(f, []byte{0xa1, 0x00, 0x82, 0x01, 0x02}, map[uint64][]byte{1: make([]byte, 64)}))
	f.Add(signedBy(f, []byte{0xa1, 0x00, 0x81, 0x01}, map[uint64][]byte{1: make([]byte, 64), 2: nil}))
	f.Add([]byte{0x82, 0x40, 0xa0})
	f.Fuzz(func(t *testing.T, object []byte) {
		body, id, err := Verify(testLabel, object, publicSign(key))
		if err == nil && (!bytes.Equal(body, specimenBody) || id != wire.HashOf(testLabel, body)) {
			t.Errorf("%x is taken as signed", object)
		}
	})
}
