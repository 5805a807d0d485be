package verify

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"sottovoce/mesh/identity"
	"sottovoce/mesh/wire"
)

// side is one end under test, with what its person was told.
type side struct {
	*Dialogue
	context Context
	told    []Action
}

// pair is two ends and the frames on their way between them.
type pair struct {
	t    *testing.T
	now  time.Time
	rand *rand.ChaCha8
	ends [2]*side
	wire [2][]wire.Frame // to that end
}

func newPair(t *testing.T) *pair {
	p := &pair{t: t, now: time.Unix(1_800_000_000, 0), rand: rand.NewChaCha8([32]byte{7})}
	ids := [2]identity.AccountID{{1}, {2}}
	for i := range p.ends {
		p.ends[i] = &side{Dialogue: New(ids[i], ids[1-i]), context: Context{9}}
	}
	return p
}

// step gives an end an event; its frames go on their way.
func (p *pair) step(i int, ev Event) error {
	p.t.Helper()
	todo, err := p.ends[i].Step(p.now, ev, p.rand)
	for _, a := range todo {
		if send, ok := a.(Send); ok {
			p.wire[1-i] = append(p.wire[1-i], send.Frame)
			continue
		}
		p.ends[i].told = append(p.ends[i].told, a)
	}
	return err
}

func (p *pair) must(i int, ev Event) {
	p.t.Helper()
	if err := p.step(i, ev); err != nil {
		p.t.Fatalf("end %d, %T: %v", i, ev, err)
	}
}

func (p *pair) start(i int) { p.t.Helper(); p.must(i, Start{p.ends[i].context}) }

// deliver brings the next frame to an end, if there is one.
func (p *pair) deliver(i int) bool {
	p.t.Helper()
	if len(p.wire[i]) == 0 {
		return false
	}
	f := p.wire[i][0]
	p.wire[i] = p.wire[i][1:]
	p.must(i, Received{p.ends[i].context, f})
	return true
}

func (p *pair) deliverAll() {
	p.t.Helper()
	for p.deliver(0) || p.deliver(1) {
	}
}

// equal checks that both ends show the same.
func (p *pair) equal() Emoji {
	p.t.Helper()
	a, okA := p.ends[0].Emoji()
	b, okB := p.ends[1].Emoji()
	if !okA || !okB || a != b || p.ends[0].Comparison() != p.ends[1].Comparison() {
		p.t.Fatalf("%v %t in phase %d, %v %t in phase %d", a, okA, p.ends[0].Phase(), b, okB, p.ends[1].Phase())
	}
	return a
}

// was reports whether the person at an end was told so.
func (s *side) was(told Action) bool { return slices.Contains(s.told, told) }

func TestCompare(t *testing.T) {
	for first := range 2 {
		p := newPair(t)
		p.start(first)
		p.deliverAll()
		if !p.ends[1-first].was(Invite{}) || p.ends[1-first].Phase() != Invited {
			t.Fatalf("the other was told %v", p.ends[1-first].told)
		}
		p.start(1 - first)
		p.deliverAll()
		e := p.equal()
		for i, end := range p.ends {
			if !end.was(Show{e}) {
				t.Errorf("end %d was told %v", i, end.told)
			}
			p.must(i, Match{end.Comparison()})
			if end.Phase() != Idle || !end.Until().IsZero() {
				t.Errorf("end %d goes on", i)
			}
		}
	}
}

// Whatever the order in which what both sent at once arrives, they compare the same.
func TestBothBegin(t *testing.T) {
	for _, order := range [][]int{{0, 1, 0, 1, 0, 1}, {1, 0, 1, 0, 1, 0}, {1, 1, 0, 0, 1, 1}, {0, 0, 1, 1, 0, 0}} {
		p := newPair(t)
		p.start(0)
		p.start(1)
		for _, i := range order {
			p.deliver(i)
		}
		p.deliverAll()
		p.equal()
		if p.ends[0].was(Invite{}) || p.ends[1].was(Invite{}) {
			t.Error("invited to what was begun")
		}
	}
}

// Every comparison has other emoji, and depends on each of its inputs.
func TestEmojiOfEach(t *testing.T) {
	base := func() (Context, identity.AccountID, nonce, identity.AccountID, nonce) {
		return Context{1}, identity.AccountID{2}, nonce{3}, identity.AccountID{4}, nonce{5}
	}
	seen := map[Emoji]int{}
	for i := range 7 {
		c, a, an, b, bn := base()
		switch i {
		case 1:
			c[31]++
		case 2:
			a[31]++
		case 3:
			an[31]++
		case 4:
			b[31]++
		case 5:
			bn[31]++
		case 6: // who began
			a, an, b, bn = b, bn, a, an
		}
		e := derive(c, a, an, b, bn)
		if was, twice := seen[e]; twice {
			t.Errorf("%d gives what %d gives", i, was)
		}
		seen[e] = i
	}
}

