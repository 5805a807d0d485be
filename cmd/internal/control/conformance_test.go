package control_test

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"sottovoce/cmd/internal/control"
	"sottovoce/cmd/internal/control/controltest"
)

const (
	oneObject = "application/json"
	lines     = "application/x-ndjson"
	pushed    = "text/event-stream"
)

// exchange is one request to a running node and how it is answered.
type exchange struct {
	route string // METHOD /path as docs/openapi.json has it
	// target is what is asked for when the path has a parameter or there is a query; else the route's path.
	target string
	body   string
	status int
	// kind is the media type: of the body and of the answer where they are not JSON objects.
	kind string
}

// exchanges shows everything that docs/openapi.json promises: for every route each status and media type, each parameter
// and field, and a failure of every route that can fail. They are asked one after the other of the same node, town().
var exchanges = []exchange{
	{route: "GET /v1/version", status: 200},
	{route: "GET /v1/me", status: 200},
	{route: "PATCH /v1/me", body: `{"name":"Änne"}`, status: 200},
	{route: "PATCH /v1/me", body: `{"share":"both"}`, status: 200},
	{route: "PATCH /v1/me", body: `{"share":"all"}`, status: 400},
	{route: "PATCH /v1/me", body: `{}`, status: 400},
	{route: "GET /v1/status", status: 200},
	{route: "GET /v1/nearby", status: 200},
	{route: "GET /v1/contacts", status: 200},
	{route: "GET /v1/requests", status: 200},
	{route: "POST /v1/contacts", body: `{"who":"Stranger"}`, status: 202},
	{route: "POST /v1/contacts", body: `{"who":"nobody"}`, status: 404},
	{route: "POST /v1/requests/{who}/accept", target: "/v1/requests/Eve/accept", status: 200},
	{route: "POST /v1/requests/{who}/accept", target: "/v1/requests/Bob/accept", status: 404},
	{route: "POST /v1/requests/{who}/decline", target: "/v1/requests/Stranger/decline", status: 200},
	{route: "POST /v1/requests/{who}/decline", target: "/v1/requests/Bob/decline", status: 404},
	{route: "GET /v1/contacts/{who}", target: "/v1/contacts/Bob", status: 200},
	{route: "GET /v1/contacts/{who}", target: "/v1/contacts/Stranger", status: 404},
	{route: "DELETE /v1/contacts/{who}", target: "/v1/contacts/twin", status: 409},
	{route: "DELETE /v1/contacts/{who}", target: "/v1/contacts/Gone", status: 200},
	{route: "PATCH /v1/contacts/{who}", target: "/v1/contacts/Bob", body: `{"name":"Uncle"}`, status: 200},
	{route: "PATCH /v1/contacts/{who}", target: "/v1/contacts/Uncle", body: `{"name":""}`, status: 200},
	{route: "PATCH /v1/contacts/{who}", target: "/v1/contacts/Bob", body: `{}`, status: 400},
	{route: "POST /v1/contacts/{who}/block", target: "/v1/contacts/Bob/block", status: 200},
	{route: "POST /v1/contacts/{who}/block", target: "/v1/contacts/nobody/block", status: 404},
	{route: "POST /v1/messages", body: `{"to":"Bob","text":"no"}`, status: 403},
	{route: "POST /v1/contacts/{who}/unblock", target: "/v1/contacts/Bob/unblock", status: 200},
	{route: "POST /v1/contacts/{who}/unblock", target: "/v1/contacts/nobody/unblock", status: 404},
	{route: "POST /v1/contacts/{who}/reset/accept", target: "/v1/contacts/Bob/reset/accept", status: 200},
	{route: "POST /v1/contacts/{who}/reset/accept", target: "/v1/contacts/Bob/reset/accept", status: 403},
	{route: "POST /v1/contacts/{who}/reset", target: "/v1/contacts/Bob/reset", status: 200},
	{route: "POST /v1/contacts/{who}/reset", target: "/v1/contacts/nobody/reset", status: 404},
	{route: "GET /v1/contacts/{who}/verification", target: "/v1/contacts/Bob/verification", status: 200},
	{route: "GET /v1/contacts/{who}/verification", target: "/v1/contacts/nobody/verification", status: 404},
	{route: "POST /v1/contacts/{who}/verification/compare", target: "/v1/contacts/Bob/verification/compare", status: 200},
	{route: "POST /v1/contacts/{who}/verification/compare", target: "/v1/contacts/nobody/verification/compare", status: 404},
	{route: "POST /v1/contacts/{who}/verification/decide", target: "/v1/contacts/Bob/verification/decide", body: `{"answer":"match","comparison":"0"}`, status: 403},
	{route: "POST /v1/contacts/{who}/verification/decide", target: "/v1/contacts/Bob/verification/decide", body: `{"answer":"match","comparison":"c0ffee"}`, status: 200},
	{route: "POST /v1/contacts/{who}/verification/decide", target: "/v1/contacts/Bob/verification/decide", body: `{"answer":"perhaps"}`, status: 400},
	{route: "POST /v1/contacts/{who}/verification/decide", target: "/v1/contacts/Bob/verification/decide", body: `{"answer":"stop"}`, status: 200},
	{route: "POST /v1/contacts/{who}/verification/decide", target: "/v1/contacts/Bob/verification/decide", body: `{"answer":"words"}`, status: 200},
	{route: "POST /v1/contacts/{who}/verification/decide", target: "/v1/contacts/Bob/verification/decide", body: `{"answer":"undo"}`, status: 200},
	{route: "POST /v1/messages", body: `{"to":"Bob","text":"one"}`, status: 201},
	{route: "POST /v1/messages", body: `{"to":"Twin","text":"which?"}`, status: 409},
	{route: "POST /v1/messages", body: `{"to":"Bob","text":"` + strings.Repeat("x", control.TextMax+1) + `"}`, status: 413},
	{route: "POST /v1/messages", body: "{\"to\":\"Bob\",\"text\":\"two\"}\n{\"to\":\"Twin\",\"text\":\"x\"}", status: 200, kind: lines},
	{route: "GET /v1/messages/{id}", target: "/v1/messages/msg-t5cfgz", status: 200},
	{route: "GET /v1/messages/{id}", target: "/v1/messages/msg-none", status: 404},
	{route: "POST /v1/messages", body: `{"reply_to":"msg-t5cfgz","text":"yes"}`, status: 201},
	{route: "PATCH /v1/messages/{id}", target: "/v1/messages/msg-t5cfgz", body: `{"text":"better"}`, status: 200},
	{route: "PATCH /v1/messages/{id}", target: "/v1/messages/msg-hb573o", body: `{"text":"theirs"}`, status: 403},
	{route: "PUT /v1/messages/{id}/reactions/{emoji}", target: "/v1/messages/msg-hb573o/reactions/%E2%9D%A4%EF%B8%8F", status: 200},
	{route: "PUT /v1/messages/{id}/reactions/{emoji}", target: "/v1/messages/msg-hb573o/reactions/two", status: 400},
	{route: "DELETE /v1/messages/{id}/reactions/{emoji}", target: "/v1/messages/msg-hb573o/reactions/%E2%9D%A4%EF%B8%8F", status: 200},
	{route: "DELETE /v1/messages/{id}/reactions/{emoji}", target: "/v1/messages/msg-none/reactions/x", status: 404},
	{route: "GET /v1/messages/{id}/journey", target: "/v1/messages/msg-t5cfgz/journey", status: 200},
	{route: "GET /v1/messages/{id}/journey", target: "/v1/messages/msg-hb573o/journey", status: 200},
	{route: "GET /v1/messages/{id}/journey", target: "/v1/messages/msg-none/journey", status: 404},
	{route: "POST /v1/messages/{id}/read", target: "/v1/messages/msg-hb573o/read", status: 200},
	{route: "POST /v1/messages/{id}/read", target: "/v1/messages/msg-none/read", status: 404},
	{route: "POST /v1/conversations/{to}/read", target: "/v1/conversations/Bob/read", status: 200},
	{route: "POST /v1/conversations/{to}/typing", target: "/v1/conversations/Bob/typing", body: `{"typing":true}`, status: 204},
	{route: "POST /v1/conversations/{to}/typing", target: "/v1/conversations/nobody/typing", body: `{"typing":true}`, status: 404},
	{route: "POST /v1/conversations/{to}/read", target: "/v1/conversations/nobody/read", status: 404},
	{route: "GET /v1/conversations/{to}/messages", target: "/v1/conversations/Bob/messages?n=2&since=2026-11-22T18:00:00Z", status: 200},
	{route: "GET /v1/conversations/{to}/messages", target: "/v1/conversations/Bob/messages?after=msg-t5cfgz", status: 200},
	{route: "GET /v1/conversations/{to}/messages", target: "/v1/conversations/Bob/messages?n=-1", status: 400},
	{route: "GET /v1/conversations/{to}/messages", target: "/v1/conversations/Bob/messages?before=msg-t5cfgz&first=1", status: 200},
	{route: "GET /v1/conversations/{to}/messages", target: "/v1/conversations/Bob/messages?first=-1", status: 400},
	{route: "GET /v1/conversations", status: 200},
	{route: "GET /v1/search", target: "/v1/search?q=are+you&from=%C3%84nne&in=Bob&since=2026-11-22T18:00:00Z&until=2027-11-22T18:00:00Z&n=5", status: 200},
	{route: "GET /v1/search", target: "/v1/search?q=", status: 400},
	{route: "PUT /v1/retention", body: `{"days":365,"disk":1073741824}`, status: 200},
	{route: "PUT /v1/retention", body: `{"days":365}`, status: 400},
	{route: "PUT /v1/visibility", body: `{"here":"contacts"}`, status: 200},
	{route: "PUT /v1/visibility", body: `{"elsewhere":"nobody"}`, status: 200},
	{route: "PUT /v1/visibility", body: `{"here":"friends"}`, status: 400},
	{route: "GET /v1/visibility", status: 200},
	{route: "PUT /v1/local-only", body: `{"on":true}`, status: 200},
	{route: "PUT /v1/local-only", body: `{}`, status: 400},
	{route: "GET /v1/local-only", status: 200},
	{route: "GET /v1/retention", status: 200},
	{route: "GET /v1/events", target: "/v1/events?since=0", status: 200, kind: lines},
	{route: "GET /v1/events", target: "/v1/events?since=0", status: 200, kind: pushed},
	{route: "GET /v1/events", target: "/v1/events?since=x", status: 400},
	{route: "GET /v1/conversations/{to}/export", target: "/v1/conversations/Bob/export", status: 200, kind: lines},
	{route: "GET /v1/conversations/{to}/export", target: "/v1/conversations/nobody/export", status: 404},
	{route: "POST /v1/introductions", body: `{"who":"Bob","other":"Twin"}`, status: 409},
	{route: "POST /v1/introductions", body: `{"who":"Bob"}`, status: 400},
	{route: "POST /v1/introductions", body: `{"who":"Bob","other":"Iris"}`, status: 200},
	{route: "POST /v1/invites", body: `{"seconds":3600}`, status: 201},
	{route: "POST /v1/invites", body: `{"seconds":-1}`, status: 400},
	{route: "POST /v1/invites", body: `{"seconds":1}`, status: 400},
	{route: "GET /v1/invites", status: 200},
	{route: "DELETE /v1/invites/{id}", target: "/v1/invites/link-0000000001", status: 200},
	{route: "DELETE /v1/invites/{id}", target: "/v1/invites/link-none", status: 404},
	{route: "POST /v1/backup", body: `{"passphrase":"words"}`, status: 200},
	{route: "POST /v1/backup", body: `{"passphrase":""}`, status: 400},
	{route: "GET /v1/diagnostics", status: 200},
	{route: "GET /v1/doctor", status: 200, kind: lines},
	{route: "POST /v1/scan", status: 200, kind: lines},
	{route: "PUT /v1/passphrase", body: `{"current":"","new":"words"}`, status: 204},
	{route: "PUT /v1/passphrase", body: `{"current":"guess","new":""}`, status: 403},
	{route: "POST /v1/communities", body: `{"link":"sottovoce:orchard"}`, status: 201},
	{route: "POST /v1/communities", body: `{"link":"sottovoce:spent"}`, status: 403},
	{route: "POST /v1/communities", body: `{"link":""}`, status: 400},
	{route: "GET /v1/communities", status: 200},
	{route: "DELETE /v1/communities/{community}", target: "/v1/communities/Orchard", status: 200},
	{route: "DELETE /v1/communities/{community}", target: "/v1/communities/Orchard", status: 404},
	{route: "DELETE /v1/messages/{id}", target: "/v1/messages/msg-hb573o", status: 403},
	{route: "DELETE /v1/messages/{id}", target: "/v1/messages/msg-t5cfgz", status: 200},
	{route: "DELETE /v1/messages/{id}", target: "/v1/messages/msg-t5cfgz", status: 410},
	{route: "POST /v1/down", status: 204},

	// Of a supernode, on the socket of its data directory.
	{route: "GET /v1/supernode", status: 200},
	{route: "GET /v1/supernode/members", target: "/v1/supernode/members?community=Orchard", status: 200},
	{route: "GET /v1/supernode/members", target: "/v1/supernode/members?community=Meadow", status: 404},
	{route: "GET /v1/supernode/members", target: "/v1/supernode/members?all=1", status: 400},
	{route: "DELETE /v1/supernode/members/{persona}", target: "/v1/supernode/members/pers-a?community=Orchard", status: 200},
	{route: "DELETE /v1/supernode/members/{persona}", target: "/v1/supernode/members/pers-x", status: 404},
	{route: "DELETE /v1/supernode/members/{persona}", target: "/v1/supernode/members/pers-a?which=Orchard", status: 400},
	{route: "POST /v1/supernode/{supernode}/close", target: "/v1/supernode/peer-d/close", body: `{"community":"Orchard","root_words":"one two three"}`, status: 204},
	{route: "POST /v1/supernode/{supernode}/close", target: "/v1/supernode/peer-d/close", body: `{"root_words":"one"}`, status: 403},
	{route: "POST /v1/supernode/export", body: `{"file":"/stick/orchard"}`, status: 200, kind: lines},
	{route: "POST /v1/supernode/export", body: `{"file":"/stick/full"}`, status: 200, kind: lines},
	{route: "POST /v1/supernode/export", body: `{"file":"orchard"}`, status: 400},
	{route: "POST /v1/supernode/import", body: `{"file":"/stick/orchard"}`, status: 200, kind: lines},
	{route: "POST /v1/supernode/import", body: `{}`, status: 400},
	{route: "POST /v1/supernode/links", body: `{"community":"Orchard","uses":3,"seconds":3600}`, status: 201},
	{route: "POST /v1/supernode/links", body: `{"supernode":true,"root_words":"one two three"}`, status: 201},
	{route: "POST /v1/supernode/links", body: `{"supernode":true,"root_words":"one"}`, status: 403},
}

