package community

import (
	"crypto/ed25519"
	"encoding/hex"
	"errors"
	"os"
	"strings"
	"testing"

	"sottovoce/mesh/goldentest"
	"sottovoce/mesh/identity"
	"sottovoce/mesh/pagetest"
	"sottovoce/mesh/wire"
)

// TestPages: what is signed, papers and join links are what the pages say. Bodies are signed here as they stand. Where a key or
// another signature is changed, that is what is wrong with them, and only that.
func TestPages(t *testing.T) {
	v := communityVectors(t)
	id := ID(v["community"])
	root, operator := rootOf(counted(0)), OperatorKeyOf(counted(96))
	device := identity.DeviceFromSeed([64]byte(goldentest.Counted(32, 64)))
	var link linkBody
	if err := linkForm.Parse(string(v["link"]), &link); err != nil {
		t.Fatal(err)
	}
	text, err := wire.Marshal(link)
	if err != nil {
		t.Fatal(err)
	}
	papers := Papers{Descriptor: v["descriptor"], Cards: [][]byte{v["card"]}, Entries: [][]byte{v["entry_1"], v["entry_2"]}, Heads: []wire.Hash{{1}, {2}}, Roster: wire.Hash{3}}
	for _, c := range []struct {
		rule    string
		vectors [][]byte
		parse   func(b []byte) error
	}{
		{"descriptor-body", bodies(t, v["descriptor"]), func(b []byte) error {
			_, err := ParseDescriptor(signed(t, root.signer, labelDescriptor, b), id)
			return err
		}},
		{"card-body", bodies(t, v["card"]), func(b []byte) error {
			_, err := parseCard(signedBy(t, device.SignKey(), labelCard, b), id)
			return err
		}},
		{"entry-body", bodies(t, v["entry_1"], v["entry_2"], v["entry_3"]), func(b []byte) error {
			_, err := parseEntry(signed(t, operator.signer, labelEntry, b), id)
			return err
		}},
		{"papers", [][]byte{papers.Bytes()}, func(b []byte) error {
			_, err := ParsePapers(b)
			return err
		}},
		{"join-link", [][]byte{text}, func(b []byte) error {
			var body linkBody
			if err := wire.Unmarshal(b, &body); err != nil {
				return err
			}
			_, err := body.link()
			return err
		}},
	} {
		t.Run(c.rule, func(t *testing.T) {
			pagetest.Agree(t, "10-communities#"+c.rule, c.vectors, func(b []byte) error {
				if err := c.parse(b); !errors.Is(err, identity.ErrSignature) {
					return err
				}
				return nil
			})
		})
	}
}

// communityVectors are those of testdata/community.txt; what is no hex is its text.
func communityVectors(t *testing.T) map[string][]byte {
	t.Helper()
	text, err := os.ReadFile("testdata/community.txt")
	if err != nil {
		t.Fatal(err)
	}
	values := map[string][]byte{}
	for line := range strings.Lines(string(text)) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		if values[name], err = hex.DecodeString(value); err != nil {
			values[name] = []byte(value)
		}
	}
	return values
}

// bodies are those of signed objects.
func bodies(t *testing.T, objects ...[]byte) (all [][]byte) {
	t.Helper()
	for _, object := range objects {
		var raw rawObject
		if err := wire.Unmarshal(object, &raw); err != nil {
			t.Fatal(err)
		}
		all = append(all, raw.Body)
	}
	return all
}

// signed is a body as a signed object, whatever it is.
func signed(t *testing.T, s signer, label string, body []byte) (object []byte) {
	t.Helper()
	s.with(func(key ed25519.PrivateKey) { object = signedBy(t, key, label, body) })
	return object
}

func signedBy(t *testing.T, key ed25519.PrivateKey, label string, body []byte) []byte {
	t.Helper()
	object, err := wire.Marshal(rawObject{Body: body, Sigs: map[uint64][]byte{1: ed25519.Sign(key, append([]byte(label), body...))}})
	if err != nil {
		t.Fatal(err)
	}
	return object
}
