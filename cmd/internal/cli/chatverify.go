package cli

import (
	"context"
	"strings"

	"sottovoce/cmd/internal/control"
)

// looking is a comparison that waits for the person's answer.
type looking struct {
	with       control.Person
	comparison string
}

// verify begins to compare emoji, joins what a contact has begun, or takes the answer.
func (ch *chat) verify(ctx context.Context, rest string) {
	switch answer := strings.ToLower(rest); {
	case ch.looking != nil && (answer == "yes" || answer == "no"):
		ch.answer(ctx, answer)
		return
	case rest == "" && ch.to == nil:
		ch.sayWhom()
		return
	case rest == "":
		rest = ch.to.ID
	}
	if p, ok := ch.roll.numbered(rest); ok {
		rest = p.ID
	}
	c, err := ch.c.node.Compare(ctx, rest)
	switch {
	case err == nil && c.State == control.ComparisonAsked:
		ch.say("They are asked. On their side they type: /verify %s", name(ch.me.Person))
	case err != nil && control.AsError(err).Code == control.CodeTimeout:
		ch.complain(err)
		if v, err := ch.c.node.Verification(ctx, rest); err == nil {
			ch.say("%s", strings.TrimSuffix(safetyWords(v.Words), "\n"))
		}
	case err != nil:
		ch.complain(err)
	}
}

// answer takes what the person saw.
func (ch *chat) answer(ctx context.Context, answer string) {
	l := ch.looking
	ch.looking = nil
	d := control.Decision{Answer: control.AnswerMatch, Comparison: l.comparison}
	words := confirmed
	if answer == "no" {
		d.Answer = control.AnswerDiffer
		words = func(p control.Person) string { return "You said that " + differs(p) + "." }
	}
	p, err := ch.c.node.Decide(ctx, l.with.ID, d)
	ch.tell(p, err, words)
}

// compared tells how far a comparison of emoji is.
func (ch *chat) compared(p control.Person, c control.Comparison) {
	switch c.State {
	case control.ComparisonInvited:
		ch.say("Type /verify %d to compare with %s.", ch.roll.put(p), ch.c.palette.bold(name(p)))
	case control.ComparisonShown:
		ch.looking = &looking{with: p, comparison: c.ID}
		for _, line := range emojiLines(c.Emoji) {
			ch.say("%s", line)
		}
		ch.say("Are these the same on the side of %s, in the same order? Type /verify yes or /verify no.", ch.c.palette.bold(name(p)))
	case control.ComparisonEnded:
		if ch.looking != nil && ch.looking.with.ID == p.ID {
			ch.looking = nil
		}
		ch.say("Comparing with %s has ended: %s.", ch.c.palette.bold(name(p)), oneLine(c.Reason))
	}
}
