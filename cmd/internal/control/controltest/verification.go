package controltest

import (
	"context"
	"slices"

	"sottovoce/cmd/internal/control"
)

// symbols are what everybody compares here.
var symbols = []control.Symbol{
	{Emoji: "🐕", English: "dog", Italian: "cane"},
	{Emoji: "🐈", English: "cat", Italian: "gatto"},
	{Emoji: "🌵", English: "cactus", Italian: "cactus"},
	{Emoji: "🍕", English: "pizza", Italian: "pizza"},
	{Emoji: "🌋", English: "volcano", Italian: "vulcano"},
	{Emoji: "🔑", English: "key", Italian: "chiave"},
	{Emoji: "👟", English: "shoe", Italian: "scarpa"},
}

var answers = []control.Answer{
	control.AnswerMatch, control.AnswerDiffer, control.AnswerStop, control.AnswerWords, control.AnswerUndo, control.AnswerAccept,
}

// words repeats them up to sixteen.
func words() (all []control.Symbol) {
	for i := range 16 {
		all = append(all, symbols[i%len(symbols)])
	}
	return all
}

// Verification is control.Node's.
func (f *Fake) Verification(_ context.Context, who string) (control.Verification, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	p, err := f.find(who, isContact)
	return control.Verification{Person: p, Comparison: f.comparison(p.ID), Words: words()}, err
}

// comparison is the one with somebody; the caller holds mu.
func (f *Fake) comparison(id string) control.Comparison {
	if c, ok := f.comparisons[id]; ok {
		return c
	}
	return control.Comparison{State: control.ComparisonNone}
}

// Compare is control.Node's.
func (f *Fake) Compare(_ context.Context, who string) (control.Comparison, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	p, err := f.find(who, isContact)
	switch {
	case err != nil:
		return control.Comparison{}, err
	case !p.Online:
		return control.Comparison{}, control.Errorf(control.CodeTimeout, "%s is not here now", p.Name)
	}
	c := f.comparison(p.ID)
	switch c.State {
	case control.ComparisonInvited:
		c.State, c.Emoji = control.ComparisonShown, symbols
	case control.ComparisonNone:
		c = control.Comparison{ID: "c0ffee", State: control.ComparisonAsked}
	}
	f.compared(p, c)
	return c, nil
}

// compared notes how far a comparison is, and tells it; the caller holds mu.
func (f *Fake) compared(p control.Person, c control.Comparison) {
	if f.comparisons[p.ID] = c; c.State == control.ComparisonEnded || c.State == control.ComparisonMatched {
		delete(f.comparisons, p.ID)
	}
	f.tell(control.Event{Event: control.EventVerification, Person: &p, Comparison: &c})
}

// BeginComparison lets a contact begin to compare emoji.
func (f *Fake) BeginComparison(id string) {
	f.comparesAs(id, control.Comparison{ID: "c0ffee", State: control.ComparisonInvited})
}

// JoinComparison lets a contact join what we have begun.
func (f *Fake) JoinComparison(id string) {
	f.comparesAs(id, control.Comparison{ID: "c0ffee", State: control.ComparisonShown, Emoji: symbols})
}

// EndComparison ends a comparison from the other side.
func (f *Fake) EndComparison(id, reason string) {
	f.comparesAs(id, control.Comparison{State: control.ComparisonEnded, Reason: reason})
}

func (f *Fake) comparesAs(id string, c control.Comparison) {
	f.mu.Lock()
	defer f.mu.Unlock()
	p, err := f.find(id, isContact)
	if err != nil {
		panic(err)
	}
	f.compared(p, c)
}

// ChangeKeys lets the keys of a contact change.
func (f *Fake) ChangeKeys(id string, to control.Keys) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.change(id, control.EventPerson, func(p *control.Person) { p.Keys, p.Verified = to, false })
}

// Decide is control.Node's.
func (f *Fake) Decide(_ context.Context, who string, d control.Decision) (control.Person, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	p, err := f.find(who, isContact)
	if err != nil {
		return p, err
	}
	c := f.comparison(p.ID)
	switch {
	case (d.Answer == control.AnswerMatch || d.Answer == control.AnswerDiffer) && (c.State != control.ComparisonShown || c.ID != d.Comparison):
		return p, control.Errorf(control.CodeRefused, "that comparison is over; begin again")
	case d.Answer == control.AnswerAccept && p.Keys == control.KeysOK:
		return p, control.Errorf(control.CodeRefused, "their keys have not changed; there is nothing to decide")
	case p.Keys == control.KeysAlarm && (d.Answer == control.AnswerMatch || d.Answer == control.AnswerWords):
		return p, control.Errorf(control.CodeRefused, "their keys have changed, and nothing they had before vouches for it")
	}
	if d.Answer == control.AnswerMatch {
		f.compared(p, control.Comparison{State: control.ComparisonMatched})
	} else if c.State != control.ComparisonNone && d.Answer != control.AnswerWords {
		f.compared(p, control.Comparison{State: control.ComparisonEnded, Reason: "it was stopped"})
	}
	if !slices.Contains(answers, d.Answer) {
		return p, control.Errorf(control.CodeUsage, "there is no answer %q", d.Answer)
	}
	return f.change(p.ID, control.EventPerson, func(p *control.Person) {
		switch d.Answer {
		case control.AnswerMatch, control.AnswerWords:
			p.Verified, p.Keys = true, control.KeysOK
		case control.AnswerDiffer, control.AnswerUndo:
			p.Verified = false
		case control.AnswerAccept:
			p.Keys = control.KeysOK
		}
	}), nil
}
