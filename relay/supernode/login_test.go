package supernode

import (
	"crypto/rand"
	"errors"
	"testing"
	"time"

	"sottovoce/mesh/clock"
	"sottovoce/mesh/wire"
	"sottovoce/relay/token"
)

// refusedFor returns why a request was refused, 0 if it was not.
func refusedFor(f wire.Frame) wire.Reason {
	if no, is := f.(wire.Refused); is {
		return no.Reason
	}
	return 0
}

func TestWhoIsLetIn(t *testing.T) {
	t.Parallel()
	r := start(t)
	p := r.join()
	l := r.visitor()
	if got := r.ask(l, wire.Draw{Day: uint32(r.today()), Blinded: make([]byte, token.ElementSize)}); refusedFor(got) != wire.ReasonNoMember {
		t.Errorf("a draw before the log-in: %v", got)
	}
	stranger := &person{r: r, persona: newPersona(t)}
	other, relayed := p.loginFrame(l), p.loginFrame(r.visitor())
	other.Community = [32]byte{1}
	for name, c := range map[string]struct {
		f    wire.Frame
		want wire.Reason
	}{
		"a member":                           {p.loginFrame(l), 0},
		"a stranger":                         {stranger.loginFrame(l), wire.ReasonNoMember},
		"a log-in of another link":           {relayed, wire.ReasonNoMember},
		"a community that is not served":     {other, wire.ReasonCommunity},
		"a frame of later versions":          {wire.Unknown{}, 0},
		"an invite of nobody, by a stranger": {wire.Join{Community: r.made.Community, Persona: stranger.persona.Persona(), Proof: make([]byte, 96)}, wire.ReasonNoMember},
	} {
		if _, later := c.f.(wire.Unknown); later {
			continue // cannot be sent as a frame; see TestLaterVersions
		}
		if got := refusedFor(r.ask(l, c.f)); got != c.want {
			t.Errorf("%s: %s, want %s", name, Word(got), Word(c.want))
		}
	}
}

