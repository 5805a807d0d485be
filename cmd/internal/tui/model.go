package tui

import (
	"context"
	"sync"
	"time"

	tea "charm.land/bubbletea/v2"

	"sottovoce/cmd/internal/control"
	"sottovoce/cmd/internal/tui/paint"
	"sottovoce/cmd/internal/tui/words"
)

// Model is the state of the face. It changes in Update only, by keys, answers of the node and its events; what takes time
// runs in commands.
type Model struct {
	node  control.Node
	begin Beginning
	files Files
	words *words.Catalogue
	theme *paint.Theme
	now   func() time.Time
	zone  *time.Location
	links bool // the terminal takes them
	taste Taste
	keep  func(Taste) error

	width, height int
	frame         frame  // what the last view put where, for the mouse
	cursor        *place // of what is written, in the last view

	me       control.Me
	seen     control.Visibility
	status   control.Status
	member   []control.Community // we are of these
	people   people
	talks    map[string]*transcript // by the contact's id
	editors  map[string]*editor     // one for each conversation, so that nothing half-written is lost
	open     string                 // id of who is shown at the right; empty: nobody
	focus    focus
	dialogs  []dialog // the last is on top
	sudden   dialog   // the last that came by itself
	suddenAt time.Time
	complete complete
	said     saying // one line that goes away
	typing   typing
	focused  bool      // the terminal is looked at, as far as it says
	there    bool      // something was pressed since the node was reached: somebody sits here
	since    time.Time // when it was reached
	alone    bool      // a link was shown that no supernode answers

	events  chan []control.Event // of the node that we are attached to
	broken  error                // why the node is not reached any more
	stopped *sheet               // says so
	joining bool                 // it is being reached again
	asking  bool                 // how it does is asked for soon
	works   sync.WaitGroup       // what goes on beside the face
	ctx     context.Context
}

// focus is where keys go that are no text.
type focus uint8

const (
	onEditor focus = iota
	onPeople
	onTranscript
)

// Beginning is what the face needs where there is no identity yet.
type Beginning struct {
	// Exists says that there is one.
	Exists bool
	// Init makes it, and tells who may see it.
	Init func(name string, seen control.Visible) error
	// Locked tells whether it takes a passphrase to start one.
	Locked func() (bool, error)
	// Start runs a node unless one runs already; the face is its client. Without a passphrase it takes the one that was given before the
	// face was opened. CodeRefused says that it is not the right one.
	Start func(ctx context.Context, passphrase control.Passphrase) error
	// Backups are files that may be backups, where one would look for them.
	Backups func() []string
	// Restore makes the identity from a backup, or leaves none; told hears how many messages are back.
	Restore func(ctx context.Context, file string, passphrase control.Passphrase, told func(messages int64)) error
}

// saying is one line for the person, and until when it is shown.
type saying struct {
	text  string
	look  paint.Look
	until time.Time
}

// sayingTime is how long a saying stays.
const sayingTime = 8 * time.Second

// then is the answer to a command: what to do with it, on the model.
type then func(*Model) tea.Cmd

// New makes the face of a node. Events come by Run.
func New(ctx context.Context, node control.Node, begin Beginning, files Files, look Look) *Model {
	m := &Model{
		node: node, begin: begin, files: files, words: look.Words, theme: look.Theme, now: look.Now, zone: look.Zone, links: look.Links,
		taste: look.Taste, keep: look.Keep, people: newPeople(), talks: map[string]*transcript{}, editors: map[string]*editor{},
		focused: true, ctx: ctx,
	}
	for i := range paint.Themes {
		if paint.Themes[i].Name == m.taste.Theme {
			m.theme = &paint.Themes[i]
		}
	}
	for _, c := range words.All() {
		if c.Language == m.taste.Language {
			m.words = c
		}
	}
	if !begin.Exists {
		m.dialogs = []dialog{newWelcome()}
	}
	return m
}

// Look is how the face speaks and looks.
type Look struct {
	Words *words.Catalogue
	Theme *paint.Theme
	Now   func() time.Time
	Zone  *time.Location
	Links bool              // the terminal takes them (OSC 8)
	Taste Taste             // goes before Words and Theme
	Keep  func(Taste) error // keeps another taste
}

// Init implements tea.Model.
func (m *Model) Init() tea.Cmd {
	if !m.begin.Exists {
		return m.tick()
	}
	return tea.Batch(m.start(nil, nil), m.tick())
}

// learn asks for everything that stands on the first screen.
func (m *Model) learn() tea.Cmd {
	since := m.people.heard
	return func() tea.Msg {
		l := learned{since: since}
		var err error
		ask := func(f func() error) {
			if err == nil {
				err = f()
			}
		}
		ask(func() (err error) { l.me, err = m.node.Me(m.ctx); return })
		ask(func() (err error) { l.talks, err = m.node.Conversations(m.ctx); return })
		ask(func() (err error) { l.nearby, err = m.node.Nearby(m.ctx); return })
		ask(func() (err error) { l.requests, err = m.node.Requests(m.ctx); return })
		ask(func() (err error) { l.state, err = m.ask(); return })
		if err != nil {
			return then(func(m *Model) tea.Cmd { return m.fail(err) })
		}
		return l
	}
}