// infallible are the routes that fail only when the node itself does.
var infallible = []string{
	"GET /v1/version", "GET /v1/me", "GET /v1/status", "GET /v1/nearby", "GET /v1/contacts", "GET /v1/conversations", "GET /v1/requests", "GET /v1/invites", "GET /v1/retention", "GET /v1/local-only", "GET /v1/visibility", "POST /v1/down",
	"GET /v1/diagnostics", "GET /v1/doctor", "POST /v1/scan", "GET /v1/communities", "GET /v1/supernode",
}

// TestConformance asks a running node everything that docs/openapi.json describes and holds every answer against it.
func TestConformance(t *testing.T) {
	d := readDocument(t)
	f := town() // and two people whose names are the same to a human
	f.Befriend(f.Meet("Twin").ID)
	f.Befriend(f.Meet("twin").ID)
	f.Befriend(f.Meet("Gone").ID)
	f.Befriend(f.Meet("Iris").ID)
	bob, err := f.Rename(t.Context(), "Bob", "") // the same Bob
	if err != nil {
		t.Fatal(err)
	}
	f.AskReset(bob.ID)
	f.BeginComparison(bob.ID)
	node, supernode := live(t, f), liveSupernode(t)
	seen := map[string]bool{}
	for _, x := range exchanges {
		op := d.described()[x.route]
		if op == nil {
			t.Errorf("%s is in the list of exchanges and not described", x.route)
			continue
		}
		client := node
		if strings.Contains(x.route, " /v1/supernode") {
			client = supernode
		}
		shown, err := d.exchange(client, op, x)
		if err != nil {
			t.Errorf("%s %s %.80s: %v", x.route, x.target, x.body, err)
		}
		for _, promise := range shown {
			seen[x.route+" "+promise] = true
		}
	}
	for route, op := range d.described() {
		for _, want := range d.promises(op) {
			if want == "error" && slices.Contains(infallible, route) {
				continue
			}
			if !seen[route+" "+want] {
				t.Errorf("no exchange with %s shows: %s; add a line to exchanges in conformance_test.go", route, want)
			}
		}
	}
}

