package bench

import (
	"os"
	"testing"
	"time"

	"sottovoce/cmd/internal/control"
)

const (
	starts     = 25
	startPause = 500 * time.Millisecond // between two turns, so that a start never meets the end before it
	idleTime   = 20 * time.Second
	statuses   = 50
)

// BenchmarkStart takes the time from the execution of `sottovoce up` on one host to the event at a node that runs on
// another, for a contact, and from its stop to the event that it is gone.
func BenchmarkStart(b *testing.B) {
	results.begin()
	anna, bert := newPair(b)
	seen, joined, gone := starting(b, anna, bert)
	for _, f := range []struct {
		name    string
		p       int
		samples []time.Duration
		max     float64 // ms
	}{
		{"start to seen p50", 50, seen, 300},
		{"start to seen p99", 99, seen, 1500},
		{"start to linked p50", 50, joined, 0},
		{"goodbye to gone p99", 99, gone, 1000},
	} {
		results.put(b, figure{
			Name: f.name, Value: milliseconds(percentile(f.samples, f.p)), Unit: "ms", Samples: starts, ValueMax: f.max,
		})
	}
}

// starting stops and starts bert again and again, and takes the times at which anna hears of it.
func starting(b *testing.B, anna, bert *node) (seen, joined, gone []time.Duration) {
	b.Helper()
	events := anna.listen()
	for range starts {
		forget(events)
		start := time.Now()
		bert.down()
		left := anna.await(events, "goodbye", person(bert.Name, func(p control.Person) bool { return !p.Online }))
		gone = append(gone, left.at.Sub(start))
		time.Sleep(startPause)
		forget(events)
		start = time.Now()
		bert.process = bert.Start(bert.program, "up")
		online := anna.await(events, "start", person(bert.Name, func(p control.Person) bool { return p.Online }))
		seen = append(seen, online.at.Sub(start))
		if online.event.Person.Via != control.ViaLink {
			online = anna.await(events, "link", person(bert.Name, linked))
		}
		joined = append(joined, online.at.Sub(start))
		anna.untilLinked(bert)
		time.Sleep(startPause)
	}
	return seen, joined, gone
}

// BenchmarkIdle measures a node that has one peer and nothing to do, beside a process that has one raw connection.
func BenchmarkIdle(b *testing.B) {
	results.begin()
	anna, bert := newPair(b)
	for _, n := range []*node{anna, bert} { // what making contacts took is not idle
		n.down()
		n.up()
	}
	anna.untilLinked(bert)
	yard := newRaw(b, anna, bert)
	yard.oneWay()
	time.Sleep(idleTime)
	results.put(b, figure{
		Name: "idle memory", Value: megabytes(max(anna.process.Memory(), bert.process.Memory())), Unit: "MB", Samples: 2, ValueMax: 30,
		Yardstick: "raw quic-go, one connection", Yard: megabytes(yard.server.Memory()),
	})
	var asked, started []time.Duration
	for range statuses {
		asked = append(asked, anna.takes(anna.program, "status"))
		started = append(started, anna.takes("true"))
	}
	results.put(b, figure{
		Name: "sottovoce status p50", Value: milliseconds(percentile(asked, 50)), Unit: "ms", Samples: statuses, ValueMax: 50,
		Yardstick: "the command true", Yard: milliseconds(percentile(started, 50)),
	})
	binary, err := os.Stat(anna.program)
	if err != nil {
		b.Fatal(err)
	}
	results.put(b, figure{Name: "stripped binary", Value: megabytes(binary.Size()), Unit: "MB", Samples: 1, ValueMax: 20})
}

// forget drops what has been heard so far: the next wait is for something new.
func forget(events <-chan heard) {
	for len(events) > 0 {
		<-events
	}
}

// takes runs a command and returns how long it took.
func (n *node) takes(args ...string) time.Duration {
	n.b.Helper()
	start := time.Now()
	if r := n.Run(n.b.Context(), args...); r.Code != 0 {
		n.b.Fatalf("%v: %s", args, r.Stderr)
	}
	return time.Since(start)
}
