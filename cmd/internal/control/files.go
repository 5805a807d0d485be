package control

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"iter"
	"net/http"
)

// backupBody is the request of POST /v1/backup.
type backupBody struct {
	Passphrase Passphrase `json:"passphrase"`
}

func (s *Server) postBackup(w http.ResponseWriter, r *http.Request) {
	var body backupBody
	if err := readBody(w, r, &body); err != nil {
		writeError(w, err)
		return
	}
	defer clear(body.Passphrase)
	if len(body.Passphrase) == 0 {
		writeError(w, Errorf(CodeUsage, `give a passphrase for the backup, as in {"passphrase":"…"}`))
		return
	}
	out := &streamed{w: w, kind: "application/octet-stream"}
	out.end(s.node.Backup(r.Context(), body.Passphrase, out))
}

func (s *Server) getExport(w http.ResponseWriter, r *http.Request) {
	messages, err := s.node.Export(r.Context(), r.PathValue("to"))
	if err != nil {
		writeError(w, err)
		return
	}
	out := &streamed{w: w, kind: contentLines}
	out.begin()
	for m, err := range messages {
		if err == nil {
			err = encode(out, m)
		}
		if err != nil {
			out.end(err)
			return
		}
	}
}

// streamed is an answer of any length. Its header goes out with the first byte; what goes wrong after that breaks the
// connection, so that nobody takes a part for the whole.
type streamed struct {
	w     http.ResponseWriter
	kind  string
	begun bool
}

func (s *streamed) begin() {
	s.begun = true
	s.w.Header().Set("Content-Type", s.kind)
	s.w.Header().Set("Cache-Control", "no-store")
	s.w.WriteHeader(http.StatusOK)
}

func (s *streamed) Write(b []byte) (int, error) {
	if !s.begun {
		s.begin()
	}
	return s.w.Write(b)
}

func (s *streamed) end(err error) {
	switch {
	case err != nil && s.begun:
		panic(http.ErrAbortHandler)
	case err != nil:
		writeError(s.w, err)
	}
}

// Backup is [Node.Backup].
func (c *Client) Backup(ctx context.Context, passphrase Passphrase, w io.Writer) error {
	body, err := marshal(backupBody{passphrase})
	if err != nil {
		return AsError(err)
	}
	defer clear(body)
	response, err := c.request(ctx, http.MethodPost, "/v1/backup", bytes.NewReader(body), "application/json", "")
	if err != nil {
		return err
	}
	defer response.Body.Close()
	// What the writer says is not the node's fault.
	written := &failing{w: w}
	if _, err := io.Copy(written, response.Body); err != nil {
		if written.err != nil {
			return written.err
		}
		return explain(ctx, err)
	}
	return nil
}

// failing is a writer that remembers why it failed.
type failing struct {
	w   io.Writer
	err error
}

func (f *failing) Write(b []byte) (n int, err error) {
	n, f.err = f.w.Write(b)
	return n, f.err
}

// Export is [Node.Export].
func (c *Client) Export(ctx context.Context, to string) (iter.Seq2[Message, error], error) {
	response, err := c.request(ctx, http.MethodGet, "/v1/conversations/"+segment(to)+"/export", nil, "", contentLines)
	if err != nil {
		return nil, err
	}
	return objects[Message](ctx, response), nil
}

// objects reads the lines of an answer, one object each.
func objects[T any](ctx context.Context, response *http.Response) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		defer response.Body.Close()
		in := bufio.NewReaderSize(response.Body, 64<<10)
		for {
			raw, err := in.ReadBytes('\n')
			if errors.Is(err, io.EOF) && len(raw) == 0 {
				return
			}
			var object T
			if err == nil {
				err = json.Unmarshal(raw, &object)
			}
			if err != nil {
				var none T
				yield(none, explain(ctx, err))
				return
			}
			if !yield(object, nil) {
				return
			}
		}
	}
}
