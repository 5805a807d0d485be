package control

import (
	"context"
	"net/http"
	"time"
)

// Invite is a contact link that we gave out: who uses it first becomes a contact.
type Invite struct {
	// ID is link-…
	ID string `json:"id"`
	// Link is the text to hand out; empty once it cannot be used any more. It is a secret.
	Link    string    `json:"link"`
	Made    time.Time `json:"made"`
	Expires time.Time `json:"expires"`
	Used    bool      `json:"used"`
	// By is what whoever used it calls themselves, neutralised.
	By string `json:"by,omitempty"`
	// Twice: somebody else came with it, too.
	Twice bool `json:"twice,omitempty"`
	// Away is the supernode that answers the link while we are away; absent where none does.
	Away *Shelf `json:"away,omitempty"`
	// Alone says, of a new link, why none does.
	Alone string `json:"alone,omitempty"`
}

// Shelf is a supernode that answers a link.
type Shelf struct {
	Supernode string `json:"supernode"`
	// Address is where whoever uses the link finds it.
	Address string `json:"address"`
	// Kept: it holds what it takes. Else it is asked again as long as the link lives.
	Kept bool `json:"kept"`
}

// inviteBody is the request of POST /v1/invites.
type inviteBody struct {
	Seconds int64 `json:"seconds,omitempty"`
}

// secondsMax keeps what is asked for within a time.Duration; how long a link may live is the node's to say.
const secondsMax = 1 << 32

func (s *Server) postInvites(w http.ResponseWriter, r *http.Request) {
	var body inviteBody
	if err := readBody(w, r, &body); err != nil {
		writeError(w, err)
		return
	}
	if body.Seconds < 0 || body.Seconds > secondsMax {
		writeError(w, Errorf(CodeUsage, "seconds is how long the link is answered: 60 to 604800, or 0 for a day"))
		return
	}
	made, err := s.node.Invite(r.Context(), time.Duration(body.Seconds)*time.Second)
	answer(w, http.StatusCreated, made, err)
}

// inviteList is the answer of GET /v1/invites.
type inviteList struct {
	Invites []Invite `json:"invites"`
}

func (s *Server) getInvites(w http.ResponseWriter, r *http.Request) {
	all, err := s.node.Invites(r.Context())
	if all == nil {
		all = []Invite{}
	}
	answer(w, http.StatusOK, inviteList{all}, err)
}

func (s *Server) deleteInvite(w http.ResponseWriter, r *http.Request) {
	was, err := s.node.Revoke(r.Context(), r.PathValue("id"))
	answer(w, http.StatusOK, was, err)
}

// Invite is [Node.Invite].
func (c *Client) Invite(ctx context.Context, life time.Duration) (i Invite, err error) {
	return i, c.do(ctx, http.MethodPost, "/v1/invites", inviteBody{int64(life / time.Second)}, &i)
}

// Invites is [Node.Invites].
func (c *Client) Invites(ctx context.Context) ([]Invite, error) {
	var list inviteList
	err := c.do(ctx, http.MethodGet, "/v1/invites", nil, &list)
	return list.Invites, err
}

// Revoke is [Node.Revoke].
func (c *Client) Revoke(ctx context.Context, id string) (i Invite, err error) {
	return i, c.do(ctx, http.MethodDelete, "/v1/invites/"+segment(id), nil, &i)
}

// introductionBody is the request of POST /v1/introductions.
type introductionBody struct {
	Who   string `json:"who"`
	Other string `json:"other"`
}

func (s *Server) postIntroductions(w http.ResponseWriter, r *http.Request) {
	var body introductionBody
	if err := readBody(w, r, &body); err != nil {
		writeError(w, err)
		return
	}
	if body.Who == "" || body.Other == "" {
		writeError(w, Errorf(CodeUsage, `say which two, as in {"who":"Anna","other":"Bob"}`))
		return
	}
	two, err := s.node.Introduce(r.Context(), body.Who, body.Other)
	answer(w, http.StatusOK, peopleList{two}, err)
}

// Introduce is [Node.Introduce].
func (c *Client) Introduce(ctx context.Context, who, other string) ([]Person, error) {
	var list peopleList
	err := c.do(ctx, http.MethodPost, "/v1/introductions", introductionBody{who, other}, &list)
	return list.People, err
}
