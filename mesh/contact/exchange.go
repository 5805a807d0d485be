package contact

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"time"

	"sottovoce/mesh/peer"
	"sottovoce/mesh/session"
	"sottovoce/mesh/wire"
)

// Phase is where an exchange stands.
//
//	the asker      idle ──Ask──▶ asked ──their Offer──▶ committed ──their Done──▶ done
//	                              └──their Declined──▶ refused
//	the asked one  idle ──their Ask──▶ incoming ──Accept──▶ offered ──their card──▶ done
//	                                       └──Decline─▶ declined ◀──Decline──┘
//
// Asked becomes offered when both have asked and our profile is the smaller one.
//
// spec: 05-contacts#phases
type Phase uint8

// The phases.
const (
	PhaseIdle      Phase = 1 // nothing has happened, or our request was taken back
	PhaseAsked     Phase = 2 // we asked and wait
	PhaseIncoming  Phase = 3 // they asked; our person has not answered
	PhaseOffered   Phase = 4 // we accepted and wait for their card
	PhaseCommitted Phase = 5 // we have the contact; they do not know that yet
	PhaseDone      Phase = 6 // both have it
	PhaseDeclined  Phase = 7 // our person said no
	PhaseRefused   Phase = 8 // theirs did, or they took their request back
)

// Exchange is the state of what goes on between our open profile and one other. The
// caller keeps Save's bytes after every Step, before it carries out the actions.
//
// spec: 05-contacts#the-exchange
type Exchange struct {
	ours       *Ours
	our, their Profile

	phase      Phase
	asker      bool       // the contact came about, or is to, by our request
	name       string     // what they call themselves, as it came
	ourNonce   [32]byte   // of our latest request
	theirNonce [32]byte   // of theirs
	old        [][32]byte // of their earlier ones, the latest last
	until      time.Time  // when declined

	card       []byte                 // ours, while offered or committed
	share      share                  // ours, likewise
	bundle     *session.BundleSecrets // of card, while offered
	transcript [32]byte               // from committed on

	declinedHere bool     // on the present link; not kept
	shelved      *Shelved // the offer that there is already; nil: one is made. Not kept
}

// New returns an idle exchange between our open profile and theirs, which must differ.
func New(ours *Ours, our, their Profile) *Exchange {
	return &Exchange{ours: ours, our: our, their: their, phase: PhaseIdle}
}

// Phase returns where the exchange stands.
func (x *Exchange) Phase() Phase { return x.phase }

// Our returns the profile of ours that the exchange belongs to.
func (x *Exchange) Our() Profile { return x.our }

// Their returns the other side's profile.
func (x *Exchange) Their() Profile { return x.their }

// Name returns what the other side calls itself, safe to show; "" before it said.
func (x *Exchange) Name() string {
	if x.name == "" {
		return ""
	}
	return peer.ShowName(x.name)
}

// Due reports whether a link to the other side would bring the exchange forward.
func (x *Exchange) Due() bool {
	return x.phase == PhaseAsked || x.phase == PhaseOffered || x.phase == PhaseCommitted
}

// Over reports whether the exchange may be forgotten: nothing that the other side
// may still send would be answered differently by a new one.
func (x *Exchange) Over(now time.Time) bool {
	switch x.phase {
	case PhaseIdle, PhaseRefused:
		return true
	case PhaseDone:
		return x.asker
	case PhaseDeclined:
		return !now.Before(x.until)
	}
	return false
}

// Erase zeroes the secrets; the exchange is not usable afterwards.
func (x *Exchange) Erase() {
	clear(x.share[:])
	if x.bundle != nil {
		x.bundle.Erase()
	}
}

// Step takes an event and returns what is to be done, in order. Randomness is drawn
// from rand. When it fails the exchange is as it was; what else it can fail with than
// the errors of this package is wire.ErrNewer, for a card that needs a newer version,
// and what rand or our own card bring.
//
// spec: 05-contacts#the-exchange
func (x *Exchange) Step(now time.Time, ev Event, rand io.Reader) ([]Action, error) {
	next := *x
	next.old = slices.Clone(x.old)
	todo, err := next.step(now, ev, rand)
	if err != nil {
		return nil, err
	}
	*x = next
	return todo, nil
}

