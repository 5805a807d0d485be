package tui

import (
	"slices"
	"strconv"
	"strings"

	tea "charm.land/bubbletea/v2"

	"sottovoce/cmd/internal/control"
	"sottovoce/cmd/internal/tui/paint"
)

// program begins each command line that the node names in its sentences.
const program = "sottovoce "

// twins are commands of the command line, and what the face has for them; the longer of two that begin alike comes first.
var twins = []struct{ line, face string }{
	{"community list --json", "communities"},
	{"community list", "communities"},
	{"community join", "join"},
	{"verify", "verify"},
	{"reset", "reset"},
	{"remove", "remove"},
	{"invite --list", "links"},
	{"invite", "invite"},
	{"nearby --scan", "scan"},
	{"add", "add"},
	{"doctor", "doctor"},
	{"visibility everyone|contacts|nobody", "settings"},
}

// flags go with the commands that the face asks about instead.
var flags = []string{" --accept-change", " --accept", " --yes"}

// inFace says a sentence of the node as it is true at the face: /verify Bruno in place of the command line that does it. Commands
// are the words of those in it that are about one person, by name, and the settings where it ends with them. Other names in it may look like commands, and are none.
func inFace(text, about string) (said string, commands []string) {
	var b strings.Builder
	for {
		before, after, found := strings.Cut(text, program)
		b.WriteString(before)
		if !found {
			break
		}
		at := slices.IndexFunc(twins, func(t struct{ line, face string }) bool { return strings.HasPrefix(after, t.line) })
		if at < 0 {
			b.WriteString(program)
			text = after
			continue
		}
		text = after[len(twins[at].line):]
		b.WriteString("/" + twins[at].face)
		if text == "" && about == "" && twins[at].face == "settings" { // the others are about somebody, and names are not ours
			commands = append(commands, twins[at].face)
		}
		if quoted, err := strconv.QuotedPrefix(strings.TrimPrefix(text, " ")); err == nil && strings.HasPrefix(quoted, `"`) {
			text = strings.TrimPrefix(text, " ")[len(quoted):]
			name, _ := strconv.Unquote(quoted) // a prefix that is quoted can be unquoted
			b.WriteString(" " + name)
			if name == about {
				commands = append(commands, twins[at].face)
			}
		}
		for _, f := range flags {
			text = strings.TrimPrefix(text, f)
		}
	}
	return b.String(), commands
}

// here is a sentence of the node in one line, fit to be printed at the face.
func here(text string) string {
	said, _ := inFace(text, "")
	return paint.OneLine(said)
}

// notice shows a sentence of the node until somebody has read it, with the commands that it names about whom it is about; but not
// one that tells only what a dialog asks already.
func (m *Model) notice(text string, about *control.Person) tea.Cmd {
	for _, d := range m.dialogs {
		if c, ok := d.(*comparing); ok && c.tells(text) {
			return nil
		}
	}
	var name, id string
	if about != nil {
		name, id = about.Name, about.ID
	}
	said, commands := inFace(text, name)
	return m.interrupt(&sheet{
		notice: text,
		name:   func(m *Model) string { return m.words.NoticeTitle },
		text:   func(_ *Model, width int) []paint.Line { return paragraphs(width, paint.Plain, paint.Safe(said)) },
		choices: func(m *Model) []choice {
			all := []choice{{label: m.words.Close, do: (*Model).closeDialog}}
			for _, word := range commands {
				all = append(all, choice{label: strings.TrimSpace("/" + word + " " + paint.OneLine(name)), more: m.words.Commands[word].Does, do: func(m *Model) tea.Cmd {
					m.closeDialog()
					return m.command("/" + word + " " + id)
				}})
			}
			return all
		},
	})
}
