package tui

import (
	"context"

	tea "charm.land/bubbletea/v2"

	"sottovoce/cmd/internal/control"
	"sottovoce/cmd/internal/tui/paint"
)

// runLinks lists the links that were given out: each can be shown again, or taken back.
func (m *Model) runLinks(string) tea.Cmd {
	return m.do(func(ctx context.Context) (then, error) {
		all, err := m.node.Invites(ctx)
		return func(m *Model) tea.Cmd { return m.openDialog(m.linkSheet(all)) }, err
	})
}

func (m *Model) linkSheet(all []control.Invite) *sheet {
	return &sheet{
		name: func(m *Model) string { return m.words.LinksTitle },
		text: func(m *Model, width int) []paint.Line {
			if len(all) == 0 {
				return paragraphs(width, paint.Plain, m.words.LinksNone)
			}
			return paragraphs(width, paint.Plain, m.words.LinksMore)
		},
		choices: func(m *Model) []choice {
			var list []choice
			for _, i := range all {
				list = append(list, m.linkChoice(i))
			}
			return append(list, choice{label: m.words.LinksNew, look: paint.Strong, do: func(m *Model) tea.Cmd {
				m.closeDialog()
				return m.runInvite("")
			}})
		},
	}
}

// linkChoice is a link by what became of it.
func (m *Model) linkChoice(i control.Invite) choice {
	w := m.words
	c := choice{label: w.LinkOpen(i.Expires.In(m.zone).Format("2006-01-02 15:04"))}
	switch by := paint.OneLine(i.By); {
	case i.Twice:
		c.label, c.look = w.LinkTwice(by), paint.Bad
	case i.Used:
		c.label = w.LinkUsed(by)
	}
	c.do = func(m *Model) tea.Cmd {
		if i.Link != "" {
			return m.replaceDialog(m.invitation(i))
		}
		return m.replaceDialog(m.confirm(m.words.LinksTitle, c.label+"\n\n"+m.words.LinkForget, m.words.LinkForgetYes, func(m *Model) tea.Cmd { return m.revoke(i.ID) }))
	}
	return c
}

// revoke takes a link back.
func (m *Model) revoke(id string) tea.Cmd {
	return m.do(func(ctx context.Context) (then, error) {
		_, err := m.node.Revoke(ctx, id)
		return func(m *Model) tea.Cmd { return tea.Batch(m.say(paint.Good, m.words.InviteRevoked), m.refresh()) }, err
	})
}
