package cli

import (
	"context"
	"slices"
	"strings"

	"sottovoce/cmd/internal/control"
)

// amend does what concerns a message: the one whose id stands before the rest, or the last one it can be about.
func (ch *chat) amend(ctx context.Context, word, rest string) {
	id, text := "", rest
	if strings.HasPrefix(rest, "msg-") {
		id, text, _ = strings.Cut(rest, " ")
	}
	ours := word == "/edit" || word == "/delete"
	if text == "" && word != "/delete" {
		ch.say("Say what, as in %s %s", word, map[string]string{"/reply": "Yes!", "/edit": "Lunch at two?", "/react": "👍"}[word])
		return
	}
	m, err := ch.last(ctx, id, ours)
	if err == nil && m.Conversation.With != ch.to.ID {
		err = control.Errorf(control.CodeNotFound, "that message is in the conversation with %s: choose them first, with /to", m.Conversation.Name)
	}
	if err != nil {
		ch.complain(err)
		return
	}
	switch word {
	case "/reply":
		sent := ch.c.node.Send(ctx, []control.Outgoing{{ReplyTo: m.ID, Text: text}})[0]
		if err = sent.Err; err == nil {
			ch.queued(sent.Message)
		}
	case "/edit":
		_, err = ch.c.node.Edit(ctx, m.ID, text)
	case "/delete":
		_, err = ch.c.node.Delete(ctx, m.ID)
	case "/react":
		_, err = ch.c.node.React(ctx, m.ID, text, !ch.reacts(m, text))
	}
	if err != nil {
		ch.complain(err)
	}
}

// last finds a message by its id, or the last one of ours or theirs that was not deleted.
func (ch *chat) last(ctx context.Context, id string, ours bool) (control.Message, error) {
	if id != "" {
		return ch.c.node.Message(ctx, id)
	}
	recent, err := ch.c.node.Log(ctx, ch.to.ID, control.LogQuery{N: logMax})
	if err != nil {
		return control.Message{}, err
	}
	for _, m := range slices.Backward(recent) {
		if !m.Deleted && (m.From.ID == ch.me.ID) == ours {
			return m, nil
		}
	}
	return control.Message{}, control.Errorf(control.CodeNotFound, "there is no such message among the last ones; give the id of one, which 'sottovoce log --json' shows")
}

// reacts tells whether we answer a message with an emoji already.
func (ch *chat) reacts(m control.Message, emoji string) bool {
	return slices.ContainsFunc(m.Reactions, func(r control.Reaction) bool {
		return r.Emoji == emoji && slices.ContainsFunc(r.From, func(p control.Person) bool { return p.ID == ch.me.ID })
	})
}

// changed shows a message that was edited or deleted, or to which somebody reacts, as it stands now; of one that says what it
// said before, the beginning.
func (ch *chat) changed(m control.Message) {
	if !m.Edited {
		m.Text = excerpt(m.Text)
	}
	who := name(m.From)
	if m.From.ID == ch.me.ID {
		who = "you"
	}
	ch.say("%s %s: %s", ch.c.palette.faint("now, at "+clock(m.Time)), ch.c.palette.bold(who), ch.c.wording(m, 6))
}