// live serves a node on a socket as the program does and gives a plain HTTP client of it.
func live(t *testing.T, node control.Node) *http.Client {
	t.Helper()
	home := t.TempDir()
	serveOn(t, must(control.Listen(home)), node)
	return plainClient(t, home)
}

// liveSupernode does the same for a supernode.
func liveSupernode(t *testing.T) *http.Client {
	t.Helper()
	data := t.TempDir()
	run(t, must(control.Listen(data)), control.NewSupernodeServer(controltest.NewSupernode(true), "1.2.3"))
	return plainClient(t, data)
}

// plainClient speaks HTTP to the node of a home.
func plainClient(t *testing.T, home string) *http.Client {
	t.Helper()
	transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", filepath.Join(home, "control.sock"))
	}}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, Timeout: 10 * time.Second}
}

// promises are the things about an operation that some exchange has to show.
func (d *document) promises(op *operation) []string {
	var all []string
	for status, r := range op.Responses {
		if status == "default" {
			all = append(all, "error")
			continue
		}
		if len(r.Content) == 0 {
			all = append(all, status)
		}
		for kind := range r.Content {
			all = append(all, status+" "+kind)
		}
	}
	for _, p := range op.Parameters {
		if p.In == "query" {
			all = append(all, "parameter "+p.Name)
		}
	}
	if op.RequestBody != nil {
		for field := range d.flat(op.RequestBody.Content[oneObject].Schema).Properties {
			all = append(all, "field "+field)
		}
	}
	return all
}