// The context is the same on both sides, and another with anything else.
func TestContext(t *testing.T) {
	anna := Party{identity.AccountID{1}, []wire.Hash{{2}, {3}}, [32]byte{4}}
	bruno := Party{identity.AccountID{5}, []wire.Hash{{6}}, [32]byte{7}}
	transcript, binding := [32]byte{8}, [32]byte{9}
	want := NewContext(anna, bruno, transcript, binding)
	if NewContext(bruno, anna, transcript, binding) != want {
		t.Error("the two sides name it differently")
	}
	for name, change := range map[string]func(a, b *Party, transcript, binding *[32]byte){
		"account":    func(_, b *Party, _, _ *[32]byte) { b.Account[31]++ },
		"heads":      func(_, b *Party, _, _ *[32]byte) { b.Heads = append(b.Heads, wire.Hash{9}) },
		"our heads":  func(a, _ *Party, _, _ *[32]byte) { a.Heads = a.Heads[:1] },
		"device":     func(_, b *Party, _, _ *[32]byte) { b.Device[31]++ },
		"transcript": func(_, _ *Party, x, _ *[32]byte) { x[31]++ },
		"link":       func(_, _ *Party, _, x *[32]byte) { x[31]++ },
	} {
		a, b, x, y := anna, bruno, transcript, binding
		change(&a, &b, &x, &y)
		if NewContext(a, b, x, y) == want {
			t.Errorf("the %s is not in it", name)
		}
	}
}

// A reveal that was not committed to is told loudly on both sides.
func TestWrongReveal(t *testing.T) {
	p := newPair(t)
	p.start(0)
	p.deliverAll()
	p.start(1)
	p.deliver(0) // the nonce
	reveal := p.wire[1][0].(wire.SASReveal)
	reveal.Nonce[0] ^= 1
	p.must(1, Received{p.ends[1].context, reveal})
	p.deliver(0)
	if !p.ends[1].was(Ended{Reason: wire.SASWrong}) || !p.ends[0].was(Ended{Reason: wire.SASWrong, Theirs: true}) {
		t.Errorf("told %v and %v", p.ends[1].told, p.ends[0].told)
	}
	if p.ends[0].Phase() != Idle || p.ends[1].Phase() != Idle {
		t.Error("it goes on")
	}
}

// What was recorded of an earlier comparison, what comes twice and what comes out of turn
// changes nothing.
func TestReplays(t *testing.T) {
	p := newPair(t)
	var recorded [2][]wire.Frame
	run := func() {
		p.start(0)
		for {
			for i := range 2 {
				recorded[i] = append(recorded[i], p.wire[i]...)
			}
			if !p.deliver(0) && !p.deliver(1) {
				break
			}
			if p.ends[1].Phase() == Invited {
				p.start(1)
			}
		}
	}
	run()
	first := p.equal()
	for i, end := range p.ends {
		p.must(i, Match{end.Comparison()})
	}
	old := recorded
	recorded = [2][]wire.Frame{}
	run()
	second := p.equal()
	if first == second {
		t.Error("two comparisons are alike")
	}
	for i := range 2 {
		for _, f := range append(old[i], recorded[i]...) {
			if _, again := f.(wire.SASCommit); again {
				continue // begins another one
			}
			p.must(i, Received{p.ends[i].context, f})
		}
	}
	if p.equal() != second || len(p.wire[0])+len(p.wire[1]) > 0 {
		t.Error("what was recorded has changed something")
	}
	third := newPair(t) // our own commitment comes back, and what we would reveal of it
	third.start(1)
	mine := third.wire[0][0].(wire.SASCommit)
	secret := third.ends[1].nonce
	third.must(1, Received{third.ends[1].context, mine})
	third.must(1, Received{third.ends[1].context, wire.SASReveal{Commitment: mine.Commitment, Nonce: secret}})
	if third.ends[1].Phase() != Asked || len(third.wire[0]) != 1 {
		t.Error("our own commitment was taken for theirs")
	}
	third.must(0, Received{third.ends[0].context, mine}) // and a commitment of ours as theirs, under our own name
	third.start(0)
	third.must(0, Received{third.ends[0].context, wire.SASReveal{Commitment: mine.Commitment, Nonce: [32]byte{1}}})
	if !third.ends[0].was(Ended{Reason: wire.SASWrong}) {
		t.Error("what nobody committed to was taken for revealed")
	}
}

