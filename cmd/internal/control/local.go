package control

import (
	"context"
	"net/http"
)

// LocalOnly says whether the node sends nothing beyond the networks it stands on.
type LocalOnly struct {
	On bool `json:"on"`
}

// UsedInterface is a network interface in use.
type UsedInterface struct {
	Name string `json:"name"`
	// Endpoints are the UDP addresses where others reach us by it.
	Endpoints Strings `json:"endpoints"`
}

// localBody is the request of PUT /v1/local-only.
type localBody struct {
	On *bool `json:"on"`
}

func (s *Server) getLocalOnly(w http.ResponseWriter, r *http.Request) {
	on, err := s.node.LocalOnly(r.Context())
	answer(w, http.StatusOK, LocalOnly{on}, err)
}

func (s *Server) putLocalOnly(w http.ResponseWriter, r *http.Request) {
	var body localBody
	if err := readBody(w, r, &body); err != nil {
		writeError(w, err)
		return
	}
	if body.On == nil {
		writeError(w, Errorf(CodeUsage, `say whether, as in {"on":true}`))
		return
	}
	err := s.node.SetLocalOnly(r.Context(), *body.On)
	answer(w, http.StatusOK, LocalOnly{*body.On}, err)
}

// LocalOnly is [Node.LocalOnly].
func (c *Client) LocalOnly(ctx context.Context) (bool, error) {
	var l LocalOnly
	err := c.do(ctx, http.MethodGet, "/v1/local-only", nil, &l)
	return l.On, err
}

// SetLocalOnly is [Node.SetLocalOnly].
func (c *Client) SetLocalOnly(ctx context.Context, on bool) error {
	var l LocalOnly
	return c.do(ctx, http.MethodPut, "/v1/local-only", localBody{&on}, &l)
}
