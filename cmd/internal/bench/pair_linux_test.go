package bench

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"testing"
	"time"

	"sottovoce/cmd/internal/control"
	"sottovoce/cmd/internal/netlab"
)

// patience is how long anything may take before a benchmark gives up.
const patience = 2 * time.Minute

// node is a running program on a host of its own.
type node struct {
	*netlab.Host
	b       testing.TB
	lan     *netlab.LAN
	home    string // of the program
	program string
	process *netlab.Process
	api     *control.Client
	keeps   *control.SupernodeClient // where the host runs a supernode instead
	http    *http.Client             // to the same socket, for what is timed
}

// newPair starts two nodes on one LAN and makes them contacts.
func newPair(b testing.TB) (anna, bert *node) {
	b.Helper()
	lan := netlab.New(b, netlab.IPv4|netlab.ULA)
	anna, bert = newNode(b, lan, "Anna"), newNode(b, lan, "Bert")
	anna.up()
	bert.up()
	anna.befriends(bert)
	return anna, bert
}

func newNode(b testing.TB, lan *netlab.LAN, name string) *node {
	b.Helper()
	n := &node{Host: lan.Host(name), lan: lan, b: b, program: netlab.Binary(b)}
	n.home = filepath.Join(n.Home, "share", "sottovoce")
	n.api = control.NewClient(n.home)
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", filepath.Join(n.home, "control.sock"))
	}
	n.http = &http.Client{Transport: &http.Transport{DialContext: dial, DisableCompression: true}}
	b.Cleanup(func() { n.api.Close(); n.http.CloseIdleConnections() })
	if r := n.Run(b.Context(), n.program, "init", "--name", name); r.Code != 0 {
		b.Fatalf("init: %s", r.Stderr)
	}
	return n
}

// up starts the program and returns when it answers.
func (n *node) up() {
	n.b.Helper()
	n.process = n.Start(n.program, "up")
	n.until("answers", func() bool { _, err := n.api.Version(n.b.Context()); return err == nil })
}

// down stops the program and waits for its end.
func (n *node) down() {
	n.b.Helper()
	if code := n.process.Stop(); code != 0 {
		n.b.Fatalf("%s ended with %d: %s", n.Name, code, n.process.Output())
	}
}

// until polls until ok.
func (n *node) until(what string, ok func() bool) {
	n.b.Helper()
	for end := time.Now().Add(patience); !ok(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			n.b.Fatalf("%s: not within %v: %s", n.Name, patience, what)
		}
	}
}

// finds tells whether a list of people shows one of that name as ok wants.
func (n *node) finds(list func(context.Context) ([]control.Person, error), name string, ok func(control.Person) bool) func() bool {
	return func() bool {
		people, err := list(n.b.Context())
		if err != nil {
			n.b.Fatalf("%s: %v", n.Name, err)
		}
		for _, p := range people {
			if p.Name == name && ok(p) {
				return true
			}
		}
		return false
	}
}

func anyhow(control.Person) bool   { return true }
func linked(p control.Person) bool { return p.Via == control.ViaLink }

func (n *node) befriends(o *node) {
	n.b.Helper()
	n.until("sees the other", n.finds(n.api.Nearby, o.Name, anyhow))
	if _, err := n.api.Add(n.b.Context(), o.Name); err != nil {
		n.b.Fatalf("add: %v", err)
	}
	o.until("is asked", o.finds(o.api.Requests, n.Name, anyhow))
	if _, err := o.api.Accept(o.b.Context(), n.Name); err != nil {
		n.b.Fatalf("accept: %v", err)
	}
	n.untilLinked(o)
}

func (n *node) untilLinked(o *node) {
	n.b.Helper()
	n.until("is linked", n.finds(n.api.Contacts, o.Name, linked))
	o.until("is linked", o.finds(o.api.Contacts, n.Name, linked))
}

// post sends lines as one request and reads the whole answer.
func (n *node) post(kind string, body []byte) []byte {
	n.b.Helper()
	answer, err := n.http.Post("http://sottovoce/v1/messages", kind, bytes.NewReader(body))
	if err != nil {
		n.b.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode >= 300 {
		n.b.Fatalf("POST /v1/messages: %s %v %s", answer.Status, err, text)
	}
	return text
}

// outgoing is the request for one message, as a line.
func outgoing(b *testing.B, to, text string) []byte {
	b.Helper()
	line, err := json.Marshal(control.Outgoing{To: to, Text: text})
	if err != nil {
		b.Fatal(err)
	}
	return append(line, '\n')
}

// heard is an event and when its line had arrived.
type heard struct {
	at    time.Time
	event control.Event
}

// listen opens the node's stream of events, from now on; when it returns, nothing later is missed.
func (n *node) listen() <-chan heard { return n.listenTo("") }

// listenTo opens the stream that a query asks for.
func (n *node) listenTo(query string) <-chan heard {
	n.b.Helper()
	request, err := http.NewRequestWithContext(n.b.Context(), http.MethodGet, "http://sottovoce/v1/events"+query, nil)
	if err != nil {
		n.b.Fatal(err)
	}
	request.Header.Set("Accept", "application/x-ndjson")
	stream, err := n.http.Do(request)
	if err != nil {
		n.b.Fatal(err)
	}
	events := make(chan heard, 1<<16) // the reader never waits: its times would be wrong
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer close(events)
		for in := bufio.NewReader(stream.Body); ; {
			line, err := in.ReadBytes('\n')
			h := heard{at: time.Now()}
			if err != nil || json.Unmarshal(line, &h.event) != nil {
				return
			}
			select {
			case events <- h:
			case <-request.Context().Done(): // nobody has read for long
				return
			}
		}
	}()
	n.b.Cleanup(func() { stream.Body.Close(); <-done })
	return events
}

// await returns the first event that which chooses; those before it are dropped.
func (n *node) await(events <-chan heard, what string, which func(control.Event) bool) heard {
	n.b.Helper()
	timeout := time.After(patience)
	for {
		select {
		case h, open := <-events:
			if !open {
				n.b.Fatalf("%s: the events ended before %s", n.Name, what)
			}
			if which(h.event) {
				return h
			}
		case <-timeout:
			n.b.Fatalf("%s: %s not within %v", n.Name, what, patience)
		}
	}
}

// text chooses the event of a new message with this text.
func text(want string) func(control.Event) bool {
	return func(e control.Event) bool { return e.Event == control.EventMessage && e.Message.Text == want }
}

// delivered chooses the event that says so of a message with this text.
func delivered(want string) func(control.Event) bool {
	return func(e control.Event) bool {
		return e.Event == control.EventState && e.Message.State == control.StateDelivered && e.Message.Text == want
	}
}

// person chooses an event about a person as ok wants.
func person(name string, ok func(control.Person) bool) func(control.Event) bool {
	return func(e control.Event) bool {
		return e.Event == control.EventPerson && e.Person.Name == name && ok(*e.Person)
	}
}
