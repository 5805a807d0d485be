package mesh

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"net"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"sottovoce/mesh/conversation"
	"sottovoce/mesh/store"
)

// BenchmarkDelivery takes a message from Send to the event at the other node and back to the state delivered, one after
// the other, with both disks but one process and the loopback interface: it is there to be profiled. What a person
// waits for is measured by cmd/internal/bench.
func BenchmarkDelivery(b *testing.B) {
	anna, bert := benchPair(b)
	ctx := b.Context()
	sent, received := follow(b, anna), follow(b, bert)
	var oneWay []time.Duration
	i := 0
	for b.Loop() {
		i++
		start := time.Now()
		r := anna.Send(ctx, []Outgoing{{To: "Bert", Text: fmt.Sprintf("message %d: shall we meet at the fountain at a quarter past one?", i)}})
		if r[0].Err != nil {
			b.Fatal(r[0].Err)
		}
		for e := range received {
			if e.Kind == EventMessage && e.Message.ID == r[0].Message.ID {
				break
			}
		}
		oneWay = append(oneWay, time.Since(start))
		for e := range sent {
			if e.Kind == EventState && e.Message.ID == r[0].Message.ID && e.Message.State == conversation.StateDelivered {
				break
			}
		}
	}
	slices.Sort(oneWay)
	b.ReportMetric(oneWay[len(oneWay)/2].Seconds()*1e3, "p50-one-way-ms")
}

// BenchmarkSender sends as soon as the message before is queued, and waits for the deliveries at the end.
func BenchmarkSender(b *testing.B) {
	anna, _ := benchPair(b)
	sent := follow(b, anna)
	n := 0
	for b.Loop() {
		n++
		r := anna.Send(b.Context(), []Outgoing{{To: "Bert", Text: fmt.Sprintf("message %d: shall we meet at the fountain at a quarter past one?", n)}})
		if r[0].Err != nil {
			b.Fatal(r[0].Err)
		}
	}
	for left := n; left > 0; {
		if e := <-sent; e.Kind == EventState && e.Message.State == conversation.StateDelivered {
			left--
		}
	}
}

// BenchmarkBatch does the same with batches of 256, and counts messages.
func BenchmarkBatch(b *testing.B) {
	const size = 256
	anna, _ := benchPair(b)
	sent := follow(b, anna)
	batch := make([]Outgoing, size)
	n := 0
	for b.Loop() {
		for i := range batch {
			n++
			batch[i] = Outgoing{To: "Bert", Text: fmt.Sprintf("message %d: shall we meet at the fountain at a quarter past one?", n)}
		}
		for _, r := range anna.Send(b.Context(), batch) {
			if r.Err != nil {
				b.Fatal(r.Err)
			}
		}
	}
	for left := n; left > 0; {
		if e := <-sent; e.Kind == EventState && e.Message.State == conversation.StateDelivered {
			left--
		}
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "messages/s")
}

// benchPair starts two nodes that are linked contacts.
func benchPair(b *testing.B) (anna, bert *Node) {
	b.Helper()
	lan := newAir()
	anna, bert = benchNode(b, lan, "Anna"), benchNode(b, lan, "Bert")
	soon := func(what string, list func(context.Context) ([]Person, error), ok func(Person) bool) {
		b.Helper()
		for end := time.Now().Add(10 * time.Second); ; time.Sleep(5 * time.Millisecond) {
			people, err := list(b.Context())
			if err != nil {
				b.Fatal(err)
			}
			if len(people) == 1 && ok(people[0]) {
				return
			}
			if time.Now().After(end) {
				b.Fatalf("never: %s", what)
			}
		}
	}
	soon("nearby", anna.Nearby, anyhow)
	if _, err := anna.Add(b.Context(), "Bert"); err != nil {
		b.Fatal(err)
	}
	soon("request", bert.Requests, anyhow)
	if _, err := bert.Accept(b.Context(), "Anna"); err != nil {
		b.Fatal(err)
	}
	soon("linked", anna.Contacts, linked)
	soon("linked", bert.Contacts, linked)
	return anna, bert
}

// benchNode founds an identity and runs its node to the end of the benchmark.
func benchNode(b *testing.B, lan *air, name string) *Node {
	b.Helper()
	must := func(err error) {
		b.Helper()
		if err != nil {
			b.Fatal(err)
		}
	}
	home := filepath.Join(b.TempDir(), name)
	must(Found(home, name, rand.Reader))
	db, err := store.Open(home, rand.Reader)
	must(err)
	conn, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	must(err)
	n, err := New(Config{Store: db, Finder: lan.finder(), Conn: conn, Rand: rand.Reader, Log: slog.New(slog.DiscardHandler), Vouched: func() bool { return true }})
	must(err)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- n.Run(ctx) }()
	b.Cleanup(func() {
		cancel()
		must(<-done)
		must(db.Close())
	})
	return n
}

// follow reads a node's events, from now to the end of the benchmark.
func follow(b *testing.B, n *Node) <-chan Event {
	b.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	events, err := n.Events(ctx, nil)
	if err != nil {
		b.Fatal(err)
	}
	out := make(chan Event, 1<<16) // a reader that waits would be the one who is measured
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer close(out)
		for e, err := range events {
			if err != nil {
				return // the benchmark is over
			}
			out <- e
		}
	}()
	b.Cleanup(func() { cancel(); <-done })
	return out
}