func TestJoinLinksAreCounted(t *testing.T) {
	t.Parallel()
	r := start(t)
	invite, err := r.Invite(r.made.Community, 2, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	l := r.visitor()
	first := &person{r: r, persona: newPersona(t)}
	for i, who := range []*person{first, first, {r: r, persona: newPersona(t)}} { // to join twice costs no use
		if got := refusedFor(r.ask(l, who.joinFrame(l, invite))); got != 0 {
			t.Fatalf("join %d of a link for two: %s", i, Word(got))
		}
	}
	third := &person{r: r, persona: newPersona(t)}
	if got := refusedFor(r.ask(l, third.joinFrame(l, invite))); got != wire.ReasonLink {
		t.Errorf("a third by a link for two: %s", Word(got))
	}
	members, err := r.Members(r.made.Community)
	if err != nil || len(members) != 2 {
		t.Errorf("%d members: %v", len(members), err)
	}
	if taken, err := r.Invite(r.made.Community, 1, time.Hour); err != nil || r.Revoke(r.made.Community, taken.Invite()) != nil {
		t.Errorf("a link is not taken back: %v", err)
	} else if got := refusedFor(r.ask(l, third.joinFrame(l, taken))); got != wire.ReasonLink {
		t.Errorf("by a link that was taken back: %s", Word(got))
	}
}

// TestRevoked shuts a member out: their links end, that on which they have logged in as well, and the key that they have opens no other.
func TestRevoked(t *testing.T) {
	t.Parallel()
	r := start(t)
	anna, mallory := r.join(), r.join()
	mallory.draw(1)
	theirs, ours, named, stays := mallory.mustMember(), anna.mustMember(), mallory.login(), anna.login()
	s := r.request(theirs, wire.RangeFrame{Follow: true})
	r.next(s)
	if err := r.Revoke(r.made.Community, mallory.persona.Persona()); err != nil {
		t.Fatal(err)
	}
	<-theirs.Done()
	<-ours.Done() // all links come back under the new key
	select {
	case <-named.Done():
	case <-within(t).Done():
		t.Error("who was shut out stays where they have logged in")
	}
	if got := refusedFor(r.ask(stays, wire.Papers{Papers: r.community().offer()})); got != 0 {
		t.Errorf("who was not is refused papers: %s", Word(got))
	}
	if l, err := mallory.member(); err == nil {
		t.Errorf("the old key opens a link: %v", l.Proof().Mode)
	}
	l := r.visitor()
	if got := refusedFor(r.ask(l, mallory.loginFrame(l))); got != wire.ReasonNoMember {
		t.Errorf("who was shut out logs in: %s", Word(got))
	}
	anna.login()
	r.collect(anna.mustMember(), 0)
	if st := r.Status().Communities[0]; st.Members != 1 {
		t.Errorf("%d members are counted", st.Members)
	}
}

func TestAllowance(t *testing.T) {
	t.Parallel()
	r := found(t)
	cfg := Config{Vouched: func() bool { return true }, Limits: Limits{Tokens: 20}}
	r.run(cfg)
	p := r.join()
	if p.grant.Allowance != 20 {
		t.Errorf("a new member may draw %d", p.grant.Allowance)
	}
	p.draw(12)
	ask := func(n int, day uint16) wire.Reason {
		d, err := token.NewDraw(rand.Reader, r.community().issuers.key.Public(), token.Info{Day: day}, n)
		if err != nil {
			t.Fatal(err)
		}
		return refusedFor(r.ask(p.login(), wire.Draw{Day: uint32(day), Blinded: d.Request()}))
	}
	if got := ask(9, r.today()); got != wire.ReasonQuota {
		t.Errorf("more than is left: %s", Word(got))
	}
	if got := ask(1, r.today()+1); got != wire.ReasonWrongDay {
		t.Errorf("for tomorrow: %s", Word(got))
	}
	if err := r.stop(); err != nil {
		t.Fatal(err)
	}
	r.run(cfg)
	if got := ask(9, r.today()); got != wire.ReasonQuota || p.grant.Allowance != 8 {
		t.Errorf("after a restart: %s, with %d left", Word(got), p.grant.Allowance)
	}
	if got := ask(8, r.today()); got != 0 {
		t.Errorf("what is left: %s", Word(got))
	}
}

// TestClockByMembers starts without a clock that anybody vouches for.
func TestClockByMembers(t *testing.T) {
	t.Parallel()
	r := found(t)
	r.run(Config{})
	if st := r.Status(); st.Clock != ClockAlone || st.Finished != 0 {
		t.Fatalf("at the start: %s, and day %d is finished with", st.Clock, st.Finished)
	}
	p := r.join()
	p.login()
	if st := r.Status(); st.Clock != ClockAlone {
		t.Errorf("one member, twice: %s", st.Clock)
	}
	r.join()
	if st := r.Status(); st.Clock != ClockAgreed {
		t.Errorf("two members: %s", st.Clock)
	}
	r.tick(t.Context(), 0)
	if st := r.Status(); st.Finished != 0 || st.Over != 0 {
		t.Errorf("at once, and nobody ever vouched for the clock: day %d is finished with", st.Finished)
	}
	r.tick(t.Context(), firstAfter)
	if st := r.Status(); st.Finished != st.Today-1 || st.Over != st.Finished {
		t.Errorf("with an agreed clock: day %d is finished with, %d is over, today is %d", st.Finished, st.Over, st.Today)
	}
}

// TestRevokedMeanwhile shuts a member out between their log-in and what they ask next, before their link has ended.
func TestRevokedMeanwhile(t *testing.T) {
	t.Parallel()
	r := start(t)
	mallory, c := r.join(), r.community()
	persona, papers := mallory.persona.Persona(), r.community().offer()
	if err := r.Revoke(r.made.Community, persona); err != nil {
		t.Fatal(err)
	}
	v := &visit{at: r.Supernode}
	_, told := c.exchange(papers, false, &persona)
	for what, err := range map[string]error{"a log-in": v.loggedIn(c, persona), "a draw": c.count(persona, r.today(), 1), "papers": told} {
		var no refusal
		if !errors.As(err, &no) || no.reason != wire.ReasonNoMember {
			t.Errorf("%s: %v", what, err)
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, kept := c.personas[v]; kept || v.in != nil {
		t.Error("the log-in holds")
	}
}

// TestClockAhead starts with a clock that is far ahead of the last day that was believed, and two members who say that it is right.
func TestClockAhead(t *testing.T) {
	t.Parallel()
	r := found(t)
	r.run(Config{})
	held, _ := newBlob(t, wire.Class0, r.today()-10) // it came while the clock was right
	r.put([][]byte{held})
	r.mu.Lock()
	r.days.mark = clock.Mark{Day: r.day() - 40}
	r.mu.Unlock()
	l := r.join().mustMember()
	r.join()
	r.tick(t.Context(), time.Hour)
	if st := r.Status(); st.Clock != ClockAgreed || st.Finished != r.day()-41 {
		t.Errorf("%s, and day %d is finished with, %d before today", st.Clock, st.Finished, r.day()-st.Finished)
	}
	if got := bodies(r.collect(l, 0)); len(got) != 1 {
		t.Errorf("%d blobs are left of one", len(got))
	}
}
