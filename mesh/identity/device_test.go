package identity

import (
	"bytes"
	"crypto/ecdh"
	"crypto/ed25519"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/iotest"

	"sottovoce/mesh/peer"
)

// drawn returns a source of randomness that is the same in every run.
func drawn(seed byte) io.Reader { return rand.NewChaCha8([32]byte{seed}) }

func newDevice(t testing.TB, seed byte) *Device {
	t.Helper()
	d, err := NewDevice(drawn(seed))
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func newRoot(t testing.TB, seed byte) *Root {
	t.Helper()
	r, err := NewRoot(drawn(seed))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestKeyVectors(t *testing.T) {
	seed := counted(0, 64)
	d := DeviceFromSeed(DeviceSeed(seed))
	p := OpenProfileFromSeed(OpenSeed(seed))
	id, handle, root := d.ID(), p.Public().Handle(), RootFromSeed(RootSeed(seed[:32])).Public()
	dk, ok := d.Public(), p.Public()
	checkVectors(t, "keys.txt", []vector{
		{"seed", seed},
		{"device sign", dk.Sign[:]},
		{"device agree", dk.Agree[:]},
		{"peer id", id[:]},
		{"open profile sign", ok.Sign[:]},
		{"open profile agree", ok.Agree[:]},
		{"handle", handle[:]},
		{"root of the first 32 bytes", root[:]},
	})
	// RFC 7748 and RFC 8032 say what the public halves are.
	if want := ed25519.NewKeyFromSeed(seed[:32]).Public().(ed25519.PublicKey); !bytes.Equal(dk.Sign[:], want) {
		t.Errorf("sign is %x", dk.Sign)
	}
	agree, err := ecdh.X25519().NewPrivateKey(seed[32:])
	if err != nil || !bytes.Equal(dk.Agree[:], agree.PublicKey().Bytes()) {
		t.Errorf("agree is %x", dk.Agree)
	}
}

func TestDeviceRoundTrip(t *testing.T) {
	d := newDevice(t, 1)
	again := DeviceFromSeed(d.Seed())
	if again.Public() != d.Public() || again.ID() != d.ID() || again.AgreeSecret() != d.AgreeSecret() {
		t.Error("the seed makes another device")
	}
	if newDevice(t, 2).ID() == d.ID() {
		t.Error("other randomness makes the same device")
	}
	if pub := d.SignKey().Public().(ed25519.PublicKey); [32]byte(pub) != d.Public().Sign {
		t.Error("SignKey is not of Sign")
	}
	if secret := d.AgreeSecret(); !bytes.Equal(secret[:], d.AgreeKey().Bytes()) || [32]byte(d.AgreeKey().PublicKey().Bytes()) != d.Public().Agree {
		t.Error("AgreeKey and AgreeSecret are not of Agree")
	}
	p, err := NewOpenProfile(drawn(1))
	if err != nil || OpenProfileFromSeed(p.Seed()).Public() != p.Public() {
		t.Error("the seed makes another profile", err)
	}
	if pub := p.SignKey().Public().(ed25519.PublicKey); [32]byte(pub) != p.Public().Sign {
		t.Error("SignKey of the profile is not of Sign")
	}
	if s := p.AgreeSecret(); OpenProfileFromSeed(p.Seed()).AgreeSecret() != s {
		t.Error("the seed makes another secret")
	}
	r := newRoot(t, 3)
	if RootFromSeed(r.Seed()).Public() != r.Public() {
		t.Error("the seed makes another root")
	}
}

func TestIDsDependOnBothKeys(t *testing.T) {
	k := newDevice(t, 1).Public()
	other := newDevice(t, 2).Public()
	if (DeviceKeys{Sign: k.Sign, Agree: other.Agree}).ID() == k.ID() || (DeviceKeys{Sign: other.Sign, Agree: k.Agree}).ID() == k.ID() {
		t.Error("a peer id does not cover both keys")
	}
	o := OpenKeys(k)
	if (OpenKeys{Sign: k.Sign, Agree: other.Agree}).Handle() == o.Handle() || (OpenKeys{Sign: other.Sign, Agree: k.Agree}).Handle() == o.Handle() {
		t.Error("a handle does not cover both keys")
	}
	if id := k.ID(); peer.Handle(id[:6]) == o.Handle() {
		t.Error("an open profile with a device's keys has the device's id")
	}
}

func TestNoRandomnessIsAnError(t *testing.T) {
	broken := iotest.ErrReader(io.ErrClosedPipe)
	if _, err := NewDevice(io.LimitReader(drawn(1), 63)); err == nil {
		t.Error("a device of 63 bytes")
	}
	if _, err := NewOpenProfile(broken); err == nil {
		t.Error("an open profile of nothing")
	}
	if _, err := NewRoot(broken); err == nil {
		t.Error("a root of nothing")
	}
	if _, err := NewDiscoveryKey(broken, 0); err == nil {
		t.Error("a discovery key of nothing")
	}
	if _, err := NewAccount(newRoot(t, 1), newDevice(t, 1).Public(), start, broken); err == nil {
		t.Error("an account without salt")
	}
}

func TestErase(t *testing.T) {
	d := newDevice(t, 1)
	keys, sign := d.keys.get(), d.SignKey()
	d.Erase()
	if keys.seed != [64]byte{} || !bytes.Equal(sign, make([]byte, 64)) {
		t.Error("a device's keys are still there")
	}
	p, err := NewOpenProfile(drawn(1))
	if err != nil {
		t.Fatal(err)
	}
	keys = p.keys.get()
	p.Erase()
	if keys.seed != [64]byte{} {
		t.Error("a profile's keys are still there")
	}
	r := newRoot(t, 1)
	r.Erase()
	if *r.seed.get() != (RootSeed{}) {
		t.Error("a root's key is still there")
	}
	k := newDiscoveryKey(t, 1, 5)
	k.Erase()
	if *k.key.get() != (DaySecret{}) {
		t.Error("a discovery key is still there")
	}
	s := DeviceSeed{1}
	o, rs, a, day := OpenSeed{1}, RootSeed{1}, AgreeSecret{1}, DaySecret{1}
	s.Erase()
	o.Erase()
	rs.Erase()
	a.Erase()
	day.Erase()
	if s != (DeviceSeed{}) || o != (OpenSeed{}) || rs != (RootSeed{}) || a != (AgreeSecret{}) || day != (DaySecret{}) {
		t.Error("a secret is still there")
	}
}

// TestSecretsDoNotPrint prints everything that holds a secret in every way we
// know, on its own and inside other things. All secrets are made of the byte
// 0x53, "S".
func TestSecretsDoNotPrint(t *testing.T) {
	s64, s32 := [64]byte(bytes.Repeat([]byte("S"), 64)), [32]byte(bytes.Repeat([]byte("S"), 32))
	dev, open, root := DeviceFromSeed(s64), OpenProfileFromSeed(s64), RootFromSeed(s32)
	key := DiscoveryKeyOf(5, s32)
	// The expanded private key must not show either.
	verbs := []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%o", "%b", "%c", "%U", "%t", "%e", "%T", "%!"}
	traces := []string{
		"SSS", "535353", "83 83", "83,83", "U1NT", "0x53,", `\x53`,
		fmt.Sprintf("%x", dev.SignKey()[:8]), fmt.Sprintf("%v", []byte(dev.SignKey()[:4])),
	}
	type holder struct{ Exported any }
	secrets := map[string]any{
		"device seed": DeviceSeed(s64), "open seed": OpenSeed(s64), "root seed": RootSeed(s32), "agree": AgreeSecret(s32), "day": DaySecret(s32),
		"device": dev, "open profile": open, "root": root, "discovery key": key, "pointer to key": &key,
		"card": Card{Name: "Anna", DiscoveryKey: s32},
		"hidden": struct {
			d *Device
			o *OpenProfile
			r *Root
			k DiscoveryKey
		}{dev, open, root, key},
	}
	for what, s := range secrets {
		var printed []string
		for _, v := range []any{s, []any{s}, map[string]any{"k": s}, holder{Exported: s}, &holder{Exported: s}} {
			for _, verb := range verbs {
				printed = append(printed, fmt.Sprintf(verb, v))
			}
			printed = append(printed, fmt.Sprint(v), fmt.Sprintln(v))
			if b, err := json.Marshal(v); err == nil {
				printed = append(printed, string(b))
			}
			var log bytes.Buffer
			slog.New(slog.NewTextHandler(&log, nil)).Info("m", "secret", v)
			slog.New(slog.NewJSONHandler(&log, nil)).Info("m", "secret", v)
			printed = append(printed, log.String())
		}
		for _, p := range printed {
			for _, trace := range traces {
				if strings.Contains(p, trace) {
					t.Fatalf("%s prints %s", what, p)
				}
			}
		}
	}
	// Values with hidden pointers print no secret even where no method is called.
	for _, v := range []any{struct{ d Device }{*dev}, struct{ o OpenProfile }{*open}, struct{ r Root }{*root}, struct{ k DiscoveryKey }{key}} {
		for _, verb := range append(verbs, "%p") {
			p := fmt.Sprintf(verb, v)
			for _, trace := range traces {
				if strings.Contains(p, trace) {
					t.Errorf("prints %s", p)
				}
			}
		}
	}
}

func TestSecretsSayThatTheyAreSecret(t *testing.T) {
	for _, s := range []interface {
		fmt.Stringer
		fmt.GoStringer
		fmt.Formatter
	}{DeviceSeed{}, OpenSeed{}, RootSeed{}, AgreeSecret{}, DaySecret{}} {
		if s.String() != redacted || s.GoString() != redacted || fmt.Sprintf("%x", s) != redacted {
			t.Errorf("%T prints %q", s, s.String())
		}
		if b, err := json.Marshal(s); err != nil || string(b) != `"`+redacted+`"` {
			t.Errorf("%T is %s in JSON", s, b)
		}
	}
	d := newDevice(t, 1)
	if got := fmt.Sprint(d); got != d.ID().String() {
		t.Errorf("a device prints as %q", got)
	}
	p, err := NewOpenProfile(drawn(1))
	if err != nil || fmt.Sprint(p) != p.Public().Handle().String() {
		t.Errorf("a profile prints as %q", p)
	}
	for _, c := range []struct {
		v    any
		want string
	}{
		{d, `"` + d.ID().String() + `"`},
		{p, `"` + p.Public().Handle().String() + `"`},
		{newRoot(t, 1), `"account root"`},
		{newDiscoveryKey(t, 1, 7), `"discovery key of day 7"`},
	} {
		if b, err := json.Marshal(c.v); err != nil || string(b) != c.want {
			t.Errorf("%T is %s in JSON, %v", c.v, b, err)
		}
	}
}

func TestAccountIDText(t *testing.T) {
	id := AccountID(counted(0, 32))
	if got, want := id.String(), "acct-aaaqeayeaudaocajbifqydiob4ibceqtcqkrmfyydenbwha5dypq"; got != want {
		t.Errorf("id is %s", got)
	}
	if got, err := ParseAccountID(id.String()); err != nil || got != id {
		t.Errorf("parsed %v, %v", got, err)
	}
	if _, err := ParseAccountID("peer-" + id.String()[5:]); err == nil {
		t.Error("a peer id is taken as an account id")
	}
}

func FuzzParseAccountID(f *testing.F) {
	f.Add(AccountID(counted(0, 32)).String())
	f.Add("acct-")
	f.Fuzz(func(t *testing.T, s string) {
		if id, err := ParseAccountID(s); err == nil && id.String() != s {
			t.Errorf("%q and %q are the same id", s, id)
		}
	})
}
