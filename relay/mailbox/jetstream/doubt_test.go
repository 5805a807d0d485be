package jetstream_test

import (
	"bytes"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"sottovoce/relay/mailbox"
	"sottovoce/relay/mailbox/jetstream"
	"sottovoce/relay/mailbox/mailboxtest"
)

// muffle stands between a store and its server. Where it is armed, what the server says is lost from the next commit on; where it drops something, that
// does not come to the server.
type muffle struct {
	net.Listener
	armed atomic.Bool
	on    atomic.Bool
	drops atomic.Pointer[string] // what is lost next of what the store says, once,
	keeps atomic.Bool            // or each time
	mu    sync.Mutex             // guards the following
	conns []net.Conn
}

func muffled(t *testing.T, server string) *muffle {
	t.Helper()
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	m := &muffle{Listener: l}
	var parts sync.WaitGroup
	parts.Go(func() {
		for {
			near, err := l.Accept()
			if err != nil {
				return
			}
			far, err := net.Dial("tcp4", server)
			if err != nil {
				_ = near.Close()
				continue
			}
			m.mu.Lock()
			m.conns = append(m.conns, near, far)
			m.mu.Unlock()
			parts.Go(func() { m.pass(far, near, m.dropped); _ = far.Close() })
			parts.Go(func() { m.pass(near, far, func([]byte) bool { return m.on.Load() }); _ = near.Close() })
		}
	})
	t.Cleanup(func() { _ = l.Close(); m.cut(); parts.Wait() })
	return m
}

// pass brings bytes from one to the other, but for those that are lost.
func (m *muffle) pass(to, from net.Conn, lost func([]byte) bool) {
	b := make([]byte, 64<<10)
	for {
		n, err := from.Read(b)
		if err != nil {
			return
		}
		if m.armed.Load() && bytes.Contains(b[:n], []byte("Nats-Batch-Commit")) {
			m.armed.Store(false)
			m.on.Store(true)
		}
		if lost(b[:n]) {
			continue
		}
		if _, err := to.Write(b[:n]); err != nil {
			return
		}
	}
}

// dropped says whether the store's words are those that are lost next.
func (m *muffle) dropped(b []byte) bool {
	words := m.drops.Load()
	return words != nil && bytes.Contains(b, []byte(*words)) && (m.keeps.Load() || m.drops.CompareAndSwap(words, nil))
}

// cut ends all connections, and what comes afterwards is heard again.
func (m *muffle) cut() {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, c := range m.conns {
		_ = c.Close()
	}
	m.conns = nil
	m.on.Store(false)
}

// TestAnswerLost: a commit whose answer is lost is there once, and its depositor is told where.
func TestAnswerLost(t *testing.T) {
	t.Parallel() // it waits most of the time
	s := serve(t, nil)
	between := muffled(t, s.Addr().String())
	a := open(t, jetstream.Config{URL: "nats://" + between.Addr().String() + "/doubt", Replicas: 1})
	b := open(t, jetstream.Config{URL: s.ClientURL() + "/doubt", Replicas: 1})
	t.Cleanup(func() { _ = a.Close(); _ = b.Close() })
	put := func(n uint64) (mailbox.Result, error) {
		r, err := a.Append(t.Context(), ours, []mailbox.Deposit{{Blob: mailboxtest.Blob(n, 0, day), Paid: []mailbox.Token{mailboxtest.Token(n, day)}}})
		if err != nil {
			return mailbox.Result{}, err
		}
		return r[0], nil
	}
	if r, err := put(1); err != nil || r.Err != nil {
		t.Fatal(r, err)
	}
	between.armed.Store(true)
	var told mailbox.Result
	var failed error
	done := make(chan struct{})
	go func() { defer close(done); told, failed = put(2) }()
	for end := time.Now().Add(30 * time.Second); len(collect(t, b).Blobs) != 2; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("the commit does not come to the server")
		}
	}
	between.cut()
	<-done
	all := collect(t, b)
	if failed != nil || told != (mailbox.Result{Cursor: all.Blobs[1].Cursor, New: true}) || len(all.Blobs) != 2 {
		t.Fatalf("%+v, %v; %d blobs", told, failed, len(all.Blobs))
	}
	if again, err := put(2); err != nil || again != (mailbox.Result{Cursor: told.Cursor}) {
		t.Fatalf("%+v, %v", again, err)
	}
}

// TestQuestionLost: what a server drops, as one does of a stream that nobody leads yet, is asked again.
func TestQuestionLost(t *testing.T) {
	t.Parallel() // it waits most of the time
	s := serve(t, nil)
	between := muffled(t, s.Addr().String())
	a := open(t, jetstream.Config{URL: "nats://" + between.Addr().String() + "/question", Replicas: 1})
	t.Cleanup(func() { _ = a.Close() })
	for _, lost := range []struct {
		words string
		do    func() error
	}{
		{"STREAM.CREATE.question-", func() error {
			r, err := a.Append(t.Context(), ours, []mailbox.Deposit{{Blob: mailboxtest.Blob(1, 0, day), Paid: []mailbox.Token{mailboxtest.Token(1, day)}}})
			if err == nil {
				err = r[0].Err
			}
			return err
		}},
		{"STREAM.MSG.GET.question-", func() error { return a.Current(t.Context(), ours) }},
		{"STREAM.NAMES", func() error {
			c, err := jetstream.Open(t.Context(), jetstream.Config{URL: "nats://" + between.Addr().String() + "/question", Replicas: 1, Log: slog.New(slog.DiscardHandler)})
			if err != nil {
				return err
			}
			return c.Close()
		}},
	} {
		between.drops.Store(&lost.words)
		began := time.Now()
		if err := lost.do(); err != nil || time.Since(began) > 3*time.Second { // who asks once waits 4 s for nothing
			t.Errorf("%s: %v after %v", lost.words, err, time.Since(began))
		}
		if between.drops.Load() != nil {
			t.Errorf("%s was not said", lost.words)
		}
	}
}