// A link that is lost ends what the other side had a part in; who has only asked asks again
// on the next, with another nonce.
func TestLinkLost(t *testing.T) {
	p := newPair(t)
	p.start(0)
	first := p.ends[0].Comparison()
	p.deliverAll()
	for i, end := range p.ends {
		p.must(i, LinkDown{})
		end.context[0]++
	}
	if !p.ends[1].was(Ended{}) || p.ends[0].Phase() != Asked {
		t.Errorf("told %v, phase %d", p.ends[1].told, p.ends[0].Phase())
	}
	p.must(0, LinkUp{p.ends[0].context})
	p.must(0, LinkUp{p.ends[0].context})
	p.deliverAll()
	if p.ends[0].Comparison() == first || p.ends[1].Phase() != Invited {
		t.Error("the same nonce, or not asked again")
	}
	p.must(1, Start{p.ends[1].context})
	p.must(1, LinkDown{})
	if p.ends[1].Phase() != Idle {
		t.Error("goes on after a nonce was given away")
	}
	p.now = p.now.Add(personWait)
	p.must(0, LinkDown{})
	p.must(0, Tick{})
	if !p.ends[0].was(Ended{Reason: wire.SASTimeout}) {
		t.Error("waits for ever")
	}
}

// Who begins once more says the same again, for what may not have left; it is heard once.
func TestBeginAgain(t *testing.T) {
	p := newPair(t)
	p.start(0)
	p.start(0)
	if len(p.wire[1]) != 2 || p.wire[1][0] != p.wire[1][1] {
		t.Errorf("says %v", p.wire[1])
	}
	p.deliverAll()
	if len(p.ends[1].told) != 1 {
		t.Errorf("told %v", p.ends[1].told)
	}
	p.start(1)
	p.deliverAll()
	p.equal()
}

func TestEnds(t *testing.T) {
	answered := func(p *pair) { p.start(0); p.deliverAll(); p.start(1) }
	comparing := func(p *pair) { answered(p); p.deliverAll() }
	for name, c := range map[string]struct {
		before func(*pair)
		event  Event
		after  time.Duration
		told   [2]Action
	}{
		"nobody joins":       {func(p *pair) { p.start(0); p.deliverAll() }, Tick{}, personWait, [2]Action{Ended{Reason: wire.SASTimeout}, Ended{Reason: wire.SASTimeout, Theirs: true}}},
		"waits for a link":   {answered, LinkDown{}, 0, [2]Action{nil, nil}},
		"nobody looks":       {comparing, Tick{}, lookWait, [2]Action{Ended{Reason: wire.SASTimeout}, Ended{Reason: wire.SASTimeout, Theirs: true}}},
		"they went away":     {comparing, Cancel{}, 0, [2]Action{Ended{Reason: wire.SASCancelled}, Ended{Reason: wire.SASCancelled, Theirs: true}}},
		"keys changed":       {comparing, KeysChanged{}, 0, [2]Action{Ended{Reason: wire.SASContext}, Ended{Reason: wire.SASContext, Theirs: true}}},
		"the link was lost":  {comparing, LinkDown{}, 0, [2]Action{nil, nil}},
		"not yet over":       {comparing, Tick{}, lookWait - 1, [2]Action{nil, nil}},
		"nothing to go away": {func(*pair) {}, Cancel{}, 0, [2]Action{nil, nil}},
	} {
		p := newPair(t)
		c.before(p)
		p.now = p.now.Add(c.after)
		p.must(0, c.event)
		p.deliverAll()
		for i, want := range c.told {
			ended := slices.ContainsFunc(p.ends[i].told, func(a Action) bool { _, is := a.(Ended); return is })
			if want == nil && ended || want != nil && !p.ends[i].was(want) {
				t.Errorf("%s: end %d was told %v", name, i, p.ends[i].told)
			}
		}
	}
}

// That the emoji differ is heard on both sides, also by who has found them equal already;
// and who answers another comparison than there is hears so.
func TestDiffers(t *testing.T) {
	p := newPair(t)
	p.start(0)
	p.deliverAll()
	p.start(1)
	p.deliverAll()
	if err := p.step(0, Match{[32]byte{1}}); !errors.Is(err, ErrOver) {
		t.Errorf("another comparison: %v", err)
	}
	p.must(0, Match{p.ends[0].Comparison()})
	if err := p.step(0, Differ{p.ends[1].Comparison()}); !errors.Is(err, ErrOver) {
		t.Errorf("answered twice: %v", err)
	}
	p.must(1, Differ{p.ends[1].Comparison()})
	p.deliverAll()
	if !p.ends[1].was(Ended{Reason: wire.SASDiffers}) || !p.ends[0].was(Ended{Reason: wire.SASDiffers, Theirs: true}) {
		t.Errorf("told %v, %v", p.ends[1].told, p.ends[0].told)
	}
}

