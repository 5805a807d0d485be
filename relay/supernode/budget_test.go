package supernode

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

func TestBudgetBoundsAllAndEach(t *testing.T) {
	b := newBudget[string](10, 6)
	for _, step := range []struct {
		who  string
		n    int
		want bool
	}{{"a", 6, true}, {"a", 1, false}, {"b", 5, false}, {"b", 4, true}, {"c", 1, false}} {
		if got := b.try(step.who, step.n); got != step.want {
			t.Fatalf("%s takes %d: %v", step.who, step.n, got)
		}
	}
	b.give("a", 6)
	if !b.try("c", 6) {
		t.Fatal("what was given back is gone")
	}
	b.give("b", 4)
	b.give("c", 6)
	if len(b.by) != 0 || b.taken != 0 {
		t.Fatalf("something stays behind: %d, %v", b.taken, b.by)
	}
}

func TestBudgetWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBudget[string](10, 10)
		b.try("a", 10)
		time.AfterFunc(time.Second, func() { b.give("a", 10) })
		start := time.Now()
		if err := b.take(t.Context(), "b", 3); err != nil || time.Since(start) != time.Second {
			t.Fatalf("after %v: %v", time.Since(start), err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := b.take(ctx, "a", 10); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("took 10 beside 3 of 10: %v", err)
		}
	})
}
