package mesh

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"sottovoce/mesh/verify"
	"sottovoce/mesh/wire"
)

// compares begins a comparison, or joins it.
func (p *person) compares(with string) Comparison {
	p.t.Helper()
	c, err := p.Compare(p.t.Context(), with)
	if err != nil {
		p.t.Fatalf("%s compares: %v", p.name, err)
	}
	return c
}

// peeks at a comparison, and begins it once more when a link took another's place.
func (p *person) peeks(with string) (c Comparison) {
	p.t.Helper()
	p.inside(func(*turn) error {
		c = p.comparison(p.device(with).contact)
		return nil
	})
	if c.State == ComparisonNone || c.State == ComparisonInvited {
		_, _ = p.Compare(p.t.Context(), with)
	}
	return c
}

// shown waits for the emoji.
func (p *person) shown(with string) (c Comparison) {
	p.t.Helper()
	p.within(waitLong, "sees emoji", func() bool {
		c = p.peeks(with)
		return c.State == ComparisonShown
	})
	return c
}

// bothShown waits until both see the emoji of one comparison.
func (p *person) bothShown(o *person) (ours, theirs Comparison) {
	p.t.Helper()
	p.within(waitLong, "both see emoji", func() bool {
		ours, theirs = p.peeks(o.name), o.peeks(p.name)
		return ours.State == ComparisonShown && theirs.State == ComparisonShown && ours.ID == theirs.ID
	})
	return ours, theirs
}

// hears collects events until ok, from now on.
func (p *person) hears() func(what string, ok func(Event) bool) Event {
	p.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	p.t.Cleanup(cancel)
	events, err := p.Events(ctx, nil)
	if err != nil {
		p.t.Fatal(err)
	}
	heard := make(chan Event, 1024)
	go func() {
		defer close(heard)
		for e, err := range events {
			if err != nil {
				return
			}
			heard <- e
		}
	}()
	return func(what string, ok func(Event) bool) Event {
		p.t.Helper()
		late := time.After(20 * time.Second)
		for {
			select {
			case e := <-heard:
				if ok(e) {
					return e
				}
			case <-late:
				p.t.Fatalf("%s never hears %s", p.name, what)
			}
		}
	}
}

func said(part string) func(Event) bool {
	return func(e Event) bool { return e.Kind == EventNotice && strings.Contains(e.Notice, part) }
}

func ended(part string) func(Event) bool {
	return func(e Event) bool {
		return e.Kind == EventVerification && e.Comparison.State == ComparisonEnded && strings.Contains(e.Comparison.Reason, part)
	}
}

func verified(found Person) bool { return found.Verified }

// Two compare emoji, each for their own side; what they decided outlives a restart, and
// goes when they take it back.
func TestCompare(t *testing.T) {
	t.Parallel()
	lan := newAir()
	anna, bruno := newPerson(t, lan, "Anna"), newPerson(t, lan, "Bruno")
	anna.befriends(bruno)
	heard := bruno.hears()
	if c := anna.compares("Bruno"); c.State != ComparisonAsked || c.ID == "" {
		t.Errorf("Anna waits: %+v", c)
	}
	heard("the invitation", said(`sottovoce verify "Anna"`))
	bruno.compares("Anna")
	a, b := anna.bothShown(bruno)
	if len(a.Emoji) != verify.EmojiCount || !slices.Equal(a.Emoji, b.Emoji) {
		t.Fatalf("%v and %v", a, b)
	}
	if _, err := anna.Match(t.Context(), "Bruno", "00"); !errors.Is(err, verify.ErrOver) {
		t.Errorf("another comparison: %v", err)
	}
	if p, err := anna.Match(t.Context(), "Bruno", a.ID); err != nil || !p.Verified {
		t.Errorf("%+v, %v", p, err)
	}
	if anna.finds(anna.Contacts, "Bruno", verified)() == false || bruno.finds(bruno.Contacts, "Anna", verified)() {
		t.Error("each side's person decides for that side")
	}
	if _, err := bruno.Match(t.Context(), "Anna", b.ID); err != nil {
		t.Error(err)
	}
	bruno.stop()
	bruno.start()
	if !bruno.finds(bruno.Contacts, "Anna", verified)() {
		t.Error("forgotten after a restart")
	}
	if p, err := bruno.Doubt(t.Context(), "Anna"); err != nil || p.Verified {
		t.Errorf("taken back: %+v, %v", p, err)
	}
}