// Two who hold different keys of each other see no emoji at all.
func TestOtherKeys(t *testing.T) {
	for first := range 2 {
		p := newPair(t)
		p.ends[1].context[0]++
		p.start(first)
		p.deliverAll()
		if !p.ends[first].was(Ended{Reason: wire.SASContext, Theirs: true}) || p.ends[1-first].was(Invite{}) {
			t.Errorf("told %v, %v", p.ends[0].told, p.ends[1].told)
		}
		p.start(0)
		p.start(1)
		p.deliverAll()
		if p.ends[0].Phase() != Idle || p.ends[1].Phase() != Idle {
			t.Error("they go on")
		}
	}
}

// A man in the middle has so many tries an hour and no more, whoever begins, and an invitation costs nobody's patience.
func TestTries(t *testing.T) {
	for first := range 2 {
		p := newPair(t)
		for i := range triesMax {
			p.start(first)
			p.deliverAll()
			p.start(1 - first)
			p.deliverAll()
			p.equal()
			p.must(0, Cancel{})
			p.deliverAll()
			if p.ends[1].Phase() != Idle {
				t.Fatalf("comparison %d goes on", i)
			}
		}
		if err := p.step(first, Start{p.ends[first].context}); !errors.Is(err, ErrTries) {
			t.Errorf("one more: %v", err)
		}
		if err := p.step(1-first, Start{p.ends[first].context}); !errors.Is(err, ErrTries) {
			t.Errorf("one more on the other side: %v", err)
		}
		p.now = p.now.Add(triesSpan)
		p.start(first)
	}
	p := newPair(t)
	for i := range invitesMax + 1 {
		p.must(1, Received{p.ends[1].context, wire.SASCommit{Commitment: [32]byte{byte(i + 1)}, Context: p.ends[1].context}})
	}
	if stop, ok := p.wire[0][0].(wire.SASStop); len(p.wire[0]) != 1 || !ok || stop.Reason != wire.SASTries || len(p.ends[1].told) != invitesMax {
		t.Errorf("invited %d times, answered %v", len(p.ends[1].told), p.wire[0])
	}
}

func TestNoSecretPrints(t *testing.T) {
	p := newPair(t)
	p.start(0)
	for i := range p.ends[0].nonce {
		p.ends[0].nonce[i] = 'S'
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x"} {
		printed := fmt.Sprintf(verb, *p.ends[0].Dialogue) + fmt.Sprintf(verb, p.ends[0].nonce)
		for _, trace := range []string{"SSS", "535353", "83 83", "0x53"} {
			if strings.Contains(printed, trace) {
				t.Errorf("%s prints %s", verb, printed)
			}
		}
	}
}

// FuzzDialogue: whatever a contact sends in whatever order, there are never emoji unless
// our person has begun, never more tries than there may be, and no panic.
func FuzzDialogue(f *testing.F) {
	f.Add([]byte{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10})
	f.Add([]byte{1, 0, 3, 0, 2, 1, 3})
	f.Fuzz(func(t *testing.T, script []byte) {
		p := newPair(t)
		d, c := p.ends[1], p.ends[1].context
		shown, begun := 0, 0
		for _, b := range script {
			commitment := d.Comparison()
			if b&0x10 != 0 {
				commitment = [32]byte{b}
			}
			events := []Event{
				Start{c},
				Cancel{},
				Tick{},
				LinkDown{},
				LinkUp{c},
				KeysChanged{},
				Match{commitment},
				Differ{commitment},
				Received{c, wire.SASCommit{Commitment: commit(c, p.ends[0].our, nonce{b}), Context: c}},
				Received{c, wire.SASNonce{Commitment: commitment, Nonce: [32]byte{b}}},
				Received{c, wire.SASReveal{Commitment: commitment, Nonce: [32]byte{b}}},
				Received{c, wire.SASStop{Commitment: commitment, Reason: wire.SASReason(b)}},
				Received{Context{b}, wire.SASCommit{Commitment: [32]byte{b}, Context: c}},
			}
			ev := events[int(b&0x0f)%len(events)]
			if _, is := ev.(Start); is {
				begun++
			}
			p.now = p.now.Add(time.Duration(b>>5) * time.Second)
			_ = p.step(1, ev)
		}
		for _, a := range d.told {
			if _, is := a.(Show); is {
				shown++
			}
		}
		if shown > begun || shown > triesMax*(1+int(p.now.Sub(time.Unix(1_800_000_000, 0))/triesSpan)) {
			t.Errorf("%d comparisons, our person began %d", shown, begun)
		}
		if d.Phase() != Idle && d.Until().IsZero() {
			t.Error("no end to it")
		}
	})
}
