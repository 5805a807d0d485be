package mesh

import (
	"cmp"
	"context"
	"encoding/hex"
	"fmt"
	"slices"

	"sottovoce/mesh/contact"
	"sottovoce/mesh/verify"
	"sottovoce/mesh/wire"
)

// ComparisonState says how far the comparing of emoji with a contact is.
type ComparisonState string

// The states. The last two are told once, when it is over.
const (
	ComparisonNone    ComparisonState = "none"
	ComparisonAsked   ComparisonState = "asked"     // we wait for their person
	ComparisonInvited ComparisonState = "invited"   // theirs waits for ours
	ComparisonJoined  ComparisonState = "joined"    // both have begun
	ComparisonShown   ComparisonState = "comparing" // the emoji are there, the person is to look
	ComparisonMatched ComparisonState = "matched"
	ComparisonEnded   ComparisonState = "ended"
)

// Comparison is the comparing of emoji with a contact as it stands.
type Comparison struct {
	ID     string // names it in the person's answer; empty when there is none
	State  ComparisonState
	Emoji  []verify.Symbol // while they are to be looked at
	Reason string          // why it ended, in plain words
}

// Verification is what a person can go by to tell who a contact is.
type Verification struct {
	Person     Person
	Comparison Comparison
	Words      []verify.Symbol // the same on the other side, unless somebody is in between
}

// comparing is the dialogue with one contact in this run, and the device it goes on with.
type comparing struct {
	dialogue *verify.Dialogue
	row      int64         // of the device
	doubt    *verify.Ended // that somebody may be in between, until it is durable
	words    [32]byte      // their root in the safety words that were shown last; zero: in another run
}

// The dialogue's events by their names here.
type (
	linkDown    = verify.LinkDown
	keysChanged = verify.KeysChanged
)

// Compare begins to compare emoji with a contact, or joins what their person has begun. It
// fails with ErrNotFound, ErrAmbiguous, ErrBlocked, ErrKeys, ErrUnreached and
// verify.ErrTries.
// spec: 05-contacts#comparing-emoji
func (n *Node) Compare(ctx context.Context, who string) (Comparison, error) {
	var shown Comparison
	err := n.do(ctx, func(t *turn) error {
		c, err := n.contactCalled(who)
		if err != nil {
			return refuse(err)
		}
		switch {
		case c.row.Blocked:
			return refuse(ErrBlocked)
		case c.trust.Keys() == contact.KeysAlarm:
			return refuse(ErrKeys)
		}
		i := slices.IndexFunc(c.devices, func(d *device) bool { return d.route.live != nil })
		if i < 0 {
			return refuse(fmt.Errorf("%w: %s is not here now, so emoji cannot be compared; the safety words can", ErrUnreached, c.shownName()))
		}
		d := c.devices[i]
		if x := n.dialogueWith(c); x.dialogue.Phase() == verify.Idle {
			x.row = d.row
		}
		if err := t.compareEvent(c, verify.Start{Context: t.contextOf(d, d.route.live)}); err != nil {
			return refuse(err)
		}
		shown = n.comparison(c)
		return nil
	})
	return shown, err
}

// Verification tells how far a comparison is, and the safety words. They take a moment to
// compute. ErrNotFound and ErrAmbiguous.
// spec: 05-contacts#safety-words
func (n *Node) Verification(ctx context.Context, who string) (Verification, error) {
	var v Verification
	var our, their verify.Owner
	err := n.do(ctx, func(*turn) error {
		c, err := n.contactCalled(who)
		if err != nil {
			return refuse(err)
		}
		v = Verification{Person: n.person(c), Comparison: n.comparison(c)}
		our, their = verify.OwnerOf(n.me.account), verify.OwnerOf(c.account)
		n.dialogueWith(c).words = their.Root
		return nil
	})
	if err == nil {
		v.Words = verify.WordsOf(our, their).Symbols()
	}
	return v, err
}

// Match is the person's word that the emoji of a comparison are the same on both sides:
// the contact is verified. It fails with ErrNotFound, ErrAmbiguous and verify.ErrOver.
// spec: 05-contacts#verification
func (n *Node) Match(ctx context.Context, who, comparison string) (Person, error) {
	return n.change(ctx, who, func(t *turn, c *contactState) error {
		if err := t.compareEvent(c, verify.Match{Comparison: comparisonCalled(comparison)}); err != nil {
			return refuse(err)
		}
		if err := t.verified(c); err != nil {
			return err
		}
		t.tellComparison(c, Comparison{State: ComparisonMatched})
		return nil
	})
}

// Differ is the person's word that they are not. It fails as Match does.
// spec: 05-contacts#comparing-emoji
func (n *Node) Differ(ctx context.Context, who, comparison string) (Person, error) {
	return n.change(ctx, who, func(t *turn, c *contactState) error {
		return asRefusal(t.compareEvent(c, verify.Differ{Comparison: comparisonCalled(comparison)}))
	})
}

