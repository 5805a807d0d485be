package control

import (
	"context"
	"net/http"
)

// renameBody is the request of PATCH /v1/contacts/{who}.
type renameBody struct {
	Name *string `json:"name"`
}

func (s *Server) patchContact(w http.ResponseWriter, r *http.Request) {
	var body renameBody
	if err := readBody(w, r, &body); err != nil {
		writeError(w, err)
		return
	}
	if body.Name == nil {
		writeError(w, Errorf(CodeUsage, `give a name, as in {"name":"Uncle Bob"}, or an empty one to have theirs back`))
		return
	}
	p, err := s.node.Rename(r.Context(), r.PathValue("who"), *body.Name)
	answer(w, http.StatusOK, p, err)
}

// Contact is [Node.Contact].
func (c *Client) Contact(ctx context.Context, who string) (p Person, err error) {
	return p, c.do(ctx, http.MethodGet, "/v1/contacts/"+segment(who), nil, &p)
}

// Remove is [Node.Remove].
func (c *Client) Remove(ctx context.Context, who string) (p Person, err error) {
	return p, c.do(ctx, http.MethodDelete, "/v1/contacts/"+segment(who), nil, &p)
}

// Rename is [Node.Rename].
func (c *Client) Rename(ctx context.Context, who, name string) (p Person, err error) {
	return p, c.do(ctx, http.MethodPatch, "/v1/contacts/"+segment(who), renameBody{&name}, &p)
}

// Block is [Node.Block].
func (c *Client) Block(ctx context.Context, who string) (p Person, err error) {
	return p, c.do(ctx, http.MethodPost, "/v1/contacts/"+segment(who)+"/block", nil, &p)
}

// Unblock is [Node.Unblock].
func (c *Client) Unblock(ctx context.Context, who string) (p Person, err error) {
	return p, c.do(ctx, http.MethodPost, "/v1/contacts/"+segment(who)+"/unblock", nil, &p)
}

// Reset is [Node.Reset].
func (c *Client) Reset(ctx context.Context, who string) (p Person, err error) {
	return p, c.do(ctx, http.MethodPost, "/v1/contacts/"+segment(who)+"/reset", nil, &p)
}

// PermitReset is [Node.PermitReset].
func (c *Client) PermitReset(ctx context.Context, who string) (p Person, err error) {
	return p, c.do(ctx, http.MethodPost, "/v1/contacts/"+segment(who)+"/reset/accept", nil, &p)
}
