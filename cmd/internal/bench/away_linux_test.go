package bench

import (
	"bytes"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"sottovoce/cmd/internal/control"
	"sottovoce/cmd/internal/netlab"
)

const (
	waiting     = 10_000 // messages that wait at a supernode
	waitingRuns = 5
)

// BenchmarkWaiting takes the time from the execution of `sottovoce up` to the event of the last of 10,000 messages that a supernode
// kept meanwhile, while who wrote them is away: the node starts, reaches the supernode, collects, opens and commits.
func BenchmarkWaiting(b *testing.B) {
	results.begin()
	anna, bert := newPair(b)
	shelf := newNode(b, anna.lan, "Shelf")
	link := shelf.serves()
	for _, n := range []*node{anna, bert} {
		n.must("community", "join", link)
		n.until("reaches the supernode", n.reaches)
	}
	anna.tellsWhere(b, bert)
	bert.tellsWhere(b, anna)
	var all, blobs []time.Duration
	for run := range waitingRuns {
		events := bert.listen()
		last := fmt.Sprint("before ", run)
		anna.post("application/x-ndjson", outgoing(b, bert.Name, last))
		cursor := bert.await(events, "message", text(last)).event.Cursor
		bert.down()
		anna.until("is alone", anna.finds(anna.api.Contacts, bert.Name, func(p control.Person) bool { return p.Via != control.ViaLink }))
		anna.leaves(b, bert, run)
		anna.down()
		start := time.Now()
		bert.process = bert.Start(bert.program, "up")
		bert.until("answers", func() bool { _, err := bert.api.Version(b.Context()); return err == nil })
		events = bert.listenTo(fmt.Sprint("?since=", cursor))
		bert.await(events, "first message", text(waited(run, 0)))
		blobs = append(blobs, time.Since(start))
		bert.await(events, "last message", text(waited(run, waiting-1)))
		all = append(all, time.Since(start))
		anna.up()
		anna.untilLinked(bert)
	}
	results.put(b, figure{Name: "start to first of 10,000 waiting p50", Value: milliseconds(percentile(blobs, 50)), Unit: "ms", Samples: waitingRuns})
	results.put(b, figure{
		Name: "start to 10,000 waiting shown p50", Value: milliseconds(percentile(all, 50)), Unit: "ms", Samples: waitingRuns, ValueMax: 5000,
	})
}

func waited(run, i int) string { return fmt.Sprintf("waiting %d %d", run, i) }

// serves founds a community on the host, runs its supernode, and returns a link for two.
func (n *node) serves() (link string) {
	n.b.Helper()
	n.must("supernode", "init", "--community", "Orchard", "--data", "orchard")
	n.process = n.Start(netlab.Binary(n.b), "supernode", "up", "--data", "orchard")
	n.until("supernode answers", func() bool {
		r := n.Run(n.b.Context(), n.program, "supernode", "status", "--data", "orchard", "--json")
		return r.Code == 0 && bytes.Contains([]byte(r.Stdout), []byte(`"running":true`))
	})
	var made struct{ Link string }
	if err := json.Unmarshal([]byte(n.must("supernode", "invite", "--uses", "2", "--data", "orchard", "--json")), &made); err != nil {
		n.b.Fatal(err)
	}
	return made.Link
}

// must runs the program and returns what it says.
func (n *node) must(args ...string) string {
	n.b.Helper()
	r := n.Run(n.b.Context(), append([]string{n.program}, args...)...)
	if r.Code != 0 {
		n.b.Fatalf("%v: %s", args, r.Stderr)
	}
	return r.Stdout
}

// reaches reports whether a supernode is reached.
func (n *node) reaches() bool {
	status, err := n.api.Status(n.b.Context())
	return err == nil && status.Supernodes > 0
}

// tellsWhere waits until another node can leave something for this one: what is said after the mailbox card arrives after it.
func (n *node) tellsWhere(b *testing.B, o *node) {
	n.b.Helper()
	events := o.listen()
	n.post("application/x-ndjson", outgoing(b, o.Name, "I am a member now"))
	o.await(events, "message", text("I am a member now"))
}

// leaves writes what is to wait, and returns when a supernode holds all of it.
func (n *node) leaves(b *testing.B, to *node, run int) {
	n.b.Helper()
	var lines []byte
	for i := range waiting {
		lines = append(lines, outgoing(b, to.Name, waited(run, i))...)
	}
	events := n.listen()
	n.post("application/x-ndjson", lines)
	n.await(events, "custody", func(e control.Event) bool {
		return e.Event == control.EventState && e.Message.State == control.StateHeld && e.Message.Text == waited(run, waiting-1)
	})
}
