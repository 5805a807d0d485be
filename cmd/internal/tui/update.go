package tui

import (
	"slices"
	"strings"

	tea "charm.land/bubbletea/v2"

	"sottovoce/cmd/internal/control"
	"sottovoce/cmd/internal/tui/paint"
)

// Update implements tea.Model.
func (m *Model) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	switch msg := msg.(type) {
	case tea.WindowSizeMsg:
		return m, m.resize(msg.Width, msg.Height)
	case then:
		return m, msg(m)
	case learned:
		return m, m.take(msg)
	case happened:
		return m, m.takeEvents(msg)
	case tickMsg:
		return m, tea.Batch(m.refresh(), m.tick())
	case tea.FocusMsg:
		return m, tea.Batch(m.lookedAt(), m.learn())
	case tea.BlurMsg:
		m.focused = false
	case tea.PasteMsg:
		return m, tea.Batch(m.lookedAt(), m.paste(msg.Content))
	case tea.KeyPressMsg:
		return m, tea.Batch(m.lookedAt(), m.key(msg), m.rests())
	case tea.MouseClickMsg:
		return m, tea.Batch(m.lookedAt(), m.click(msg.Mouse()), m.rests())
	case tea.MouseWheelMsg:
		return m, tea.Batch(m.lookedAt(), m.wheel(msg.Mouse()))
	}
	return m, nil
}

// lookedAt takes in that the person is at the terminal: it says so, or something is pressed. Who was away finds what came meanwhile
// from its first message on.
func (m *Model) lookedAt() tea.Cmd {
	if m.focused && m.there {
		return nil
	}
	away := !m.focused
	m.focused, m.there = true, true
	if !m.atBottom() {
		return nil
	}
	if t := m.talk(); away && m.current().unread > 0 {
		m.toFresh(t)
	}
	if m.seesEnd() {
		return m.read(m.open)
	}
	return nil
}

func (m *Model) takeEvents(events happened) tea.Cmd {
	if len(events) == 0 {
		return m.fail(errEnded)
	}
	cmds := []tea.Cmd{m.listen()}
	for _, e := range events {
		cmds = append(cmds, m.event(e))
	}
	return tea.Batch(cmds...)
}

func (m *Model) paste(text string) tea.Cmd {
	if d := m.dialog(); d != nil && !m.deaf() {
		return d.paste(m, text)
	}
	m.focus = onEditor
	cmd := m.begins(text)
	m.editor().insert(text)
	m.complete.update(m)
	return tea.Batch(cmd, m.types())
}

// key does what a key means where it is pressed: first for whatever is asked, then everywhere, then for what has the focus.
func (m *Model) key(k tea.KeyPressMsg) tea.Cmd {
	if k.Code == tea.KeyEscape { // pressed twice it comes as one with Alt
		k.Mod = 0
	}
	stroke := k.Keystroke()
	switch stroke {
	case "ctrl+c", "ctrl+q":
		return m.quit(stroke)
	case "ctrl+z":
		return m.putAside()
	}
	if d := m.dialog(); d != nil && !m.deaf() {
		return d.key(m, k)
	}
	if m.complete.open() {
		if taken, cmd := m.complete.key(m, stroke); taken {
			return cmd
		}
	}
	if cmd, taken := m.everywhere(stroke); taken {
		return cmd
	}
	switch m.focus {
	case onPeople:
		if cmd, taken := m.keyPeople(stroke); taken {
			return cmd
		}
	case onTranscript:
		if cmd, taken := m.keyTranscript(stroke); taken {
			return cmd
		}
	}
	return m.keyEditor(k, stroke)
}

// everywhere are keys that mean the same wherever the focus is.
func (m *Model) everywhere(stroke string) (cmd tea.Cmd, taken bool) {
	switch stroke {
	case "f1":
		return m.openDialog(newHelp(m)), true
	case "f2", "ctrl+k":
		return m.openDialog(newPalette(m)), true
	case "ctrl+f":
		return m.openDialog(newSearch()), true
	case "alt+up", "ctrl+p":
		return m.step(-1), true
	case "alt+down", "ctrl+n":
		return m.step(1), true
	case "alt+a":
		return m.toUnread(), true
	case "pgup":
		return m.scroll(m.frame.pane.height - 1), true
	case "pgdown":
		return m.scroll(1 - m.frame.pane.height), true
	case "ctrl+end":
		return m.toEnd(), true
	case "tab":
		if m.focus != onEditor || m.editor().empty() {
			m.turnFocus(1)
			return nil, true
		}
	case "shift+tab":
		m.turnFocus(-1)
		return nil, true
	case "esc":
		m.focus = onEditor
		if m.dropIntent() {
			return nil, true
		}
		if t := m.talk(); t != nil {
			t.chosen = ""
		}
		m.said = saying{}
		return m.toEnd(), true
	}
	return nil, false
}

