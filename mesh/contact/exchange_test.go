package contact

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"sottovoce/mesh/session"
	"sottovoce/mesh/wire"
)

// TestStraight is an exchange in which nothing goes wrong, frame by frame.
func TestStraight(t *testing.T) {
	w := newWorld(t)
	w.link()
	fatal(t, w.do(1, Ask{}))
	fatal(t, w.deliver(0))
	if got := w.people[0].told; !slices.Equal(got, []Action{Notify{Name: "Bruno"}}) {
		t.Fatalf("Anna is told %v", got)
	}
	if w.leaked(0) || w.leaked(1) {
		t.Fatal("a card before anybody accepted")
	}
	fatal(t, w.do(0, Accept{}))
	if w.leaked(0) {
		t.Fatal("the asker's card before the offer")
	}
	fatal(t, w.deliver(1)) // offer
	fatal(t, w.deliver(0)) // card
	fatal(t, w.deliver(1)) // done
	fatal(t, w.agreement())
	if !w.people[1].x.Over(noon) || w.people[0].x.Over(noon) || w.people[0].x.Due() || w.people[1].x.Due() {
		t.Fatal("the asker may forget, the other may not, and nothing is due")
	}
	if !slices.Equal(w.people[1].told, []Action{Settled{}}) {
		t.Fatalf("Bruno is told %v", w.people[1].told)
	}
}

// TestSessions makes the sessions of both objects and passes a message each way.
func TestSessions(t *testing.T) {
	w := newWorld(t)
	var objects [2]*Object
	step := func(i int, ev Event) {
		todo, err := w.people[i].x.Step(noon, ev, source(nil, ev))
		fatal(t, err)
		for _, a := range todo {
			switch a := a.(type) {
			case Commit:
				objects[i] = a.Object
			case Send:
				w.up = true
				w.send(1-i, a.Frame)
			}
		}
	}
	last := func(i int) Received { return Received{w.people[1-i].profile, w.seenBy[i][len(w.seenBy[i])-1]} }
	step(0, Ask{})
	step(1, last(1))
	step(1, Accept{})
	step(0, last(0))
	step(1, last(1))
	var pairs [2]*session.Pair
	for i, o := range objects {
		configs, err := o.Pairs(w.people[i].ours.Device)
		fatal(t, err)
		pairs[i], err = session.NewPair(configs[0])
		fatal(t, err)
	}
	src := source(nil, Ask{})
	start, err := pairs[0].Start(noon, src)
	fatal(t, err)
	header, err := wire.ParseBlob(start.Blob)
	fatal(t, err)
	for tag, ref := range pairs[1].StartTags(header.ExpiryDay) {
		if tag == header.Tag {
			if _, err := pairs[1].Open(noon, start.Blob, ref, nil); err != nil {
				t.Fatal(err)
			}
			return
		}
	}
	t.Fatal("Bruno does not know Anna's start")
}

// TestCrossing: both ask before either hears of it. Nobody has to consent again, and
// the smaller profile is the one that offers.
func TestCrossing(t *testing.T) {
	w := newWorld(t)
	fatal(t, w.do(0, Ask{}))
	fatal(t, w.do(1, Ask{}))
	w.settle()
	fatal(t, w.agreement())
	if a, b := w.objects(t); a.Asker || !b.Asker {
		t.Fatal("the larger profile offered")
	}
}

