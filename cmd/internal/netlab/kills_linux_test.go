package netlab

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"sottovoce/cmd/internal/control"
)

const (
	killPairs    = 4  // pairs of hosts that suffer side by side: a killed node costs waiting more than work
	killsPerSide = 50 // 200 of either side in all
)

// TestKilledUnderLoad kills either side 200 times by SIGKILL, at random points while both write: between two
// messages, within a commit, while a link is made, while the node starts. Every message whose send returned must be there once and
// in order; one whose send failed may be there or not, but never twice; no state goes back. NETLAB_SEED repeats the points.
func TestKilledUnderLoad(t *testing.T) {
	t.Parallel()
	seed := uint64(time.Now().UnixNano())
	if given := os.Getenv("NETLAB_SEED"); given != "" {
		var err error
		if seed, err = strconv.ParseUint(given, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("NETLAB_SEED=%d", seed)
	lan := New(t, IPv4|ULA)
	var pairs sync.WaitGroup
	for i := range killPairs {
		var sides [2]*sufferer
		for k := range sides {
			random := rand.New(rand.NewPCG(seed, uint64(2*i+k)))
			sides[k] = &sufferer{someone: settle(t, lan.Host(fmt.Sprintf("%c%d", 'a'+k, i))), random: random}
		}
		befriend(sides[0].someone, sides[1].someone)
		pairs.Go(func() { suffer(t, sides) })
	}
	pairs.Wait()
}

// sufferer is somebody who writes while their node is killed.
type sufferer struct {
	*someone
	random *rand.Rand // of who kills
	sent   []string   // texts whose send returned, in order
}

// suffer kills the nodes of two people in turn while both write, and then checks what each has.
func suffer(t *testing.T, sides [2]*sufferer) {
	ctx, stop := context.WithCancel(t.Context())
	var writers sync.WaitGroup
	for k, s := range sides {
		writers.Go(func() { s.write(ctx, sides[1-k].called) })
	}
	for range 2 * killsPerSide {
		victim := sides[sides[0].random.IntN(2)]
		time.Sleep(time.Duration(victim.random.IntN(200)) * time.Millisecond) // it may still be starting
		victim.node.Kill()
		victim.node = victim.Start(victim.program, "up")
	}
	stop()
	writers.Wait()
	for k, s := range sides {
		other := sides[1-k]
		if len(s.sent) < killsPerSide {
			t.Errorf("%s got only %d messages off: no load", s.Name, len(s.sent))
		}
		if err := s.settles(other); err != nil {
			t.Errorf("%s to %s: %v", s.Name, other.Name, err)
		}
	}
}

// client speaks to the node, whichever runs.
func (s *sufferer) client() *control.Client {
	return control.NewClient(filepath.Join(s.Home, "share", "sottovoce"))
}

// write sends batches of one to five messages until ctx ends.
func (s *sufferer) write(ctx context.Context, to string) {
	client := s.client()
	defer client.Close()
	for i := 0; ctx.Err() == nil; {
		var batch []control.Outgoing
		for range 1 + i%5 {
			batch = append(batch, control.Outgoing{To: to, Text: fmt.Sprintf("%s writes %d", s.Name, i)})
			i++
		}
		for k, r := range client.Send(ctx, batch) {
			if r.Err == nil {
				s.sent = append(s.sent, batch[k].Text)
			}
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// settles waits until everything that was sent is delivered, and checks that it is there as it should be and that on
// the way no state went back.
func (s *sufferer) settles(other *sufferer) error {
	var err error
	for end := time.Now().Add(2 * time.Minute); time.Now().Before(end); time.Sleep(200 * time.Millisecond) {
		if err = s.isDelivered(other); err == nil {
			break
		}
	}
	if err != nil {
		return err
	}
	theirs, err := other.log(s.called)
	if err != nil {
		return err
	}
	var got []string
	for _, m := range theirs {
		if m.From.Name == s.called {
			got = append(got, m.Text)
		}
	}
	if err := inOrderOnce(got, s.sent); err != nil {
		return err
	}
	return s.monotonic()
}

func (s *sufferer) log(with string) ([]control.Message, error) {
	client := s.client()
	defer client.Close()
	return client.Log(s.t.Context(), with, control.LogQuery{})
}

// isDelivered wants the last state of everything that was written.
func (s *sufferer) isDelivered(to *sufferer) error {
	messages, err := s.log(to.called)
	if err != nil {
		return err
	}
	for _, m := range messages {
		if m.From.Name == s.called && m.State != control.StateDelivered {
			return fmt.Errorf("%q is %s", m.Text, m.State)
		}
	}
	return nil
}

// monotonic reads all events there ever were.
func (s *sufferer) monotonic() error {
	client := s.client()
	defer client.Close()
	ctx, cancel := context.WithCancel(s.t.Context())
	defer cancel()
	status, err := client.Status(ctx)
	if err != nil {
		return err
	}
	var all, last int64
	events, err := client.Events(ctx, &all)
	if err != nil {
		return err
	}
	states := map[string]control.State{}
	for e, err := range events {
		if err != nil {
			return err
		}
		if e.Message != nil {
			if e.Cursor <= last {
				return fmt.Errorf("cursor %d after %d", e.Cursor, last)
			}
			last = e.Cursor
			if before := states[e.Message.ID]; stateOrder[string(e.Message.State)] < stateOrder[string(before)] {
				return fmt.Errorf("%q went from %s back to %s", e.Message.Text, before, e.Message.State)
			}
			states[e.Message.ID] = e.Message.State
		}
		if e.Cursor >= status.Cursor {
			return nil
		}
	}
	return nil
}

// inOrderOnce tells whether got has no text twice and has all of want, in want's order.
func inOrderOnce(got, want []string) error {
	seen := map[string]bool{}
	for _, text := range got {
		if seen[text] {
			return fmt.Errorf("%q is there twice", text)
		}
		seen[text] = true
	}
	kept := slices.DeleteFunc(slices.Clone(got), func(text string) bool { return !slices.Contains(want, text) })
	if !slices.Equal(kept, want) {
		return fmt.Errorf("%d of %d acknowledged are there, first difference %s", len(kept), len(want), difference(kept, want))
	}
	return nil
}
