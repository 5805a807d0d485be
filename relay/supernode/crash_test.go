package supernode

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"io"
	"math/rand/v2"
	"net/netip"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"sottovoce/mesh/link"
	"sottovoce/mesh/wire"
	"sottovoce/relay"
	"sottovoce/relay/community"
)

// killsShort is how often TestKilled kills where KILLS says nothing else. killsChecked is after how many kills it looks whether all is there,
// killsDrawn how many tokens are drawn at a time.
const (
	killsShort   = 10
	killsChecked = 25
	killsDrawn   = 100
)

// launch starts a process that serves the directory, where it was served before.
func (r *rig) launch() (cmd *exec.Cmd, out io.Reader) {
	r.t.Helper()
	cmd = exec.Command(os.Args[0], "-test.run=^$")
	cmd.Env = append(os.Environ(), serveEnv+"="+r.dir)
	if r.at.IsValid() {
		cmd.Env = append(cmd.Env, listenEnv+"="+r.at.String())
	}
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		r.t.Fatal(err)
	}
	return cmd, out
}

// spawn serves the directory in a process of its own and returns how to kill it.
func (r *rig) spawn() (kill func()) {
	r.t.Helper()
	cmd, out := r.launch()
	line, err := bufio.NewReader(out).ReadString('\n')
	if err == nil {
		r.at, err = netip.ParseAddrPort(strings.TrimSpace(strings.TrimPrefix(line, "at ")))
	}
	kill = func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}
	if err != nil {
		kill()
		r.t.Fatalf("the supernode says %q: %v", line, err)
	}
	r.pid = cmd.Process.Pid
	return kill
}

// sufferer deposits at a supernode that is killed, and remembers what was signed for.
type sufferer struct {
	*rig
	invite *community.Link
	*person
	drawn int // tokens, by the person

	mu     sync.Mutex        // guards the following and the person's tokens
	signed map[uint64][]byte // by cursor
}