func (x *Exchange) step(now time.Time, ev Event, rand io.Reader) ([]Action, error) {
	switch ev := ev.(type) {
	case Ask:
		return x.ask(now, rand)
	case Accept:
		return x.accept(now, rand)
	case Decline:
		if x.phase != PhaseIncoming && x.phase != PhaseOffered {
			return nil, ErrState
		}
		x.forget()
		x.phase, x.until = PhaseDeclined, now.Add(DeclinedFor)
		return x.decline(), nil
	case Withdraw:
		if x.phase != PhaseAsked {
			return nil, ErrState
		}
		x.phase = PhaseIdle
		return nil, nil
	case LinkUp:
		x.declinedHere = false
		return x.due(), nil
	case Received:
		if ev.From != x.their {
			return nil, ErrProfile
		}
		return x.received(now, ev.Frame, rand)
	}
	panic(fmt.Sprintf("contact: unknown event %T", ev))
}

// due is what the other side may not have got.
func (x *Exchange) due() []Action {
	switch x.phase {
	case PhaseAsked:
		return []Action{Send{wire.Ask{Name: x.ours.Name, Nonce: x.ourNonce}}}
	case PhaseOffered:
		return []Action{Send{wire.Offer{Card: x.card, Share: x.share, Nonce: x.theirNonce}}}
	case PhaseCommitted:
		return []Action{Send{wire.CardFrame{Card: x.card, Share: x.share}}}
	}
	return nil
}

// ask is our person's wish. Where it is fulfilled already, or on its way, it only
// sends again.
func (x *Exchange) ask(now time.Time, rand io.Reader) ([]Action, error) {
	switch x.phase {
	case PhaseIncoming:
		return x.offer(now, rand)
	case PhaseIdle, PhaseRefused, PhaseDeclined:
		return x.request(rand)
	}
	return x.due(), nil
}

// request asks with a new nonce.
func (x *Exchange) request(rand io.Reader) ([]Action, error) {
	if _, err := io.ReadFull(rand, x.ourNonce[:]); err != nil {
		return nil, fmt.Errorf("drawing a nonce: %v", err)
	}
	x.phase, x.asker = PhaseAsked, true
	return x.due(), nil
}

func (x *Exchange) accept(now time.Time, rand io.Reader) ([]Action, error) {
	switch x.phase {
	case PhaseIncoming:
		return x.offer(now, rand)
	case PhaseOffered, PhaseDone:
		return x.due(), nil
	}
	return nil, ErrState
}

// offer makes our card for the request that waits and sends it.
func (x *Exchange) offer(now time.Time, rand io.Reader) ([]Action, error) {
	card, bundle, half, err := x.offered(now, rand)
	if err != nil {
		return nil, err
	}
	x.phase, x.asker = PhaseOffered, false
	x.card, x.bundle, x.share = card, bundle, half
	return x.due(), nil
}

// decline says no, once on each link.
func (x *Exchange) decline() []Action {
	if x.declinedHere {
		return nil
	}
	x.declinedHere = true
	return []Action{Send{wire.Declined{}}}
}

func (x *Exchange) received(now time.Time, f wire.Frame, rand io.Reader) ([]Action, error) {
	switch f := f.(type) {
	case wire.Ask:
		return x.theyAsk(now, f, rand)
	case wire.Offer:
		return x.theyOffer(now, f, rand)
	case wire.CardFrame:
		return x.theyAnswer(f)
	case wire.Done:
		return x.theyAreDone(f)
	case wire.Declined:
		if x.phase != PhaseAsked && x.phase != PhaseOffered {
			return nil, nil
		}
		x.phase = PhaseRefused
		x.forget()
		return []Action{Refused{Reason: f.Reason}}, nil
	}
	return nil, nil // of a later version
}

