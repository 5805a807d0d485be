package link

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/quic-go/quic-go"

	"sottovoce/mesh/handshake"
)

// A crowd from one address gets four places, one from many gets 64; whoever is known
// still gets in between 16 and 64, by way of Retry.
func TestCrowd(t *testing.T) {
	t.Parallel()
	b, friend := newEnd(t), newEnd(t)
	befriend(friend, b)
	one := newStranger(t, "127.0.3.1")
	var refused int
	for range 100 {
		if conn, err := one.dial(b, nil); err != nil {
			var said *quic.TransportError
			if !errors.As(err, &said) || said.ErrorCode != quic.ConnectionRefused {
				t.Fatalf("turned away with %v", err)
			}
			refused++
		} else {
			t.Cleanup(func() { _ = conn.CloseWithError(0, "") })
		}
	}
	if s := b.Stats(); refused != 96 || s.Unproven != unprovenPerAddressMax || s.TurnedAway < 96 {
		t.Errorf("%d of 100 were turned away, stats %+v", refused, s)
	}
	for i := range 4 {
		s := newStranger(t, fmt.Sprintf("127.0.3.%d", i+2))
		for range unprovenPerAddressMax {
			s.connect(b)
		}
	}
	if s := b.Stats(); s.Unproven != 20 || s.Retries == 0 {
		t.Errorf("stats %+v, want 20 unproven and some by Retry", s)
	}
	linked(t, toward(friend, b), friend, b)
	for i := range 20 {
		s := newStranger(t, fmt.Sprintf("127.0.3.%d", i+6))
		for range unprovenPerAddressMax {
			if conn, err := s.dial(b, nil); err == nil {
				t.Cleanup(func() { _ = conn.CloseWithError(0, "") })
			}
		}
	}
	if s := b.Stats(); s.Unproven > unprovenMax {
		t.Errorf("%d unproven at a time", s.Unproven)
	}
}

// Guessing hints is slow, and slows down nobody's links for long.
func TestHintScansAreRare(t *testing.T) {
	t.Parallel()
	a, b := newEnd(t), newEnd(t)
	befriend(a, b)
	to := toward(a, b)
	stale := *to.Pair
	stale.Key = handshake.NewLinkKey([]byte("stale"))
	to.Pair = &stale
	begin := time.Now()
	const dials = 12
	for range dials {
		if _, err := a.Dial(within(t, 10*time.Second), to); !errors.Is(err, ErrRefused) {
			t.Fatal(err)
		}
	}
	if took := time.Since(begin); took < (dials-scanBurst-1)*time.Second/scansPerSecond {
		t.Errorf("%d scans in %v", b.ring.scanned(), took)
	}
	linked(t, toward(a, b), a, b)
	if n := b.ring.scanned(); n != dials+1 {
		t.Errorf("%d scans", n)
	}
}
