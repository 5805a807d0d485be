package contact

import (
	"encoding/base32"
	"errors"
	"strings"
	"testing"

	"sottovoce/mesh/linktext"
	"sottovoce/mesh/pagetest"
	"sottovoce/mesh/wire"
)

// TestPages: contact links are what the page says.
func TestPages(t *testing.T) {
	link, err := wire.Marshal(linkBody{Secret: [32]byte{1}, Until: 20800, Door: &Door{Addresses: []string{"pi.example:4242"}}})
	if err != nil {
		t.Fatal(err)
	}
	pagetest.Agree(t, "05-contacts#contact-link", [][]byte{link}, func(b []byte) error {
		b = append([]byte{linkVersion}, b...)
		sum := wire.HashOf(labelLink, b)
		text := base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(append(b, sum[:4]...))
		_, err := ParseInvite(linktext.Scheme + strings.ToLower(text))
		if err != nil && !errors.Is(err, ErrLink) && !errors.Is(err, wire.ErrNewer) {
			t.Error(err)
		}
		return err
	})
}
