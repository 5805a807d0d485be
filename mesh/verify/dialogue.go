package verify

import (
	"bytes"
	"crypto/hkdf"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"sottovoce/mesh/identity"
	"sottovoce/mesh/wire"
)

// Phase says where a dialogue stands.
type Phase uint8

// The phases.
const (
	Idle      Phase = iota
	Asked           // our person has begun; we have committed
	Invited         // theirs has begun
	Answered        // both have; they committed, and have our nonce
	Comparing       // the emoji are known
)

// Dialogue is all comparing of emoji with one contact in one run: one comparison at a
// time, and a bound on how many there are.
//
//	        Start                   their nonce
//	Idle ──────────▶ Asked ───────────────────────▶ Comparing ──Match──▶ Idle
//	  │                │ both began, theirs counts      ▲
//	  │ their commit   ▼                                │
//	  └─▶ Invited ─▶ Answered ──────────────────────────┘
//	          Start             their reveal
//
// Everything else leads back to Idle: a stop, time, a link that is lost before the emoji are
// known; but who has only asked asks once more on the next link.
//
// spec: 05-contacts#comparing-emoji
type Dialogue struct {
	our, their identity.AccountID

	phase      Phase
	context    Context
	commitment [32]byte // names the comparison
	nonce      nonce    // ours
	emoji      Emoji
	until      time.Time

	confirmed [32]byte  // the comparison that our person found equal last
	revocable time.Time // until when the other side may still say that it is not

	tries, invites []time.Time
}

// New returns the dialogue of two accounts, in which nothing has happened.
func New(our, their identity.AccountID) *Dialogue { return &Dialogue{our: our, their: their} }

// Event is something that happened to a dialogue.
type Event interface{ event() }

// The events.
type (
	// Start says that our person wants to compare, over the link of this context.
	Start struct{ Context Context }
	// Received is a frame that came over the link of this context.
	Received struct {
		Context Context
		Frame   wire.Frame
	}
	// Match and Differ are our person's answers to the comparison of that name.
	Match  struct{ Comparison [32]byte }
	Differ struct{ Comparison [32]byte }
	// Cancel says that our person went away, or does not want to.
	Cancel struct{}
	// LinkDown says that the link has ended, LinkUp that there is one of this context.
	LinkDown struct{}
	LinkUp   struct{ Context Context }
	// KeysChanged says that something of the context is not so any more.
	KeysChanged struct{}
	// Tick says that time has passed.
	Tick struct{}
)

func (Start) event()       {}
func (Received) event()    {}
func (Match) event()       {}
func (Differ) event()      {}
func (Cancel) event()      {}
func (LinkDown) event()    {}
func (LinkUp) event()      {}
func (KeysChanged) event() {}
func (Tick) event()        {}

// Action is something the caller does.
type Action interface{ action() }

// The actions.
type (
	// Send puts a frame on the link.
	Send struct{ Frame wire.Frame }
	// Invite tells our person that the other wants to compare.
	Invite struct{}
	// Show shows the emoji, to be compared with those on the other side.
	Show struct{ Emoji Emoji }
	// Ended tells our person that it is over, and why. Of reason SASDiffers and SASWrong
	// a person must hear: somebody may be in between.
	Ended struct {
		Reason wire.SASReason // 0: the link was lost
		Theirs bool           // it was they who ended it
	}
)

func (Send) action()   {}
func (Invite) action() {}
func (Show) action()   {}
func (Ended) action()  {}

// Errors of Step. The dialogue is unchanged after each.
var (
	// ErrTries says that there were too many comparisons lately.
	ErrTries = errors.New("too many comparisons in one hour; compare the safety words, or try again later")
	// ErrOver says that the comparison that our person answered is over.
	ErrOver = errors.New("that comparison is over; begin again")
)

// Phase returns where the dialogue stands.
func (d *Dialogue) Phase() Phase { return d.phase }

// Comparison returns the name of the comparison that is under way, zero if none is.
func (d *Dialogue) Comparison() [32]byte { return d.commitment }

// Emoji returns what is to be compared; ok is false when that is not known.
func (d *Dialogue) Emoji() (e Emoji, ok bool) { return d.emoji, d.phase == Comparing }

// Until returns when Tick is due; zero if it is not.
func (d *Dialogue) Until() time.Time { return d.until }