// The safety words are the same on both sides, without a link, and enough to confirm by.
func TestSafetyWords(t *testing.T) {
	t.Parallel()
	lan := newAir()
	anna, bruno := newPerson(t, lan, "Anna"), newPerson(t, lan, "Bruno")
	anna.befriends(bruno)
	words := func(p *person, of string) []verify.Symbol {
		v, err := p.Verification(t.Context(), of)
		if err != nil {
			t.Fatal(err)
		}
		return v.Words
	}
	hers := words(anna, "Bruno")
	anna.stop()
	bruno.within(waitLong, "not linked", bruno.finds(bruno.Contacts, "Anna", unlinked))
	if his := words(bruno, "Anna"); len(hers) != verify.WordCount || !slices.Equal(hers, his) {
		t.Errorf("%v and %v", hers, his)
	}
	if _, err := bruno.Compare(t.Context(), "Anna"); !errors.Is(err, ErrUnreached) {
		t.Errorf("emoji with somebody who is away: %v", err)
	}
	if p, err := bruno.Confirm(t.Context(), "Anna"); err != nil || !p.Verified {
		t.Errorf("%+v, %v", p, err)
	}
	if _, err := bruno.Compare(t.Context(), "Nobody"); !errors.Is(err, ErrNotFound) {
		t.Errorf("nobody: %v", err)
	}
}

// That the emoji differ is red on both sides, whoever says it, and takes back what was
// confirmed before.
func TestEmojiDiffer(t *testing.T) {
	t.Parallel()
	lan := newAir()
	anna, bruno := newPerson(t, lan, "Anna"), newPerson(t, lan, "Bruno")
	anna.befriends(bruno)
	heard := anna.hears()
	for p, other := range map[*person]string{anna: "Bruno", bruno: "Anna"} {
		if _, err := p.Confirm(t.Context(), other); err != nil {
			t.Fatal(err)
		}
	}
	anna.compares("Bruno")
	bruno.compares("Anna")
	a, b := anna.bothShown(bruno)
	if _, err := anna.Match(t.Context(), "Bruno", a.ID); err != nil {
		t.Fatal(err)
	}
	if p, err := bruno.Differ(t.Context(), "Anna", b.ID); err != nil || p.Verified {
		t.Errorf("%+v, %v", p, err)
	}
	heard("that they differ", ended("other emoji"))
	heard("what that means", said("somebody may be between"))
	for p, other := range map[*person]string{anna: "Bruno", bruno: "Anna"} {
		if p.finds(p.Contacts, other, verified)() {
			t.Errorf("%s still counts as verified", other)
		}
		s, err := p.Status(t.Context())
		if err != nil || !slices.ContainsFunc(s.Notices, func(s string) bool { return strings.Contains(s, "somebody may be between") }) {
			t.Errorf("%s is shown %q, %v", p.name, s.Notices, err)
		}
	}
	if _, err := bruno.Confirm(t.Context(), "Anna"); err != nil {
		t.Fatal(err)
	}
	if s, _ := bruno.Status(t.Context()); len(s.Notices) != 0 {
		t.Errorf("compared again, and still shown %q", s.Notices)
	}
}

// That the emoji differ is not lost with a turn that could not be saved, whoever says so.
func TestDifferUnsaved(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	for name, says := range map[string]func(*turn, *device) error{
		"we": func(t *turn, d *device) error {
			return t.compareEvent(d.contact, verify.Differ{Comparison: t.n.dialogueWith(d.contact).dialogue.Comparison()})
		},
		"they": func(t *turn, d *device) error {
			stop := wire.SASStop{Commitment: t.n.dialogueWith(d.contact).dialogue.Comparison(), Reason: wire.SASDiffers}
			return t.compareFrame(d, d.route.live, stop)
		},
	} {
		lan := newAir()
		anna, bruno := newPerson(t, lan, "Anna"), newPerson(t, lan, "Bruno")
		anna.befriends(bruno)
		for p, other := range map[*person]string{anna: "Bruno", bruno: "Anna"} {
			if _, err := p.Confirm(t.Context(), other); err != nil {
				t.Fatal(err)
			}
		}
		anna.compares("Bruno")
		bruno.compares("Anna")
		shown, _ := anna.bothShown(bruno)
		err := anna.do(t.Context(), func(t *turn) error { return errors.Join(says(t, anna.device("Bruno")), broken) })
		if !errors.Is(err, broken) {
			t.Fatal(err)
		}
		if _, err := anna.Match(t.Context(), "Bruno", shown.ID); !errors.Is(err, verify.ErrOver) {
			t.Errorf("%s: the same after all: %v", name, err)
		}
		anna.within(waitLong, "doubts", func() bool {
			return !anna.finds(anna.Contacts, "Bruno", verified)() && strings.Contains(anna.notices(), "somebody may be between")
		})
		if name == "we" {
			bruno.within(waitLong, "doubts", func() bool { return !bruno.finds(bruno.Contacts, "Anna", verified)() })
		}
	}
}