// theyAsk takes their request. One that they have since replaced by another comes too
// late and is nothing.
//
// spec: 05-contacts#asking
func (x *Exchange) theyAsk(now time.Time, f wire.Ask, rand io.Reader) ([]Action, error) {
	fresh := f.Nonce != x.theirNonce
	if fresh && slices.Contains(x.old, f.Nonce) {
		return nil, nil
	}
	switch x.phase {
	case PhaseCommitted:
		return nil, nil
	case PhaseDone:
		if !fresh {
			return nil, nil
		} // they removed us, and ask once more
	case PhaseDeclined:
		if now.Before(x.until) {
			return x.decline(), nil
		}
	}
	if fresh {
		x.remember(f.Nonce)
	}
	switch x.phase {
	case PhaseAsked:
		x.name = f.Name
		if bytes.Compare(x.our[:], x.their[:]) > 0 {
			return nil, nil // they answer ours
		}
		return x.offer(now, rand)
	case PhaseIncoming:
		return nil, nil
	case PhaseOffered:
		if fresh {
			return x.offer(now, rand)
		}
		return x.due(), nil
	}
	x.phase, x.name = PhaseIncoming, f.Name
	return []Action{Notify{Name: x.Name()}}, nil
}

// remember makes nonce the one of their latest request.
func (x *Exchange) remember(nonce [32]byte) {
	if x.theirNonce != [32]byte{} {
		x.old = append(x.old, x.theirNonce)
		x.old = x.old[max(0, len(x.old)-noncesMax):]
	}
	x.theirNonce = nonce
}

// theyOffer takes their card in answer to our request: with it we have the contact.
//
// spec: 05-contacts#offering
func (x *Exchange) theyOffer(now time.Time, f wire.Offer, rand io.Reader) ([]Action, error) {
	switch {
	case x.phase == PhaseOffered && bytes.Compare(x.our[:], x.their[:]) > 0:
		// Both have accepted. The smaller profile's offer stands: ask for it.
		x.forget()
		return x.request(rand)
	case x.phase == PhaseCommitted && f.Nonce == x.ourNonce:
		return x.due(), nil
	case x.phase == PhaseIdle || x.phase == PhaseRefused || x.phase == PhaseDeclined:
		return x.decline(), nil
	case x.phase != PhaseAsked || f.Nonce != x.ourNonce:
		return nil, nil
	}
	their, err := x.ours.verify(x.their, f.Card)
	if err != nil {
		return nil, err
	}
	card, bundle, err := x.ours.newCard(now, rand)
	if err != nil {
		return nil, err
	}
	if _, err := io.ReadFull(rand, x.share[:]); err != nil {
		return nil, fmt.Errorf("drawing a share: %v", err)
	}
	o, err := x.conclude(side{x.our, card, x.share}, side{x.their, f.Card, f.Share}, bundle, their)
	if err != nil {
		return nil, err
	}
	x.phase, x.card = PhaseCommitted, card
	return append([]Action{Commit{o}}, x.due()...), nil
}

// theyAnswer takes their card in answer to ours: now both have the contact.
//
// spec: 05-contacts#answering
func (x *Exchange) theyAnswer(f wire.CardFrame) ([]Action, error) {
	switch {
	case x.phase == PhaseDone && !x.asker:
		return []Action{Send{wire.Done{Transcript: x.transcript}}}, nil
	case x.phase != PhaseOffered:
		return nil, nil
	}
	their, err := x.ours.verify(x.their, f.Card)
	if err != nil {
		return nil, err
	}
	o, err := x.conclude(side{x.their, f.Card, f.Share}, side{x.our, x.card, x.share}, x.bundle, their)
	if err != nil {
		return nil, err
	}
	x.phase, x.bundle = PhaseDone, nil // the secrets are the object's now
	x.forget()
	return []Action{Commit{o}, Send{wire.Done{Transcript: x.transcript}}}, nil
}

// theyAreDone ends the asker's side.
//
// spec: 05-contacts#done
func (x *Exchange) theyAreDone(f wire.Done) ([]Action, error) {
	if x.phase != PhaseCommitted {
		return nil, nil
	}
	if f.Transcript != x.transcript {
		return nil, ErrTranscript
	}
	x.phase = PhaseDone
	x.forget()
	return []Action{Settled{}}, nil
}

// forget drops what was made for the other side.
func (x *Exchange) forget() {
	x.card, x.share = nil, share{}
	if x.bundle != nil {
		x.bundle.Erase()
		x.bundle = nil
	}
}
