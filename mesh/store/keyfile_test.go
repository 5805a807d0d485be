package store

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"sottovoce/mesh/wire"
)

// seeded is the same randomness in every run.
func seeded(name string) *rand.ChaCha8 {
	var seed [32]byte
	copy(seed[:], name)
	return rand.NewChaCha8(seed)
}

func sampleUnlock() Unlock {
	var key [32]byte
	pattern(key[:], "file key")
	return FileKey(key)
}

func sampleKeyFile(t testing.TB, s Secrets, u Unlock) []byte {
	t.Helper()
	rand := seeded("key file")
	f, slot, err := newKeyFile(u, rand)
	must(t, err)
	must(t, f.seal(&s, slot, rand))
	b, err := f.append(nil)
	must(t, err)
	return b
}

func TestKeyFileRoundTrip(t *testing.T) {
	var foreign [32]byte
	for name, u := range map[string]Unlock{"file key": sampleUnlock(), "passphrase": Passphrase([]byte("correct horse"))} {
		t.Run(name, func(t *testing.T) {
			s := sampleSecrets()
			s.Conversations = map[int64][32]byte{1: {1}, 1 << 40: {2}}
			f, err := parseKeyFile(sampleKeyFile(t, s, u))
			must(t, err)
			got, slot, err := f.open(u)
			must(t, err)
			same(t, secretsBody(*got), secretsBody(s))
			same(t, slot.slot, 0)
			if _, _, err := f.open(FileKey(foreign)); err == nil {
				t.Error("a foreign file key opens it")
			}
		})
	}
	f, err := parseKeyFile(sampleKeyFile(t, sampleSecrets(), Passphrase([]byte("correct horse"))))
	must(t, err)
	if _, _, err := f.open(Passphrase([]byte("wrong horse"))); err == nil {
		t.Error("a wrong passphrase opens it")
	}
	if _, _, err := f.open(Unlock{secret: []byte("correct horse")}); err == nil {
		t.Error("the passphrase opens it as a file key")
	}
}

// The second slot opens as well as the first, and each keeps the other.
func TestKeyFileOfTwoProfiles(t *testing.T) {
	one, two := sampleSecrets(), sampleSecrets()
	two.Root = [32]byte{2}
	f, err := parseKeyFile(sampleKeyFile(t, one, sampleUnlock()))
	must(t, err)
	u := FileKey([32]byte{2})
	key := slotKey{slot: 1, key: u.derive(f.Slots[1].Salt[:], f.Argon)}
	must(t, f.seal(&two, key, seeded("second")))
	for _, c := range []struct {
		u    Unlock
		want Secrets
		slot int
	}{{sampleUnlock(), one, 0}, {u, two, 1}} {
		got, slot, err := f.open(c.u)
		must(t, err)
		same(t, secretsBody(*got), secretsBody(c.want))
		same(t, slot.slot, c.slot)
	}
}

// The size of the file tells nothing but thousands of conversations, and both
// slots grow together.
func TestKeyFileSize(t *testing.T) {
	s := sampleSecrets()
	f, slot, err := newKeyFile(sampleUnlock(), seeded("size"))
	must(t, err)
	must(t, f.seal(&s, slot, seeded("a")))
	first, other := len(f.Slots[0].Sealed), f.Slots[1].Sealed
	s.Conversations = map[int64][32]byte{}
	for i := range int64(50) {
		s.Conversations[i+1] = [32]byte{byte(i)}
	}
	must(t, f.seal(&s, slot, seeded("b")))
	same(t, len(f.Slots[0].Sealed), first)
	same(t, f.Slots[1].Sealed, other)
	for i := range int64(500) {
		s.Conversations[i+1] = [32]byte{byte(i)}
	}
	must(t, f.seal(&s, slot, seeded("c")))
	if len(f.Slots[0].Sealed) <= first || len(f.Slots[1].Sealed) != len(f.Slots[0].Sealed) {
		t.Errorf("slots of %d and %d bytes", len(f.Slots[0].Sealed), len(f.Slots[1].Sealed))
	}
	for i := range int64(20000) {
		s.Conversations[i+1] = [32]byte{byte(i)}
	}
	if err := f.seal(&s, slot, seeded("d")); err == nil {
		t.Error("20,000 conversations fit into half a megabyte")
	}
}

func TestKeyFileCutAndFlippedAtEveryByte(t *testing.T) {
	b := sampleKeyFile(t, sampleSecrets(), sampleUnlock())
	for i := range b {
		if _, err := parseKeyFile(b[:i]); err == nil {
			t.Fatalf("cut at %d of %d is accepted", i, len(b))
		}
		b[i] ^= 1
		if _, err := parseKeyFile(b); err == nil {
			t.Fatalf("flipped at %d is accepted", i)
		}
		b[i] ^= 1
	}
}

