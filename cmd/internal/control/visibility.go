package control

import (
	"context"
	"net/http"
)

// Visible is who may see this node on a network.
type Visible string

// Who may see it.
const (
	VisibleEveryone Visible = "everyone" // the name and that one is here
	VisibleContacts Visible = "contacts" // only contacts see that one is here
	VisibleNobody   Visible = "nobody"   // nobody does; one sees the others still
)

// Visibility is who may see this node, where.
type Visibility struct {
	// Here is who may see it on the networks in use: of several choices the least visible.
	Here Visible `json:"here"`
	// Chosen: that was chosen for these networks; otherwise Elsewhere holds for one of them at least.
	Chosen bool `json:"chosen"`
	// Elsewhere is who may see it on networks for which nothing was chosen.
	Elsewhere Visible `json:"elsewhere"`
	// PortKept: the port was chosen by a person and stays the same, so that this node can be recognised by it.
	PortKept bool `json:"port_kept"`
}

// visibilityBody is the request of PUT /v1/visibility.
type visibilityBody struct {
	Here      Visible `json:"here,omitempty"`
	Elsewhere Visible `json:"elsewhere,omitempty"`
}

func (s *Server) getVisibility(w http.ResponseWriter, r *http.Request) {
	v, err := s.node.Visibility(r.Context())
	answer(w, http.StatusOK, v, err)
}

func (s *Server) putVisibility(w http.ResponseWriter, r *http.Request) {
	var body visibilityBody
	if err := readBody(w, r, &body); err != nil {
		writeError(w, err)
		return
	}
	if body == (visibilityBody{}) {
		writeError(w, Errorf(CodeUsage, `say who may see you, as in {"here":"contacts"} or {"elsewhere":"nobody"}`))
		return
	}
	v, err := s.node.SetVisibility(r.Context(), body.Here, body.Elsewhere)
	answer(w, http.StatusOK, v, err)
}

// Visibility is [Node.Visibility].
func (c *Client) Visibility(ctx context.Context) (v Visibility, err error) {
	return v, c.do(ctx, http.MethodGet, "/v1/visibility", nil, &v)
}

// SetVisibility is [Node.SetVisibility].
func (c *Client) SetVisibility(ctx context.Context, here, elsewhere Visible) (v Visibility, err error) {
	return v, c.do(ctx, http.MethodPut, "/v1/visibility", visibilityBody{here, elsewhere}, &v)
}