// StopComparing ends a comparison without an answer, if there is one. ErrNotFound and
// ErrAmbiguous.
func (n *Node) StopComparing(ctx context.Context, who string) (Person, error) {
	return n.change(ctx, who, func(t *turn, c *contactState) error { return t.compareEvent(c, verify.Cancel{}) })
}

// Confirm is the person's word that the safety words are the same on both sides. It fails
// with ErrNotFound, ErrAmbiguous, ErrKeys, and ErrUnread if a root has changed since they were
// shown.
// spec: 05-contacts#safety-words
func (n *Node) Confirm(ctx context.Context, who string) (Person, error) {
	return n.change(ctx, who, func(t *turn, c *contactState) error {
		read := n.dialogueWith(c).words
		if read != c.account.Root() && (read != [32]byte{} || c.trust.Keys() == contact.KeysChanged) {
			return refuse(ErrUnread)
		}
		return t.verified(c)
	})
}

// Doubt takes back that a contact is verified. ErrNotFound and ErrAmbiguous.
func (n *Node) Doubt(ctx context.Context, who string) (Person, error) {
	return n.change(ctx, who, func(t *turn, c *contactState) error {
		c.trust.Doubt()
		return t.keepTrust(c)
	})
}

// verified notes that the person has compared.
func (t *turn) verified(c *contactState) error {
	if err := c.trust.Verify(t.now); err != nil {
		return refuse(err)
	}
	if err := t.keepTrust(c); err != nil {
		return err
	}
	return t.settled(c, noticeRoot, noticeDiffers, noticeInvite)
}

// asRefusal is an error for the asker alone.
func asRefusal(err error) error {
	if err == nil {
		return nil
	}
	return refuse(err)
}

// dialogueWith is the dialogue with a contact in this run.
func (n *Node) dialogueWith(c *contactState) *comparing {
	id := c.account.ID()
	if n.comparisons[id] == nil {
		n.comparisons[id] = &comparing{dialogue: verify.New(n.me.account.ID(), id)}
	}
	return n.comparisons[id]
}

// contextOf names the two ends of a link for a comparison.
// spec: 05-contacts#comparing-emoji
func (t *turn) contextOf(d *device, v *live) verify.Context {
	our := verify.Party{Account: t.n.me.account.ID(), Heads: t.n.me.account.Heads(), Device: t.n.me.device.ID()}
	c := d.contact
	their := verify.Party{Account: c.account.ID(), Heads: c.account.Heads(), Device: d.id}
	return verify.NewContext(our, their, c.transcript, v.link.Proof().Binding)
}

// compareFrame takes a frame of a comparison. While the keys of its contact are in alarm
// nothing is compared.
func (t *turn) compareFrame(d *device, v *live, f wire.Frame) error {
	c := d.contact
	x := t.n.dialogueWith(c)
	if commit, begins := f.(wire.SASCommit); begins && !d.open() {
		t.then(func() {
			v.post.put(parcel{frames: []wire.Frame{wire.SASStop{Commitment: commit.Commitment, Reason: wire.SASContext}}})
		})
		return nil
	}
	if x.dialogue.Phase() == verify.Idle {
		x.row = d.row
	}
	if x.row != d.row || !d.open() {
		return nil
	}
	return t.compareEvent(c, verify.Received{Context: t.contextOf(d, v), Frame: f})
}

// compareEvent gives the dialogue with a contact an event and does what follows.
func (t *turn) compareEvent(c *contactState, ev verify.Event) error {
	n := t.n
	x := n.dialogueWith(c)
	before, named := x.dialogue.Phase(), x.dialogue.Comparison()
	todo, err := x.dialogue.Step(t.now, ev, n.rand)
	if err != nil {
		return err
	}
	for _, a := range todo {
		switch a := a.(type) {
		case verify.Send:
			if d := n.devices[x.row]; d != nil && d.route.live != nil {
				v := d.route.live
				send := func() { v.post.put(parcel{frames: []wire.Frame{a.Frame}}) }
				if _, over := a.Frame.(wire.SASStop); over {
					send() // whatever becomes of this turn: the dialogue does not say it again
				} else {
					t.then(send)
				}
			}
		case verify.Invite:
			name := c.shownName()
			text := fmt.Sprintf("%s wants to compare emoji with you, to be sure that nobody is in between: sottovoce verify %q", name, name)
			about := n.person(c)
			t.then(func() { n.publish(Event{Kind: EventNotice, Time: t.now, Notice: text, Person: &about}) })
		case verify.Ended:
			if err := t.compareEnded(c, a); err != nil {
				return err
			}
		}
	}
	if phase := x.dialogue.Phase(); phase != verify.Idle && (phase != before || x.dialogue.Comparison() != named) {
		t.tellComparison(c, n.comparison(c))
	}
	if until := x.dialogue.Until(); !until.IsZero() {
		n.wakeBy(until)
	}
	return nil
}

