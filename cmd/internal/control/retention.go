package control

import (
	"context"
	"net/http"
)

// Retention is how long messages are kept and how much room they may take. Messages that wait to be sent are kept in any
// case.
type Retention struct {
	// Days after which messages go; 0 is never.
	Days int `json:"days"`
	// Disk is how many bytes of messages are kept before the oldest go; 0 is any number.
	Disk int64 `json:"disk"`
	// Used is how many bytes are in use now.
	Used int64 `json:"used"`
}

// retentionBody is the request of PUT /v1/retention.
type retentionBody struct {
	Days *int   `json:"days"`
	Disk *int64 `json:"disk"`
}

func (s *Server) getRetention(w http.ResponseWriter, r *http.Request) {
	kept, err := s.node.Retention(r.Context())
	answer(w, http.StatusOK, kept, err)
}

func (s *Server) putRetention(w http.ResponseWriter, r *http.Request) {
	var body retentionBody
	if err := readBody(w, r, &body); err != nil {
		writeError(w, err)
		return
	}
	if body.Days == nil || body.Disk == nil {
		writeError(w, Errorf(CodeUsage, `give both bounds, 0 for none, as in {"days":365,"disk":0}`))
		return
	}
	kept, err := s.node.SetRetention(r.Context(), Retention{Days: *body.Days, Disk: *body.Disk})
	answer(w, http.StatusOK, kept, err)
}

// Retention is [Node.Retention].
func (c *Client) Retention(ctx context.Context) (r Retention, err error) {
	return r, c.do(ctx, http.MethodGet, "/v1/retention", nil, &r)
}

// SetRetention is [Node.SetRetention].
func (c *Client) SetRetention(ctx context.Context, to Retention) (r Retention, err error) {
	return r, c.do(ctx, http.MethodPut, "/v1/retention", retentionBody{&to.Days, &to.Disk}, &r)
}
