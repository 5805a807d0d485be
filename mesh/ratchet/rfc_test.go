package ratchet

import (
	"bytes"
	"encoding/hex"
	"strings"
	"testing"
)

func unhex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	must(t, err)
	return b
}

// TestX25519 runs the vectors of RFC 7748, sections 5.2 and 6.1.
func TestX25519(t *testing.T) {
	alice := unhex(t, "77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a")
	bob := unhex(t, "5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb")
	alicePublic := unhex(t, "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a")
	bobPublic := unhex(t, "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f")
	for _, v := range []struct{ private, public []byte }{{alice, alicePublic}, {bob, bobPublic}} {
		if got := Public(Secret(v.private)); !bytes.Equal(got[:], v.public) {
			t.Errorf("the public key of %x is %x", v.private, got)
		}
	}
	for _, v := range []struct {
		private, public []byte
		shared          string
	}{
		{alice, bobPublic, "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742"},
		{bob, alicePublic, "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742"},
		{
			unhex(t, "a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4"),
			unhex(t, "e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c"),
			"c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552",
		},
	} {
		shared, err := Agree(Secret(v.private), [32]byte(v.public))
		if err != nil || hex.EncodeToString(shared[:]) != v.shared {
			t.Errorf("%x and %x make %x, %v", v.private, v.public, shared[:], err)
		}
	}
}

// TestHKDF runs the vectors of RFC 5869 for SHA-256, A.1 and A.3.
func TestHKDF(t *testing.T) {
	ikm := bytes.Repeat([]byte{0x0b}, 22)
	for _, v := range []struct{ salt, info, okm string }{
		{"000102030405060708090a0b0c", "f0f1f2f3f4f5f6f7f8f9", "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865"},
		{"", "", "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8"},
	} {
		if got := Derive(ikm, unhex(t, v.salt), string(unhex(t, v.info)), 42); hex.EncodeToString(got) != v.okm {
			t.Errorf("derived %x", got)
		}
	}
}

// TestHMAC runs the vectors of RFC 4231, 4.2, 4.3 and 4.7.
func TestHMAC(t *testing.T) {
	for _, v := range []struct{ key, message, mac string }{
		{strings.Repeat("\x0b", 20), "Hi There", "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"},
		{"Jefe", "what do ya want for nothing?", "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"},
		{strings.Repeat("\xaa", 131), "Test Using Larger Than Block-Size Key - Hash Key First", "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"},
	} {
		if got := MAC([]byte(v.key), []byte(v.message)); hex.EncodeToString(got) != v.mac {
			t.Errorf("%q gets %x", v.message, got)
		}
	}
}
