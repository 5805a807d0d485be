package cluster

import (
	"context"
	"errors"
	"testing"
	"time"

	"sottovoce/cmd/internal/netlab"
	"sottovoce/mesh/disktest"
)

const (
	// badTime is how long a bad day may last on a machine that is busy with other things.
	badTime = 3 * time.Minute
	// badMembers is how many there are, badDepositors how many of them leave something, and badTokens for how many blobs each.
	badMembers, badDepositors, badTokens = 20, 4, 1000
)

// bad is a day on which members leave something all the time, whatever befalls the servers.
type bad struct {
	*testing.T
	ctx     context.Context
	servers *Servers
	fronts  []*Front
	ledger  *Ledger
}

// day has members leave something at two processes before the servers, and others read it, while trouble befalls, and judges what is shown then: all that was
// receipted, once.
func day(t *testing.T, lan *netlab.LAN, servers *Servers, trouble func(b *bad)) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), badTime)
	defer cancel()
	front, _ := Found(t, lan.Host("front0"), "--store", servers.URL())
	b := &bad{T: t, ctx: ctx, servers: servers, fronts: []*Front{front, front.Beside(lan.Host("front1"))}, ledger: NewLedger()}
	for _, f := range b.fronts {
		f.Up()
	}
	all := NewCrowd(t, lan, b.fronts...).Join(badMembers, front.Invite(badMembers), b.fronts...)
	depositors, reader := all[:badDepositors], NewReader(all[badDepositors])
	if err := Each(depositors, func(i int, m *Member) error { return m.Enter(b.fronts[i%2], badTokens) }); err != nil {
		t.Fatal(err)
	}
	over, left, done := make(chan struct{}), make(chan struct{}), make(chan error)
	go func() { done <- reader.Follow(ctx, left, b.fronts...) }()
	go func() {
		defer close(left)
		done <- Each(depositors, func(i int, m *Member) error {
			return m.Leave(ctx, b.ledger, m.Trickle(over, all), b.fronts[i%2], b.fronts[1-i%2])
		})
	}()
	trouble(b)
	close(over)
	if err := errors.Join(<-done, <-done); err != nil {
		t.Fatal(err)
	}
	if err := b.ledger.Lacks(reader.Shown); err != nil {
		t.Error(err)
	}
	if err := Each(all, func(i int, m *Member) error { return m.collects(ctx, b.ledger, b.fronts[i%2]) }); err != nil {
		t.Error(err)
	}
	t.Logf("%d blobs were receipted, %d were shown", b.ledger.Len(), len(reader.Shown))
}

// more waits until so many more blobs are receipted.
func (b *bad) more(n int) {
	b.Helper()
	if err := b.ledger.Reach(b.ctx, b.ledger.Len()+n); err != nil {
		b.Fatal(err)
	}
}

// TestDisks fills the disk of the server that leads, and of one that follows, lets that of the leading one fall back to read-only, and then takes the power from
// all servers and their disks at once.
func TestDisks(t *testing.T) {
	t.Parallel()
	lan := netlab.New(t, netlab.IPv4)
	day(t, lan, StartServersOnDisks(t, lan, "96M"), func(b *bad) {
		b.more(20)
		leader := b.servers.Leader()
		for _, full := range []*Server{leader, b.servers.next(leader)} {
			free := disktest.Fill(t, full.data)
			b.more(100)
			free()
			full.Kill()
			full.Start()
			b.servers.Agree()
		}
		b.servers.Leader().disk.WearOut()
		b.more(100)
		for _, one := range b.servers.all {
			one.disk.Cut()
		}
		b.servers.KillAll()
		for _, one := range b.servers.all {
			one.disk.Mend()
		}
		b.servers.StartAll()
		b.more(100)
	})
}
