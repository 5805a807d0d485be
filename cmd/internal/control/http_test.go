package control_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sottovoce/cmd/internal/control"
	"sottovoce/cmd/internal/control/controltest"
	"sottovoce/mesh/goldentest"
)

// town is a fake with a past: a contact, a stranger, two requests, messages in two states.
func town() *controltest.Fake {
	f := controltest.New("Anna")
	bob := f.Befriend(f.Meet("Bob").ID)
	f.Meet("Stranger")
	f.Ask(f.Meet("Eve").ID)
	ctx := context.Background()
	sent := f.Send(ctx, []control.Outgoing{{To: "Bob", Text: "hello <Bob>"}, {To: "Bob", Text: "are you there?"}})
	f.Advance(sent[0].Message.ID, control.StateDelivered)
	f.Receive(bob.ID, "hello Anna")
	f.Notice("nobody answers on this network")
	return f
}

func ask(h http.Handler, method, target, body string, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// TestShapes compares every answer, byte by byte, with what scripts rely on.
func TestShapes(t *testing.T) {
	lines := []string{"Accept", "application/x-ndjson"}
	var got strings.Builder
	for _, q := range []struct {
		method, target, body string
		header               []string
	}{
		{"GET", "/v1/version", "", nil},
		{"GET", "/v1/me", "", nil},
		{"PATCH", "/v1/me", `{"name":"Änne"}`, nil},
		{"GET", "/v1/status", "", nil},
		{"GET", "/v1/nearby", "", nil},
		{"GET", "/v1/contacts", "", nil},
		{"GET", "/v1/requests", "", nil},
		{"POST", "/v1/contacts", `{"who":"Stranger"}`, nil},
		{"POST", "/v1/requests/Eve/decline", "", nil},
		{"POST", "/v1/requests/Stranger/accept", "", nil},
		{"POST", "/v1/messages", `{"to":"Bob","text":"one"}`, nil},
		{"POST", "/v1/messages", "{\"to\":\"Bob\",\"text\":\"two\"}\n\n{\"to\":\"nobody\",\"text\":\"x\"}\nnonsense\n{\"to\":\"Bob\",\"text\":\"three\"}", []string{"Content-Type", "application/x-ndjson"}},
		{"GET", "/v1/conversations", "", nil},
		{"GET", "/v1/conversations/Bob/messages?n=2", "", nil},
		{"GET", "/v1/conversations/Stranger/messages", "", nil},
		{"GET", "/v1/events?since=0", "", lines},
		{"GET", "/v1/events?since=3", "", []string{"Last-Event-ID", "8"}},
		{"GET", "/v1/events", "", []string{"Last-Event-ID", "13"}},
		{"POST", "/v1/down", "", nil},
		{"GET", "/v1/nothing", "", nil},
		{"DELETE", "/v1/me", "", nil},
	} {
		ctx, stop := context.WithTimeout(t.Context(), 50*time.Millisecond)
		f := town()
		w := ask(control.NewServer(f, "1.2.3").Routes(ctx), q.method, q.target, q.body, q.header...)
		stop()
		fmt.Fprintf(&got, "> %s %s %s\n", q.method, q.target, strings.ReplaceAll(q.body, "\n", `\n`))
		fmt.Fprintf(&got, "< %d %s\n%s\n", w.Code, w.Header().Get("Content-Type"), w.Body)
	}
	goldentest.File(t, "shapes.txt", got.String())
}

func TestBadInput(t *testing.T) {
	long := strings.Repeat("x", control.TextMax+1)
	huge := `{"to":"Bob","text":"` + strings.Repeat("x", 400_000) + `"}`
	for _, test := range []struct {
		name, method, target, body string
		status                     int
		says                       string
	}{
		{"empty body", "POST", "/v1/messages", "", 400, "ends too early"},
		{"cut body", "POST", "/v1/messages", `{"to":"Bob"`, 400, "ends too early"},
		{"not JSON", "POST", "/v1/messages", "to Bob", 400, "invalid character"},
		{"a list", "POST", "/v1/messages", `["Bob"]`, 400, "it is a JSON array"},
		{"two objects", "POST", "/v1/messages", `{"to":"Bob","text":"a"} {}`, 400, "more than one"},
		{"unknown field", "POST", "/v1/messages", `{"to":"Bob","text":"a","loud":true}`, 400, `unknown field "loud"`},
		{"wrong type", "POST", "/v1/messages", `{"to":7,"text":"a"}`, 400, `"to" is a JSON number`},
		{"not UTF-8", "POST", "/v1/messages", "{\"to\":\"Bob\",\"text\":\"\xff\"}", 400, "not UTF-8"},
		{"no recipient", "POST", "/v1/messages", `{"text":"a"}`, 400, "to whom"},
		{"no text", "POST", "/v1/messages", `{"to":"Bob"}`, 400, "no text"},
		{"long text", "POST", "/v1/messages", `{"to":"Bob","text":"` + long + `"}`, 413, "60001 bytes; a message holds up to 60000"},
		{"huge body", "POST", "/v1/messages", huge, 413, "longer than"},
		{"null", "POST", "/v1/messages", "null", 400, "to whom"},
		{"deep", "POST", "/v1/messages", strings.Repeat("[", 20_000), 400, ""},
		{"nobody", "POST", "/v1/messages", `{"to":"Zoe","text":"a"}`, 404, "Zoe"},
		{"add nobody", "POST", "/v1/contacts", `{}`, 400, "say who"},
		{"no name", "PATCH", "/v1/me", `{}`, 400, "say what to change"},
		{"bad n", "GET", "/v1/conversations/Bob/messages?n=-1", "", 400, "how many"},
		{"bad since", "GET", "/v1/conversations/Bob/messages?since=yesterday", "", 400, "a time such as"},
		{"unknown parameter", "GET", "/v1/conversations/Bob/messages?limit=3", "", 400, "no parameter"},
		{"bad until", "GET", "/v1/search?q=boat&until=noon", "", 400, "until is a time such as"},
		{"bad count", "GET", "/v1/search?q=boat&n=0", "", 400, "1 to 1000"},
		{"unknown parameter of a search", "GET", "/v1/search?q=boat&to=Bob", "", 400, "no parameter"},
		{"no words", "GET", "/v1/search", "", 400, "at least one word"},
		{"who may see", "PUT", "/v1/visibility", `{}`, 400, "say who may see you"},
		{"whoever may see", "PUT", "/v1/visibility", `{"here":"friends"}`, 400, "one of"},
		{"local or not", "PUT", "/v1/local-only", `{}`, 400, "say whether"},
		{"half a bound", "PUT", "/v1/retention", `{"disk":0}`, 400, "both bounds"},
		{"small room", "PUT", "/v1/retention", `{"days":0,"disk":1}`, 400, "at least 8 MiB"},
		{"bad cursor", "GET", "/v1/events?since=x", "", 400, "cursor"},
		{"negative cursor", "GET", "/v1/events?since=-1", "", 400, "cursor"},
		{"cursor to come", "GET", "/v1/events?since=999", "", 400, "999"},
		{"no such message", "GET", "/v1/messages/msg-none", "", 404, "msg-none"},
		{"no request", "POST", "/v1/requests/Bob/accept", "", 404, "Bob"},
	} {
		t.Run(test.name, func(t *testing.T) {
			f := town()
			before, _ := f.Log(t.Context(), "Bob", control.LogQuery{})
			w := ask(control.NewServer(f, "").Routes(t.Context()), test.method, test.target, test.body)
			body := w.Body.String()
			if w.Code != test.status || !strings.Contains(body, `"error"`) || !strings.Contains(strings.ReplaceAll(body, `\"`, `"`), test.says) {
				t.Errorf("answered %d %s", w.Code, body)
			}
			if strings.Count(body, "\n") != 1 || len(body) > 500 {
				t.Errorf("the error is not one short line: %s", body)
			}
			if after, _ := f.Log(t.Context(), "Bob", control.LogQuery{}); len(after) != len(before) {
				t.Error("something was sent nevertheless")
			}
		})
	}
}

// TestBatchIsAnsweredAtOnce sends a line only after the line before it was answered, over one connection.
func TestBatchIsAnsweredAtOnce(t *testing.T) {
	f := town()
	srv := httptest.NewServer(control.NewServer(f, "").Routes(t.Context()))
	defer srv.Close()
	lines, in := io.Pipe()
	r, _ := http.NewRequestWithContext(t.Context(), http.MethodPost, srv.URL+"/v1/messages", lines)
	r.Header.Set("Content-Type", "application/x-ndjson; charset=utf-8")
	response, err := srv.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	out := bufio.NewReader(response.Body)
	for i, line := range []string{`{"to":"Bob","text":"0"}`, strings.Repeat("x", 500_000), `{"to":"Bob","text":"2"}`} {
		fmt.Fprintln(in, line)
		answer, err := out.ReadString('\n')
		if err != nil || strings.Contains(answer, `"too_long"`) != (i == 1) {
			t.Errorf("line %d was answered %q, %v", i, answer, err)
		}
	}
	in.Close()
	if rest, err := io.ReadAll(out); err != nil || len(rest) > 0 {
		t.Errorf("in the end came %q, %v", rest, err)
	}
}

// TestStop ends a server with an event stream, an unfinished batch and an idle connection open.
func TestStop(t *testing.T) {
	home := t.TempDir()
	l := must(control.Listen(home))
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- control.NewServer(town(), "").Run(ctx, l) }()
	c := control.NewClient(home)
	defer c.Close()
	events := must(c.Events(t.Context(), nil))
	must(c.Me(t.Context()))
	stop()
	if err := <-done; err != nil {
		t.Errorf("the server ended with %v", err)
	}
	for _, err := range events {
		wantCode(t, err, control.CodeNotRunning)
	}
	if _, err := c.Me(t.Context()); control.AsError(err).ExitCode() != 5 {
		t.Errorf("asked afterwards, the error is %v", err)
	}
	if found, _ := filepath.Glob(filepath.Join(home, "*")); len(found) > 0 {
		t.Errorf("the server left %v", found)
	}
}

