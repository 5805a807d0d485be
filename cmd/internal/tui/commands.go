package tui

import (
	"strings"

	tea "charm.land/bubbletea/v2"

	"sottovoce/cmd/internal/control"
	"sottovoce/cmd/internal/tui/paint"
)

// command is something that can be typed behind a slash, or chosen from the list of all.
type command struct {
	name string
	// who says that it is about somebody: the one at the right, unless a name follows. text says that words must follow.
	who, text bool
	run       func(m *Model, rest string) tea.Cmd
}

// commands are all of them, in the order in which they are listed. What they do is said in the catalogue, by their names.
func commands() []command {
	return []command{
		{name: "to", who: true, run: (*Model).runTo},
		{name: "add", text: true, run: (*Model).runAdd},
		{name: "invite", run: (*Model).runInvite},
		{name: "accept", who: true, run: (*Model).runAccept},
		{name: "decline", who: true, run: (*Model).runDecline},
		{name: "links", run: (*Model).runLinks},
		{name: "about", who: true, run: (*Model).runAbout},
		{name: "verify", who: true, run: (*Model).runVerify},
		{name: "private", run: (*Model).runPrivate},
		{name: "introduce", who: true, run: (*Model).runIntroduce},
		{name: "reply", run: (*Model).runReply},
		{name: "react", run: (*Model).runReact},
		{name: "edit", run: (*Model).runEdit},
		{name: "delete", run: (*Model).runDelete},
		{name: "search", run: (*Model).runSearch},
		{name: "communities", run: (*Model).runCommunities},
		{name: "join", text: true, run: (*Model).runJoin},
		{name: "rename", text: true, run: (*Model).runRename},
		{name: "block", who: true, run: (*Model).runBlock},
		{name: "unblock", who: true, run: (*Model).runUnblock},
		{name: "remove", who: true, run: (*Model).runRemove},
		{name: "reset", who: true, run: (*Model).runReset},
		{name: "export", who: true, run: (*Model).runExport},
		{name: "backup", run: (*Model).runBackup},
		{name: "retention", run: (*Model).runRetention},
		{name: "settings", run: (*Model).runSettings},
		{name: "status", run: (*Model).runStatus},
		{name: "doctor", run: (*Model).runDoctor},
		{name: "scan", run: (*Model).runScan},
		{name: "diagnostics", run: (*Model).runDiagnostics},
		{name: "help", run: func(m *Model, _ string) tea.Cmd { return m.openDialog(newHelp(m)) }},
		{name: "quit", run: func(m *Model, _ string) tea.Cmd { return m.quit("") }},
	}
}

// command does what was typed behind a slash.
func (m *Model) command(line string) tea.Cmd {
	word, rest, _ := strings.Cut(strings.TrimPrefix(strings.TrimSpace(line), "/"), " ")
	rest = strings.TrimSpace(rest)
	for _, c := range commands() {
		if c.name == word {
			return m.run(c, rest)
		}
	}
	return m.say(paint.Bad, m.words.NoCommand(paint.OneLine(word)))
}

// run does a command; what it needs and was not given is asked for.
func (m *Model) run(c command, rest string) tea.Cmd {
	if c.who && rest == "" && m.current() != nil {
		rest = m.open
	}
	if (c.who || c.text) && rest == "" {
		return m.openDialog(m.askFor(c))
	}
	if c.who {
		if several := m.called(rest); len(several) > 1 {
			return m.openDialog(whichOf(c, rest, several))
		}
	}
	return c.run(m, rest)
}

// whichOf asks who of several is meant.
func whichOf(c command, name string, several []*entry) *sheet {
	return &sheet{
		name: func(m *Model) string { return m.words.WhoOfThem(paint.OneLine(name)) },
		choices: func(m *Model) (all []choice) {
			for _, e := range several {
				id := e.person.ID
				all = append(all, choice{label: nameOf(e.person) + " " + shortID(id), more: m.standing(e.person), do: func(m *Model) tea.Cmd {
					m.closeDialog()
					return c.run(m, id)
				}})
			}
			return all
		},
	}
}

// shortID is enough of an id to tell people of one name apart.
func shortID(id string) string {
	_, digits, _ := strings.Cut(id, "-")
	return digits[:min(len(digits), shortIDLen)]
}

// shortIDLen is so many of its digits, of 5 bits each.
const shortIDLen = 4

// idOf is as much of an id as commands take for all of it.
func idOf(id string) string {
	kind, digits, _ := strings.Cut(id, "-")
	return kind + "-" + digits[:min(len(digits), idLen)]
}

// idLen is so many of its digits, as the command line shows.
const idLen = 10

// askFor asks for what a command is about.
func (m *Model) askFor(c command) *sheet {
	f := &field{done: func(m *Model, text string) tea.Cmd {
		if text == "" {
			return nil
		}
		m.closeDialog()
		return c.run(m, text)
	}}
	return &sheet{
		name: func(m *Model) string { return "/" + c.name },
		text: func(m *Model, width int) []paint.Line {
			f.label = m.words.Commands[c.name].Argument + ":"
			return paragraphs(width, paint.Plain, m.words.Commands[c.name].Does)
		},
		field: f,
	}
}

