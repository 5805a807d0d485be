package relay

import (
	"testing"

	"sottovoce/mesh/pagetest"
	"sottovoce/mesh/wire"
	"sottovoce/relay/community"
	"sottovoce/relay/token"
	"sottovoce/relay/witness"
)

// TestPages: mailbox cards are what the page says.
func TestPages(t *testing.T) {
	full, err := wire.Marshal(mailboxCard{Giver: make([]byte, giverSize), Logs: []mailboxLog{
		{Community: [32]byte{1}, Addresses: []string{"pi.example:4242"}, Tokens: make([]byte, 2*token.Size)},
		{Community: [32]byte{2}, Last: &witness.Checkpoint{Cursor: 64, Day: 20800}, Card: &community.Gist{}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	pagetest.Agree(t, "08-custody#card", [][]byte{full}, func(b []byte) error {
		_, err := parseCard(b)
		return err
	})
}
