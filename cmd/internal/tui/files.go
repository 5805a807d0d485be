package tui

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"iter"
	"strings"
	"unicode"

	tea "charm.land/bubbletea/v2"

	"sottovoce/cmd/internal/control"
	"sottovoce/cmd/internal/tui/paint"
)

// Files is what the face does with files of the machine that it runs on. A path may begin with ~, the person's own folder.
type Files interface {
	// Write makes a new file that is there whole or not at all, and returns its size in bytes; one that is there already is an
	// error. told hears how many bytes there are so far.
	Write(path string, told func(bytes int64), fill func(io.Writer) error) (size int64, err error)
	// Export writes messages as a page for people, or one a line for programs, and counts them.
	Export(w io.Writer, messages iter.Seq2[control.Message, error], me control.Me, page bool) (count int, err error)
	// Diagnose writes what the node tells of itself.
	Diagnose(w io.Writer, d control.Diagnostics) error
}

// writing is a file that is about to be written.
type writing struct {
	title string
	path  string // what is proposed, then what the person has typed
	more  string // what stands before the question for its name
	fill  func(ctx context.Context, w io.Writer) error
	done  func(path string, size int64) string // what is said at the end
}

// askFile asks where it goes; trouble is why the place before would not do.
func (m *Model) askFile(w *writing, trouble error) tea.Cmd {
	f := &field{done: func(m *Model, path string) tea.Cmd {
		if path == "" {
			return nil
		}
		w.path = path
		m.closeDialog()
		return m.write(w)
	}}
	f.set(w.path)
	return m.openDialog(&sheet{
		name: func(*Model) string { return w.title },
		text: func(m *Model, width int) []paint.Line {
			f.label = m.words.FileLabel
			rows := paragraphs(width, paint.Plain, strings.TrimSpace(w.more+"\n\n"+m.words.FileMore))
			if trouble != nil {
				rows = append(append(rows, nil), paragraphs(width, paint.Bad, sentence(trouble))...)
			}
			return rows
		},
		field: f,
	})
}

// write writes it, and shows how far it is; where that fails the place is asked for again.
func (m *Model) write(w *writing) tea.Cmd {
	var far, whole int64
	return m.working(w.title, func(m *Model, work *working, width int) []paint.Line {
		switch {
		case !work.over:
			return paragraphs(width, paint.Plain, m.words.FileWritten(size(far)))
		case work.wrong != nil:
			return paragraphs(width, paint.Plain, m.words.FileFailed(paint.OneLine(w.path)))
		}
		return paragraphs(width, paint.Plain, w.done(paint.OneLine(w.path), whole))
	}, func(m *Model, work *working) []choice {
		list := []choice{{label: m.words.Close, do: work.leave}}
		if work.wrong != nil {
			list = append(list, choice{label: m.words.FileElsewhere, do: func(m *Model) tea.Cmd { m.closeDialog(); return m.askFile(w, work.wrong) }})
		}
		return list
	}, func(ctx context.Context, tell func(then) bool) (err error) {
		whole, err = m.files.Write(w.path, m.paced(tell, func(n int64) { far = n }), func(to io.Writer) error { return w.fill(ctx, to) })
		return err
	})
}

// size is a number of bytes for a person.
func size(bytes int64) string {
	switch {
	case bytes >= 1e9:
		return fmt.Sprintf("%.1f GB", float64(bytes)/1e9)
	case bytes >= 1e6:
		return fmt.Sprintf("%.1f MB", float64(bytes)/1e6)
	}
	return fmt.Sprintf("%d kB", (bytes+999)/1000)
}

// proposed is where a file could go: the person's own folder, under a name that says what it is.
func (m *Model) proposed(what, ending string) string {
	return "~/sottovoce-" + what + m.now().In(m.zone).Format("2006-01-02") + ending
}

// runBackup asks for a passphrase, then for a place.
func (m *Model) runBackup(string) tea.Cmd {
	return m.openDialog(m.askTwice(m.words.BackupTitle, m.words.BackupMore, func(m *Model, secret string) tea.Cmd {
		if secret == "" {
			return m.say(paint.Caution, m.words.BackupNeeds)
		}
		m.closeDialog()
		passphrase := control.Passphrase(secret)
		return m.askFile(&writing{
			title: m.words.BackupTitle, path: m.proposed("", ".age"),
			fill: func(ctx context.Context, w io.Writer) error { return m.node.Backup(ctx, passphrase, w) },
			done: func(path string, bytes int64) string { return m.words.BackupDone(path, size(bytes)) },
		}, nil)
	}))
}