// Step takes an event and returns what is to be done, in order. It draws 32 bytes when a
// comparison begins on this side.
func (d *Dialogue) Step(now time.Time, ev Event, rand io.Reader) ([]Action, error) {
	switch ev := ev.(type) {
	case Start:
		return d.start(now, ev.Context, rand)
	case Received:
		return d.received(now, ev, rand)
	case Match:
		if d.phase != Comparing || ev.Comparison != d.commitment {
			return nil, ErrOver
		}
		d.confirmed, d.revocable = d.commitment, now.Add(lookWait)
		d.rest()
	case Differ:
		if d.phase != Comparing || ev.Comparison != d.commitment {
			return nil, ErrOver
		}
		return d.stop(wire.SASDiffers), nil
	case Cancel:
		if d.phase != Idle {
			return d.stop(wire.SASCancelled), nil
		}
	case LinkDown:
		switch d.phase {
		case Asked: // nothing was given away: begin once more on the next
			d.context = Context{}
		case Invited, Answered:
			d.rest()
			return []Action{Ended{}}, nil
		}
	case LinkUp:
		if d.phase == Asked && d.context == (Context{}) {
			return d.begin(ev.Context, rand)
		}
	case KeysChanged:
		d.confirmed = [32]byte{}
		if d.phase != Idle {
			return d.stop(wire.SASContext), nil
		}
	case Tick:
		if d.phase != Idle && !now.Before(d.until) {
			return d.stop(wire.SASTimeout), nil
		}
	}
	return nil, nil
}

// start begins a comparison, or joins the one that the other side has begun.
func (d *Dialogue) start(now time.Time, c Context, rand io.Reader) ([]Action, error) {
	switch {
	case d.phase == Asked && c == d.context: // the first may not have left
		return []Action{Send{wire.SASCommit{Commitment: d.commitment, Context: c}}}, nil
	case d.phase != Idle && d.phase != Invited:
		return nil, nil
	}
	if d.phase == Invited && c != d.context {
		d.rest()
	}
	if recent(&d.tries, now) >= triesMax {
		return nil, ErrTries
	}
	if d.phase == Invited {
		return d.answer(now, d.commitment, rand)
	}
	d.until = now.Add(personWait)
	return d.begin(c, rand)
}

// begin commits to a new nonce.
func (d *Dialogue) begin(c Context, rand io.Reader) ([]Action, error) {
	if _, err := io.ReadFull(rand, d.nonce[:]); err != nil {
		return nil, fmt.Errorf("drawing a nonce: %w", err)
	}
	d.phase, d.context = Asked, c
	d.commitment = commit(c, d.our, d.nonce)
	return []Action{Send{wire.SASCommit{Commitment: d.commitment, Context: c}}}, nil
}

// answer gives our nonce to whom has committed to theirs.
func (d *Dialogue) answer(now time.Time, commitment [32]byte, rand io.Reader) ([]Action, error) {
	if _, err := io.ReadFull(rand, d.nonce[:]); err != nil {
		return nil, fmt.Errorf("drawing a nonce: %w", err)
	}
	d.phase, d.commitment, d.until = Answered, commitment, now.Add(stepWait)
	d.tries = append(d.tries, now)
	return []Action{Send{wire.SASNonce{Commitment: commitment, Nonce: d.nonce}}}, nil
}

// received takes a frame. What belongs to no comparison of now is not heeded.
func (d *Dialogue) received(now time.Time, ev Received, rand io.Reader) ([]Action, error) {
	switch f := ev.Frame.(type) {
	case wire.SASCommit:
		return d.committed(now, ev.Context, f, rand)
	case wire.SASNonce:
		if d.phase != Asked || f.Commitment != d.commitment || ev.Context != d.context {
			return nil, nil
		}
		reveal := wire.SASReveal{Commitment: d.commitment, Nonce: d.nonce}
		d.tries = append(d.tries, now)
		return append([]Action{Send{reveal}}, d.show(now, d.our, d.nonce, d.their, f.Nonce)...), nil
	case wire.SASReveal:
		if d.phase != Answered || f.Commitment != d.commitment || ev.Context != d.context {
			return nil, nil
		}
		if want := commit(d.context, d.their, f.Nonce); subtle.ConstantTimeCompare(want[:], d.commitment[:]) == 0 {
			return d.stop(wire.SASWrong), nil
		}
		return d.show(now, d.their, f.Nonce, d.our, d.nonce), nil
	case wire.SASStop:
		return d.stopped(now, f), nil
	}
	return nil, nil
}

