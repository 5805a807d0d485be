package control

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"iter"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Client speaks to the node that runs for a home. It is a Node itself; every error it returns is an [*Error].
// It is safe for concurrent use.
type Client struct {
	http *http.Client
}

var _ Node = (*Client)(nil)

// NewClient makes a client for the node of a home. It connects when it is first asked something.
func NewClient(home string) *Client {
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		path, err := socketPath(home)
		if err != nil {
			return nil, err
		}
		return new(net.Dialer).DialContext(ctx, "unix", path)
	}
	return &Client{&http.Client{Transport: &http.Transport{DialContext: dial, DisableCompression: true}}}
}

// Close lets go of idle connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Version asks which program runs there.
func (c *Client) Version(ctx context.Context) (v Version, err error) {
	return v, c.do(ctx, http.MethodGet, "/v1/version", nil, &v)
}

// Me is [Node.Me].
func (c *Client) Me(ctx context.Context) (me Me, err error) {
	return me, c.do(ctx, http.MethodGet, "/v1/me", nil, &me)
}

// SetName is [Node.SetName].
func (c *Client) SetName(ctx context.Context, name string) (me Me, err error) {
	return me, c.do(ctx, http.MethodPatch, "/v1/me", meBody{Name: name}, &me)
}

// SetShare is [Node.SetShare].
func (c *Client) SetShare(ctx context.Context, share Share) (me Me, err error) {
	return me, c.do(ctx, http.MethodPatch, "/v1/me", meBody{Share: share}, &me)
}

// Status is [Node.Status].
func (c *Client) Status(ctx context.Context) (s Status, err error) {
	return s, c.do(ctx, http.MethodGet, "/v1/status", nil, &s)
}

// Nearby is [Node.Nearby].
func (c *Client) Nearby(ctx context.Context) ([]Person, error) {
	return c.people(ctx, "/v1/nearby")
}

// Contacts is [Node.Contacts].
func (c *Client) Contacts(ctx context.Context) ([]Person, error) {
	return c.people(ctx, "/v1/contacts")
}

// Requests is [Node.Requests].
func (c *Client) Requests(ctx context.Context) ([]Person, error) {
	return c.people(ctx, "/v1/requests")
}

func (c *Client) people(ctx context.Context, path string) ([]Person, error) {
	var list peopleList
	err := c.do(ctx, http.MethodGet, path, nil, &list)
	return list.People, err
}

// Add is [Node.Add].
func (c *Client) Add(ctx context.Context, who string) (p Person, err error) {
	return p, c.do(ctx, http.MethodPost, "/v1/contacts", whoBody{who}, &p)
}

// Accept is [Node.Accept].
func (c *Client) Accept(ctx context.Context, who string) (p Person, err error) {
	return p, c.do(ctx, http.MethodPost, "/v1/requests/"+segment(who)+"/accept", nil, &p)
}

// Decline is [Node.Decline].
func (c *Client) Decline(ctx context.Context, who string) (p Person, err error) {
	return p, c.do(ctx, http.MethodPost, "/v1/requests/"+segment(who)+"/decline", nil, &p)
}

// Message is [Node.Message].
func (c *Client) Message(ctx context.Context, id string) (m Message, err error) {
	return m, c.do(ctx, http.MethodGet, "/v1/messages/"+segment(id), nil, &m)
}

// Conversations is [Node.Conversations].
func (c *Client) Conversations(ctx context.Context) ([]Overview, error) {
	var list overviewList
	err := c.do(ctx, http.MethodGet, "/v1/conversations", nil, &list)
	return list.Conversations, err
}

// Log is [Node.Log].
func (c *Client) Log(ctx context.Context, to string, q LogQuery) ([]Message, error) {
	query := url.Values{}
	if q.N != 0 {
		query.Set("n", strconv.Itoa(q.N))
	}
	if q.First != 0 {
		query.Set("first", strconv.Itoa(q.First))
	}
	if q.After != "" {
		query.Set("after", q.After)
	}
	if q.Before != "" {
		query.Set("before", q.Before)
	}
	if !q.Since.IsZero() {
		query.Set("since", q.Since.Format(time.RFC3339Nano))
	}
	var list messageList
	err := c.do(ctx, http.MethodGet, "/v1/conversations/"+segment(to)+"/messages?"+query.Encode(), nil, &list)
	return list.Messages, err
}

// Down is [Node.Down].
func (c *Client) Down(ctx context.Context) error {
	return c.do(ctx, http.MethodPost, "/v1/down", nil, nil)
}

