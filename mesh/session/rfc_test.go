package session

import (
	"bytes"
	"crypto/mlkem"
	"crypto/sha3"
	"encoding/hex"
	"io"
	"testing"

	"golang.org/x/crypto/chacha20poly1305"
)

// TestChaCha20Poly1305 runs the vector of RFC 8439, section 2.8.2.
func TestChaCha20Poly1305(t *testing.T) {
	key := make([]byte, chacha20poly1305.KeySize)
	for i := range key {
		key[i] = 0x80 + byte(i)
	}
	const plain = "Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, sunscreen would be it."
	const want = "d31a8d34648e60db7b86afbc53ef7ec2a4aded51296e08fea9e2b5a736ee62d63dbea45e8ca9671282fafb69da92728b1a71de0a9e060b2905d6a5b67ecd3b36" +
		"92ddbd7f2d778b8c9803aee328091b58fab324e4fad675945585808b4831d7bc3ff4def08e4b7a9de576d26586cec64b61161ae10b594f09e26a7e902ecbd0600691"
	nonce := got(hex.DecodeString("070000004041424344454647"))(t)
	aad := got(hex.DecodeString("50515253c0c1c2c3c4c5c6c7"))(t)
	aead := got(chacha20poly1305.New(key))(t)
	sealed := aead.Seal(nil, nonce, []byte(plain), aad)
	if hex.EncodeToString(sealed) != want {
		t.Errorf("sealed as %x", sealed)
	}
	if opened, err := aead.Open(nil, nonce, sealed, aad); err != nil || string(opened) != plain {
		t.Errorf("opened as %q, %v", opened, err)
	}
}

// TestMLKEM runs 100 vectors of C2SP's accumulated ones: inputs from SHAKE-128 of nothing, outputs hashed together.
func TestMLKEM(t *testing.T) {
	const want = "1114b1b6699ed191734fa339376afa7e285c9e6acf6ff0177d346696ce564415"
	in, out := sha3.NewSHAKE128(), sha3.NewSHAKE128()
	draw := func(size int) []byte {
		b := make([]byte, size)
		got(io.ReadFull(in, b))(t)
		return b
	}
	for range 100 {
		seed := draw(mlkem.SeedSize)
		dk := got(mlkem.NewDecapsulationKey768(seed))(t)
		out.Write(kemPublic(seed))
		k, ct, err := replayed(dk.EncapsulationKey(), in)
		must(t, err)
		out.Write(ct)
		out.Write(k)
		if again := got(dk.Decapsulate(ct))(t); !bytes.Equal(again, k) {
			t.Fatalf("the two ends have %x and %x", k, again)
		}
		out.Write(got(dk.Decapsulate(draw(mlkem.CiphertextSize768)))(t)) // rejected implicitly
	}
	sum := make([]byte, 32)
	got(out.Read(sum))(t)
	if hex.EncodeToString(sum) != want {
		t.Errorf("accumulated %x", sum)
	}
}
