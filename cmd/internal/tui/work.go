package tui

import (
	"context"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"

	"sottovoce/cmd/internal/control"
	"sottovoce/cmd/internal/tui/paint"
)

// progressPause is how often a person is told how far something is.
const progressPause = 100 * time.Millisecond

// work runs what takes long beside the face: what it tells is done on the model, in order, until ctx ends. The face waits for
// it before it ends itself.
func (m *Model) work(ctx context.Context, do func(tell func(then) bool)) tea.Cmd {
	next := make(chan then)
	m.works.Go(func() {
		defer close(next)
		do(func(t then) bool {
			select {
			case next <- t:
				return true
			case <-ctx.Done():
				return false
			}
		})
	})
	var wait func() tea.Msg
	wait = func() tea.Msg {
		t, ok := <-next
		if !ok {
			return nil
		}
		return then(func(m *Model) tea.Cmd { return tea.Batch(t(m), wait) })
	}
	return wait
}

// working is a sheet about work that goes on as long as it is open: to leave it gives the work up.
type working struct {
	sheet
	over   bool
	wrong  error
	cancel context.CancelFunc
}

// working opens one. It shows how far the work is, then what came of it or why it failed, and offers what can be done after.
func (m *Model) working(name string, shows func(m *Model, w *working, width int) []paint.Line, after func(m *Model, w *working) []choice,
	do func(ctx context.Context, tell func(then) bool) error,
) tea.Cmd {
	w := &working{}
	w.name = func(*Model) string { return name }
	w.text = func(m *Model, width int) []paint.Line {
		rows := shows(m, w, width)
		if w.wrong != nil {
			rows = append(append(rows, nil), paragraphs(width, paint.Bad, sentence(w.wrong))...)
		}
		return rows
	}
	w.choices = func(m *Model) []choice {
		if !w.over {
			return []choice{{label: m.words.Stop, do: w.leave}}
		}
		return after(m, w)
	}
	w.escape = w.leave
	ctx, cancel := context.WithCancel(m.ctx)
	w.cancel = cancel
	return tea.Batch(m.openDialog(w), m.work(ctx, func(tell func(then) bool) {
		err := do(ctx, tell)
		tell(func(*Model) tea.Cmd {
			w.over, w.wrong, w.at = true, err, 0
			cancel()
			return nil
		})
	}))
}

// leave gives up what is not over.
func (w *working) leave(m *Model) tea.Cmd {
	w.cancel()
	m.closeDialog()
	if w.over {
		return nil
	}
	return m.say(paint.Caution, m.words.Stopped)
}

// sentence is what went wrong, for a person at the face.
func sentence(err error) string { return here(control.AsError(err).Error()) }

// paced returns what hears a number that grows, and tells it now and then.
func (m *Model) paced(tell func(then) bool, take func(n int64)) func(n int64) {
	var told time.Time
	return func(n int64) {
		if now := m.now(); now.Sub(told) >= progressPause {
			told = now
			tell(func(*Model) tea.Cmd { take(n); return nil })
		}
	}
}

// gauge is a bar that fills up.
func gauge(done, all, width int) paint.Line {
	full := width
	if all > 0 {
		full = min(width, width*done/all)
	}
	return paint.Line{{Text: strings.Repeat("█", full), Look: paint.Good}, {Text: strings.Repeat("░", width-full), Look: paint.Frame}}
}

// gaugeMax is how wide one gets.
const gaugeMax = 40

// runDoctor shows findings as they come.
func (m *Model) runDoctor(string) tea.Cmd {
	var found []control.Finding
	return m.working(m.words.DoctorTitle, func(m *Model, w *working, width int) (rows []paint.Line) {
		for _, f := range found {
			rows = append(rows, findingRows(f, width)...)
		}
		if !w.over {
			rows = append(rows, paint.Text(paint.Faint, m.words.DoctorLooks))
		}
		return rows
	}, func(m *Model, w *working) []choice {
		return []choice{
			{label: m.words.Close, do: w.leave},
			{label: m.words.ScanTitle, do: func(m *Model) tea.Cmd { m.closeDialog(); return m.runScan("") }},
			{label: m.words.DiagnosticsTitle, do: func(m *Model) tea.Cmd { m.closeDialog(); return m.runDiagnostics("") }},
		}
	}, func(ctx context.Context, tell func(then) bool) error {
		findings, err := m.node.Doctor(ctx)
		if err != nil {
			return err
		}
		for f, err := range findings {
			if err != nil {
				return err
			}
			if !tell(func(*Model) tea.Cmd { found = append(found, f); return nil }) {
				break
			}
		}
		return nil
	})
}

// findingRows say what was found, why it matters and what to do.
func findingRows(f control.Finding, width int) (rows []paint.Line) {
	look := map[control.Verdict]paint.Look{
		control.VerdictOK: paint.Good, control.VerdictWarn: paint.Caution, control.VerdictBad: paint.Bad, control.VerdictUnknown: paint.Faint,
	}[f.Verdict]
	mark := map[control.Verdict]string{control.VerdictOK: "✓ ", control.VerdictWarn: "! ", control.VerdictBad: "✗ ", control.VerdictUnknown: "? "}[f.Verdict]
	for i, row := range paint.Wrap(here(f.Says), width-2) {
		if i > 0 {
			mark = "  "
		}
		rows = append(rows, paint.Line{{Text: mark, Look: look}, {Text: row}})
	}
	for _, more := range []string{f.Why, f.Do} {
		if more == "" {
			continue
		}
		for _, row := range paint.Wrap(here(more), width-2) {
			rows = append(rows, paint.Text(paint.Faint, "  "+row))
		}
	}
	return rows
}

// runScan asks each address of the network who is there.
func (m *Model) runScan(string) tea.Cmd {
	var far control.Scan
	return m.working(m.words.ScanTitle, func(m *Model, w *working, width int) []paint.Line {
		rows := paragraphs(width, paint.Plain, m.words.ScanMore)
		if far.Addresses > 0 {
			rows = append(rows, nil, gauge(far.Asked, far.Addresses, min(width, gaugeMax)), paint.Text(paint.Plain, m.words.ScanFar(far.Asked, far.Addresses)))
			rows = append(rows, paragraphs(width, paint.Good, m.words.ScanFound(far.Found))...)
		}
		if w.over && w.wrong == nil {
			rows = append(append(rows, nil), paragraphs(width, paint.Faint, m.words.ScanOver)...)
		}
		return rows
	}, func(m *Model, w *working) []choice {
		return []choice{{label: m.words.Close, do: w.leave}}
	}, func(ctx context.Context, tell func(then) bool) error {
		scans, err := m.node.Scan(ctx)
		if err != nil {
			return err
		}
		for s, err := range scans {
			if err != nil {
				return err
			}
			if !tell(func(*Model) tea.Cmd { far = s; return nil }) {
				break
			}
		}
		return nil
	})
}