// Send is [Node.Send]. When the connection breaks, the results that did not arrive carry that error: their messages may
// be on the node's disk or not.
func (c *Client) Send(ctx context.Context, batch []Outgoing) []SendResult {
	results := make([]SendResult, len(batch))
	var body bytes.Buffer
	for _, out := range batch {
		// A bytes.Buffer takes everything and an Outgoing is always JSON.
		_ = encode(&body, out)
	}
	response, err := c.request(ctx, http.MethodPost, "/v1/messages", &body, contentLines, "")
	if err != nil {
		for i := range results {
			results[i].Err = err
		}
		return results
	}
	defer response.Body.Close()
	in := bufio.NewReader(response.Body)
	for i := range results {
		raw, err := in.ReadBytes('\n')
		if err != nil {
			results[i].Err = explain(ctx, err)
			continue
		}
		results[i] = parseResult(raw)
	}
	return results
}

func parseResult(raw []byte) SendResult {
	var failed errorBody
	if json.Unmarshal(raw, &failed) == nil && failed.Error != nil {
		return SendResult{Err: failed.Error}
	}
	var m Message
	if err := json.Unmarshal(raw, &m); err != nil {
		return SendResult{Err: Errorf(CodeFailed, "the node's answer cannot be read")}
	}
	return SendResult{Message: m}
}

// Events is [Node.Events]. When the node stops, the last thing yielded is a CodeNotRunning.
func (c *Client) Events(ctx context.Context, since *int64) (iter.Seq2[Event, error], error) {
	path := "/v1/events"
	if since != nil {
		path += "?since=" + strconv.FormatInt(*since, 10)
	}
	response, err := c.request(ctx, http.MethodGet, path, nil, "", contentLines)
	if err != nil {
		return nil, err
	}
	// The stream ends with ctx even if nobody ever asks for an event.
	context.AfterFunc(ctx, func() { response.Body.Close() })
	return func(yield func(Event, error) bool) {
		defer response.Body.Close()
		in := bufio.NewReader(response.Body)
		for {
			var e Event
			raw, err := in.ReadBytes('\n')
			if err == nil {
				err = json.Unmarshal(raw, &e)
			}
			if err != nil {
				yield(Event{}, explain(ctx, err))
				return
			}
			if !yield(e, nil) {
				return
			}
		}
	}, nil
}

// post hands an object over and returns the answer, if it is a good one.
func (c *Client) post(ctx context.Context, path string, in any) (*http.Response, error) {
	var b bytes.Buffer
	if err := encode(&b, in); err != nil {
		return nil, AsError(err)
	}
	return c.request(ctx, http.MethodPost, path, &b, "application/json", contentLines)
}

// do asks one thing: in goes as JSON unless nil, the answer into out unless nil.
func (c *Client) do(ctx context.Context, method, path string, in, out any) error {
	var body io.Reader
	if in != nil {
		var b bytes.Buffer
		if err := encode(&b, in); err != nil {
			return AsError(err)
		}
		body = &b
	}
	response, err := c.request(ctx, method, path, body, "application/json", "")
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if out == nil {
		return nil
	}
	if err := json.NewDecoder(response.Body).Decode(out); err != nil {
		return explain(ctx, err)
	}
	return nil
}

// request sends a request and returns the answer if it is a good one. The error is an *Error.
func (c *Client) request(ctx context.Context, method, path string, body io.Reader, kind, accept string) (*http.Response, error) {
	r, err := http.NewRequestWithContext(ctx, method, "http://sottovoce"+path, body)
	if err != nil {
		return nil, Errorf(CodeUsage, "that cannot be asked: %v", err)
	}
	if body != nil {
		r.Header.Set("Content-Type", kind)
	}
	if accept != "" {
		r.Header.Set("Accept", accept)
	}
	response, err := c.http.Do(r)
	if err != nil {
		return nil, explain(ctx, err)
	}
	if response.StatusCode < 300 {
		return response, nil
	}
	defer response.Body.Close()
	var failed errorBody
	if json.NewDecoder(io.LimitReader(response.Body, bodyMax)).Decode(&failed) != nil || failed.Error == nil {
		return nil, Errorf(CodeFailed, "the node answered %s", response.Status)
	}
	return nil, failed.Error
}

// explain tells why there is no answer.
func explain(ctx context.Context, err error) error {
	var ours *Error
	var dial *net.OpError
	switch {
	case errors.As(err, &ours):
		return ours
	case errors.Is(context.Cause(ctx), context.DeadlineExceeded):
		return Errorf(CodeTimeout, "the node did not answer in time; nothing is lost")
	case ctx.Err() != nil:
		return Errorf(CodeFailed, "interrupted")
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ECONNREFUSED):
		return Errorf(CodeNotRunning, "no node is running here; start one with: sottovoce up")
	case errors.Is(err, fs.ErrPermission):
		return Errorf(CodeFailed, "the node's socket belongs to somebody else; use your own --home")
	case errors.As(err, &dial) && dial.Op == "dial":
		return Errorf(CodeFailed, "cannot reach the node: %v", dial.Err)
	}
	return Errorf(CodeNotRunning, "the node has stopped; start it again with: sottovoce up")
}

// segment writes any text as one segment of a path, dots included: a path of only dots would be cleaned away.
func segment(text string) string {
	return strings.ReplaceAll(url.PathEscape(text), ".", "%2E")
}
