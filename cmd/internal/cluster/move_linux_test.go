package cluster

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"sottovoce/cmd/internal/netlab"
	"sottovoce/mesh/link"
	"sottovoce/mesh/wire"
)

const (
	// moveTime is how long a move may take on a machine that is busy with other things.
	moveTime = 3 * time.Minute
	// moveLag is after how many batches the first blob of one is withdrawn.
	moveLag = 10
	// moveTokens are drawn at a time.
	moveTokens = 400
)

// move is a community that moves to a cluster while its members go on.
type move struct {
	t     *testing.T
	old   *Front
	words string
	fresh []*Front // the processes before the cluster

	members             []*Member
	atOld, atNew        *Ledger
	joined, shut, ended chan struct{} // closed when the new one is there, when the old one is shut out, and when it has all moved
	withdrawn           chan wire.BlobID
}

// TestMove moves a community to a cluster as docs/cluster.md says it, while members leave messages and withdraw some: over the network that joins the
// two supernodes, and in a file where none does. What either has receipted the new one shows, once, but what was withdrawn at either. Who was away all the
// time comes by a new link.
func TestMove(t *testing.T) {
	t.Parallel()
	lan := netlab.New(t, netlab.IPv4)
	servers := StartServers(t, lan)
	moves := map[string]*move{}
	for _, way := range []string{"network", "file"} {
		v := &move{
			t: t, atOld: NewLedger(), atNew: NewLedger(), withdrawn: make(chan wire.BlobID, 1<<16),
			joined: make(chan struct{}), shut: make(chan struct{}), ended: make(chan struct{}),
		}
		v.old, v.words = Found(t, lan.Host("pi-"+way))
		first := &Front{Host: lan.Host("one-" + way), t: t, flags: []string{"--store", servers.URL() + "/" + way}}
		v.fresh = []*Front{first, first.Beside(lan.Host("two-" + way))}
		v.old.Up()
		v.members = NewCrowd(t, lan, append(v.fresh, v.old)...).Join(20, v.old.Invite(20), v.old)
		moves[way] = v
	}
	for way, v := range moves {
		t.Run(way, func(t *testing.T) {
			t.Parallel()
			v.t = t
			for _, f := range append(v.fresh, v.old) {
				f.t = t
			}
			v.run(way == "file")
		})
	}
}

func (v *move) run(byFile bool) {
	ctx, cancel := context.WithTimeout(v.t.Context(), moveTime)
	defer cancel()
	depositors, reader, read, all := make(chan error), NewReader(v.members[2]), make(chan error), make(chan struct{})
	for i, m := range v.members[:2] {
		go func() { depositors <- v.leaves(ctx, m, i == 0) }()
	}
	go func() {
		<-v.joined
		if err := errors.Join(reader.Enter(v.old, 0), reader.Turn(v.fresh[0], 0)); err != nil {
			read <- err
			return
		}
		read <- reader.Follow(ctx, all, v.fresh...)
	}()
	v.goes(ctx, byFile)
	err := errors.Join(<-depositors, <-depositors)
	close(all)
	if err := errors.Join(err, <-read); err != nil {
		v.t.Fatal(err)
	}
	v.judge(ctx, reader)
}

// goes has the operator do what docs/cluster.md says.
func (v *move) goes(ctx context.Context, byFile bool) {
	v.t.Helper()
	first := v.fresh[0]
	v.receipted(ctx, v.atOld, 100)
	var made struct{ Link string }
	words := filepath.Join(v.old.Home, "words.txt")
	if err := os.WriteFile(words, []byte(v.words+"\n"), 0o600); err != nil {
		v.t.Fatal(err)
	}
	v.old.asks(&made, "invite", "--supernode", "--root-words-file", words)
	v.old.asks(nil, "export", "orchard.stick") // what follows goes on in the file
	first.asks(nil, "init", "--join", made.Link, "--store", first.flags[len(first.flags)-1])
	for _, f := range v.fresh {
		if byFile {
			v.old.Firewall("input", "ip saddr "+f.IPv4.String()+" drop")
		}
		f.Up()
	}
	close(v.joined)
	if err := Each(v.members[3:len(v.members)-1], func(_ int, m *Member) error { return m.Enter(v.old, 0) }); err != nil { // all but one hear of it
		v.t.Fatal(err)
	}
	v.carry()
	v.receipted(ctx, v.atOld, 200)
	v.carry()
	if !byFile {
		v.level(ctx)
	}
	v.receipted(ctx, v.atOld, 250)
	first.asks(nil, "revoke", v.old.id.String(), "--root-words-file", words)
	close(v.shut)
	v.receipted(ctx, v.atNew, 50)
	v.old.process.Stop()
	v.carry()
	v.receipted(ctx, v.atNew, 200)
	close(v.ended)
}

// carry takes what the old one keeps to the new one, in the file.
func (v *move) carry() {
	v.t.Helper()
	var got struct{ New, Known, Refused int }
	v.old.asks(nil, "export", "orchard.stick")
	v.fresh[0].asks(&got, "import", filepath.Join(v.old.Home, "orchard.stick"))
	v.t.Logf("%d are new, %d are known, %d were refused", got.New, got.Known, got.Refused)
}