// learned is everything that stands on the first screen.
type learned struct {
	me               control.Me
	talks            []control.Overview
	nearby, requests []control.Person
	state            state
	since            uint64 // events that were heard before it was asked for
}

// state is how the node does.
type state struct {
	status control.Status
	seen   control.Visibility
	member []control.Community
}

// ask asks the node for it.
func (m *Model) ask() (s state, err error) {
	if s.status, err = m.node.Status(m.ctx); err != nil {
		return s, err
	}
	if s.seen, err = m.node.Visibility(m.ctx); err != nil {
		return s, err
	}
	s.member, err = m.node.Communities(m.ctx)
	return s, err
}

// takeState takes it in; while there is no network, or nobody sees us only because it is not known yet which it is, it is asked for again soon.
func (m *Model) takeState(s state) tea.Cmd {
	m.status, m.seen, m.member = s.status, s.seen, s.member
	unknown := s.seen.Here == control.VisibleNobody && !s.seen.Chosen && s.seen.Elsewhere != control.VisibleNobody
	if len(s.status.Interfaces) == 0 || unknown {
		return m.refreshSoon()
	}
	return nil
}

// take takes it in; who is not in it is gone. What was heard of somebody since it was asked for is newer.
func (m *Model) take(l learned) tea.Cmd {
	m.me = l.me
	again := m.takeState(l.state)
	first := !m.people.whole
	m.people.whole = true
	there := map[string]bool{}
	for _, o := range l.talks {
		there[o.Person.ID] = true
		if known := m.people.all[o.Person.ID]; known != nil && m.people.isNewer(o.Person.ID, l.since) {
			if first { // what was not read before is known only now
				known.unread = max(known.unread, o.Unread)
			}
			continue
		}
		e := m.people.put(o.Person)
		e.unread = o.Unread
		if o.Newest != nil {
			m.people.said(*o.Newest)
		}
	}
	for _, list := range [][]control.Person{l.nearby, l.requests} {
		for _, p := range list {
			there[p.ID] = true
			if !m.people.isNewer(p.ID, l.since) {
				m.people.put(p)
			}
		}
	}
	for id, e := range m.people.all {
		if !there[id] && !e.person.Contact && !m.people.isNewer(id, l.since) {
			delete(m.people.all, id)
		}
	}
	return tea.Batch(again, m.turnBack())
}

// turnBack shows who was shown, or else the latest conversation.
func (m *Model) turnBack() tea.Cmd {
	switch e := m.current(); {
	case e != nil && e.person.Contact && m.talks[m.open] == nil:
		return m.turnTo(m.open)
	case m.open == "":
		for _, e := range m.people.list() {
			if e.section() == sectionTalks {
				return m.turnTo(e.person.ID)
			}
		}
	case m.seesEnd():
		return m.read(m.open)
	}
	return nil
}

// tickEvery is how often the status is asked for and what is old goes.
const tickEvery = 10 * time.Second

type tickMsg struct{}

func (m *Model) tick() tea.Cmd {
	return tea.Tick(tickEvery, func(time.Time) tea.Msg { return tickMsg{} })
}

// soon is how long more may happen before the node is asked how it does.
const soon = time.Second

// refreshSoon asks how the node does, once for all that happens meanwhile.
func (m *Model) refreshSoon() tea.Cmd {
	if m.asking {
		return nil
	}
	m.asking = true
	return tea.Tick(soon, func(time.Time) tea.Msg {
		return then(func(m *Model) tea.Cmd { m.asking = false; return m.refresh() })
	})
}

// refresh asks how the node does.
func (m *Model) refresh() tea.Cmd {
	if m.me.ID == "" || m.broken != nil {
		return nil
	}
	return func() tea.Msg {
		s, err := m.ask()
		return then(func(m *Model) tea.Cmd {
			if err != nil {
				return m.fail(err)
			}
			return m.takeState(s)
		})
	}
}

// complain says why something was not done.
func (m *Model) complain(err error) tea.Cmd {
	return m.say(paint.Bad, sentence(err))
}

// say shows a line for a while.
func (m *Model) say(look paint.Look, text string) tea.Cmd {
	m.said = saying{text, look, m.now().Add(sayingTime)}
	return tea.Tick(sayingTime, func(time.Time) tea.Msg { return then(func(*Model) tea.Cmd { return nil }) }) // to draw without it
}

// do runs what takes time; what went wrong is said.
func (m *Model) do(f func(ctx context.Context) (then, error)) tea.Cmd {
	return func() tea.Msg {
		next, err := f(m.ctx)
		return then(func(m *Model) tea.Cmd {
			if err != nil {
				return m.complain(err)
			}
			if next == nil {
				return nil
			}
			return next(m)
		})
	}
}

// editor is the one for the conversation that is open.
func (m *Model) editor() *editor { return m.editorOf(m.open) }

func (m *Model) editorOf(id string) *editor {
	e := m.editors[id]
	if e == nil {
		e = &editor{}
		m.editors[id] = e
	}
	return e
}

// current is who is shown at the right, nil for nobody.
func (m *Model) current() *entry { return m.people.all[m.open] }

// talk is the conversation at the right, nil where there is none.
func (m *Model) talk() *transcript {
	if e := m.current(); e == nil || !e.person.Contact {
		return nil
	}
	return m.talks[m.open]
}
