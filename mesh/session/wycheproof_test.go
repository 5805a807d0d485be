package session

import (
	"bytes"
	"crypto/mlkem"
	"crypto/mlkem/mlkemtest"
	"encoding/hex"
	"encoding/json"
	"testing"

	"golang.org/x/crypto/chacha20poly1305"

	"sottovoce/mesh/needtest"
	"sottovoce/mesh/ratchet"
)

// hexBytes is a value of Project Wycheproof's files.
type hexBytes []byte

func (h *hexBytes) UnmarshalJSON(raw []byte) error {
	var s string
	if err := json.Unmarshal(raw, &s); err != nil {
		return err
	}
	b, err := hex.DecodeString(s)
	*h = b
	return err
}

type wycheproofCase struct {
	ID      int    `json:"tcId"`
	Comment string `json:"comment"`
	Result  string `json:"result"`

	Public, Private, Shared    hexBytes
	Seed, EK, C, K, M          hexBytes
	Key, IV, AAD, Msg, CT, Tag hexBytes
	IKM, Salt, Info, OKM       hexBytes
	Size                       int
	tagSize, keySize           int
}

// wycheproof reads a file of cases beside the repository; without it the test
// is skipped.
func wycheproof(t *testing.T, name string) (cases []wycheproofCase) {
	t.Helper()
	raw := needtest.Vectors(t, name)
	var file struct {
		TestGroups []struct {
			TagSize, KeySize int
			Tests            []wycheproofCase
		}
	}
	must(t, json.Unmarshal(raw, &file))
	for _, g := range file.TestGroups {
		for _, c := range g.Tests {
			c.tagSize, c.keySize = g.TagSize/8, g.KeySize/8
			cases = append(cases, c)
		}
	}
	if len(cases) == 0 {
		t.Fatal("no cases")
	}
	return cases
}

func TestWycheproofX25519(t *testing.T) {
	for _, c := range wycheproof(t, "x25519_test.json") {
		shared, err := ratchet.Agree(Secret(c.Private), [32]byte(c.Public))
		if zero := bytes.Equal(c.Shared, make([]byte, 32)); zero != (err != nil) {
			t.Errorf("%d %s: %v", c.ID, c.Comment, err)
		} else if !zero && !bytes.Equal(shared[:], c.Shared) {
			t.Errorf("%d %s: another secret", c.ID, c.Comment)
		}
	}
}

func TestWycheproofMLKEM(t *testing.T) {
	for _, c := range wycheproof(t, "mlkem_768_test.json") {
		dk, err := mlkem.NewDecapsulationKey768(c.Seed)
		var k []byte
		if err == nil {
			k, err = dk.Decapsulate(c.C)
		}
		if valid := c.Result == "valid"; valid != (err == nil) {
			t.Errorf("%d: %v", c.ID, err)
		} else if valid && (!bytes.Equal(k, c.K) || !bytes.Equal(kemPublic(c.Seed), c.EK)) {
			t.Errorf("%d %s: another key", c.ID, c.Comment)
		}
	}
	for _, c := range wycheproof(t, "mlkem_768_encaps_test.json") {
		ek, err := mlkem.NewEncapsulationKey768(c.EK)
		var k, ct []byte
		if err == nil {
			k, ct, err = mlkemtest.Encapsulate768(ek, c.M)
		}
		if valid := c.Result == "valid"; valid != (err == nil) {
			t.Errorf("%d: %v", c.ID, err)
		} else if valid && (!bytes.Equal(k, c.K) || !bytes.Equal(ct, c.C)) {
			t.Errorf("%d %s: another key", c.ID, c.Comment)
		}
	}
}

func TestWycheproofChaCha20Poly1305(t *testing.T) {
	for _, c := range wycheproof(t, "chacha20_poly1305_test.json") {
		if len(c.IV) != chacha20poly1305.NonceSize {
			continue // we know no other
		}
		aead := got(chacha20poly1305.New(c.Key))(t)
		plain, err := aead.Open(nil, c.IV, append(bytes.Clone(c.CT), c.Tag...), c.AAD)
		if valid := c.Result == "valid"; valid != (err == nil) || valid && !bytes.Equal(plain, c.Msg) {
			t.Errorf("%d %s: %v", c.ID, c.Comment, err)
		}
		if sealed := aead.Seal(nil, c.IV, c.Msg, c.AAD); c.Result == "valid" && !bytes.Equal(sealed, append(bytes.Clone(c.CT), c.Tag...)) {
			t.Errorf("%d %s: sealed otherwise", c.ID, c.Comment)
		}
	}
}

func TestWycheproofHKDF(t *testing.T) {
	for _, c := range wycheproof(t, "hkdf_sha256_test.json") {
		if c.Size > 255*32 {
			continue // a panic of ours; TestDeriveTooMuch
		}
		okm := ratchet.Derive(c.IKM, c.Salt, string(c.Info), c.Size)
		if same := bytes.Equal(okm, c.OKM); same != (c.Result == "valid") {
			t.Errorf("%d %s", c.ID, c.Comment)
		}
	}
}

func TestWycheproofHMAC(t *testing.T) {
	for _, c := range wycheproof(t, "hmac_sha256_test.json") {
		mac := ratchet.MAC(c.Key, c.Msg)
		if same := bytes.Equal(mac[:len(c.Tag)], c.Tag); same != (c.Result == "valid") {
			t.Errorf("%d %s", c.ID, c.Comment)
		}
	}
}
