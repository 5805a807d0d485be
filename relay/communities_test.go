package relay_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"sottovoce/relay"
)

// The only supernode is lost, and the root words found the community again: a member goes on at the
// new one by its link, as who it was, and deposits there.
func TestJoinFoundAgain(t *testing.T) {
	one, root := foundHouse(t)
	first, err := one.Invite(one.id, 1, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	anna, l, _ := live(t, new(shelf))
	before, err := anna.Join(within(t), first.Text())
	if err != nil {
		t.Fatal(err)
	}
	l.until(t, "Anna reaches the first", func() bool { return reached(anna) == 1 })
	one.stop()
	l.until(t, "the first is lost", func() bool { return reached(anna) == 0 })
	time.Sleep(time.Until(time.Now().Truncate(time.Second).Add(time.Second))) // descriptors are numbered by the second
	two, _ := foundBy(t, root)
	if two.id != one.id {
		t.Fatal("another community")
	}
	second, err := two.Invite(two.id, 1, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second time there is nothing left to do
		after, err := anna.Join(within(t), second.Text())
		if err != nil {
			t.Fatal(err)
		}
		if after.Persona != before.Persona || len(after.Supernodes) != 1 || after.Supernodes[0].ID != two.ID() || len(after.Alarms) != 0 || after.Trouble != nil {
			t.Errorf("%+v", after)
		}
		l.until(t, "Anna reaches the second", func() bool { return reached(anna) == 1 })
	}
	if kept := deposit(t, anna, relay.Log{At: two.ID(), Community: two.id}, nil, sealed(t)); kept != 1 {
		t.Error("her blob is not kept")
	}

	// This one is lost as well: by the link of a supernode that is not there nobody has joined, and
	// she is a member all the same.
	two.stop()
	l.until(t, "the second is lost", func() bool { return reached(anna) == 0 })
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if c, err := anna.Join(ctx, second.Text()); !errors.Is(err, relay.ErrUnreached) || !c.Joined {
		t.Errorf("nobody is there: %+v, %v", c, err)
	}
	two.start()
	if c, err := anna.Join(within(t), second.Text()); err != nil || c.Persona != before.Persona {
		t.Errorf("it is back: %+v, %v", c, err)
	}
}