// TestDecline: the asker is told, later requests are ignored for seven days, and our
// own wish overrides it.
func TestDecline(t *testing.T) {
	w := newWorld(t)
	fatal(t, w.do(1, Ask{}))
	w.settle()
	fatal(t, w.do(0, Decline{}))
	if w.people[1].told = nil; w.leaked(1) {
		t.Fatal("a card to a stranger")
	}
	w.settle()
	if !slices.Contains(w.people[1].told, Action(Refused{})) {
		t.Fatalf("Bruno is told %v", w.people[1].told)
	}

	asked := len(w.people[0].told)
	fatal(t, w.do(1, Ask{}))
	w.link()
	fatal(t, w.deliver(0))
	fatal(t, w.do(0, Received{w.people[1].profile, wire.Ask{Name: "Bruno", Nonce: [32]byte{77}}}))
	if len(w.people[0].told) != asked || len(w.line[1]) != 1 {
		t.Fatalf("told %v, said %d times", w.people[0].told[asked:], len(w.line[1]))
	}
	x := w.people[0].x
	if x.Over(noon.Add(DeclinedFor-1)) || !x.Over(noon.Add(DeclinedFor)) {
		t.Fatal("a declined request is remembered for seven days")
	}
	later := noon.Add(DeclinedFor)
	ask := Received{w.people[1].profile, wire.Ask{Name: "Bruno", Nonce: [32]byte{78}}}
	todo, err := x.Step(later, ask, source(nil, ask))
	if err != nil || !slices.Equal(todo, []Action{Notify{Name: "Bruno"}}) {
		t.Fatalf("after seven days: %v %v", todo, err)
	}
}

// TestDeclinedThenWanted: who declined may ask.
func TestDeclinedThenWanted(t *testing.T) {
	w := newWorld(t)
	fatal(t, w.do(1, Ask{}))
	w.settle()
	fatal(t, w.do(0, Decline{}))
	fatal(t, w.do(0, Ask{}))
	w.settle()
	if w.people[1].x.Phase() == PhaseIncoming {
		fatal(t, w.do(1, Accept{}))
		w.settle()
	}
	fatal(t, w.agreement())
	if w.people[0].commits != 1 {
		t.Fatal("no contact")
	}
}

// TestWithdrawn: a request that was taken back gets a no when it is accepted after all.
func TestWithdrawn(t *testing.T) {
	w := newWorld(t)
	fatal(t, w.do(1, Ask{}))
	w.settle()
	fatal(t, w.do(1, Withdraw{}))
	fatal(t, w.do(0, Accept{}))
	w.settle()
	if w.people[0].commits+w.people[1].commits != 0 || w.people[0].x.Phase() != PhaseRefused || w.leaked(0) {
		t.Fatalf("phases %d %d", w.people[0].x.Phase(), w.people[1].x.Phase())
	}
}

// TestBothOffer: by a withdrawn request both can come to have accepted; they still
// become contacts.
func TestBothOffer(t *testing.T) {
	w := newWorld(t)
	fatal(t, w.do(0, Ask{}))
	fatal(t, w.do(1, Ask{}))
	toAnna, toBruno := w.seenBy[0][0], w.seenBy[1][0]
	fatal(t, w.do(1, Withdraw{}))
	fatal(t, w.do(0, Received{w.people[1].profile, toAnna}))
	fatal(t, w.do(1, Received{w.people[0].profile, toBruno}))
	fatal(t, w.do(1, Accept{}))
	if w.people[0].x.Phase() != PhaseOffered || w.people[1].x.Phase() != PhaseOffered {
		t.Fatalf("phases %d %d", w.people[0].x.Phase(), w.people[1].x.Phase())
	}
	w.settle()
	fatal(t, w.agreement())
	if w.people[0].commits != 1 {
		t.Fatal("no contact")
	}
}

// TestYesTakenBack: an acceptance is taken back before their card has come; what comes later
// makes no contact.
func TestYesTakenBack(t *testing.T) {
	w := newWorld(t)
	fatal(t, w.do(0, Ask{}))
	w.settle()
	fatal(t, w.do(1, Accept{}))
	fatal(t, w.do(1, Decline{}))
	if x := w.people[1].x; x.card != nil || x.bundle != nil || x.Phase() != PhaseDeclined {
		t.Errorf("phase %d, and our card is still there: %t", x.Phase(), x.card != nil)
	}
	if _, err := Load(w.people[1].x.ours, w.people[1].x.Save()); err != nil {
		t.Error(err)
	}
	w.settle()
	if w.people[1].commits != 0 {
		t.Error("a contact all the same")
	}
}

