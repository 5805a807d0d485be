package control

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
)

// Passphrase is what a person opens the home with. It prints as a word; only JSON carries it.
type Passphrase []byte

const passphraseWord = "control.Passphrase(hidden)"

// Format hides the passphrase, whatever the verb.
func (Passphrase) Format(f fmt.State, _ rune) { fmt.Fprint(f, passphraseWord) }

// MarshalJSON writes a JSON string.
func (p Passphrase) MarshalJSON() ([]byte, error) { return marshal(string(p)) }

// UnmarshalJSON reads a JSON string.
func (p *Passphrase) UnmarshalJSON(b []byte) error {
	var text string
	if err := json.Unmarshal(b, &text); err != nil {
		return err
	}
	*p = Passphrase(text)
	return nil
}

// passphraseBody is the request of PUT /v1/passphrase.
type passphraseBody struct {
	Current Passphrase `json:"current"`
	New     Passphrase `json:"new"`
}

func (s *Server) putPassphrase(w http.ResponseWriter, r *http.Request) {
	var body passphraseBody
	if err := readBody(w, r, &body); err != nil {
		writeError(w, err)
		return
	}
	defer clear(body.Current)
	defer clear(body.New)
	if err := s.node.SetPassphrase(r.Context(), body.Current, body.New); err != nil {
		writeError(w, err)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// SetPassphrase is [Node.SetPassphrase].
func (c *Client) SetPassphrase(ctx context.Context, current, next Passphrase) error {
	return c.do(ctx, http.MethodPut, "/v1/passphrase", passphraseBody{current, next}, nil)
}
