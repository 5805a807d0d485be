package control

import (
	"context"
	"iter"
	"net/http"
)

// Scan is how far a scan of the network is: how many of its addresses were asked, and how many nodes have answered.
type Scan struct {
	Asked     int `json:"asked"`
	Addresses int `json:"addresses"`
	Found     int `json:"found"`
}

func (s *Server) postScan(w http.ResponseWriter, r *http.Request) {
	progress, err := s.node.Scan(r.Context())
	if err != nil {
		writeError(w, err)
		return
	}
	stream(w, progress)
}

// Scan is [Node.Scan].
func (c *Client) Scan(ctx context.Context) (iter.Seq2[Scan, error], error) {
	response, err := c.request(ctx, http.MethodPost, "/v1/scan", nil, "", contentLines)
	if err != nil {
		return nil, err
	}
	return objects[Scan](ctx, response), nil
}

// stream answers with one object a line, each as soon as there is one.
func stream[T any](w http.ResponseWriter, all iter.Seq2[T, error]) {
	out := &streamed{w: w, kind: contentLines}
	out.begin()
	rc := http.NewResponseController(w)
	for one, err := range all {
		if err == nil {
			err = encode(out, one)
		}
		if err == nil {
			err = rc.Flush()
		}
		if err != nil {
			out.end(err)
			return
		}
	}
}
