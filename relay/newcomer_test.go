package relay

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"sottovoce/mesh/peer"
	"sottovoce/relay/community"
)

// TestNewcomer: a supernode that news have named is not dialled by all in one moment; one that we join at is at once.
func TestNewcomer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		begun, dials := time.Now(), make(chan time.Duration, 1000)
		settled := func(others int) (*Client, *station) {
			return settledFor(t, ctx, others, func() { dials <- time.Since(begun) })
		}
		if _, s := settled(0); s.late != 0 {
			t.Errorf("the first supernode waits for %v", s.late)
		}
		early := 0
		for range 100 {
			_, s := settled(1)
			if s.late > newcomerMax {
				t.Errorf("waits for %v", s.late)
			}
			if s.late < newcomerMax/2 {
				early++
			}
		}
		if early < 20 || early > 80 {
			t.Errorf("%d of 100 dial in the first half of the time", early)
		}
		synctest.Wait()
		if len(dials) != 101 {
			t.Errorf("%d of 101 dial at once where they join", len(dials))
		}
		cancel()
		synctest.Wait()
		c, s := settled(1)
		papers, err := community.NewMembership(&community.Link{}, rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		s = newStation(c, &member{papers: papers, heard: make(chan struct{})}, s.known, s.state)
		s.late = newcomerMax
		for len(dials) > 0 {
			<-dials
		}
		running, stop := context.WithCancel(t.Context())
		defer stop()
		go s.run(running)
		if at := <-dials; at != newcomerMax {
			t.Errorf("who joins nowhere dials after %v", at)
		}
	})
}

// settledFor is a client that tells of each dial, and its station of a supernode that it joins at beside others.
func settledFor(t *testing.T, ctx context.Context, others int, dialled func()) (*Client, *station) {
	c, err := NewClient(Config{
		Keep: noKeep{}, Rand: rand.Reader, Now: time.Now, Log: slog.New(slog.DiscardHandler),
		Listen: func() (net.PacketConn, error) {
			dialled()
			return nil, errors.New("no network")
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	link := &community.Link{Stops: []community.Stop{{Sign: [32]byte{1}}}}
	papers, err := community.NewMembership(link, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	m := &member{papers: papers, heard: make(chan struct{}), stations: make(map[peer.ID]*station)}
	c.members[papers.Community()] = m
	for i := range others {
		m.stations[peer.ID{byte(i)}] = &station{}
	}
	c.ctx = ctx
	if err := c.settle(m); err != nil {
		t.Fatal(err)
	}
	return c, m.stations[link.Stops[0].ID()]
}
