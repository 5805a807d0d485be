package store

import (
	"bytes"
	"encoding/hex"
	"testing"
)

func unhex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	must(t, err)
	return b
}

// TestArgon2id runs a vector of the reference implementation of RFC 9106: 2 passes over 64 MiB, one lane. RFC 9106's own
// has a secret and associated data, which we do not use.
func TestArgon2id(t *testing.T) {
	salt := []byte("somesalt")
	tag := unhex(t, "09316115d5cf24ed5a15a31a3ba326e5cf32edc24702987c02b6566f61913cf7")
	unlock := Passphrase([]byte("password"))
	key := unlock.derive(salt, argonCost{Time: 2, Memory: 64 << 10, Threads: 1})
	if want := derive(tag, salt, labelPassphrase); !bytes.Equal(key[:], want) {
		t.Errorf("derived %x, not %x", key, want)
	}
}

// TestHKDF runs the vector A.1 of RFC 5869, as far as 32 bytes go.
func TestHKDF(t *testing.T) {
	got := derive(bytes.Repeat([]byte{0x0b}, 22), unhex(t, "000102030405060708090a0b0c"), string(unhex(t, "f0f1f2f3f4f5f6f7f8f9")))
	if want := "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf"; hex.EncodeToString(got) != want {
		t.Errorf("derived %x", got)
	}
}

// TestXChaCha20Poly1305 runs the vector of draft-irtf-cfrg-xchacha-03, A.3.1.
func TestXChaCha20Poly1305(t *testing.T) {
	key, nonce := make([]byte, 32), make([]byte, 24)
	for i := range key {
		key[i] = 0x80 + byte(i)
	}
	for i := range nonce {
		nonce[i] = 0x40 + byte(i)
	}
	const plain = "Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, sunscreen would be it."
	const want = "bd6d179d3e83d43b9576579493c0e939572a1700252bfaccbed2902c21396cbb731c7f1b0b4aa6440bf3a82f4eda7e39ae64c6708c54c216cb96b72e1213b452" +
		"2f8c9ba40db5d945b11b69b982c1bb9e3f3fac2bc369488f76b2383565d3fff921f9664c97637da9768812f615c68b13b52ec0875924c1c7987947deafd8780acf49"
	sealed := newSealer(key).Seal(nil, nonce, []byte(plain), unhex(t, "50515253c0c1c2c3c4c5c6c7"))
	if hex.EncodeToString(sealed) != want {
		t.Errorf("sealed as %x", sealed)
	}
}
