package tui

import (
	"context"
	"slices"
	"strconv"
	"strings"

	tea "charm.land/bubbletea/v2"

	"sottovoce/cmd/internal/control"
	"sottovoce/cmd/internal/tui/paint"
)

// comparing is the dialog in which two people compare emoji.
type comparing struct {
	sheet
	with  control.Person
	now   control.Comparison
	words []control.Symbol
	known bool // the safety words were asked for
}

// runVerify says what comparing is for; the contact is asked when the person says so, unless they have asked already.
func (m *Model) runVerify(who string) tea.Cmd {
	e, ok := m.find(who)
	if !ok || !e.person.Contact {
		return m.say(paint.Bad, m.words.NobodyCalled(paint.OneLine(who)))
	}
	d := m.newComparing(e.person)
	m.openDialog(d)
	return m.do(func(ctx context.Context) (then, error) {
		v, err := m.node.Verification(ctx, d.with.ID)
		return func(m *Model) tea.Cmd {
			d.words, d.known = v.Words, true
			switch v.Comparison.State {
			case control.ComparisonAsked, control.ComparisonInvited, control.ComparisonJoined, control.ComparisonShown:
				d.now = v.Comparison
			}
			return nil
		}, err
	})
}

// begin asks the contact to compare, or joins what they have begun.
func (d *comparing) begin(m *Model) tea.Cmd {
	d.now, d.at = control.Comparison{}, 0
	return func() tea.Msg {
		c, err := m.node.Compare(m.ctx, d.with.ID)
		return then(func(m *Model) tea.Cmd {
			switch {
			case err != nil:
				d.now = control.Comparison{State: control.ComparisonEnded, Reason: sentence(err)}
			case d.now.State == "": // else an event has told more already
				d.now = c
			}
			return nil
		})
	}
}

func (m *Model) newComparing(with control.Person) *comparing {
	d := &comparing{with: with, now: control.Comparison{State: control.ComparisonNone}}
	d.name = func(m *Model) string { return m.words.VerifyTitle(nameOf(with)) }
	d.text = d.shows
	d.choices = d.offers
	d.escape = func(m *Model) tea.Cmd {
		m.closeDialog()
		switch d.now.State {
		case control.ComparisonEnded, control.ComparisonNone, control.ComparisonInvited:
			return nil
		}
		return d.decide(m, control.AnswerStop)
	}
	return d
}

func (d *comparing) shows(m *Model, width int) (rows []paint.Line) {
	w, name := m.words, nameOf(d.with)
	switch d.now.State {
	case control.ComparisonShown:
		rows = append(paragraphs(width, paint.Plain, w.CompareMore(name)), nil)
		for _, s := range d.now.Emoji {
			rows = append(rows, paint.Line{{Text: "   " + s.Emoji + "   "}, {Text: m.nameOfSymbol(s), Look: paint.Strong}})
		}
		return rows
	case control.ComparisonInvited:
		return paragraphs(width, paint.Plain, w.CompareInvited(name))
	case control.ComparisonNone:
		rows = paragraphs(width, paint.Plain, w.CompareWhy(name))
	case control.ComparisonEnded:
		rows = paragraphs(width, paint.Caution, paint.OneLine(d.now.Reason))
	case control.ComparisonAsked, control.ComparisonJoined:
		rows = paragraphs(width, paint.Plain, w.CompareAsked(name))
	default:
		rows = paragraphs(width, paint.Faint, w.CompareBegins)
	}
	if d.known {
		rows = append(append(rows, nil), paragraphs(width, paint.Plain, w.SafetyWords(name))...)
		rows = append(rows, nil)
		for i := 0; i < len(d.words); i += 4 {
			var line paint.Line
			for _, s := range d.words[i:min(i+4, len(d.words))] {
				line = append(line, paint.Span{Text: " " + s.Emoji + " " + m.nameOfSymbol(s) + " "})
			}
			rows = append(rows, line)
		}
	}
	return rows
}

// nameOfSymbol is what the language calls an emoji.
func (m *Model) nameOfSymbol(s control.Symbol) string {
	if m.words.Language == "it" {
		return s.Italian
	}
	return s.English
}

