package bench

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"sottovoce/cmd/internal/control"
	"sottovoce/cmd/internal/netlab"
)

const (
	faceStarts = 10
	faceKeys   = 600
	faceKey    = "ж" // what is typed: no message and no escape sequence holds it
	faceLine   = 40  // keys, then the line is erased
	facePages  = 30  // up, and down again
	faceRate   = 50  // messages a second that arrive meanwhile
)

// BenchmarkFace opens the face on a home with a million messages, and types and scrolls while others arrive: one of our own
// programs writes them, so that they come in the conversation that is shown.
func BenchmarkFace(b *testing.B) {
	anna, bert := newPair(b)
	bert.down()
	anna.down()
	fillYears(b, anna.home)
	results.begin()
	anna.up()
	node := anna.process.Memory()
	echo := &face{anna.Terminal("sh", "-c", "stty raw -echo; echo ready; exec cat"), anna}
	echo.await(0, "ready")
	_, yard := echo.keys(faceKeys)
	echo.Kill()
	var opened []time.Duration
	for range faceStarts {
		start := time.Now()
		f := anna.face()
		f.await(0, "delivered")
		opened = append(opened, time.Since(start))
		f.leave()
	}
	results.put(b, figure{Name: "face, execution to first screen p50", Value: milliseconds(percentile(opened, 50)), Unit: "ms", Samples: faceStarts, ValueMax: 150})
	f := anna.face()
	f.await(0, "delivered")
	f.measure("face beside a node", yard)
	results.put(b, figure{Name: "face beside a node, memory of its own process", Value: megabytes(f.Memory()), Unit: "MB", Samples: 1})
	f.leave()
	anna.down()

	start := time.Now()
	f = anna.face()
	f.await(0, "arrives while")
	results.put(b, figure{Name: "face with its node, execution to first screen", Value: milliseconds(time.Since(start)), Unit: "ms", Samples: 1, ValueMax: 150})
	f.measure("face with its node", yard)
	results.put(b, figure{Name: "face with its node, memory over that of the node", Value: megabytes(f.Memory() - node), Unit: "MB", Samples: 1, ValueMax: 25})
	f.leave()
}

// face is the face on a terminal.
type face struct {
	*netlab.Terminal
	n *node
}

func (n *node) face() *face {
	return &face{n.Terminal("env", "TERM=xterm-256color", n.program), n}
}

// await waits until what is written behind so many bytes holds a text, and returns how many bytes there are then.
func (f *face) await(from int, text string) (written int) {
	f.n.b.Helper()
	for end := time.Now().Add(patience); ; time.Sleep(100 * time.Microsecond) {
		got := f.OutputFrom(from)
		if at := strings.Index(got, text); at >= 0 {
			return from + len(got)
		}
		if time.Now().After(end) {
			f.n.b.Fatalf("the face does not show %q: %q", text, got)
		}
	}
}

func (f *face) leave() {
	f.Press("\x11")
	<-f.Done()
}

// measure types while nothing else happens, then types and scrolls while messages arrive.
func (f *face) measure(name string, yard []time.Duration) {
	b := f.n.b.(*testing.B)
	written := f.types(name+", key to screen", yard)
	results.put(b, figure{Name: name + ", written for a key", Value: float64(written) / faceKeys, Unit: "B", Samples: faceKeys, ValueMax: 2000})
	ctx, stop := context.WithCancel(b.Context())
	over := make(chan struct{})
	go func() {
		defer close(over)
		each := time.NewTicker(time.Second / faceRate)
		defer each.Stop()
		for i := 0; ; i++ {
			select {
			case <-ctx.Done():
				return
			case <-each.C:
				f.n.api.Send(ctx, []control.Outgoing{{To: "Bert", Text: fmt.Sprintf("message %d that arrives while somebody is writing", i)}})
			}
		}
	}()
	f.types(name+", key to screen while 50 messages/s arrive", yard)
	for range facePages {
		f.Press("\x1b[5~")
		time.Sleep(50 * time.Millisecond)
	}
	f.types(name+", the same far up", yard)
	for range facePages {
		f.Press("\x1b[6~")
		time.Sleep(50 * time.Millisecond)
	}
	stop()
	<-over
}

// types types and tells how many bytes were written for it. The yardstick is the same in front of a program that writes what it
// reads: what the machine is busy with for others is in both.
func (f *face) types(name string, yard []time.Duration) (written int) {
	b := f.n.b.(*testing.B)
	written, took := f.keys(faceKeys)
	results.put(b, figure{
		Name: name + " p50", Value: milliseconds(percentile(took, 50)), Unit: "ms", Samples: faceKeys,
		Yardstick: "cat", Yard: milliseconds(percentile(yard, 50)),
	})
	results.put(b, figure{
		Name: name + " p99", Value: milliseconds(percentile(took, 99)), Unit: "ms", Samples: faceKeys, ValueMax: 16,
		Yardstick: "cat", Yard: milliseconds(percentile(yard, 99)),
	})
	return written
}

// keys types so many keys, waits for each to be shown, and tells how many bytes were written for them.
func (f *face) keys(n int) (written int, took []time.Duration) {
	begin := len(f.Output())
	for i := range n {
		if i%faceLine == 0 {
			f.Press("\x15")
			time.Sleep(50 * time.Millisecond)
		}
		from := len(f.Output())
		start := time.Now()
		f.Press(faceKey)
		f.await(from, faceKey)
		took = append(took, time.Since(start))
		time.Sleep(10 * time.Millisecond)
	}
	return len(f.Output()) - begin, took
}