// turnFocus goes around: what is written, what was said, who is there.
func (m *Model) turnFocus(by int) {
	order := []focus{onEditor, onTranscript, onPeople}
	m.focus = order[(slices.Index(order, m.focus)+by+len(order))%len(order)]
	t := m.talk()
	if m.focus == onTranscript && (t == nil || len(t.messages) == 0) {
		m.turnFocus(by)
		return
	}
	if t == nil {
		return
	}
	switch {
	case m.focus != onTranscript:
		t.chosen = ""
	case t.index(t.chosen) < 0: // else it is what was looked for
		t.choose(-1)
	}
}

func (m *Model) keyPeople(stroke string) (tea.Cmd, bool) {
	switch stroke {
	case "up":
		return m.glance(-1), true
	case "down":
		return m.glance(1), true
	case "enter", "right":
		m.focus = onEditor
		return nil, true
	}
	return nil, false
}

// glance turns to the person above or below, and stays in the list.
func (m *Model) glance(by int) tea.Cmd {
	cmd := m.step(by)
	m.focus = onPeople
	return cmd
}

// step turns to the person above or below in the list.
func (m *Model) step(by int) tea.Cmd {
	list := m.people.list()
	if len(list) == 0 {
		return nil
	}
	at := -1
	for i, e := range list {
		if e.person.ID == m.open {
			at = i
		}
	}
	if at < 0 && by < 0 {
		at = 0
	}
	return m.turnTo(list[(at+by+len(list))%len(list)].person.ID)
}

// toUnread turns to the next conversation in which something was not read, or to who asked something.
func (m *Model) toUnread() tea.Cmd {
	for _, e := range m.people.list() {
		if e.person.ID != m.open && e.calls() {
			return m.turnTo(e.person.ID)
		}
	}
	return m.say(paint.Faint, m.words.NothingNew)
}

func (m *Model) keyTranscript(stroke string) (tea.Cmd, bool) {
	t := m.talk()
	if t == nil {
		return nil, false
	}
	switch stroke {
	case "up", "k":
		t.choose(-1)
		return m.follow(t), true
	case "down", "j":
		t.choose(1)
		if t.chosen == "" {
			m.focus = onEditor
		}
		return m.follow(t), true
	}
	if i := t.index(t.chosen); i >= 0 {
		return m.keyMessage(t.messages[i], stroke)
	}
	return nil, stroke == "enter"
}

// keyEditor writes; at its edges the arrows go to what was sent before.
func (m *Model) keyEditor(k tea.KeyPressMsg, stroke string) tea.Cmd {
	e := m.editor()
	m.focus = onEditor
	defer m.complete.update(m)
	switch stroke {
	case "enter":
		return m.enter()
	case "alt+enter", "shift+enter", "ctrl+j":
		e.insert("\n")
	case "up", "down":
		return m.arrow(e, stroke)
	case "ctrl+up":
		e.recall(1)
	case "ctrl+down":
		e.recall(-1)
	default:
		if edit(e, stroke) {
			return nil
		}
		if k.Text == "" {
			return nil
		}
		cmd := m.begins(k.Text)
		if m.editor().insert(k.Text); !strings.HasPrefix(m.editor().String(), "/") {
			return tea.Batch(cmd, m.types())
		}
	}
	return nil
}

// begins turns to the only one there is when a text is begun while nobody is chosen; of several the person has to choose.
func (m *Model) begins(text string) tea.Cmd {
	if m.open != "" || strings.HasPrefix(m.editor().String()+text, "/") {
		return nil
	}
	if list := m.people.list(); len(list) == 1 {
		return m.turnTo(list[0].person.ID)
	}
	return m.toNobody()
}

// toNobody says that a text has nobody to go to.
func (m *Model) toNobody() tea.Cmd {
	if len(m.people.all) == 0 {
		return m.say(paint.Caution, m.words.NobodyYet)
	}
	return m.say(paint.Caution, m.words.ToWhom)
}

// arrow goes up or down in what is written, at its edges in what was written before, and to people where nobody is chosen yet. Up
// with nothing written takes the last message up again, to edit it, unless something else was written last.
func (m *Model) arrow(e *editor, stroke string) tea.Cmd {
	by, move := 1, e.down
	if stroke == "up" {
		by, move = -1, e.up
	}
	switch t := m.talk(); {
	case m.open == "" && e.empty():
		return m.step(by)
	case e.empty() && t != nil && t.index(t.chosen) >= 0: // what was looked for
		m.focus = onTranscript
		cmd, _ := m.keyTranscript(stroke)
		return cmd
	case e.intent != nil && e.intent.edits: // what was written before would be in its place
		move()
	case by < 0 && e.empty() && e.back == 0 && !e.unsent:
		if cmd, ok := m.editLast(); ok {
			return cmd
		}
		e.recall(1)
	case !move():
		e.recall(-by)
	}
	return nil
}