func (d *comparing) offers(m *Model) []choice {
	w := m.words
	if d.now.State == control.ComparisonShown {
		return []choice{ // what an Enter too many does is undone by beginning again
			{label: w.Cancel, do: func(m *Model) tea.Cmd { return d.escape(m) }},
			{label: w.TheyMatch, look: paint.Good, do: func(m *Model) tea.Cmd { m.closeDialog(); return d.decide(m, control.AnswerMatch) }},
			{label: w.TheyDiffer, look: paint.Bad, do: func(m *Model) tea.Cmd { m.closeDialog(); return d.decide(m, control.AnswerDiffer) }},
		}
	}
	if d.now.State == control.ComparisonInvited {
		return []choice{
			{label: w.CompareJoin, do: d.begin},
			{label: w.Cancel, do: (*Model).closeDialog},
		}
	}
	list := []choice{{label: w.Close, do: func(m *Model) tea.Cmd { return d.escape(m) }}}
	if d.now.State == control.ComparisonNone {
		list = []choice{{label: w.CompareNow(nameOf(d.with)), do: d.begin}, list[0]}
	}
	if e := m.people.all[d.with.ID]; e != nil && e.person.Keys == control.KeysAlarm {
		name := nameOf(e.person)
		return append(list, choice{label: w.KeysAccept(name), look: paint.Caution, do: func(m *Model) tea.Cmd {
			d.escape(m)
			return m.openDialog(m.confirm(w.KeysAccept(name), w.KeysAcceptMore(name), w.KeysAcceptYes, func(m *Model) tea.Cmd { return d.decide(m, control.AnswerAccept) }))
		}})
	} else if e != nil && e.person.Verified {
		list = append(list, choice{label: w.VerifiedUndo, do: func(m *Model) tea.Cmd { m.closeDialog(); return d.decide(m, control.AnswerUndo) }})
	}
	if d.known {
		list = append(list, choice{label: w.WordsMatch, look: paint.Good, do: func(m *Model) tea.Cmd { m.closeDialog(); return d.decide(m, control.AnswerWords) }})
	}
	return list
}

func (d *comparing) decide(m *Model, answer control.Answer) tea.Cmd {
	id, comparison := d.with.ID, d.now.ID
	return m.do(func(ctx context.Context) (then, error) {
		p, err := m.node.Decide(ctx, id, control.Decision{Answer: answer, Comparison: comparison})
		return func(m *Model) tea.Cmd {
			m.people.put(p)
			switch answer {
			case control.AnswerMatch, control.AnswerWords:
				return m.say(paint.Good, m.words.SaidVerified(nameOf(p)))
			case control.AnswerDiffer:
				return m.say(paint.Bad, m.words.SaidDiffers(nameOf(p)))
			case control.AnswerStop:
				return m.say(paint.Caution, m.words.SaidNotCompared(nameOf(p)))
			case control.AnswerUndo:
				return m.say(paint.Caution, m.words.SaidUndone(nameOf(p)))
			case control.AnswerAccept:
				return m.say(paint.Caution, m.words.SaidGoesOn(nameOf(p)))
			}
			return nil
		}, err
	})
}

// compared takes in how far a comparison is; one that a contact has begun is offered.
func (m *Model) compared(p control.Person, c control.Comparison) tea.Cmd {
	for _, open := range m.dialogs {
		if d, ok := open.(*comparing); ok && d.with.ID == p.ID {
			if c.State != control.ComparisonMatched {
				d.now, d.at = c, 0
			}
			return nil
		}
	}
	if c.State != control.ComparisonInvited {
		return nil
	}
	d := m.newComparing(p)
	d.now = c
	m.dialogs = slices.DeleteFunc(m.dialogs, func(open dialog) bool {
		s, ok := open.(*sheet)
		return ok && d.tells(s.notice)
	})
	return m.interrupt(d)
}

// tells recognises the node's own notice of this, by the command in which it ends.
func (d *comparing) tells(notice string) bool {
	return strings.HasSuffix(notice, "sottovoce verify "+strconv.Quote(d.with.Name))
}