// runExport asks in which form what was said with somebody is saved.
func (m *Model) runExport(who string) tea.Cmd {
	e, ok := m.find(who)
	if !ok || !e.person.Contact {
		return m.say(paint.Bad, m.words.NobodyCalled(paint.OneLine(who)))
	}
	p := e.person
	save := func(page bool, ending string) func(m *Model) tea.Cmd {
		return func(m *Model) tea.Cmd {
			m.closeDialog()
			return m.askFile(m.exporting(p, page, ending), nil)
		}
	}
	return m.openDialog(&sheet{
		name: func(m *Model) string { return m.words.ExportTitle(nameOf(p)) },
		text: func(m *Model, width int) []paint.Line { return paragraphs(width, paint.Plain, m.words.ExportMore) },
		choices: func(m *Model) []choice {
			return []choice{
				{label: m.words.ExportPage, more: m.words.ExportPageMore, do: save(true, ".html")},
				{label: m.words.ExportLines, more: m.words.ExportLinesMore, do: save(false, ".jsonl")},
			}
		},
	})
}

// exporting is the file with all that was said with somebody.
func (m *Model) exporting(p control.Person, page bool, ending string) *writing {
	count, me := 0, m.me
	return &writing{
		title: m.words.ExportTitle(nameOf(p)), path: m.proposed(forFile(nameOf(p))+"-", ending),
		fill: func(ctx context.Context, w io.Writer) error {
			messages, err := m.node.Export(ctx, p.ID)
			if err == nil {
				count, err = m.files.Export(w, messages, me, page)
			}
			return err
		},
		done: func(path string, _ int64) string { return m.words.ExportDone(path, count) },
	}
}

// forFile is a name as part of the name of a file: what is neither letter nor digit could mean something there.
func forFile(name string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return r
		}
		return '-'
	}, name)
}

// runDiagnostics says what the node would tell strangers who help, and saves it.
func (m *Model) runDiagnostics(string) tea.Cmd {
	return m.do(func(ctx context.Context) (then, error) {
		d, err := m.node.Diagnostics(ctx)
		return func(m *Model) tea.Cmd { return m.openDialog(m.diagnosis(d)) }, err
	})
}

func (m *Model) diagnosis(d control.Diagnostics) *sheet {
	return &sheet{
		name: func(m *Model) string { return m.words.DiagnosticsTitle },
		text: func(m *Model, width int) []paint.Line {
			rows := append(paragraphs(width, paint.Plain, m.words.DiagnosticsMore), nil)
			for _, what := range m.inDiagnostics(d) {
				rows = append(rows, hanging("• ", what, width)...)
			}
			return append(append(rows, nil), paragraphs(width, paint.Good, m.words.DiagnosticsNot)...)
		},
		choices: func(m *Model) []choice {
			return []choice{
				{label: m.words.DiagnosticsRead, do: func(m *Model) tea.Cmd { return m.openDialog(m.wholeDiagnosis(d)) }},
				{label: m.words.DiagnosticsSave, do: func(m *Model) tea.Cmd {
					m.closeDialog()
					return m.askFile(&writing{
						title: m.words.DiagnosticsTitle, path: m.proposed("help-", ".json"),
						fill: func(_ context.Context, w io.Writer) error { return m.files.Diagnose(w, d) },
						done: func(path string, _ int64) string { return m.words.DiagnosticsDone(path) },
					}, nil)
				}},
				{label: m.words.Close, do: (*Model).closeDialog},
			}
		},
	}
}

// inDiagnostics says in words what is in them.
func (m *Model) inDiagnostics(d control.Diagnostics) []string {
	w := m.words
	var bytes int64
	for _, f := range d.Files {
		bytes += f.Bytes
	}
	used := 0
	for _, i := range d.Interfaces {
		if i.Used {
			used++
		}
	}
	all := []string{
		w.InVersions(paint.OneLine(d.Version), paint.OneLine(d.System)), w.InFiles(len(d.Files), size(bytes)), w.InNetworks(len(d.Interfaces), used),
	}
	if r := d.Running; r != nil {
		all = append(all, w.InCounts(r.Contacts, r.Nearby, r.Queued))
	}
	return append(all, w.InLog(len(d.Log)))
}

// wholeDiagnosis is every line of it.
func (m *Model) wholeDiagnosis(d control.Diagnostics) *sheet {
	var whole bytes.Buffer
	err := m.files.Diagnose(&whole, d)
	laidOut := once(func(width int) []paint.Line {
		if err != nil {
			return paragraphs(width, paint.Bad, sentence(err))
		}
		return paragraphs(width, paint.Plain, paint.Safe(whole.String()))
	})
	return &sheet{
		name: func(m *Model) string { return m.words.DiagnosticsTitle },
		text: func(_ *Model, width int) []paint.Line { return laidOut(width) },
	}
}

// hanging is a text whose further rows stand under its first, behind a mark.
func hanging(mark, text string, width int) (rows []paint.Line) {
	for i, row := range paint.Wrap(text, width-paint.Width(mark)) {
		if i > 0 {
			mark = strings.Repeat(" ", paint.Width(mark))
		}
		rows = append(rows, paint.Line{{Text: mark, Look: paint.Faint}, {Text: row}})
	}
	return rows
}