// edit does what a key does to a text anywhere; false when it is none of those.
func edit(e *editor, stroke string) bool {
	switch stroke {
	case "left", "ctrl+b":
		e.move(-1)
	case "right":
		e.move(1)
	case "home", "ctrl+a":
		e.home()
	case "end", "ctrl+e":
		e.end()
	case "ctrl+left", "alt+left", "alt+b":
		e.at = e.wordLeft()
	case "ctrl+right", "alt+right":
		e.at = e.wordRight()
	case "backspace", "ctrl+h":
		e.backspace()
	case "delete", "ctrl+d":
		e.remove()
	case "ctrl+w", "alt+backspace":
		e.cut(e.wordLeft())
	case "ctrl+u":
		e.cut(e.lineStart(e.at))
	case "ctrl+x":
		e.cut(e.lineEnd(e.at))
	default:
		return false
	}
	return true
}

// enter sends what was written, or does what it commands.
func (m *Model) enter() tea.Cmd {
	e := m.editor()
	if strings.TrimSpace(e.String()) == "" {
		return m.enterEmpty()
	}
	text := e.String()
	if strings.HasPrefix(text, "/") && !strings.HasPrefix(text, "//") {
		e.unsent = true
		return m.command(e.take())
	}
	switch who := m.current(); {
	case who == nil:
		return m.toNobody()
	case who.section() == sectionAsked: // what was written waits for them
		return m.say(paint.Caution, m.words.NotYet(nameOf(who.person)))
	case !who.person.Contact:
		return m.meet(who)
	}
	e.unsent, m.said = false, saying{} // which may be that Enter sends it
	text = strings.TrimPrefix(e.take(), "/")
	in := e.intent
	e.intent = nil
	if in != nil && in.edits {
		return m.sendEdit(in, text)
	}
	return m.send(text, in)
}

// enterEmpty is Enter with nothing written: what is offered about somebody who is no contact, or the first of all.
func (m *Model) enterEmpty() tea.Cmd {
	if in := m.editor().intent; in != nil && in.edits { // nothing is left of it
		m.dropIntent()
		return m.askDelete(in.of)
	}
	t := m.talk()
	switch e := m.current(); {
	case t != nil && t.index(t.chosen) >= 0: // what was looked for
		return m.details(t.messages[t.index(t.chosen)])
	case e == nil:
		return m.step(1)
	case !e.person.Contact:
		return m.meet(e)
	}
	return nil
}

// quit leaves; while something was written and not sent, or a link waits for this node, only when it is said twice.
func (m *Model) quit(stroke string) tea.Cmd {
	if e := m.editor(); stroke == "ctrl+c" && len(m.dialogs) == 0 && !e.empty() {
		e.set("")
		return m.say(paint.Faint, m.words.QuitHint)
	}
	if !m.alone || m.broken != nil {
		return tea.Quit
	}
	m.alone = false
	return func() tea.Msg {
		all, err := m.node.Invites(m.ctx)
		waits := func(i control.Invite) bool { return !i.Used && i.Away == nil && i.Expires.After(m.now()) }
		return then(func(m *Model) tea.Cmd {
			if err != nil || !slices.ContainsFunc(all, waits) {
				return tea.Quit
			}
			return m.say(paint.Caution, m.words.QuitLink)
		})
	}
}

func (m *Model) click(mouse tea.Mouse) tea.Cmd {
	if d := m.dialog(); d != nil {
		return d.click(m, mouse.X, mouse.Y)
	}
	if id := m.frame.personAt(mouse.X, mouse.Y); id != "" {
		return m.turnTo(id)
	}
	if m.frame.atHead(mouse.X, mouse.Y) && m.current() != nil {
		return m.runAbout(m.open)
	}
	if id := m.frame.messageAt(mouse.X, mouse.Y); id != "" {
		if t := m.talk(); t != nil {
			if t.chosen == id {
				return m.details(t.messages[t.index(id)])
			}
			t.chosen, m.focus = id, onTranscript
		}
	}
	return nil
}

// wheelRows is how far a notch of the wheel goes.
const wheelRows = 3

func (m *Model) wheel(mouse tea.Mouse) tea.Cmd {
	by := wheelRows
	if mouse.Button == tea.MouseWheelDown {
		by = -wheelRows
	}
	if d := m.dialog(); d != nil {
		d.wheel(m, by)
		return nil
	}
	if m.frame.inPeople(mouse.X) {
		m.frame.peopleFrom = max(0, m.frame.peopleFrom-by)
		return nil
	}
	return m.scroll(by)
}