// TestWrongMoments: our person's wishes where they do not fit, and frames of others.
func TestWrongMoments(t *testing.T) {
	w := newWorld(t)
	for _, ev := range []Event{Accept{}, Decline{}, Withdraw{}} {
		if err := w.do(0, ev); !errors.Is(err, ErrState) {
			t.Errorf("%T when idle: %v", ev, err)
		}
	}
	if err := w.do(0, Received{Profile{9}, wire.Ask{Name: "x"}}); !errors.Is(err, ErrProfile) {
		t.Errorf("foreign profile: %v", err)
	}
	for _, f := range []wire.Frame{wire.CardFrame{Card: []byte{1}}, wire.Done{}, wire.Declined{}, wire.Unknown{Type: 0x30}, wire.Receipt{}} {
		before := w.people[0].x.Save()
		fatal(t, w.do(0, Received{w.people[1].profile, f}))
		if !bytes.Equal(before, w.people[0].x.Save()) {
			t.Errorf("%T moved an idle exchange", f)
		}
	}
	fatal(t, w.do(0, Ask{}))
	if err := w.do(0, Accept{}); !errors.Is(err, ErrState) {
		t.Errorf("accept while asked: %v", err)
	}
}

// TestWrongTranscript: a Done for another exchange is an alarm and settles nothing.
func TestWrongTranscript(t *testing.T) {
	w := newWorld(t)
	w.link()
	fatal(t, w.do(1, Ask{}))
	fatal(t, w.deliver(0))
	fatal(t, w.do(0, Accept{}))
	fatal(t, w.deliver(1))
	if err := w.do(1, Received{w.people[0].profile, wire.Done{Transcript: [32]byte{1}}}); !errors.Is(err, ErrTranscript) {
		t.Fatalf("wrong transcript: %v", err)
	}
	w.settle()
	fatal(t, w.agreement())
}

// TestNameIsMadeSafe: what a stranger calls itself does not reach our person raw.
func TestNameIsMadeSafe(t *testing.T) {
	w := newWorld(t)
	fatal(t, w.do(0, Received{w.people[1].profile, wire.Ask{Name: "An\u202ena\x1b[2J", Nonce: [32]byte{1}}}))
	name := w.people[0].told[0].(Notify).Name
	if strings.ContainsAny(name, "\u202e\x1b") || name != w.people[0].x.Name() {
		t.Fatalf("shown as %q", name)
	}
}

// TestAnything lets links break, frames repeat, either side die and persons act, in any
// order; over good links the two then agree, and cards went to nobody too early.
func TestAnything(t *testing.T) { rapid.Check(t, anything) }

// FuzzExchange looks for the same with the fuzzer's choices.
func FuzzExchange(f *testing.F) {
	for seed := range byte(8) {
		choices := make([]byte, 8192)
		_, _ = rand.NewChaCha8([32]byte{seed}).Read(choices) // it never fails
		f.Add(choices)
	}
	f.Fuzz(rapid.MakeFuzz(anything))
}

func anything(t *rapid.T) {
	w := newWorld(&testing.T{})
	var consent [2]bool
	side := rapid.IntRange(0, 1)
	wish := func(t *rapid.T, ev Event) {
		i := side.Draw(t, "who")
		if w.do(i, ev) == nil {
			consent[i] = true
		}
	}
	t.Repeat(map[string]func(*rapid.T){
		"ask":    func(t *rapid.T) { wish(t, Ask{}) },
		"accept": func(t *rapid.T) { wish(t, Accept{}) },
		"link":   func(*rapid.T) { w.link() },
		"cut":    func(*rapid.T) { w.cut() },
		"kill":   func(t *rapid.T) { w.kill(side.Draw(t, "who")) },
		"deliver": func(t *rapid.T) {
			if i := side.Draw(t, "who"); len(w.line[i]) > 0 {
				_ = w.deliver(i)
			}
		},
		"repeat": func(t *rapid.T) {
			if i := side.Draw(t, "who"); len(w.line[i]) > 0 {
				w.line[i] = append([][]byte{w.line[i][0]}, w.line[i]...)
			}
		},
		"": func(t *rapid.T) {
			for i := range consent {
				if w.leaked(1-i) && !consent[i] {
					t.Fatalf("person %d gave a card without having asked or accepted", i)
				}
			}
		},
	})
	w.settle()
	if err := w.agreement(); err != nil {
		t.Fatal(err)
	}
	if consent[0] && consent[1] && w.people[0].commits != 1 {
		t.Fatalf("both wanted it, and there is no contact: phases %d %d", w.people[0].x.phase, w.people[1].x.phase)
	}
	if len(w.errs) > 0 && !slices.ContainsFunc(w.errs, func(err error) bool { return errors.Is(err, ErrState) }) {
		t.Fatal(w.errs)
	}
}

