package control

import (
	"context"
	"iter"
	"net/http"
)

// Verdict is how one thing stands that the doctor looked at.
type Verdict string

// The verdicts.
const (
	VerdictOK      Verdict = "ok"
	VerdictWarn    Verdict = "warn"    // works, and may not for long or for everybody
	VerdictBad     Verdict = "bad"     // keeps people from finding or reaching each other
	VerdictUnknown Verdict = "unknown" // could not be tested
)

// Finding is what the doctor says of one thing. docs/doctor.md lists all there are.
type Finding struct {
	// Check is what was looked at, and Cause what was found, as words for programs.
	Check   string  `json:"check"`
	Cause   string  `json:"cause"`
	Verdict Verdict `json:"verdict"`
	// On is the interface, address family or person meant where a check has several findings.
	On string `json:"on,omitempty"`
	// Says is what holds, Why why it matters, and Do what to do, each in one line; where all is well there is only the first.
	Says string `json:"says"`
	Why  string `json:"why,omitempty"`
	Do   string `json:"do,omitempty"`
}

func (s *Server) getDoctor(w http.ResponseWriter, r *http.Request) {
	findings, err := s.node.Doctor(r.Context())
	if err != nil {
		writeError(w, err)
		return
	}
	stream(w, findings)
}

// Doctor is [Node.Doctor].
func (c *Client) Doctor(ctx context.Context) (iter.Seq2[Finding, error], error) {
	response, err := c.request(ctx, http.MethodGet, "/v1/doctor", nil, "", contentLines)
	if err != nil {
		return nil, err
	}
	return objects[Finding](ctx, response), nil
}