// compareEnded tells the person why a comparison ended. What may be somebody in between is
// shown until it is dealt with, and the contact is verified no more.
// spec: 05-contacts#comparing-emoji
func (t *turn) compareEnded(c *contactState, e verify.Ended) error {
	t.tellComparison(c, Comparison{State: ComparisonEnded, Reason: whyEnded(c.shownName(), e)})
	if e.Reason != wire.SASDiffers && e.Reason != wire.SASWrong {
		return nil
	}
	x := t.n.dialogueWith(c)
	x.doubt = &e // the dialogue is over even if this turn fails: then tick brings it here again
	t.then(func() { x.doubt = nil })
	c.trust.Doubt()
	t.viewStale = true
	if err := t.keepTrust(c); err != nil {
		return err
	}
	name := c.shownName()
	if err := t.raise(noticeDiffers, c, fmt.Sprintf("%s: somebody may be between you and %s, who reads and changes what you two write; "+
		"write nothing that others must not see, and compare once more when you stand beside each other: sottovoce verify %q; "+
		"if it is not the same again: sottovoce remove %q, and become contacts anew on a network of your own", whyEnded(name, e), name, name, name)); err != nil {
		return err
	}
	return t.recordPerson(storedPerson, t.n.person(c))
}

// whyEnded says why in plain words.
func whyEnded(name string, e verify.Ended) string {
	switch {
	case e.Reason == wire.SASDiffers && e.Theirs:
		return name + " saw other emoji than you"
	case e.Reason == wire.SASDiffers:
		return "the emoji of " + name + " are not the same as yours"
	case e.Reason == wire.SASWrong:
		return "what came in the name of " + name + " does not fit together"
	case e.Reason == wire.SASTimeout:
		return "it took too long"
	case e.Reason == wire.SASContext:
		return "your two devices do not know the same keys of each other yet; try again in a moment"
	case e.Reason == wire.SASTries:
		return "too many tries in one hour; compare the safety words, or try again later"
	case e.Reason == 0:
		return "the connection was lost"
	case e.Theirs:
		return name + " has stopped it"
	}
	return "it was stopped"
}

// tellComparison tells the faces how far a comparison is.
func (t *turn) tellComparison(c *contactState, x Comparison) {
	t.then(func() {
		p := t.n.person(c)
		t.n.publish(Event{Kind: EventVerification, Time: t.now, Person: &p, Comparison: &x})
	})
}

// comparison shows how far the comparison with a contact is.
func (n *Node) comparison(c *contactState) Comparison {
	x := n.comparisons[c.account.ID()]
	if x == nil || x.dialogue.Phase() == verify.Idle {
		return Comparison{State: ComparisonNone}
	}
	id := x.dialogue.Comparison()
	shown := Comparison{ID: hex.EncodeToString(id[:]), State: ComparisonAsked}
	switch x.dialogue.Phase() {
	case verify.Invited:
		shown.State = ComparisonInvited
	case verify.Answered:
		shown.State = ComparisonJoined
	case verify.Comparing:
		e, _ := x.dialogue.Emoji()
		shown.State, shown.Emoji = ComparisonShown, e.Symbols()
	}
	return shown
}

// comparisonCalled reads what names a comparison; what names none is that of nobody.
func comparisonCalled(typed string) (id [32]byte) {
	if b, err := hex.DecodeString(typed); err == nil && len(b) == len(id) {
		id = [32]byte(b)
	}
	return id
}

// tickComparisons ends what took too long, and keeps a doubt that could not be kept.
func (t *turn) tickComparisons() error {
	var due []*contactState
	for id, x := range t.n.comparisons {
		c := t.n.contacts[id]
		switch until := x.dialogue.Until(); {
		case c == nil:
			delete(t.n.comparisons, id) // removed
		case x.doubt != nil:
			due = append(due, c)
		case until.IsZero():
		case until.After(t.now):
			t.n.wakeBy(until)
		default:
			due = append(due, c)
		}
	}
	slices.SortFunc(due, func(a, b *contactState) int { return cmp.Compare(a.row.ID, b.row.ID) })
	for _, c := range due {
		if doubt := t.n.dialogueWith(c).doubt; doubt != nil {
			if err := t.compareEnded(c, *doubt); err != nil {
				return err
			}
		}
		if err := t.compareEvent(c, verify.Tick{}); err != nil {
			return err
		}
	}
	return nil
}

// compareLinked asks once more, over a new link, for a comparison that waits for the other
// side.
func (t *turn) compareLinked(d *device, v *live) error {
	if x := t.n.comparisons[d.contact.account.ID()]; x != nil && x.row == d.row && d.open() {
		return t.compareEvent(d.contact, verify.LinkUp{Context: t.contextOf(d, v)})
	}
	return nil
}

// compareUnlinked ends a comparison whose emoji are not known when its link is lost.
func (t *turn) compareUnlinked(d *device) error {
	if x := t.n.comparisons[d.contact.account.ID()]; x != nil && x.row == d.row {
		return t.compareEvent(d.contact, linkDown{})
	}
	return nil
}