// Who has asked asks once more when a link is lost, and one that is lost after the emoji are
// there ends nothing; who goes away is told to the other.
func TestCompareUnlinked(t *testing.T) {
	t.Parallel()
	lan := newAir()
	anna, bruno := newPerson(t, lan, "Anna"), newPerson(t, lan, "Bruno")
	anna.befriends(bruno)
	heard := anna.hears()
	anna.compares("Bruno")
	bruno.stop()
	bruno.start()
	bruno.within(waitLong, "asked once more", func() (invited bool) {
		bruno.inside(func(*turn) error {
			invited = bruno.comparison(bruno.device("Anna").contact).State == ComparisonInvited
			return nil
		})
		return invited
	})
	bruno.compares("Anna")
	shown, _ := anna.bothShown(bruno)
	if _, err := bruno.StopComparing(t.Context(), "Anna"); err != nil {
		t.Fatal(err)
	}
	heard("that he went away", ended("has stopped it"))
	if _, err := anna.Match(t.Context(), "Bruno", shown.ID); !errors.Is(err, verify.ErrOver) {
		t.Errorf("answered after the end: %v", err)
	}
	anna.compares("Bruno")
	bruno.compares("Anna")
	shown, _ = anna.bothShown(bruno)
	bruno.stop()
	anna.within(waitLong, "not linked", anna.finds(anna.Contacts, "Bruno", unlinked))
	if _, err := anna.Match(t.Context(), "Bruno", shown.ID); err != nil {
		t.Errorf("what she sees still counts: %v", err)
	}
}

// What takes too long ends, and a blocked contact compares nothing.
func TestCompareEnds(t *testing.T) {
	t.Parallel()
	lan := newAir()
	anna, bruno := newPerson(t, lan, "Anna"), newPerson(t, lan, "Bruno")
	anna.befriends(bruno)
	heard := anna.hears()
	anna.compares("Bruno")
	anna.inside(func(t *turn) error {
		t.now = t.now.Add(time.Hour)
		return t.tickComparisons()
	})
	heard("that it took too long", ended("too long"))
	if _, err := anna.Block(t.Context(), "Bruno"); err != nil {
		t.Fatal(err)
	}
	if _, err := anna.Compare(t.Context(), "Bruno"); !errors.Is(err, ErrBlocked) {
		t.Errorf("blocked: %v", err)
	}
}

// Frames of a comparison that make no sense change nothing and end no link.
func TestCompareJunk(t *testing.T) {
	t.Parallel()
	lan := newAir()
	anna, bruno := newPerson(t, lan, "Anna"), newPerson(t, lan, "Bruno")
	anna.befriends(bruno)
	bruno.inside(func(t *turn) error {
		v := bruno.device("Anna").route.live
		t.then(func() {
			v.post.put(parcel{frames: []wire.Frame{
				wire.SASReveal{}, wire.SASNonce{}, wire.SASStop{Reason: wire.SASDiffers}, wire.SASCommit{Commitment: [32]byte{1}},
			}})
		})
		return nil
	})
	anna.within(waitLong, "delivered", anna.delivered(anna.says("Bruno", "still here")))
	m := bruno.says("Anna", "here, too")
	bruno.within(waitLong, "delivered", bruno.delivered(m))
	if s, _ := anna.Status(t.Context()); len(s.Notices) != 0 {
		t.Errorf("shown %q", s.Notices)
	}
	anna.inside(func(*turn) error {
		if c := anna.comparison(anna.device("Bruno").contact); c.State != ComparisonNone {
			t.Errorf("%+v", c)
		}
		return nil
	})
}

// However two met, they see the same.
func TestCompareAfterLinkAndIntroduction(t *testing.T) {
	t.Parallel()
	anna, bruno, carla := threesome(t)
	same := func(one, other *person) {
		t.Helper()
		one.compares(other.name)
		other.within(waitLong, "linked", other.finds(other.Contacts, one.name, linked))
		other.compares(one.name)
		if ours, theirs := one.bothShown(other); !slices.Equal(ours.Emoji, theirs.Emoji) {
			t.Errorf("%v and %v", ours.Emoji, theirs.Emoji)
		}
	}
	same(anna, carla)
	carla.introduces(anna, bruno)
	for p, other := range map[*person]string{anna: "Bruno", bruno: "Anna"} {
		if _, err := p.Accept(t.Context(), other); err != nil {
			t.Fatal(err)
		}
	}
	anna.within(waitLong, "linked", anna.finds(anna.Contacts, "Bruno", linked))
	same(anna, bruno)
	dora := newPerson(t, anna.air, "Dora")
	dora.uses(anna.invites().Link)
	anna.within(waitLong, "linked", anna.finds(anna.Contacts, "Dora", linked))
	same(anna, dora)
}
