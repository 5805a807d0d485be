package daemon

import (
	"context"

	"sottovoce/cmd/internal/control"
	"sottovoce/mesh"
	"sottovoce/mesh/verify"
)

// Verification implements control.Node.
func (a *adapter) Verification(ctx context.Context, who string) (control.Verification, error) {
	v, err := a.node.Verification(ctx, who)
	return control.Verification{Person: person(v.Person), Comparison: comparison(v.Comparison), Words: symbols(v.Words)}, failure(err)
}

// Compare implements control.Node.
func (a *adapter) Compare(ctx context.Context, who string) (control.Comparison, error) {
	c, err := a.node.Compare(ctx, who)
	return comparison(c), failure(err)
}

// Decide implements control.Node.
func (a *adapter) Decide(ctx context.Context, who string, d control.Decision) (control.Person, error) {
	var p mesh.Person
	var err error
	switch d.Answer {
	case control.AnswerMatch:
		p, err = a.node.Match(ctx, who, d.Comparison)
	case control.AnswerDiffer:
		p, err = a.node.Differ(ctx, who, d.Comparison)
	case control.AnswerStop:
		p, err = a.node.StopComparing(ctx, who)
	case control.AnswerWords:
		p, err = a.node.Confirm(ctx, who)
	case control.AnswerUndo:
		p, err = a.node.Doubt(ctx, who)
	case control.AnswerAccept:
		p, err = a.node.AcceptKeys(ctx, who)
	}
	return person(p), failure(err)
}

func comparison(c mesh.Comparison) control.Comparison {
	return control.Comparison{ID: c.ID, State: control.ComparisonState(c.State), Emoji: symbols(c.Emoji), Reason: c.Reason}
}

func symbols(found []verify.Symbol) []control.Symbol {
	var shown []control.Symbol
	for _, s := range found {
		shown = append(shown, control.Symbol(s))
	}
	return shown
}
