package supernode

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"
)

// taken takes n bytes that nobody has to wait for.
func taken(t *testing.T, b *budget[string], who string, n int) *lease[string] {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Nanosecond)
	defer cancel()
	l, err := b.take(ctx, who, n, func() { t.Errorf("%s has to give way", who) })
	if err != nil {
		t.Fatalf("%s takes %d: %v", who, n, err)
	}
	return l
}

func refused(t *testing.T, b *budget[string], who string, n int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	if _, err := b.take(ctx, who, n, func() {}); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("%s takes %d: %v", who, n, err)
	}
}

func TestBudgetBoundsAllAndEach(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBudget[string](10, 6)
		six := taken(t, b, "a", 6)
		refused(t, b, "a", 1)
		refused(t, b, "b", 5)
		four := taken(t, b, "b", 4)
		refused(t, b, "c", 1)
		six.give()
		again := taken(t, b, "c", 6)
		again.give()
		four.give()
		if len(b.by) != 0 || b.taken != 0 || len(b.leases) != 0 || len(b.waiters) != 0 {
			t.Fatalf("something stays behind: %d, %v", b.taken, b.by)
		}
	})
}

func TestBudgetWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBudget[string](10, 10)
		all := taken(t, b, "a", 10)
		time.AfterFunc(time.Second, all.give)
		start := time.Now()
		if _, err := b.take(t.Context(), "b", 3, func() {}); err != nil || time.Since(start) != time.Second {
			t.Fatalf("after %v: %v", time.Since(start), err)
		}
		refused(t, b, "a", 10)
	})
}

// TestBudgetServesWhoHoldsLeast: what is given back goes to whoever holds least, not to who came first.
func TestBudgetServesWhoHoldsLeast(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBudget[string](4, 4)
		for range 3 {
			taken(t, b, "many", 1)
		}
		last := taken(t, b, "many", 1)
		order := make(chan string, 2)
		for _, who := range []string{"many", "one"} {
			go func() {
				if l, err := b.take(t.Context(), who, 1, func() {}); err == nil {
					order <- who
					l.give()
				}
			}()
			synctest.Wait()
		}
		last.give()
		if first := <-order; first != "one" {
			t.Errorf("%s is first", first)
		}
		<-order
	})
}

// TestBudgetGivesWay: when there is no room, a lease that is slow ends for who holds less; one that is as
// fast as it should be does not, nor does anybody's for whoever holds as much.
func TestBudgetGivesWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBudget[string](8, 4)
		gone := make(map[string]int)
		hold := func(who string, n int) *lease[string] {
			var l *lease[string]
			l, err := b.take(t.Context(), who, n, func() {
				gone[who]++
				go l.give()
			})
			if err != nil {
				t.Fatal(err)
			}
			return l
		}
		for range 4 {
			hold("stalls", 1)
		}
		quick := hold("quick", 3)
		quick.move(1 << 30)
		hold("other", 1)
		refused(t, b, "late", 1)
		if len(gone) != 0 {
			t.Fatalf("%v give way at once", gone)
		}
		start := time.Now()
		l, err := b.take(t.Context(), "late", 1, func() {})
		if took := time.Since(start); err != nil || took > slowAfter+2*pressPeriod {
			t.Fatalf("after %v: %v", took, err)
		}
		if fmt.Sprint(gone) != "map[stalls:1]" {
			t.Errorf("%v have given way", gone)
		}
		// Who would hold more than those that are slow gets nothing of theirs.
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if _, err := b.take(ctx, "quick", 1, func() {}); err == nil || gone["other"] != 0 || gone["stalls"] != 1 {
			t.Errorf("%v have given way to who holds more", gone)
		}
		l.give()
	})
}
