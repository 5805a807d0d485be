package tui

import (
	"context"
	"slices"
	"strings"

	tea "charm.land/bubbletea/v2"

	"sottovoce/cmd/internal/control"
	"sottovoce/cmd/internal/tui/paint"
)

// intent is what a text that is being written is besides a new message: the answer to one, or an edit of one.
type intent struct {
	edits bool
	of    control.Message
	draft string // what was being written before an edit
}

// reply begins an answer to a message; what is being written already becomes it.
func (m *Model) reply(msg control.Message) tea.Cmd {
	if msg.Deleted {
		return m.say(paint.Caution, m.words.IsDeleted)
	}
	m.dropIntent()
	m.editor().intent = &intent{of: msg}
	return m.toEditor()
}

// edit begins to edit a message of ours.
func (m *Model) edit(msg control.Message) tea.Cmd {
	switch {
	case msg.From.ID != m.me.ID:
		return m.say(paint.Caution, m.words.NotYours)
	case msg.Deleted:
		return m.say(paint.Caution, m.words.IsDeleted)
	}
	m.dropIntent()
	e := m.editor()
	e.intent = &intent{edits: true, of: msg, draft: e.String()}
	text := msg.Text
	if strings.HasPrefix(text, "/") { // else it were a command
		text = "/" + text
	}
	e.set(text)
	return m.toEditor()
}

// toEditor turns to what is written: so does all that is done with a message, since a letter typed next may mean something else there.
func (m *Model) toEditor() tea.Cmd {
	m.focus = onEditor
	m.complete.close()
	if t := m.talk(); t != nil {
		t.chosen = ""
	}
	return nil
}

// dropIntent lets what is written be a new message again; of an edit nothing stays. It tells whether there was one.
func (m *Model) dropIntent() bool { return m.editor().dropIntent() }

func (e *editor) dropIntent() bool {
	was := e.intent
	if was == nil {
		return false
	}
	e.intent = nil
	if was.edits {
		e.set(was.draft)
	}
	return true
}

// editLast begins to edit the last message of ours that is in memory; false where there is none.
func (m *Model) editLast() (tea.Cmd, bool) {
	msg, ok := m.last(func(msg control.Message) bool { return msg.From.ID == m.me.ID && !msg.Deleted })
	if !ok {
		return nil, false
	}
	return m.edit(msg), true
}

// last is the last message that is in memory and fits.
func (m *Model) last(fits func(control.Message) bool) (control.Message, bool) {
	t := m.talk()
	if t == nil || t.cut {
		return control.Message{}, false
	}
	for _, msg := range slices.Backward(t.messages) {
		if fits(msg) {
			return msg, true
		}
	}
	return control.Message{}, false
}

// sendEdit puts what was written in place of a message. A text without a word asks whether the message is to go.
func (m *Model) sendEdit(in *intent, text string) tea.Cmd {
	id, to := in.of.ID, m.open
	m.editor().set(in.draft)
	if text == in.of.Text {
		return nil
	}
	return m.do(func(ctx context.Context) (then, error) {
		msg, err := m.node.Edit(ctx, id, text)
		return func(m *Model) tea.Cmd {
			if err != nil { // nothing that was written is lost
				e := m.editorOf(to)
				if e.unsent = true; e.intent == nil && e.String() == in.draft {
					e.intent = in
					e.set(text)
				}
				return m.complain(err)
			}
			return m.changed(msg)
		}, nil
	})
}

// changed takes in that a message was edited or deleted, or is reacted to: where it stands, and where it is quoted.
func (m *Model) changed(msg control.Message) tea.Cmd {
	if t := m.talks[msg.Conversation.With]; t != nil {
		t.update(msg)
		t.requote(msg)
	}
	e := m.people.all[msg.Conversation.With]
	if e == nil || !msg.Deleted {
		return nil
	}
	if being := m.editorOf(e.person.ID); being.intent != nil && being.intent.of.ID == msg.ID {
		being.dropIntent()
	}
	if e.unread > 0 && msg.From.ID != m.me.ID { // it may have been one of those
		return m.learn()
	}
	return nil
}