// receipted waits until there are so many receipts more.
func (v *move) receipted(ctx context.Context, g *Ledger, n int) {
	v.t.Helper()
	if err := g.Reach(ctx, n); err != nil {
		v.t.Fatal(err)
	}
}

// level waits until the new one has as much as the old one had.
func (v *move) level(ctx context.Context) {
	v.t.Helper()
	want, err := v.old.status()
	if err != nil {
		v.t.Fatal(err)
	}
	eventually(v.t, "level", func(context.Context) error {
		got, err := v.fresh[1].status()
		if err == nil && got.Blobs < want.Blobs {
			err = fmt.Errorf("the new one has %d blobs, the old one had %d", got.Blobs, want.Blobs)
		}
		return err
	})
}

// depositor is a member who leaves blobs while the community moves.
type depositor struct {
	*move
	*Member
	quick bool // hears at once that the old one was shut out; else only when it is gone
	heard bool // of the new one
	turn  int
	link  *link.Link
	hang  func()
	left  [][]byte // which were receipted and may be withdrawn
}

// leaves has a member leave blobs, some at a time, until all has moved, and withdraw one of each some later.
func (v *move) leaves(ctx context.Context, m *Member, quick bool) error {
	d := &depositor{move: v, Member: m, quick: quick, hang: func() {}}
	defer func() { d.hang() }()
	for !isClosed(v.ended) {
		blobs := Blobs(trickleBlobs, Some(v.members))
		for {
			err := d.leave(ctx, blobs)
			if err == nil {
				break
			}
			if ctx.Err() != nil || m.at == v.old.id && !isClosed(v.shut) {
				return err
			}
			d.hang()
			d.link, d.hang = nil, func() {}
			d.turn++
			if m.at == v.old.id {
				err = m.Turn(v.fresh[0], moveTokens)
			}
			if err != nil {
				time.Sleep(tried)
			}
		}
		time.Sleep(trickleRest)
	}
	return nil
}

// leave leaves some blobs where the depositor is, and withdraws what is due.
func (d *depositor) leave(ctx context.Context, blobs [][]byte) (err error) {
	at, g := d.old, d.atOld
	switch {
	case d.at == d.old.id && d.quick && isClosed(d.shut):
		if err := d.Turn(d.fresh[0], moveTokens); err != nil {
			return err
		}
		d.hang()
		d.link = nil
	case !d.heard && isClosed(d.joined):
		if err := d.Enter(d.old, 0); err != nil {
			return err
		}
		d.heard = true
	}
	if d.at != d.old.id {
		at, g = d.fresh[d.turn%len(d.fresh)], d.atNew
	}
	if len(d.tokens) < 2*trickleBlobs {
		if err := d.Enter(at, moveTokens); err != nil {
			return err
		}
	}
	if d.link == nil {
		if d.link, d.hang, err = d.Member.Member(ctx, at); err != nil {
			d.hang = func() {}
			return err
		}
	}
	cursors, err := d.Deposit(ctx, d.link, blobs, d.Take(len(blobs)))
	if err != nil {
		return err
	}
	if err := g.Write(blobs, cursors); err != nil {
		return err
	}
	if d.left = append(d.left, blobs[0]); len(d.left) <= moveLag {
		return nil
	}
	old := d.left[0]
	if err := d.Withdraw(ctx, d.link, [][]byte{old}, d.Take(1)); err != nil {
		return err
	}
	d.left = d.left[1:]
	d.withdrawn <- wire.IDOf(old)
	return nil
}

// judge looks at what the new one shows.
func (v *move) judge(ctx context.Context, r *Reader) {
	v.t.Helper()
	close(v.withdrawn)
	gone := map[wire.BlobID]bool{}
	for id := range v.withdrawn {
		gone[id] = true
	}
	if err := v.atNew.Lacks(r.Shown); err != nil {
		v.t.Error(err)
	}
	for id := range v.atOld.cursors {
		if _, shown := r.Shown[id]; !shown && !gone[id] {
			v.t.Errorf("blob %x, which the old one has receipted, is lost", id[:4])
		}
	}
	away := v.members[len(v.members)-1]
	if err := away.papers.Rejoin(v.fresh[0].Invite(1), rand.Reader); err != nil {
		v.t.Fatal(err)
	}
	err := Each(v.members, func(i int, m *Member) error {
		if m.at == v.old.id {
			if err := m.Turn(v.fresh[i%2], 0); err != nil {
				return err
			}
		}
		l, hang, err := m.Member(ctx, v.fresh[i%2])
		if err != nil {
			return err
		}
		defer hang()
		got, err := m.Mine(ctx, l)
		if err != nil {
			return err
		}
		want := slices.DeleteFunc(append(v.atOld.Of(m), v.atNew.Of(m)...), func(id wire.BlobID) bool { return gone[id] })
		byID := func(a, b wire.BlobID) int { return strings.Compare(string(a[:]), string(b[:])) }
		slices.SortFunc(got, byID)
		slices.SortFunc(want, byID)
		want = slices.Compact(want) // what both have receipted is shown once
		if !slices.Equal(got, want) {
			return fmt.Errorf("%d blobs are collected, not %d", len(got), len(want))
		}
		return nil
	})
	if err != nil {
		v.t.Error(err)
	}
	v.t.Logf("%d were receipted by the old one, %d by the new one, %d were withdrawn", len(v.atOld.cursors), len(v.atNew.cursors), len(gone))
}