// exchange asks one thing, holds question and answer against the operation, and tells which promises were shown.
func (d *document) exchange(client *http.Client, op *operation, x exchange) (shown []string, err error) {
	method, target, _ := strings.Cut(x.route, " ")
	if x.target != "" {
		target = x.target
	}
	r, err := http.NewRequest(method, "http://sottovoce"+target, strings.NewReader(x.body))
	if err != nil {
		return nil, err
	}
	kind := cmp.Or(x.kind, oneObject)
	r.Header.Set("Accept", kind)
	if op.RequestBody != nil && op.RequestBody.Content[kind] == (content{}) {
		kind = oneObject // one question, answered by many lines
	}
	if x.body != "" {
		r.Header.Set("Content-Type", kind)
	}
	answer, err := client.Do(r)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	if answer.StatusCode != x.status {
		body, _ := io.ReadAll(answer.Body)
		return nil, fmt.Errorf("answered %d and not %d: %s", answer.StatusCode, x.status, body)
	}
	if x.status < 300 {
		if shown, err = d.checkQuestion(op, r.URL.Query(), x.body, kind); err != nil {
			return nil, err
		}
	}
	key, err := d.checkAnswer(op, answer)
	return append(shown, key), err
}

// checkQuestion holds a request that was answered well against what is described.
func (d *document) checkQuestion(op *operation, query url.Values, body, kind string) (shown []string, err error) {
	for name := range query {
		if !slices.ContainsFunc(op.Parameters, func(p parameter) bool { return p.In == "query" && p.Name == name }) {
			return nil, fmt.Errorf("the parameter %q is taken and not described", name)
		}
		shown = append(shown, "parameter "+name)
	}
	if (body != "") != (op.RequestBody != nil && op.RequestBody.Required) {
		return nil, fmt.Errorf("a body is asked for and not described as required, or the other way round")
	}
	for line := range strings.Lines(body) {
		described, ok := op.RequestBody.Content[kind]
		if !ok {
			return nil, fmt.Errorf("%s is taken and not described", kind)
		}
		if err := d.validate([]byte(line), described.Schema); err != nil {
			return nil, fmt.Errorf("the question: %w", err)
		}
		var fields map[string]json.RawMessage
		if err := json.Unmarshal([]byte(line), &fields); err != nil {
			return nil, err
		}
		for name := range fields {
			shown = append(shown, "field "+name)
		}
	}
	return shown, nil
}