func TestClientDeadline(t *testing.T) {
	c := serve(t, t.TempDir(), town())
	ctx, stop := context.WithTimeout(t.Context(), 500*time.Millisecond)
	defer stop()
	for _, err := range must(c.Events(ctx, nil)) {
		wantCode(t, err, control.CodeTimeout)
	}
	_, err := c.Me(ctx)
	wantCode(t, err, control.CodeTimeout)
}

// FuzzServer asks anything: every answer is in JSON and no request breaks the server.
func FuzzServer(f *testing.F) {
	for _, path := range []string{"messages", "contacts", "me", "requests/Eve/accept", "conversations/Bob/messages?n=1"} {
		f.Add("POST", path, `{"to":"Bob","text":"a"}`, false)
		f.Add("PATCH", path, `{"name":"Änne"}`, true)
	}
	f.Add("POST", "messages", "{\"to\":\"Bob\",\"text\":\"a\"}\n{}\nx\n\n{\"to\":\"Zoe\",\"text\":\"\\u0000\"}", true)
	f.Add("GET", "messages/%zz", "", false)
	f.Add("GET", "conversations/Bob/messages?n=1&after=msg-a&since=2026-11-22T18:00:00Z", "", false)
	f.Add("GET", "events?since=3", "", true)
	f.Add("PUT", "passphrase", `{"current":"a","new":"b"}`, false)
	f.Fuzz(func(t *testing.T, method, path, body string, lines bool) {
		r, err := http.NewRequest(method, "http://x/v1/"+path, strings.NewReader(body))
		if err != nil {
			return
		}
		ctx := t.Context()
		if strings.HasPrefix(r.URL.Path, "/v1/events") { // an event stream ends only with the server
			stopped, stop := context.WithCancel(ctx)
			stop()
			ctx = stopped
		}
		if lines {
			r.Header.Set("Content-Type", "application/x-ndjson")
		}
		w := httptest.NewRecorder()
		control.NewServer(town(), "").Routes(ctx).ServeHTTP(w, r)
		if w.Code >= 500 {
			t.Errorf("%s %s %q: %d %s", method, path, body, w.Code, w.Body)
		}
		if !lines && w.Code >= 400 && !strings.HasPrefix(w.Body.String(), `{"error":{"code":"`) {
			t.Errorf("%s %s: an error without a code: %s", method, path, w.Body)
		}
	})
}
