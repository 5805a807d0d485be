package tui

import (
	"context"
	"strings"

	tea "charm.land/bubbletea/v2"

	"sottovoce/cmd/internal/control"
	"sottovoce/cmd/internal/tui/paint"
)

// runCommunities lists them; each can be looked at and left, and another joined.
func (m *Model) runCommunities(string) tea.Cmd {
	return m.do(func(ctx context.Context) (then, error) {
		all, err := m.node.Communities(ctx)
		return func(m *Model) tea.Cmd { return m.openDialog(communitySheet(all)) }, err
	})
}

func communitySheet(all []control.Community) *sheet {
	return &sheet{
		name: func(m *Model) string { return m.words.CommunitiesTitle },
		text: func(m *Model, width int) []paint.Line {
			if len(all) == 0 {
				return paragraphs(width, paint.Plain, m.words.NoCommunity)
			}
			var rows []paint.Line
			for _, c := range all {
				rows = append(rows, paint.Text(paint.Strong, communityName(c)))
				for _, s := range c.Supernodes {
					look, text := paint.Caution, m.words.SupernodeAway
					if s.Reached {
						look, text = paint.Good, m.words.SupernodeReached
					}
					rows = append(rows, paint.Line{{Text: "  ● ", Look: look}, {Text: text}, {Text: "  " + idOf(s.ID), Look: paint.Faint}})
				}
				rows = append(rows, trouble(c.Trouble, width)...)
			}
			return rows
		},
		choices: func(m *Model) (list []choice) {
			for _, c := range all {
				list = append(list, choice{label: communityName(c), more: m.words.CommunityDetails, look: paint.Strong, do: func(m *Model) tea.Cmd {
					return m.openDialog(m.communityDetails(c))
				}})
			}
			return append(list, choice{label: m.words.JoinCommunity, do: func(m *Model) tea.Cmd {
				m.closeDialog()
				return m.command("/join")
			}})
		},
	}
}

// communityDetails is all that is known of one, and the way out of it.
func (m *Model) communityDetails(c control.Community) *sheet {
	return &sheet{
		name: func(*Model) string { return communityName(c) },
		text: func(m *Model, width int) (rows []paint.Line) {
			if !c.Joined {
				rows = append(paragraphs(width, paint.Caution, m.words.CommunityWaits), nil)
			}
			if t := trouble(c.Trouble, width); t != nil {
				rows = append(append(rows, t...), nil)
			}
			for _, s := range c.Supernodes {
				rows = append(append(rows, m.supernodeRows(s, width)...), nil)
			}
			rows = append(append(rows, paragraphs(width, paint.Plain, m.words.CommunityKnows)...), nil)
			rows = append(rows, columns(width, m.words.CommunityPersona, idOf(c.Persona))...)
			return append(rows, columns(width, m.words.CommunityID, idOf(c.ID))...)
		},
		choices: func(m *Model) []choice {
			return []choice{{label: m.words.Close, do: (*Model).closeDialog}, {label: m.words.LeaveCommunity(communityName(c)), look: paint.Bad, do: func(m *Model) tea.Cmd {
				m.dialogs = nil
				return m.askLeave(c)
			}}}
		},
	}
}

// supernodeRows say how one is reached, and what is wrong with it.
func (m *Model) supernodeRows(s control.CommunitySupernode, width int) (rows []paint.Line) {
	w := m.words
	look, text := paint.Caution, w.SupernodeNever
	switch {
	case s.Reached:
		look, text = paint.Good, w.SupernodeReached
	case !s.Seen.IsZero():
		text = w.SupernodeSeen(s.Seen.In(m.zone).Format("2006-01-02 15:04"))
	}
	rows = append(rows, paint.Line{{Text: "● ", Look: look}, {Text: text}, {Text: "  " + idOf(s.ID), Look: paint.Faint}})
	where := w.SupernodeHere
	if len(s.Addresses) > 0 {
		where = w.SupernodeAt(paint.OneLine(strings.Join(s.Addresses, ", ")))
	}
	rows = append(rows, hanging("  ", where, width)...)
	if s.Weaker {
		rows = append(rows, indented(paragraphs(width-2, paint.Caution, w.Weaker))...)
	}
	return append(rows, indented(trouble(s.Trouble, width-2))...)
}

// indented moves rows to the right by two cells.
func indented(rows []paint.Line) []paint.Line {
	for i := range rows {
		rows[i] = append(paint.Line{{Text: "  "}}, rows[i]...)
	}
	return rows
}

// askLeave asks before a community is left: it takes a new link to come back.
func (m *Model) askLeave(c control.Community) tea.Cmd {
	return m.openDialog(m.confirm(m.words.LeaveCommunity(communityName(c)), m.words.LeaveMore, m.words.LeaveYes, func(m *Model) tea.Cmd {
		return m.do(func(ctx context.Context) (then, error) {
			_, err := m.node.Leave(ctx, c.ID)
			return func(m *Model) tea.Cmd {
				return tea.Batch(m.say(paint.Good, m.words.SaidLeft(communityName(c))), m.refresh())
			}, err
		})
	}))
}

func trouble(text string, width int) []paint.Line {
	if text == "" {
		return nil
	}
	return paragraphs(width, paint.Caution, here(text))
}

func communityName(c control.Community) string {
	if name := paint.OneLine(c.Name); name != "" {
		return name
	}
	return shortID(c.ID)
}

// runJoin becomes a member by a link.
func (m *Model) runJoin(link string) tea.Cmd {
	return tea.Batch(m.say(paint.Faint, m.words.Joining), m.do(func(ctx context.Context) (then, error) {
		c, err := m.node.Join(ctx, link)
		return func(m *Model) tea.Cmd {
			return tea.Batch(m.say(paint.Good, m.words.SaidJoined(communityName(c))), m.refresh())
		}, err
	}))
}