// What has a good checksum is still refused, or opens only if nothing that
// counts was changed.
func TestKeyFileOfAnAttacker(t *testing.T) {
	whole := sampleKeyFile(t, sampleSecrets(), sampleUnlock())
	body := whole[:len(whole)-keyChecksumSize]
	for i := 0; i < len(body)/2; i++ { // the second half is the random slot
		changed := bytes.Clone(body)
		changed[i] ^= 1
		f, err := parseKeyFile(withChecksum(changed))
		if err != nil {
			continue
		}
		if _, _, err := f.open(sampleUnlock()); err == nil {
			t.Fatalf("flipped at %d opens", i)
		}
	}
	for name, change := range map[string]func(*keyFile){
		"version 0":         func(f *keyFile) { f.Version = 0 },
		"cheap":             func(f *keyFile) { f.Argon.Time = argonTimeMin - 1 },
		"little memory":     func(f *keyFile) { f.Argon.Memory = argonMemoryMin - 1 },
		"too much memory":   func(f *keyFile) { f.Argon.Memory = argonMemoryMax + 1 },
		"too many passes":   func(f *keyFile) { f.Argon.Time = argonTimeMax + 1 },
		"no threads":        func(f *keyFile) { f.Argon.Threads = 0 },
		"unequal slots":     func(f *keyFile) { f.Slots[1].Sealed = f.Slots[1].Sealed[1:] },
		"no slots":          func(f *keyFile) { f.Slots[0].Sealed, f.Slots[1].Sealed = nil, nil },
		"slots of odd size": func(f *keyFile) { f.Slots[0].Sealed, f.Slots[1].Sealed = make([]byte, 99), make([]byte, 99) },
	} {
		f, err := parseKeyFile(whole)
		must(t, err)
		change(f)
		b, err := f.append(nil)
		must(t, err)
		if _, err := parseKeyFile(b); !errors.Is(err, errKeyFile) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func withChecksum(body []byte) []byte {
	sum := wire.HashOf(labelKeyFile, body)
	return append(bytes.Clone(body), sum[:]...)
}

func TestNewerKeyFile(t *testing.T) {
	f, err := parseKeyFile(sampleKeyFile(t, sampleSecrets(), sampleUnlock()))
	must(t, err)
	f.Version = keyFileVersion + 1
	b, err := f.append(nil)
	must(t, err)
	if _, err := parseKeyFile(b); !errors.Is(err, wire.ErrNewer) {
		t.Error(err)
	}
	other, err := wire.Marshal(struct {
		Version uint64 `cbor:"1,keyasint"`
		Else    string `cbor:"2,keyasint"`
	}{keyFileVersion + 1, "another shape"})
	must(t, err)
	if _, err := parseKeyFile(withChecksum(other)); !errors.Is(err, wire.ErrNewer) {
		t.Error(err)
	}
}

// testdata/keyfile.txt is a key file of these secrets, in hexadecimal.
func TestKeyFileVector(t *testing.T) {
	path := filepath.Join("testdata", "keyfile.txt")
	s := sampleSecrets()
	s.Conversations = map[int64][32]byte{7: {7}}
	var want string
	for line := range slices.Chunk(sampleKeyFile(t, s, sampleUnlock()), 64) {
		want += hex.EncodeToString(line) + "\n"
	}
	if *update {
		must(t, os.MkdirAll("testdata", 0o755))
		must(t, os.WriteFile(path, []byte(want), 0o644))
	}
	got, err := os.ReadFile(path)
	must(t, err)
	same(t, string(got), want)
}

func TestSecretsPrintAsWords(t *testing.T) {
	s, u := sampleSecrets(), sampleUnlock()
	k := newWorld().Skipped[0]
	for _, v := range []any{s, &s, u, &u, k, &k, []any{s, u, k}, struct{ S Secrets }{s}} {
		for _, format := range []string{"%v", "%+v", "%#v", "%s", "%x", "%q", "%d"} {
			got := fmt.Sprintf(format, v)
			for _, secret := range [][]byte{s.Root[:8], u.secret[:8], k.Key[:8]} {
				if bytes.Contains([]byte(got), secret) || bytes.Contains([]byte(got), fmt.Appendf(nil, "%x", secret)) ||
					bytes.Contains([]byte(got), fmt.Appendf(nil, "%d", secret)[1:20]) {
					t.Errorf("%s shows %s", format, got)
				}
			}
		}
	}
	for _, m := range []interface{ MarshalText() ([]byte, error) }{s, u, k} {
		text, err := m.MarshalText()
		must(t, err)
		same(t, string(text), fmt.Sprint(m))
	}
	s.Erase()
	u.Erase()
	k.Erase()
	same(t, s.Discovery, []byte(nil))
	same(t, u.secret, make([]byte, 32))
	same(t, k.Key, [32]byte{})
}

func FuzzParseKeyFile(f *testing.F) {
	whole := sampleKeyFile(f, sampleSecrets(), sampleUnlock())
	f.Add(whole[:len(whole)-keyChecksumSize])
	f.Add([]byte{})
	f.Add([]byte{0xa1, 0x01, 0x02})
	f.Add(bytes.Repeat([]byte{0xff}, 100))
	f.Fuzz(func(t *testing.T, body []byte) {
		b := withChecksum(body)
		file, err := parseKeyFile(b)
		if err != nil {
			if file != nil && file.check() == nil {
				t.Error("refused, and yet returned")
			}
			return
		}
		again, err := file.append(nil)
		must(t, err)
		reread, err := parseKeyFile(again)
		must(t, err)
		same(t, reread, file)
		_, _, _ = file.open(sampleUnlock())
	})
}

func FuzzUnpadSecrets(f *testing.F) {
	s := sampleSecrets()
	plain, err := padSecrets(&s)
	must(f, err)
	f.Add(plain)
	f.Add([]byte{0, 0, 0, 1, 0xa0})
	f.Add([]byte{0xff, 0xff, 0xff, 0xff})
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) < keyLengthSize {
			return // open refuses shorter slots
		}
		s, err := unpadSecrets(b)
		if err != nil {
			return
		}
		again, err := padSecrets(s)
		must(t, err)
		reread, err := unpadSecrets(again)
		must(t, err)
		same(t, secretsBody(*reread), secretsBody(*s))
	})
}
