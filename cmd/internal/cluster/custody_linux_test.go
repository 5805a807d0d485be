package cluster

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"sottovoce/cmd/internal/netlab"
)

const (
	// perDepositor is how many blobs a member leaves who leaves some, less than the tokens of a day, and perMember how many are for each.
	perDepositor, perMember = 1000, 100
	// depositsDefault is how many blobs are left; DEPOSITS=100000 are left for 1,000 members.
	depositsDefault = 10_000
	// faultsTime is how long all faults may take, and thousandTime what else a thousand deposits may, on a machine that is busy with other things.
	faultsTime, thousandTime = 2 * time.Minute, 10 * time.Second
)

// TestCustody has members leave messages at two processes before one cluster while the server that leads is killed, another is cut off
// from the others, and everything loses its power at once. Nothing that was receipted is lost, no receipt
// contradicts another, and nothing is shown twice: neither to who follows the log all the time, nor to any of the members who come
// for what is theirs afterwards.
func TestCustody(t *testing.T) {
	t.Parallel()
	deposits := depositsDefault
	if n, err := strconv.Atoi(os.Getenv("DEPOSITS")); err == nil {
		deposits = n
	}
	lan := netlab.New(t, netlab.IPv4)
	servers := StartServers(t, lan)
	front, _ := Found(t, lan.Host("front0"), "--store", servers.URL())
	fronts := []*Front{front, front.Beside(lan.Host("front1"))}
	for _, f := range fronts {
		f.Up()
	}
	crowd := NewCrowd(t, lan, fronts...)
	members := deposits / perMember
	all := crowd.Join(members, front.Invite(members), fronts...)
	depositors := all[:deposits/perDepositor]
	if err := Each(depositors, func(i int, m *Member) error { return m.Enter(fronts[i%2], perDepositor) }); err != nil {
		t.Fatal(err)
	}

	ctx, cancel := context.WithTimeout(t.Context(), faultsTime+time.Duration(deposits/1000)*thousandTime)
	defer cancel()
	g, enough := NewLedger(), make(chan struct{})
	readers := []*Reader{NewReader(all[members-1]), NewReader(all[members-2])}
	done, begun := make(chan error), time.Now()
	for i, r := range readers {
		go func() { done <- r.Follow(ctx, enough, fronts[i], fronts[1-i]) }()
	}
	go func() {
		done <- Each(depositors, func(i int, m *Member) error {
			return m.Leave(ctx, g, slices.Chunk(Blobs(perDepositor, all), batchBlobs), fronts[i%2], fronts[1-i%2])
		})
	}()
	trouble(ctx, t, g, deposits, servers, fronts)
	if err := <-done; err != nil { // the depositors: readers end later, unless they are shown something wrong
		t.Fatal(err)
	}
	t.Logf("%d deposits for %d members took %v; the servers take %d MB of memory and %d MB of disk, the processes before them %d and %d MB of memory", deposits, members,
		time.Since(begun).Round(time.Second), servers.Memory()/1e6, servers.Disk()/1e6, fronts[0].process.Memory()/1e6, fronts[1].process.Memory()/1e6)
	close(enough)
	for range readers {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	for _, r := range readers {
		if err := g.Lacks(r.Shown); err != nil || len(r.Shown) != deposits {
			t.Errorf("of %d deposits %d were shown: %v", deposits, len(r.Shown), err)
		}
	}
	begun = time.Now()
	if err := Each(all, func(i int, m *Member) error { return m.collects(ctx, g, fronts[i%2]) }); err != nil {
		t.Error(err)
	}
	t.Logf("all members collected what is theirs in %v", time.Since(begun).Round(time.Second))
}

// trouble befalls the cluster while deposits go on.
func trouble(ctx context.Context, t *testing.T, g *Ledger, deposits int, servers *Servers, fronts []*Front) {
	t.Helper()
	reach := func(fifths int) {
		t.Helper()
		if err := g.Reach(ctx, deposits*fifths/5); err != nil {
			t.Fatal(err)
		}
	}
	reach(1)
	killed := servers.Leader()
	killed.Kill()
	reach(2)
	killed.Start()
	servers.Agree()
	alone := servers.Leader()
	alone.CutOff()
	reach(3)
	alone.Back()
	servers.Agree()
	reach(4)
	for _, f := range fronts {
		f.Kill()
	}
	servers.KillAll()
	servers.StartAll()
	for _, f := range fronts {
		f.Up()
	}
	reach(5)
}

// collects fetches what is for a member, and fails unless that is what was receipted for them, each once, in the order of the log.
func (m *Member) collects(ctx context.Context, g *Ledger, at *Front) error {
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	l, hang, err := m.Member(ctx, at)
	if err != nil {
		return err
	}
	defer hang()
	got, err := m.Mine(ctx, l)
	if err != nil {
		return err
	}
	if want := g.Of(m); !slices.Equal(got, want) {
		return fmt.Errorf("%d blobs are collected, %d were receipted: %x, not %x", len(got), len(want), got, want)
	}
	return nil
}
