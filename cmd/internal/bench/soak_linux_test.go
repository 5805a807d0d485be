package bench

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"sottovoce/cmd/internal/control"
)

const (
	soakShort   = 10 * time.Second // without SOAK: enough to see that the test works
	soakSamples = 40
	soakPause   = 20 * time.Millisecond // between two messages
	soakCycle   = 4 * time.Second       // at most: of a batch, and of a third node that comes and goes
	soakCycles  = 12                    // at least: the first quarter, which warms up, has three
	soakBatch   = 200                   // messages
	soakKept    = 900                   // messages at most for who is away: a member may leave 1,024 a day

	// What the end may have more of than the time after the warm-up.
	memoryGrowthMax     = 6 << 20 // bytes: the collector's leeway
	memoryFillsFor      = time.Minute
	memoryFillsBy       = 6 << 20 // bytes more in a run that is shorter than that: the database's cache is not yet full
	memoryPages         = 8 << 20 // bytes more of a supernode: it keeps 4 MiB of pages for who asks next, and the collector as much
	descriptorGrowthMax = 8       // connections that just come or go
	goroutineGrowthMax  = 20      // of a link that just comes or goes
)

// TestSoak keeps two nodes busy for SOAK (a duration such as 60m), in both directions, while a third comes and goes, readers
// of events too, and a supernode keeps for it what it is sent meanwhile. It checks that memory, descriptors and goroutines of the two and
// of the supernode stay what they were after the first quarter.
func TestSoak(t *testing.T) {
	length := soakShort
	if text := os.Getenv("SOAK"); text != "" {
		var err error
		if length, err = time.ParseDuration(text); err != nil {
			t.Fatal(err)
		}
	}
	anna, bert := newPair(t)
	carla := newNode(t, anna.lan, "Carla")
	carla.up()
	anna.befriends(carla)
	shelf := newNode(t, anna.lan, "Shelf")
	link := shelf.serves()
	shelf.keeps = control.NewSupernodeClient(filepath.Join(shelf.Home, "orchard"))
	defer shelf.keeps.Close()
	for _, n := range []*node{anna, carla} {
		n.must("community", "join", link)
		n.until("reaches the supernode", n.reaches)
	}
	heard := anna.listen()
	carla.says("Anna", "I am a member now") // and where to leave something for her before it
	anna.await(heard, "message", text("I am a member now"))

	every := max(min(soakCycle, length/soakCycles), length/soakKept)
	ctx, stop := context.WithTimeout(t.Context(), length)
	defer stop()
	sent := make(chan int, 2)
	go func() { sent <- anna.chatters(ctx, "Bert", every) }()
	go func() { sent <- bert.chatters(ctx, "Anna", every) }()
	usage := map[*node][]use{}
	cycle, sample := time.NewTicker(every), time.NewTicker(length/soakSamples)
	defer cycle.Stop()
	defer sample.Stop()
	for ctx.Err() == nil {
		select {
		case <-sample.C:
			for _, n := range []*node{anna, bert, shelf} {
				usage[n] = append(usage[n], n.use())
			}
		case <-cycle.C:
			carla.down()
			kept := shelf.kept()
			anna.says("Carla", "for when you are back")
			shelf.until("keeps it", func() bool { return shelf.kept() > kept })
			carla.up()
			anna.glances()
		case <-ctx.Done():
		}
	}
	total := <-sent + <-sent
	memoryMax := int64(memoryGrowthMax)
	if length < memoryFillsFor {
		memoryMax += memoryFillsBy
	}
	for n, list := range usage {
		n.staysFlat(list, memoryMax)
	}
	t.Logf("%d deposits at the supernode", shelf.kept())
	for _, n := range []*node{anna, bert} {
		n.until("everything is delivered", func() bool {
			s, err := n.api.Status(t.Context())
			return err == nil && s.Queued == 0
		})
	}
	t.Logf("%d messages in %v", total, length)
}

// chatters sends single messages, and a batch every so often, until ctx ends, and returns how many.
func (n *node) chatters(ctx context.Context, to string, every time.Duration) (sent int) {
	batch := time.NewTicker(every)
	defer batch.Stop()
	for ; ; time.Sleep(soakPause) {
		texts := []control.Outgoing{{To: to, Text: fmt.Sprintf("message %d: shall we meet at the fountain at a quarter past one?", sent)}}
		select {
		case <-ctx.Done():
			return sent
		case <-batch.C:
			texts = slices.Repeat(texts, soakBatch)
		default:
		}
		for _, r := range n.api.Send(context.WithoutCancel(ctx), texts) {
			if r.Err != nil {
				n.b.Errorf("%s: send: %v", n.Name, r.Err)
				return sent
			}
		}
		sent += len(texts)
	}
}