// newPalette lists all commands, narrowed by what is typed.
func newPalette(m *Model) *sheet {
	s := &sheet{name: func(m *Model) string { return m.words.CommandsTitle }}
	s.field = &field{}
	chosen := func() []choice {
		var all []choice
		for _, c := range commands() {
			w := m.words.Commands[c.name]
			typed := strings.TrimPrefix(strings.ToLower(s.field.String()), "/")
			if !strings.Contains(strings.ToLower(c.name+" "+w.Does+" "+m.words.Also[c.name]), typed) {
				continue
			}
			all = append(all, choice{label: "/" + c.name, more: w.Does, look: paint.Strong, do: func(m *Model) tea.Cmd {
				m.closeDialog()
				return m.run(c, "")
			}})
		}
		return all
	}
	s.choices = func(m *Model) []choice { s.field.label = m.words.SearchLabel; return chosen() }
	s.text = func(m *Model, width int) []paint.Line { return m.foundRows(len(chosen()), width) }
	s.field.done = func(m *Model, _ string) tea.Cmd {
		if all := chosen(); s.at < len(all) {
			return all[s.at].do(m)
		}
		return nil
	}
	s.bar = true
	return s
}

// foundRows says so when nothing was found.
func (m *Model) foundRows(found, width int) []paint.Line {
	if found > 0 {
		return nil
	}
	return paragraphs(width, paint.Caution, m.words.NothingFound)
}

// find is who is meant: by id, by name, or by the beginning of a name that fits one person only.
func (m *Model) find(who string) (*entry, bool) {
	found := m.called(who)
	if len(found) != 1 {
		return nil, false
	}
	return found[0], true
}

// called are all who may be meant.
func (m *Model) called(who string) (found []*entry) {
	for _, e := range m.people.list() {
		if e.person.ID == who {
			return []*entry{e}
		}
		if strings.EqualFold(e.person.Name, who) {
			found = append(found, e)
		}
	}
	if len(found) == 0 {
		for _, e := range m.people.list() {
			if strings.HasPrefix(strings.ToLower(e.person.Name), strings.ToLower(who)) {
				found = append(found, e)
			}
		}
	}
	return found
}

// meant is the id of who is meant, or what was typed, for the node to judge.
func (m *Model) meant(who string) string {
	if e, ok := m.find(who); ok {
		return e.person.ID
	}
	return who
}

// complete is the list above what is written, while a command or a name in it can be completed.
type complete struct {
	offers []offer
	at     int
}

// offer is how what is written may go on.
type offer struct{ text, label, more string }

// offersMax is how many are listed.
const offersMax = 8

func (c *complete) open() bool { return len(c.offers) > 0 }

func (c *complete) close() { c.offers, c.at = nil, 0 }

// update looks at what is written.
func (c *complete) update(m *Model) {
	e := m.editor()
	c.close()
	text := e.String()
	if !strings.HasPrefix(text, "/") || strings.Contains(text, "\n") || e.at != len(e.text) {
		return
	}
	word, rest, spaced := strings.Cut(text[1:], " ")
	for _, cmd := range commands() {
		switch {
		case !spaced && strings.HasPrefix(cmd.name, word):
			w := m.words.Commands[cmd.name]
			c.offers = append(c.offers, offer{"/" + cmd.name + " ", "/" + strings.TrimSpace(cmd.name+" "+w.Argument), w.Does})
		case spaced && cmd.name == word && (cmd.who || cmd.name == "add"):
			c.people(m, word, rest)
		}
	}
}

// people offers who a command may be about.
func (c *complete) people(m *Model, word, rest string) {
	for _, e := range m.people.list() {
		name := nameOf(e.person)
		if !strings.HasPrefix(strings.ToLower(name), strings.ToLower(rest)) || strings.EqualFold(name, rest) || word == "add" && e.person.Contact {
			continue
		}
		c.offers = append(c.offers, offer{text: "/" + word + " " + name, label: name, more: m.standing(e.person)})
	}
}

// key moves in the list or takes from it; Enter means what is written when that is whole already.
func (c *complete) key(m *Model, stroke string) (taken bool, cmd tea.Cmd) {
	switch stroke {
	case "up":
		c.at = (c.at + len(c.offers) - 1) % len(c.offers)
	case "down":
		c.at = (c.at + 1) % len(c.offers)
	case "tab":
		m.editor().set(c.offers[c.at].text)
		c.update(m)
	case "enter":
		typed, offered := strings.TrimSpace(m.editor().String()), strings.TrimSpace(c.offers[c.at].text)
		if typed == offered {
			return false, nil
		}
		m.editor().set(c.offers[c.at].text)
		c.update(m)
		if !strings.Contains(offered, " ") && needsMore(strings.TrimPrefix(offered, "/"), m) {
			return true, nil
		}
		return true, m.enter()
	case "esc":
		c.close()
	default:
		return false, nil
	}
	return true, nil
}

// needsMore tells of a command that cannot be done yet as it stands.
func needsMore(name string, m *Model) bool {
	for _, c := range commands() {
		if c.name == name {
			return c.text || c.who && m.current() == nil
		}
	}
	return false
}

// standing says who somebody is to us, in a word or two.
func (m *Model) standing(p control.Person) string {
	w := m.words
	switch {
	case p.Blocked:
		return w.Blocked
	case p.Contact && p.Keys == control.KeysAlarm:
		return w.KeysAlarm
	case p.Contact && p.Keys == control.KeysChanged:
		return w.KeysChanged
	case p.Contact && p.Verified:
		return w.Verified
	case p.Contact:
		return w.Contact
	case p.Direction == control.DirectionIn:
		return w.AsksYou
	case p.Direction == control.DirectionOut, p.Waiting:
		return w.YouAsked
	}
	return w.Stranger
}