// requote brings what quotes a message up to date, and what answers it and came before it.
func (t *transcript) requote(msg control.Message) {
	for i := range t.messages {
		if t.messages[i].ReplyTo == msg.ID {
			t.messages[i].Quote = &control.Quote{ID: msg.ID, From: msg.From, Text: msg.Text, Deleted: msg.Deleted}
			delete(t.rows, t.messages[i].ID)
		}
	}
}

// askDelete asks before a message of ours is deleted.
func (m *Model) askDelete(msg control.Message) tea.Cmd {
	switch {
	case msg.From.ID != m.me.ID:
		return m.say(paint.Caution, m.words.NotYours)
	case msg.Deleted:
		return m.say(paint.Caution, m.words.IsDeleted)
	}
	more := "“" + paint.Cut(paint.OneLine(msg.Text), excerptMax) + "”\n\n" + m.words.DeleteMore(paint.OneLine(msg.Conversation.Name))
	return m.openDialog(m.confirm(m.words.DeleteTitle, more, m.words.DeleteYes, func(m *Model) tea.Cmd {
		m.toEditor()
		return m.do(func(ctx context.Context) (then, error) {
			msg, err := m.node.Delete(ctx, msg.ID)
			return func(m *Model) tea.Cmd { return m.changed(msg) }, err
		})
	}))
}

// excerptMax is how many cells of a text stand in a question about it.
const excerptMax = 200

// commonReactions are offered first; what each means is in the catalogue, for terminals that cannot draw it.
var commonReactions = []string{"👍", "💛", "😂", "🎉", "😮", "😢", "🙏"}

// askReaction offers the common ones, and any other; one that we have given already is taken back.
func (m *Model) askReaction(msg control.Message) tea.Cmd {
	if msg.Deleted {
		return m.say(paint.Caution, m.words.IsDeleted)
	}
	return m.openDialog(&sheet{
		name: func(m *Model) string { return m.words.ReactTitle },
		choices: func(m *Model) (all []choice) {
			for i, emoji := range commonReactions {
				c := choice{label: emoji, more: m.words.Reactions[i], do: func(m *Model) tea.Cmd { m.closeDialog(); return m.react(msg, emoji) }}
				if m.reacted(msg, emoji) {
					c.label, c.look = emoji+" "+m.words.You, paint.Own
				}
				all = append(all, c)
			}
			for _, r := range msg.Reactions { // what others have given is one key away
				if !slices.Contains(commonReactions, r.Emoji) && len(all) < choicesByNumber {
					all = append(all, choice{label: signOf(r.Emoji), more: m.names(r.From), do: func(m *Model) tea.Cmd { m.closeDialog(); return m.react(msg, r.Emoji) }})
				}
			}
			return append(all, choice{label: m.words.ReactOther, do: func(m *Model) tea.Cmd { return m.replaceDialog(m.anyReaction(msg)) }})
		},
	})
}

// choicesByNumber is how many choices the keys 1 to 9 reach, but for one.
const choicesByNumber = 8

// anyReaction takes a sign that is typed or pasted.
func (m *Model) anyReaction(msg control.Message) *sheet {
	f := &field{done: func(m *Model, emoji string) tea.Cmd {
		m.closeDialog()
		return m.react(msg, emoji)
	}}
	return &sheet{
		name: func(m *Model) string { return m.words.ReactTitle },
		text: func(m *Model, width int) []paint.Line {
			f.label = m.words.ReactLabel
			return paragraphs(width, paint.Plain, m.words.ReactMore)
		},
		field: f,
	}
}

// reacted tells whether we have.
func (m *Model) reacted(msg control.Message, emoji string) bool {
	return slices.ContainsFunc(msg.Reactions, func(r control.Reaction) bool {
		return r.Emoji == emoji && slices.ContainsFunc(r.From, func(p control.Person) bool { return p.ID == m.me.ID })
	})
}

// react answers with a sign, or takes it back.
func (m *Model) react(msg control.Message, emoji string) tea.Cmd {
	on := !m.reacted(msg, emoji)
	m.toEditor()
	return m.do(func(ctx context.Context) (then, error) {
		msg, err := m.node.React(ctx, msg.ID, emoji, on)
		return func(m *Model) tea.Cmd { return m.changed(msg) }, err
	})
}

