package tui

import (
	"context"
	"strconv"

	tea "charm.land/bubbletea/v2"

	"sottovoce/cmd/internal/control"
	"sottovoce/cmd/internal/tui/paint"
)

// What is offered without typing a number; 0 is no bound.
var (
	keptDays = []int{0, 365, 90, 30, 7}
	keptDisk = []int64{0, 10e9, 2e9, 500e6, 100e6}
)

// runRetention shows how long messages are kept, and on how much room.
func (m *Model) runRetention(string) tea.Cmd { return m.openRetention() }

func (m *Model) openRetention() tea.Cmd {
	return m.do(func(ctx context.Context) (then, error) {
		kept, err := m.node.Retention(ctx)
		return func(m *Model) tea.Cmd { return m.openDialog(m.retention(kept)) }, err
	})
}

func (m *Model) retention(kept control.Retention) *sheet {
	return &sheet{
		name: func(m *Model) string { return m.words.SetKept },
		text: func(m *Model, width int) []paint.Line {
			return paragraphs(width, paint.Plain, m.words.KeptMore, m.words.KeptNow(size(kept.Used)))
		},
		choices: func(m *Model) []choice {
			w := m.words
			return []choice{
				{label: w.KeptDaysLabel, more: w.KeptDays(kept.Days), do: func(m *Model) tea.Cmd { return m.replaceDialog(m.askDays(kept)) }},
				{label: w.KeptDiskLabel, more: w.KeptDisk(kept.Disk / 1e6), do: func(m *Model) tea.Cmd { return m.replaceDialog(m.askDisk(kept)) }},
				{label: w.Close, do: (*Model).closeDialog},
			}
		},
	}
}

// askDays asks for how many days; a number can be typed.
func (m *Model) askDays(kept control.Retention) *sheet {
	var all []choice
	for _, days := range keptDays {
		all = append(all, choice{label: m.words.KeptDays(days), do: func(m *Model) tea.Cmd { return m.retain(kept, control.Retention{Days: days, Disk: kept.Disk}) }})
	}
	return m.askBound(m.words.KeptDaysLabel, m.words.KeptDaysField, all, func(m *Model, n int) tea.Cmd {
		return m.retain(kept, control.Retention{Days: n, Disk: kept.Disk})
	})
}

// askDisk asks for how much room, in megabytes.
func (m *Model) askDisk(kept control.Retention) *sheet {
	var all []choice
	for _, disk := range keptDisk {
		all = append(all, choice{label: m.words.KeptDisk(disk / 1e6), do: func(m *Model) tea.Cmd { return m.retain(kept, control.Retention{Days: kept.Days, Disk: disk}) }})
	}
	return m.askBound(m.words.KeptDiskLabel, m.words.KeptDiskField, all, func(m *Model, n int) tea.Cmd {
		return m.retain(kept, control.Retention{Days: kept.Days, Disk: int64(n) * 1e6})
	})
}

// boundMax is the largest number that is taken for a bound: a million megabytes are a terabyte.
const boundMax = 1_000_000

// askBound offers bounds, or takes a number.
func (m *Model) askBound(title, label string, all []choice, done func(m *Model, n int) tea.Cmd) *sheet {
	s := &sheet{name: func(*Model) string { return title }, choices: func(*Model) []choice { return all }}
	s.field = &field{label: label, done: func(m *Model, text string) tea.Cmd {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > boundMax {
			return m.say(paint.Bad, m.words.NoNumber)
		}
		return done(m, n)
	}}
	s.escape = func(m *Model) tea.Cmd { m.closeDialog(); return m.openRetention() }
	return s
}

// retain changes what is kept; before less is kept it asks, since what goes then does not come back.
func (m *Model) retain(was, next control.Retention) tea.Cmd {
	change := func(m *Model) tea.Cmd {
		return m.do(func(ctx context.Context) (then, error) {
			kept, err := m.node.SetRetention(ctx, next)
			return func(m *Model) tea.Cmd {
				m.openDialog(m.retention(kept))
				return m.say(paint.Good, m.words.SaidKept)
			}, err
		})
	}
	m.closeDialog()
	if tighter(was.Days, next.Days) || tighter(was.Disk, next.Disk) {
		return m.openDialog(m.confirm(m.words.SetKept, m.words.KeptLess, m.words.KeptLessYes, change))
	}
	return change(m)
}

// tighter tells whether a bound lets less stay than another; 0 is none.
func tighter[N int | int64](was, next N) bool { return next > 0 && (was == 0 || next < was) }