// committed takes the beginning of a comparison. When both have begun, that of the
// smaller account counts.
func (d *Dialogue) committed(now time.Time, c Context, f wire.SASCommit, rand io.Reader) ([]Action, error) {
	refuse := func(reason wire.SASReason) []Action {
		return []Action{Send{wire.SASStop{Commitment: f.Commitment, Reason: reason}}}
	}
	if d.phase != Idle && f.Commitment == d.commitment {
		return nil, nil // again
	}
	if Context(f.Context) != c {
		todo := refuse(wire.SASContext)
		if d.phase == Asked {
			d.rest()
			todo = append(todo, Ended{Reason: wire.SASContext})
		}
		return todo, nil
	}
	if d.phase == Asked {
		if bytes.Compare(d.our[:], d.their[:]) < 0 {
			return nil, nil
		}
		d.context = c
		return d.answer(now, f.Commitment, rand)
	}
	if recent(&d.invites, now) >= invitesMax {
		return refuse(wire.SASTries), nil
	}
	d.invites = append(d.invites, now)
	var todo []Action
	if d.phase == Answered || d.phase == Comparing {
		todo = append(todo, Ended{Reason: wire.SASCancelled, Theirs: true})
	}
	d.rest()
	d.phase, d.context, d.commitment, d.until = Invited, c, f.Commitment, now.Add(personWait)
	return append(todo, Invite{}), nil
}

// stopped takes the other side's end of a comparison. That it differs counts also after
// our person has found it equal.
func (d *Dialogue) stopped(now time.Time, f wire.SASStop) []Action {
	switch {
	case d.phase != Idle && f.Commitment == d.commitment:
		d.rest()
	case f.Commitment == d.confirmed && d.confirmed != [32]byte{} && now.Before(d.revocable) && f.Reason == wire.SASDiffers:
		d.confirmed = [32]byte{}
	default:
		return nil
	}
	return []Action{Ended{Reason: f.Reason, Theirs: true}}
}

// stop ends the comparison from this side.
func (d *Dialogue) stop(reason wire.SASReason) []Action {
	f := wire.SASStop{Commitment: d.commitment, Reason: reason}
	d.rest()
	return []Action{Send{f}, Ended{Reason: reason}}
}

// rest forgets the comparison.
func (d *Dialogue) rest() {
	d.phase, d.until, d.context, d.commitment, d.emoji = Idle, time.Time{}, Context{}, [32]byte{}, Emoji{}
	clear(d.nonce[:])
}

// show computes the emoji from the nonces of who committed and of who answered.
func (d *Dialogue) show(now time.Time, committer identity.AccountID, committed nonce, responder identity.AccountID, answered nonce) []Action {
	d.emoji = derive(d.context, committer, committed, responder, answered)
	d.phase, d.until = Comparing, now.Add(lookWait)
	clear(d.nonce[:])
	return []Action{Show{d.emoji}}
}

// commit is what an account says before it shows its nonce.
//
// spec: 05-contacts#comparing-emoji
func commit(c Context, committer identity.AccountID, n nonce) [32]byte {
	return wire.HashOf(labelCommit, c[:], committer[:], n[:])
}

// derive makes the emoji of a context and both nonces.
//
// spec: 05-contacts#comparing-emoji
func derive(c Context, committer identity.AccountID, committed nonce, responder identity.AccountID, answered nonce) (e Emoji) {
	info := slices.Concat([]byte(labelEmoji), committer[:], responder[:])
	key, err := hkdf.Key(sha256.New, slices.Concat(committed[:], answered[:]), c[:], string(info), (EmojiCount*6+7)/8)
	if err != nil {
		panic(fmt.Sprintf("verify: deriving the emoji: %v", err))
	}
	sixes(key, e[:])
	return e
}

// recent counts times within triesSpan and forgets the others.
func recent(times *[]time.Time, now time.Time) int {
	*times = slices.DeleteFunc(*times, func(at time.Time) bool { return now.Sub(at) >= triesSpan })
	return len(*times)
}

// nonce is one side's share of the emoji, a secret until it is sent. It prints as
// "[secret]".
type nonce [32]byte

// Format prints "[secret]".
func (nonce) Format(f fmt.State, _ rune) { fmt.Fprint(f, "[secret]") }

// Format prints where the dialogue stands and nothing else.
func (d Dialogue) Format(f fmt.State, _ rune) { fmt.Fprintf(f, "comparison in phase %d", d.phase) }
