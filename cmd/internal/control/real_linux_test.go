package control_test

import (
	"bufio"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"sottovoce/cmd/internal/control"
	"sottovoce/cmd/internal/daemon"
)

// realNode starts a node of a person on the loopback interface and gives its clients.
func realNode(t *testing.T, name string) (*control.Client, *http.Client) {
	t.Helper()
	home := t.TempDir()
	if err := daemon.Init(home, name); err != nil {
		t.Fatal(err)
	}
	d, err := daemon.Start(t.Context(), daemon.Options{
		Home: home, Interfaces: []string{"lo"}, Version: "1.2.3", Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	c := control.NewClient(home)
	t.Cleanup(c.Close)
	return c, plainClient(t, home)
}

// soon waits until done.
func soon(t *testing.T, what string, done func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !done(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("no %s", what)
		}
	}
}

// TestRealNodeConforms holds what a real node answers against docs/openapi.json: a fake says only what it was taught.
func TestRealNodeConforms(t *testing.T) {
	t.Setenv("QUIC_GO_DISABLE_RECEIVE_BUFFER_WARNING", "true")
	// Other tests may have people on this interface.
	ours, theirs := fmt.Sprint("Anna ", os.Getpid()), fmt.Sprint("Bert ", os.Getpid())
	anna, plain := realNode(t, ours)
	bert, _ := realNode(t, theirs)
	has := func(list []control.Person, name string) bool {
		return slices.ContainsFunc(list, func(p control.Person) bool { return p.Name == name })
	}
	soon(t, "sight of Bert", func() bool { return has(must(anna.Nearby(t.Context())), theirs) })
	who := url.PathEscape(theirs)
	d := readDocument(t)
	conforms(t, d, plain, exchange{route: "POST /v1/contacts", body: `{"who":"` + theirs + `"}`, status: 202})
	conforms(t, d, plain, exchange{route: "GET /v1/requests", status: 200})
	soon(t, "request", func() bool { return has(must(bert.Requests(t.Context())), ours) })
	must(bert.Accept(t.Context(), ours))
	soon(t, "contact", func() bool { return has(must(anna.Contacts(t.Context())), theirs) })
	m := anna.Send(t.Context(), []control.Outgoing{{To: theirs, Text: "is this private?"}})[0].Message
	soon(t, "delivery", func() bool { return must(anna.Message(t.Context(), m.ID)).State.Reached(control.StateDelivered) })
	for _, x := range []exchange{
		{route: "GET /v1/version", status: 200},
		{route: "GET /v1/me", status: 200},
		{route: "GET /v1/status", status: 200},
		{route: "GET /v1/nearby", status: 200},
		{route: "GET /v1/contacts", status: 200},
		{route: "GET /v1/contacts/{who}", target: "/v1/contacts/" + who, status: 200},
		{route: "GET /v1/contacts/{who}", target: "/v1/contacts/nobody", status: 404},
		{route: "POST /v1/requests/{who}/accept", target: "/v1/requests/" + who + "/accept", status: 404},
		{route: "POST /v1/messages", body: `{"to":"` + theirs + `","text":"two"}`, status: 201},
		{route: "POST /v1/messages", body: "{\"to\":\"" + theirs + "\",\"text\":\"three\"}\n{\"to\":\"nobody\",\"text\":\"x\"}", status: 200, kind: lines},
		{route: "GET /v1/messages/{id}", target: "/v1/messages/" + m.ID, status: 200},
		{route: "GET /v1/messages/{id}", target: "/v1/messages/msg-aaaa", status: 404},
		{route: "GET /v1/messages/{id}/journey", target: "/v1/messages/" + m.ID + "/journey", status: 200},
		{route: "GET /v1/conversations/{to}/messages", target: "/v1/conversations/" + who + "/messages", status: 200},
		{route: "GET /v1/conversations", status: 200},
		{route: "GET /v1/conversations/{to}/export", target: "/v1/conversations/" + who + "/export", status: 200, kind: lines},
		{route: "GET /v1/search", target: "/v1/search?q=private", status: 200},
		{route: "GET /v1/retention", status: 200},
		{route: "GET /v1/local-only", status: 200},
		{route: "PUT /v1/visibility", body: `{"elsewhere":"contacts"}`, status: 200},
		{route: "GET /v1/visibility", status: 200},
		{route: "GET /v1/diagnostics", status: 200},
		{route: "GET /v1/events", target: "/v1/events?since=999999", status: 400},
	} {
		conforms(t, d, plain, x)
	}
	eventsConform(t, d, plain)
}

func conforms(t *testing.T, d *document, client *http.Client, x exchange) {
	t.Helper()
	if _, err := d.exchange(client, d.described()[x.route], x); err != nil {
		t.Errorf("%s %s: %v", x.route, x.target, err)
	}
}

// eventsConform reads all events until the first message is delivered.
func eventsConform(t *testing.T, d *document, client *http.Client) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://sottovoce/v1/events?since=0", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Accept", lines)
	answer, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	for in := bufio.NewScanner(answer.Body); in.Scan(); {
		if err := d.validate(in.Bytes(), &schema{Ref: schemaPath + "Event"}); err != nil {
			t.Errorf("%s: %v", in.Text(), err)
		}
		if strings.Contains(in.Text(), `"state":"delivered"`) {
			return
		}
	}
	t.Error("the events end before the delivery")
}