// TestKilled kills a supernode at random moments of its deposits, and of its start, KILLS times. Whatever it has signed for it holds, at the
// cursor that it said; nothing is there twice.
func TestKilled(t *testing.T) {
	t.Parallel()
	kills := killsShort
	if text := os.Getenv("KILLS"); text != "" {
		var err error
		if kills, err = strconv.Atoi(text); err != nil {
			t.Fatal(err)
		}
	}
	r := found(t)
	s, err := r.open()
	if err != nil {
		t.Fatal(err)
	}
	r.know(s)
	invite, err := s.Invite(r.made.Community, 1+kills*killsDrawn/int(policy.Tokens), time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	w := &sufferer{rig: r, invite: invite, signed: map[uint64][]byte{}}
	kill := r.spawn()
	defer func() { kill() }()
	for round := 1; round <= kills; round++ {
		w.provide()
		w.suffer(kill, round%3 > 0)
		if round%3 == 0 { // once more, while it starts
			cmd, _ := r.launch()
			time.Sleep(rand.N(20 * time.Millisecond))
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
		}
		kill = r.spawn()
		if round%killsChecked == 0 || round == kills {
			w.check()
		}
	}
	if len(w.signed) < kills {
		t.Fatalf("%d blobs were signed for in %d kills: no load", len(w.signed), kills)
	}
	t.Logf("%d kills, %d blobs signed for", kills, len(w.signed))
}

// provide sees to it that there are tokens for a round.
func (w *sufferer) provide() {
	w.t.Helper()
	if w.person == nil || w.drawn+killsDrawn > int(policy.Tokens) {
		w.person, w.drawn = w.joinBy(w.invite), 0
	}
	if len(w.person.tokens) < killsDrawn/2 {
		w.draw(killsDrawn)
		w.drawn += killsDrawn
	}
}

// suffer deposits from several sides at once until the supernode is killed, soon: after the first receipt, where that is said.
func (w *sufferer) suffer(kill func(), received bool) {
	w.t.Helper()
	l := w.mustMember()
	var sides sync.WaitGroup
	receipts := make(chan struct{}, killsDrawn)
	for range 3 {
		sides.Go(func() {
			for w.depositsTwo(l) {
				receipts <- struct{}{}
			}
		})
	}
	if received {
		select {
		case <-receipts:
		case <-time.After(20 * time.Second):
			w.t.Error("nothing is signed for")
		}
	}
	time.Sleep(rand.N(30 * time.Millisecond))
	kill()
	l.Close(link.ReasonBye) // it would wait for what is gone
	sides.Wait()
}

// depositsTwo deposits two blobs; false when the supernode or the tokens are gone.
func (w *sufferer) depositsTwo(l *link.Link) bool {
	blobs := w.blobs(2)
	w.mu.Lock()
	if len(w.person.tokens) < 2 {
		w.mu.Unlock()
		return false
	}
	paid := w.take(2)
	w.mu.Unlock()
	kept, err := w.tryDeposit(l, wire.Deposit{Blobs: 2, Tokens: paid}, blobs)
	if err != nil {
		return false
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	i := 0
	for _, cursor := range kept.Results.All() {
		if w.signed[cursor] != nil {
			w.t.Errorf("cursor %d was signed for twice", cursor)
		}
		w.signed[cursor] = blobs[i]
		i++
	}
	return true
}

// check collects everything, and wants all that was signed for.
func (w *sufferer) check() {
	w.t.Helper()
	held := map[uint64][]byte{}
	ids := map[wire.BlobID]bool{}
	for _, page := range w.collect(w.mustMember(), 0) {
		for i, blob := range page.blobs {
			held[page.Cursors.At(i)] = blob
			if id := wire.IDOf(blob); ids[id] {
				w.t.Errorf("a blob is there twice, at %d too", page.Cursors.At(i))
			} else {
				ids[id] = true
			}
		}
	}
	for cursor, blob := range w.signed {
		if !bytes.Equal(held[cursor], blob) {
			w.t.Errorf("what was signed for at %d is not there", cursor)
		}
	}
}

// TestLinksOfBefore kills a supernode and starts it again: who had a link learns it from the first
// packet that needs an answer.
func TestLinksOfBefore(t *testing.T) {
	t.Parallel()
	r := found(t)
	s, err := r.open()
	if err != nil {
		t.Fatal(err)
	}
	r.know(s)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	kill := r.spawn()
	l := r.visitor()
	kill()
	kill = r.spawn()
	defer func() { kill() }()
	begun := time.Now()
	_, err = r.tryDeposit(l, wire.Deposit{Blobs: 1}, r.blobs(1))
	if took := time.Since(begun); err == nil || took > 5*time.Second {
		t.Errorf("on a link of before: %v after %v", err, took)
	}
	<-l.Done()
}

// tryDeposit deposits, and fails when the supernode goes before there is a receipt.
func (r *rig) tryDeposit(l *link.Link, f wire.Deposit, blobs [][]byte) (kept wire.Kept, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	s, err := l.Request(ctx)
	if err != nil {
		return kept, err
	}
	defer func() { _ = s.Close() }()
	if err := s.Send(ctx, f, blobs...); err != nil {
		return kept, err
	}
	_ = s.End()
	answer, err := s.Receive(ctx)
	kept, is := answer.(wire.Kept)
	if err != nil || !is || kept.Signature == nil {
		return kept, errors.Join(err, errors.New("no receipt"))
	}
	var held []relay.Kept
	i := 0
	for reason, cursor := range kept.Results.All() {
		h, err := wire.ParseHeader(blobs[i])
		if reason != 0 || err != nil {
			return kept, errors.Join(err, errors.New(Word(reason)))
		}
		held = append(held, relay.Kept{ID: wire.IDOf(blobs[i]), ExpiryDay: h.ExpiryDay, Cursor: cursor})
		i++
	}
	if !ed25519.Verify(r.keys.Sign[:], r.log().Receipt(held), kept.Signature[:]) {
		return kept, errors.New("a receipt that is not signed")
	}
	return kept, nil
}