// TestEveryOrder searches all orders of delivery, loss, repetition, new links and crash
// of a request and of crossing requests, the shortest first, and settles each.
func TestEveryOrder(t *testing.T) {
	statesMax := 400
	if testing.Short() {
		statesMax = 60
	}
	for _, first := range [][]int{{1}, {0, 1}} {
		t.Run(fmt.Sprintf("%d ask", len(first)), func(t *testing.T) {
			w := newWorld(t)
			w.link()
			for _, i := range first {
				fatal(t, w.do(i, Ask{}))
			}
			seen := map[string]bool{w.key(): true}
			for todo := []*world{w}; len(todo) > 0 && len(seen) < statesMax; todo = todo[1:] {
				end := todo[0].clone()
				end.settle()
				fatal(t, end.agreement())
				for _, next := range todo[0].successors() {
					if key := next.key(); !seen[key] {
						seen[key] = true
						todo = append(todo, next)
					}
				}
			}
			t.Logf("%d states", len(seen))
		})
	}
}

func (w *world) key() string {
	return fmt.Sprintf("%x|%x|%t|%x|%d %d", w.people[0].disk, w.people[1].disk, w.up, w.line, w.people[0].commits, w.people[1].commits)
}

// successors are the worlds that one more thing leads to.
func (w *world) successors() (all []*world) {
	try := func(move func(*world)) {
		next := w.clone()
		move(next)
		all = append(all, next)
	}
	try((*world).link)
	for i := range w.people {
		if n := len(w.line[i]); n > 0 {
			try(func(w *world) { _ = w.deliver(i) })
			try(func(w *world) { w.line[i] = w.line[i][1:] })
			if n < 3 {
				try(func(w *world) { w.line[i] = append([][]byte{w.line[i][0]}, w.line[i]...) })
			}
		}
		if w.people[i].x.Phase() == PhaseIncoming {
			try(func(w *world) { _ = w.do(i, Accept{}) })
		}
		try(func(w *world) { w.kill(i) })
	}
	return all
}

func (w *world) clone() *world {
	c := &world{up: w.up}
	for i, p := range w.people {
		q := *p
		q.told = slices.Clone(p.told)
		c.people[i] = &q
		x, err := Load(p.ours, p.disk)
		if err != nil {
			panic(err)
		}
		x.declinedHere = p.x.declinedHere
		q.x = x
		c.line[i] = slices.Clone(w.line[i])
		c.seenBy[i] = slices.Clone(w.seenBy[i])
	}
	return c
}

// TestAskOnceMore: who was a contact may ask again when it has forgotten that, and its old request says nothing new.
func TestAskOnceMore(t *testing.T) {
	w := newWorld(t)
	ask := wire.Ask{Name: "Bruno", Nonce: [32]byte{1}}
	fatal(t, w.do(1, Ask{}))
	w.settle()
	fatal(t, w.do(0, Accept{}))
	w.settle()
	anna, bruno := w.people[0], w.people[1]
	if anna.x.Phase() != PhaseDone {
		t.Fatalf("phase %d", anna.x.Phase())
	}
	old := wire.Ask{Name: "Bruno", Nonce: anna.x.theirNonce}
	fatal(t, w.do(0, Received{bruno.profile, old}))
	if anna.x.Phase() != PhaseDone {
		t.Errorf("after the old request: phase %d", anna.x.Phase())
	}
	fatal(t, w.do(0, Received{bruno.profile, ask}))
	if anna.x.Phase() != PhaseIncoming {
		t.Errorf("after a new one: phase %d", anna.x.Phase())
	}
}
