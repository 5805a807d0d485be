package control

import (
	"context"
	"net/http"
	"strings"
	"time"
)

// Copy is a message on its way to one device of its recipient. Times that have not come are left out.
type Copy struct {
	To     Person `json:"to"`
	Device string `json:"device"` // peer-…
	State  State  `json:"state"`
	// Reason says why it expired or failed.
	Reason string `json:"reason,omitempty"`
	// HeldBy names the supernodes that signed for it, HeldUntil is the last day, in UTC, on which one of them keeps it.
	HeldBy    Strings   `json:"held_by"`
	HeldUntil time.Time `json:"held_until,omitzero"`
	// Via is the way there is now, Tries how often the copy was sent on it.
	Via   Via `json:"via"`
	Tries int `json:"tries"`
	// Waits says in plain words what it waits for; empty when nothing more is to come.
	Waits string `json:"waits"`
	// Seen is when the device was last reached.
	Seen      *time.Time `json:"seen,omitempty"`
	Queued    *time.Time `json:"queued,omitempty"`
	Sealed    *time.Time `json:"sealed,omitempty"`
	Delivered *time.Time `json:"delivered,omitempty"`
	Read      *time.Time `json:"read,omitempty"`
}

// Journey is all that is known of one message: ours has copies, theirs the time when it came here.
type Journey struct {
	Message  Message    `json:"message"`
	Received *time.Time `json:"received,omitempty"`
	Copies   []Copy     `json:"copies"`
}

// MarshalJSON writes no copies as [] and never as null.
func (j Journey) MarshalJSON() ([]byte, error) {
	type plain Journey
	if j.Copies == nil {
		j.Copies = []Copy{}
	}
	return marshal(plain(j))
}

// Reading is how far a conversation has been read.
type Reading struct {
	With Person `json:"with"`
	// ID is the last message of theirs that has been read; empty if there is none.
	ID string `json:"id"`
	// Shared tells whether they are told.
	Shared bool `json:"shared"`
	// Unread counts what of theirs stands behind it, up to [UnreadMax].
	Unread int `json:"unread"`
}

func (s *Server) getJourney(w http.ResponseWriter, r *http.Request) {
	j, err := s.node.Journey(r.Context(), r.PathValue("id"))
	answer(w, http.StatusOK, j, err)
}

func (s *Server) postRead(part string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		reading, err := s.node.Read(r.Context(), r.PathValue(part))
		answer(w, http.StatusOK, reading, err)
	}
}

// typingBody is the request of POST /v1/conversations/{to}/typing.
type typingBody struct {
	Typing bool `json:"typing"`
}

func (s *Server) postTyping(w http.ResponseWriter, r *http.Request) {
	var body typingBody
	err := readBody(w, r, &body)
	if err == nil {
		err = s.node.Typing(r.Context(), r.PathValue("to"), body.Typing)
	}
	if err != nil {
		writeError(w, err)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// Typing is [Node.Typing].
func (c *Client) Typing(ctx context.Context, to string, typing bool) error {
	return c.do(ctx, http.MethodPost, "/v1/conversations/"+segment(to)+"/typing", typingBody{typing}, nil)
}

// Journey is [Node.Journey].
func (c *Client) Journey(ctx context.Context, id string) (j Journey, err error) {
	return j, c.do(ctx, http.MethodGet, "/v1/messages/"+segment(id)+"/journey", nil, &j)
}

// Read is [Node.Read].
func (c *Client) Read(ctx context.Context, what string) (r Reading, err error) {
	path := "/v1/conversations/" + segment(what) + "/read"
	if strings.HasPrefix(what, "msg-") {
		path = "/v1/messages/" + segment(what) + "/read"
	}
	return r, c.do(ctx, http.MethodPost, path, nil, &r)
}
