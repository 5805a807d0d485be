package control

import (
	"context"
	"iter"
	"net/http"
	"path/filepath"
)

// Carried is how far blobs were brought to a file or from it.
type Carried struct {
	// Done of Total are bytes.
	Done  int64 `json:"done"`
	Total int64 `json:"total"`
	// Of an import: New blobs were not here, Known ones were, and Refused ones were not taken: past their day, deleted since,
	// damaged, or of a community that is not served here.
	New     int `json:"new,omitempty"`
	Known   int `json:"known,omitempty"`
	Refused int `json:"refused,omitempty"`
	// Cut: the file of an import ends in the middle, or is damaged there; what comes before was taken.
	Cut bool `json:"cut,omitempty"`
	// Error is why it ended too early; what was done by then stays, and the same again goes on from there.
	Error *Error `json:"error,omitempty"`
}

// fileBody is the request of POST /v1/supernode/export and import.
type fileBody struct {
	File string `json:"file"`
}

func (s *SupernodeServer) postExport(w http.ResponseWriter, r *http.Request) {
	if body, ok := readFile(w, r); ok {
		stream(w, told(s.node.Export(r.Context(), body.File)))
	}
}

func (s *SupernodeServer) postImport(w http.ResponseWriter, r *http.Request) {
	if body, ok := readFile(w, r); ok {
		stream(w, told(s.node.Import(r.Context(), body.File)))
	}
}

// readFile reads which file is meant, or has answered why not.
func readFile(w http.ResponseWriter, r *http.Request) (body fileBody, ok bool) {
	if err := readBody(w, r, &body); err != nil {
		writeError(w, err)
		return body, false
	}
	if !filepath.IsAbs(body.File) {
		writeError(w, Errorf(CodeUsage, `give the whole path of a file, as in {"file":"/media/stick/orchard"}`))
		return body, false
	}
	return body, true
}

// told makes an error the last thing that is told: the connection stays whole.
func told(all iter.Seq2[Carried, error]) iter.Seq2[Carried, error] {
	return func(yield func(Carried, error) bool) {
		for c, err := range all {
			if c.Error = AsError(err); !yield(c, nil) {
				return
			}
		}
	}
}

// Export is [Supernode.Export].
func (c *SupernodeClient) Export(ctx context.Context, file string) iter.Seq2[Carried, error] {
	return c.carry(ctx, "/v1/supernode/export", fileBody{file})
}

// Import is [Supernode.Import].
func (c *SupernodeClient) Import(ctx context.Context, file string) iter.Seq2[Carried, error] {
	return c.carry(ctx, "/v1/supernode/import", fileBody{file})
}

func (c *SupernodeClient) carry(ctx context.Context, path string, body fileBody) iter.Seq2[Carried, error] {
	return func(yield func(Carried, error) bool) {
		response, err := c.client.post(ctx, path, body)
		if err != nil {
			yield(Carried{}, c.worded(err))
			return
		}
		for one, err := range objects[Carried](ctx, response) {
			if err == nil && one.Error != nil {
				err = one.Error
			}
			if !yield(one, c.worded(err)) || err != nil {
				return
			}
		}
	}
}
