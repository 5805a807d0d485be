package control

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// SearchQuery says what to look for. What is zero but Words does not narrow the search.
type SearchQuery struct {
	// Words are all in what is found, in whatever case and with whatever accents.
	Words string
	// From is WHO wrote it: a contact, or our own name or id.
	From string
	// In is the contact whose conversation it is in.
	In string
	// Since and Until bound the author's clock; Until itself is out.
	Since, Until time.Time
	// N keeps the newest N; 0 is 20.
	N int
}

func (s *Server) getSearch(w http.ResponseWriter, r *http.Request) {
	q, err := parseSearchQuery(r.URL.Query())
	if err != nil {
		writeError(w, err)
		return
	}
	found, err := s.node.Search(r.Context(), q)
	if found == nil {
		found = []Message{}
	}
	answer(w, http.StatusOK, messageList{found}, err)
}

func parseSearchQuery(values url.Values) (q SearchQuery, err error) {
	moment := func(name, v string) (t time.Time) {
		if t, err = time.Parse(time.RFC3339, v); err != nil {
			err = Errorf(CodeUsage, "%s is a time such as 2026-11-22T18:00:00Z; not %q", name, v)
		}
		return t
	}
	for key, vs := range values {
		v := vs[len(vs)-1]
		switch key {
		case "q":
			q.Words = v
		case "from":
			q.From = v
		case "in":
			q.In = v
		case "since":
			q.Since = moment(key, v)
		case "until":
			q.Until = moment(key, v)
		case "n":
			if q.N, err = strconv.Atoi(v); err != nil || q.N < 1 || q.N > SearchMax {
				err = Errorf(CodeUsage, "n is how many messages, 1 to %d; not %q", SearchMax, v)
			}
		default:
			err = Errorf(CodeUsage, "there is no parameter %q here; there are q, from, in, since, until and n", key)
		}
		if err != nil {
			return q, err
		}
	}
	return q, nil
}

// Search is [Node.Search].
func (c *Client) Search(ctx context.Context, q SearchQuery) ([]Message, error) {
	query := url.Values{"q": {q.Words}}
	set := func(name, value string) {
		if value != "" {
			query.Set(name, value)
		}
	}
	set("from", q.From)
	set("in", q.In)
	if q.N != 0 {
		query.Set("n", strconv.Itoa(q.N))
	}
	if !q.Since.IsZero() {
		query.Set("since", q.Since.Format(time.RFC3339Nano))
	}
	if !q.Until.IsZero() {
		query.Set("until", q.Until.Format(time.RFC3339Nano))
	}
	var list messageList
	err := c.do(ctx, http.MethodGet, "/v1/search?"+query.Encode(), nil, &list)
	return list.Messages, err
}