// says sends one message.
func (n *node) says(to, text string) {
	n.b.Helper()
	for _, r := range n.api.Send(n.b.Context(), []control.Outgoing{{To: to, Text: text}}) {
		if r.Err != nil {
			n.b.Errorf("%s: send: %v", n.Name, r.Err)
		}
	}
}

// glances reads the first events, the log and the status, and goes away.
func (n *node) glances() {
	n.b.Helper()
	ctx, cancel := context.WithCancel(n.b.Context())
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://sottovoce/v1/events?since=0", nil)
	if err != nil {
		n.b.Fatal(err)
	}
	stream, err := n.http.Do(request)
	if err != nil {
		n.b.Fatal(err)
	}
	defer stream.Body.Close()
	if _, err := io.CopyN(io.Discard, stream.Body, 64<<10); err != nil && ctx.Err() == nil && err != io.EOF {
		n.b.Errorf("%s: events: %v", n.Name, err)
	}
	if _, err := n.api.Log(ctx, "Bert", control.LogQuery{N: 50}); err != nil {
		n.b.Errorf("%s: log: %v", n.Name, err)
	}
}

// use is what a process holds at one time.
type use struct {
	Memory      int64 `json:"memory"`
	Descriptors int   `json:"descriptors"`
	Goroutines  int   `json:"goroutines"`
}

func (n *node) use() use {
	n.b.Helper()
	open, err := os.ReadDir(filepath.Join("/proc", fmt.Sprint(n.process.PID()), "fd"))
	if err != nil {
		n.b.Fatal(err)
	}
	return use{Memory: n.process.Memory(), Descriptors: len(open), Goroutines: n.goroutines()}
}

// kept counts the deposits that the supernode of the host has signed for.
func (n *node) kept() uint64 {
	n.b.Helper()
	status, err := n.keeps.Status(n.b.Context())
	if err != nil {
		n.b.Fatal(err)
	}
	return status.Kept
}

// goroutines counts those of the node, or of the supernode that the host runs.
func (n *node) goroutines() int {
	n.b.Helper()
	if n.keeps != nil {
		status, err := n.keeps.Status(n.b.Context())
		if err != nil {
			n.b.Fatal(err)
		}
		return status.Goroutines
	}
	status, err := n.api.Status(n.b.Context())
	if err != nil {
		n.b.Fatal(err)
	}
	return status.Goroutines
}

// staysFlat compares the medians of the second and of the last quarter; memory may have grown by memoryMax bytes,
// that of a supernode by its pages as well.
func (n *node) staysFlat(list []use, memoryMax int64) {
	n.b.Helper()
	quarter := len(list) / 4
	if n.keeps != nil {
		memoryMax += memoryPages
	}
	early, late := middle(list[quarter:2*quarter]), middle(list[len(list)-quarter:])
	for _, c := range []struct {
		what             string
		early, late, max int64
	}{
		{"memory", early.Memory, late.Memory, memoryMax},
		{"descriptors", int64(early.Descriptors), int64(late.Descriptors), descriptorGrowthMax},
		{"goroutines", int64(early.Goroutines), int64(late.Goroutines), goroutineGrowthMax},
	} {
		n.b.Logf("%s: %s: %d, then %d", n.Name, c.what, c.early, c.late)
		if c.late > c.early+c.max {
			all, _ := json.Marshal(list) // three numbers each
			n.b.Errorf("%s: %s grows from %d to %d: %s", n.Name, c.what, c.early, c.late, all)
		}
	}
}

// middle is the median of each.
func middle(list []use) use {
	median := func(of func(use) int64) int64 {
		values := make([]int64, len(list))
		for i, u := range list {
			values[i] = of(u)
		}
		slices.Sort(values)
		return values[len(values)/2]
	}
	return use{
		Memory:      median(func(u use) int64 { return u.Memory }),
		Descriptors: int(median(func(u use) int64 { return int64(u.Descriptors) })),
		Goroutines:  int(median(func(u use) int64 { return int64(u.Goroutines) })),
	}
}
