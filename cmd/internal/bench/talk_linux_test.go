package bench

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"sottovoce/cmd/internal/control"
)

const (
	warmUp         = 200 // messages before the first that counts: the log of both databases has come round by then
	deliveryRounds = 20
	roundMessages  = 30
	batchMessages  = 10_000
	batchSyncs     = 500 // samples of its yardstick
	senderRounds   = 4
	senderTime     = 2 * time.Second // of a round, ours and the yardstick's
)

// BenchmarkDelivery sends one message after the other and takes the time from the control call at one node to the event
// at the other, by the one clock of this machine. Messages and yardstick take turns, so that both see the same machine.
func BenchmarkDelivery(b *testing.B) {
	results.begin()
	anna, bert := newPair(b)
	yard, nats := newRaw(b, anna, bert), newDurable(b, anna, bert)
	sent, received := anna.listen(), bert.listen()
	say := func(words string) (stored, arrived, confirmed time.Duration) {
		body := outgoing(b, "Bert", words)
		start := time.Now()
		anna.post("application/json", body)
		stored = time.Since(start)
		arrived = bert.await(received, words, text(words)).at.Sub(start)
		return stored, arrived, anna.await(sent, words, delivered(words)).at.Sub(start)
	}
	for i := range warmUp {
		say(fmt.Sprintf("warming up %d", i))
		yard.oneWay()
		yard.sync()
		nats.oneWay(outgoing(b, "Bert", "warming up"))
	}
	var stored, arrived, confirmed, raws, oneWays, syncs, published []time.Duration
	for round := range deliveryRounds {
		for i := range roundMessages {
			s, a, c := say(fmt.Sprintf("message %d of round %d: shall we meet at the fountain at a quarter past one?", i, round))
			stored, arrived, confirmed = append(stored, s), append(arrived, a), append(confirmed, c)
		}
		for range roundMessages {
			way, ours, theirs := yard.oneWay(), yard.sync(), yard.sync()
			oneWays, syncs = append(oneWays, way), append(syncs, ours, theirs)
			raws = append(raws, way+ours+theirs)
			published = append(published, nats.oneWay(outgoing(b, "Bert", "shall we meet at the fountain at a quarter past one?")))
		}
	}
	latency := func(name string, p int, samples []time.Duration) figure {
		return figure{
			Name: fmt.Sprintf("%s p%d", name, p), Value: milliseconds(percentile(samples, p)), Unit: "ms", Samples: len(samples),
		}
	}
	half := latency("one-way delivery", 50, arrived)
	half.Yardstick, half.Yard, half.RatioMax = "raw one way + 2 fdatasync p50", milliseconds(percentile(raws, 50)), 1.5
	results.put(b, half)
	most := latency("one-way delivery", 99, arrived)
	most.Yardstick, most.Yard = "the same p99", milliseconds(percentile(raws, 99))
	results.put(b, most)
	other := latency("one-way delivery again", 50, arrived)
	other.Yardstick, other.Yard, other.RatioMax = "JetStream that syncs each, p50", milliseconds(percentile(published, 50)), 1
	results.put(b, other)
	results.put(b, latency("send returns", 50, stored))
	results.put(b, latency("sender sees delivered", 50, confirmed))
	results.put(b, latency("raw quic-go one way, 4 KiB", 50, oneWays))
	results.put(b, latency("raw append + fdatasync, 4 KiB", 50, syncs))
}

// BenchmarkSender sends messages one by one, each as soon as the one before is answered: on our disk. It takes turns with a
// publisher of JetStream that does the same.
func BenchmarkSender(b *testing.B) {
	results.begin()
	anna, bert := newPair(b)
	nats := newDurable(b, anna, bert)
	sent := anna.listen()
	ours, theirs := 0, 0
	for range senderRounds {
		for start := time.Now(); time.Since(start) < senderTime; ours++ {
			anna.post("application/json", outgoing(b, "Bert", fmt.Sprintf("message %d: shall we meet at the fountain at a quarter past one?", ours)))
		}
		last := fmt.Sprintf("message %d: shall we meet at the fountain at a quarter past one?", ours-1)
		anna.await(sent, "the receipt", delivered(last))
		for start := time.Now(); time.Since(start) < senderTime; theirs++ {
			nats.publish(outgoing(b, "Bert", "shall we meet at the fountain at a quarter past one?"))
		}
	}
	seconds := (senderRounds * senderTime).Seconds()
	results.put(b, figure{
		Name: "one sender, each queued before the next", Value: float64(ours) / seconds, Unit: "/s", Samples: ours, ValueMin: 2000,
		Yardstick: "JetStream that syncs each", Yard: float64(theirs) / seconds,
	})
}

// BenchmarkBatch sends messages as lines of one request, until the last is confirmed.
func BenchmarkBatch(b *testing.B) {
	results.begin()
	anna, bert := newPair(b)
	yard := newRaw(b, anna, bert)
	sent, received := anna.listen(), bert.listen()
	var body []byte
	for i := range batchMessages {
		body = append(body, outgoing(b, "Bert", fmt.Sprintf("message %d: shall we meet at the fountain at a quarter past one?", i))...)
	}
	start := time.Now()
	answers := anna.post("application/x-ndjson", body)
	stored := time.Since(start)
	if n := bytes.Count(answers, []byte(`"state":"queued"`)); n != batchMessages {
		b.Fatalf("%d of %d messages were taken", n, batchMessages)
	}
	arrived := bert.await(received, "the last message", after(control.EventMessage)).at.Sub(start)
	confirmed := anna.await(sent, "the last receipt", after(control.EventState)).at.Sub(start)
	memory := max(anna.process.Memory(), bert.process.Memory())
	var syncs time.Duration
	for range batchSyncs {
		syncs += yard.sync()
	}
	perSecond := func(name string, took time.Duration) figure {
		return figure{Name: name, Value: batchMessages / took.Seconds(), Unit: "/s", Samples: batchMessages}
	}
	all := perSecond("batch, delivered", confirmed)
	all.ValueMin = 10_000
	all.Yardstick, all.Yard = "fdatasync of 4 KiB", batchSyncs/syncs.Seconds()
	results.put(b, all)
	results.put(b, perSecond("batch, arrived", arrived))
	results.put(b, perSecond("batch, taken", stored))
	results.put(b, figure{Name: "memory after the batch", Value: megabytes(memory), Unit: "MB", Samples: 2})
}

// after chooses the last of a batch's events of one kind.
func after(kind control.EventKind) func(control.Event) bool {
	left := batchMessages
	return func(e control.Event) bool {
		if e.Event == kind && (kind != control.EventState || e.Message.State == control.StateDelivered) {
			left--
		}
		return left == 0
	}
}

func megabytes(bytes int64) float64 { return float64(bytes) / 1e6 }