// names are those of several people, we among them.
func (m *Model) names(all []control.Person) string { return m.layout(newTranscript()).names(all) }

// runReply, runReact, runEdit and runDelete are about the message under the bar, else about the last of theirs or of ours.
func (m *Model) runReply(string) tea.Cmd { return m.onMessage(false, m.reply) }

func (m *Model) runReact(emoji string) tea.Cmd {
	return m.onMessage(false, func(msg control.Message) tea.Cmd {
		if emoji == "" {
			return m.askReaction(msg)
		}
		return m.react(msg, emoji)
	})
}

func (m *Model) runEdit(string) tea.Cmd { return m.onMessage(true, m.edit) }

func (m *Model) runDelete(string) tea.Cmd { return m.onMessage(true, m.askDelete) }

// onMessage does something with the message that is meant.
func (m *Model) onMessage(ours bool, do func(control.Message) tea.Cmd) tea.Cmd {
	if t := m.talk(); t != nil {
		if i := t.index(t.chosen); i >= 0 {
			return do(t.messages[i])
		}
	}
	msg, ok := m.last(func(msg control.Message) bool { return !msg.Deleted && (msg.From.ID == m.me.ID) == ours })
	if !ok {
		return m.say(paint.Caution, m.words.NoMessage)
	}
	return do(msg)
}

// messageKeys are the keys that do on the sheet of a message what they do on the message.
func (m *Model) messageKeys(msg control.Message) map[string]func(*Model) tea.Cmd {
	keys := map[string]func(*Model) tea.Cmd{}
	for _, stroke := range []string{"y", "r", "+", "e", "d"} {
		keys[stroke] = func(m *Model) tea.Cmd {
			m.closeDialog()
			cmd, _ := m.keyMessage(msg, stroke)
			return cmd
		}
	}
	return keys
}

// keyMessage does what a key means for the message under the bar.
func (m *Model) keyMessage(msg control.Message, stroke string) (tea.Cmd, bool) {
	switch stroke {
	case "enter":
		return m.details(msg), true
	case "y", "c":
		return m.copy(msg), true
	case "r":
		return m.reply(msg), true
	case "+":
		return m.askReaction(msg), true
	case "e":
		return m.edit(msg), true
	case "d", "delete":
		return m.askDelete(msg), true
	}
	return nil, false
}

// copy puts a text where the terminal pastes from.
func (m *Model) copy(msg control.Message) tea.Cmd {
	if msg.Deleted {
		return m.say(paint.Caution, m.words.IsDeleted)
	}
	m.toEditor()
	return tea.Batch(tea.SetClipboard(msg.Text), m.say(paint.Good, m.words.Copied))
}

// messageChoices are what can be done with a message, for its sheet.
func (m *Model) messageChoices(msg control.Message) (all []choice) {
	w := m.words
	add := func(label, key string, look paint.Look, do func(control.Message) tea.Cmd) {
		all = append(all, choice{label: label, more: key, look: look, do: func(m *Model) tea.Cmd { m.closeDialog(); return do(msg) }})
	}
	if msg.Deleted {
		return []choice{{label: w.Close, do: (*Model).closeDialog}}
	}
	add(w.Copy, "y", paint.Plain, m.copy)
	add(w.ReplyYes, "r", paint.Plain, m.reply)
	add(w.ReactYes, "+", paint.Plain, m.askReaction)
	if msg.Quote != nil {
		add(w.ToQuoted, "", paint.Plain, m.showQuoted)
	}
	if msg.From.ID == m.me.ID {
		add(w.EditYes, "e", paint.Plain, m.edit)
		add(w.DeleteYes, "d", paint.Bad, m.askDelete)
	}
	return all
}

// showQuoted turns to the message that one answers.
func (m *Model) showQuoted(msg control.Message) tea.Cmd {
	return m.do(func(ctx context.Context) (then, error) {
		quoted, err := m.node.Message(ctx, msg.Quote.ID)
		return func(m *Model) tea.Cmd { return m.show(quoted) }, err
	})
}
