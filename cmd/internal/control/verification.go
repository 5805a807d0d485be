package control

import (
	"context"
	"net/http"
)

// Verifier is what a [Node] does to tell who a contact is.
type Verifier interface {
	// Verification tells the safety words, and how far a comparison of emoji is.
	Verification(ctx context.Context, who string) (Verification, error)
	// Compare begins to compare emoji with a contact, or joins what they have begun. How it goes on is told by events. Who
	// is not connected is CodeTimeout; too many tries, or keys that are to be decided about, CodeRefused.
	Compare(ctx context.Context, who string) (Comparison, error)
	// Decide takes the person's answer. One to a comparison that is over is CodeRefused.
	Decide(ctx context.Context, who string, d Decision) (Person, error)
}

// Keys says how a contact's keys stand to those that were known.
type Keys string

// Strangers have none.
const (
	KeysOK      Keys = "ok"
	KeysChanged Keys = "changed" // as their old keys said; nobody has compared since
	KeysAlarm   Keys = "alarm"   // and their old keys do not vouch for it: nothing is sent until the person decides
)

// Symbol is an emoji with its names.
type Symbol struct {
	Emoji   string `json:"emoji"`
	English string `json:"en"`
	Italian string `json:"it"`
}

// ComparisonState says how far the comparing of emoji is.
type ComparisonState string

// The states. Matched and Ended come in events only, once.
const (
	ComparisonNone    ComparisonState = "none"
	ComparisonAsked   ComparisonState = "asked"     // we wait for them
	ComparisonInvited ComparisonState = "invited"   // they wait for us
	ComparisonJoined  ComparisonState = "joined"    // both have begun
	ComparisonShown   ComparisonState = "comparing" // the emoji are there
	ComparisonMatched ComparisonState = "matched"
	ComparisonEnded   ComparisonState = "ended"
)

// Comparison is the comparing of emoji with a contact as it stands.
type Comparison struct {
	// ID names it in a Decision; empty when there is none.
	ID    string          `json:"id,omitempty"`
	State ComparisonState `json:"state"`
	// Emoji are the seven to be compared, while they are.
	Emoji []Symbol `json:"emoji,omitempty"`
	// Reason says why it ended.
	Reason string `json:"reason,omitempty"`
}

// Verification is what a person can go by to tell who a contact is.
type Verification struct {
	Person     Person     `json:"person"`
	Comparison Comparison `json:"comparison"`
	// Words are the same on the other side, unless somebody is in between.
	Words []Symbol `json:"words"`
}

// Answer is what a person decides.
type Answer string

// The answers. The first two are to a comparison, which they name.
const (
	AnswerMatch  Answer = "match"         // the emoji are the same on both sides
	AnswerDiffer Answer = "differ"        // they are not
	AnswerStop   Answer = "stop"          // not now
	AnswerWords  Answer = "words"         // the safety words are the same on both sides
	AnswerUndo   Answer = "undo"          // verified no more
	AnswerAccept Answer = "accept-change" // go on though the keys have changed
)

// Decision is a person's answer.
type Decision struct {
	Answer     Answer `json:"answer"`
	Comparison string `json:"comparison,omitempty"`
}

func (s *Server) getVerification(w http.ResponseWriter, r *http.Request) {
	v, err := s.node.Verification(r.Context(), r.PathValue("who"))
	answer(w, http.StatusOK, v, err)
}

func (s *Server) postCompare(w http.ResponseWriter, r *http.Request) {
	c, err := s.node.Compare(r.Context(), r.PathValue("who"))
	answer(w, http.StatusOK, c, err)
}

func (s *Server) postDecide(w http.ResponseWriter, r *http.Request) {
	var d Decision
	if err := readBody(w, r, &d); err != nil {
		writeError(w, err)
		return
	}
	switch d.Answer {
	case AnswerMatch, AnswerDiffer, AnswerStop, AnswerWords, AnswerUndo, AnswerAccept:
	default:
		writeError(w, Errorf(CodeUsage, `answer match, differ, stop, words, undo or accept-change, as in {"answer":"words"}`))
		return
	}
	p, err := s.node.Decide(r.Context(), r.PathValue("who"), d)
	answer(w, http.StatusOK, p, err)
}

// Verification is [Verifier.Verification].
func (c *Client) Verification(ctx context.Context, who string) (v Verification, err error) {
	return v, c.do(ctx, http.MethodGet, "/v1/contacts/"+segment(who)+"/verification", nil, &v)
}

// Compare is [Verifier.Compare].
func (c *Client) Compare(ctx context.Context, who string) (x Comparison, err error) {
	return x, c.do(ctx, http.MethodPost, "/v1/contacts/"+segment(who)+"/verification/compare", nil, &x)
}

// Decide is [Verifier.Decide].
func (c *Client) Decide(ctx context.Context, who string, d Decision) (p Person, err error) {
	return p, c.do(ctx, http.MethodPost, "/v1/contacts/"+segment(who)+"/verification/decide", d, &p)
}
