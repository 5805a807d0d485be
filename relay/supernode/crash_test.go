package supernode

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"sottovoce/mesh/link"
	"sottovoce/mesh/wire"
	"sottovoce/relay"
)

// spawn serves the directory in a process of its own, where it was served before, and returns how to
// kill it.
func (r *rig) spawn() (kill func()) {
	r.t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^$")
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

// TestKilled kills a supernode in the middle of deposits, again and again. Whatever it has signed for
// it holds, at the cursor that it said; nothing is there twice.
func TestKilled(t *testing.T) {
	t.Parallel()
	r := found(t)
	s, err := r.open()
	if err != nil {
		t.Fatal(err)
	}
	r.know(s)
	invite, err := s.Invite(r.made.Community, 1, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	kill := r.spawn()
	p := r.joinBy(invite)
	p.draw(60)
	signed := map[uint64][]byte{} // by cursor
	for round := range 3 {
		l := p.mustMember()
		done := make(chan struct{})
		go func() {
			defer close(done)
			for len(p.tokens) >= 3 {
				if len(p.tokens) == 0 {
					return
				}
				blobs := r.blobs(2)
				kept, err := r.tryDeposit(l, wire.Deposit{Blobs: 2, Tokens: p.take(2)}, blobs)
				if err != nil {
					return
				}
				i := 0
				for _, cursor := range kept.Results.All() {
					signed[cursor] = blobs[i]
					i++
				}
			}
		}()
		time.Sleep(time.Duration(10+20*round) * time.Millisecond)
		kill()
		l.Close(link.ReasonBye)
		<-done
		kill = r.spawn()
	}
	defer func() { kill() }()
	if len(signed) == 0 {
		t.Fatal("nothing was signed for")
	}
	held := map[uint64][]byte{}
	ids := map[wire.BlobID]bool{}
	for _, page := range r.collect(p.mustMember(), 0) {
		for i, blob := range page.blobs {
			held[page.Cursors.At(i)] = blob
			if id := wire.IDOf(blob); ids[id] {
				t.Errorf("a blob is there twice, at %d too", page.Cursors.At(i))
			} else {
				ids[id] = true
			}
		}
	}
	for cursor, blob := range signed {
		if !bytes.Equal(held[cursor], blob) {
			t.Errorf("what was signed for at %d is not there", cursor)
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