// checkAnswer holds an answer against what is described for its status and media type.
func (d *document) checkAnswer(op *operation, answer *http.Response) (shown string, err error) {
	status := strconv.Itoa(answer.StatusCode)
	described, shown := op.Responses[status], status
	if answer.StatusCode >= 400 {
		described, shown = op.Responses["default"], "error"
		described = d.Components.Responses[strings.TrimPrefix(described.Ref, "#/components/responses/")]
	}
	if described == nil {
		return "", fmt.Errorf("the status %s is not described", status)
	}
	kind := answer.Header.Get("Content-Type")
	if kind == "" && len(described.Content) == 0 {
		return shown, nil
	}
	c, ok := described.Content[kind]
	if !ok {
		return "", fmt.Errorf("answered with %q, which is not described for the status %s", kind, status)
	}
	if shown != "error" {
		shown += " " + kind
	}
	if kind == oneObject {
		raw, err := io.ReadAll(answer.Body)
		return shown, errors.Join(err, d.validate(raw, c.Schema))
	}
	return shown, d.checkStream(answer.Body, c.Schema)
}

// checkStream validates each object of a stream. A stream of events has no end of its own: it is read until every kind
// of event has come.
func (d *document) checkStream(body io.Reader, s *schema) error {
	var missing []string
	if event := d.resolve(s).Properties["event"]; event != nil {
		missing = slices.Clone(event.Enum)
	}
	endless := len(missing) > 0
	for in := bufio.NewScanner(body); in.Scan(); {
		raw := bytes.TrimPrefix(in.Bytes(), []byte("data: "))
		if !bytes.HasPrefix(raw, []byte("{")) { // a line of server-sent events that is no data
			continue
		}
		if err := d.validate(raw, s); err != nil {
			return err
		}
		var e control.Event
		if err := json.Unmarshal(raw, &e); err != nil {
			return err
		}
		missing = slices.DeleteFunc(missing, func(kind string) bool { return kind == string(e.Event) })
		if endless && len(missing) == 0 {
			return nil
		}
	}
	if endless {
		return fmt.Errorf("no event of the kinds %q came", missing)
	}
	return nil
}
