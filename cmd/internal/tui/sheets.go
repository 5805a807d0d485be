package tui

import (
	"context"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"

	"sottovoce/cmd/internal/control"
	"sottovoce/cmd/internal/tui/paint"
)

// newHelp lists the keys and the commands.
func newHelp(*Model) *sheet {
	return &sheet{
		name: func(m *Model) string { return m.words.HelpTitle },
		text: func(m *Model, width int) (rows []paint.Line) {
			for _, line := range m.words.Help {
				keys, does, _ := strings.Cut(line, "\t")
				rows = append(rows, columns(width, keys, does)...)
			}
			rows = append(rows, nil)
			for _, c := range commands() {
				w := m.words.Commands[c.name]
				rows = append(rows, columns(width, strings.TrimSpace("/"+c.name+" "+w.Argument), w.Does)...)
			}
			return rows
		},
	}
}

// columnWidth is how wide the first of two columns is.
const columnWidth = 22

// columns are a word at the left and what it means at the right.
func columns(width int, left, right string) (rows []paint.Line) {
	for i, row := range paint.Wrap(right, max(10, width-columnWidth)) {
		if i > 0 {
			left = ""
		}
		rows = append(rows, paint.Line{
			{Text: left + strings.Repeat(" ", max(1, columnWidth-paint.Width(left))), Look: paint.Strong}, {Text: row},
		})
	}
	return rows
}

// details tells all that is known of one message: for ours how each copy went, for theirs when it came.
func (m *Model) details(msg control.Message) tea.Cmd {
	return m.do(func(ctx context.Context) (then, error) {
		j, err := m.node.Journey(ctx, msg.ID)
		return func(m *Model) tea.Cmd {
			return m.openDialog(&sheet{
				name: func(m *Model) string { return m.words.DetailsTitle },
				text: func(m *Model, width int) []paint.Line {
					rows := m.journey(j, width)
					if text := paragraphs(width, paint.Plain, paint.Safe(msg.Text)); len(text) > textRowsMax/2 { // of the same text there are at most twice as many rows beside the people
						rows = append(append(rows, nil), text...)
					}
					return rows
				},
				choices: func(m *Model) []choice {
					return []choice{{label: m.words.Copy, do: func(m *Model) tea.Cmd {
						m.closeDialog()
						return tea.Batch(tea.SetClipboard(msg.Text), m.say(paint.Good, m.words.Copied))
					}}}
				},
			})
		}, err
	})
}

func (m *Model) journey(j control.Journey, width int) (rows []paint.Line) {
	w := m.words
	at := func(label string, t *time.Time) {
		if t != nil {
			rows = append(rows, columns(width, label, t.In(m.zone).Format("2006-01-02 15:04:05"))...)
		}
	}
	written := j.Message.Time
	at(w.Written, &written)
	at(w.Received, j.Received)
	for _, c := range j.Copies {
		rows = append(rows, nil, paint.Text(paint.Strong, nameOf(c.To)))
		at(w.Sealed, c.Sealed)
		at(w.DeliveredAt, c.Delivered)
		at(w.ReadAt, c.Read)
		if len(c.HeldBy) > 0 {
			names := make([]string, len(c.HeldBy))
			for i, n := range c.HeldBy {
				names[i] = paint.OneLine(n)
			}
			rows = append(rows, columns(width, w.HeldBy, strings.Join(names, ", "))...)
			rows = append(rows, columns(width, w.HeldUntil, c.HeldUntil.Format("2006-01-02"))...)
		}
		for label, text := range map[string]string{w.WaitsFor: c.Waits, w.Reason: c.Reason} {
			if text != "" {
				rows = append(rows, columns(width, label, paint.OneLine(text))...)
			}
		}
	}
	return rows
}

// runInvite makes a link and shows it with its code.
func (m *Model) runInvite(string) tea.Cmd {
	return m.do(func(ctx context.Context) (then, error) {
		made, err := m.node.Invite(ctx, 0)
		return func(m *Model) tea.Cmd { return m.openDialog(m.invitation(made)) }, err
	})
}

// invitation shows a link, at the right of its code where both have room beside each other.
func (m *Model) invitation(made control.Invite) *sheet {
	return &sheet{
		name: func(m *Model) string { return m.words.InviteTitle },
		text: func(m *Model, width int) []paint.Line {
			code := qrRows(made.Link, width, m.height-2)
			if len(code) == 0 {
				return append(m.inviteWords(made, width), nil, paint.Text(paint.Faint, paint.Cut(m.words.InviteNoCode, width)))
			}
			beside := width - code[0].Width() - 2
			if beside < inviteWordsMin {
				return append(append(code, nil), m.inviteWords(made, width)...)
			}
			said := m.inviteWords(made, beside)
			rows := make([]paint.Line, max(len(code), len(said)))
			for i := range rows {
				row := paint.Text(paint.Plain, strings.Repeat(" ", code[0].Width()))
				if i < len(code) {
					row = code[i]
				}
				if i < len(said) {
					row = append(append(row, paint.Span{Text: "  "}), said[i]...)
				}
				rows[i] = row
			}
			return rows
		},
		keys: map[string]func(m *Model) tea.Cmd{
			"c": func(m *Model) tea.Cmd {
				return tea.Batch(tea.SetClipboard(made.Link), m.say(paint.Good, m.words.Copied))
			},
			"r": func(m *Model) tea.Cmd {
				m.closeDialog()
				return m.do(func(ctx context.Context) (then, error) {
					_, err := m.node.Revoke(ctx, made.ID)
					return func(m *Model) tea.Cmd { return m.say(paint.Good, m.words.InviteRevoked) }, err
				})
			},
		},
		hints: func(m *Model) string { return m.words.InviteKeys },
	}
}

// inviteWordsMin is how narrow the words beside a code may get.
const inviteWordsMin = 24

func (m *Model) inviteWords(made control.Invite, width int) []paint.Line {
	rows := append(paragraphs(width, paint.Plain, m.words.InviteMore(made.Expires.In(m.zone).Format("2006-01-02 15:04"))), nil)
	for _, row := range paint.Wrap(made.Link, width) {
		rows = append(rows, paint.Text(paint.Strong, row))
	}
	return rows
}

// runCommunities lists them; each can be left, and another joined.
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
					rows = append(rows, paint.Line{{Text: "  ● ", Look: look}, {Text: text}, {Text: "  " + s.ID, Look: paint.Faint}})
					rows = append(rows, trouble(s.Trouble, width)...)
				}
				rows = append(rows, trouble(c.Trouble, width)...)
			}
			return rows
		},
		choices: func(m *Model) []choice {
			list := []choice{{label: m.words.JoinCommunity, do: func(m *Model) tea.Cmd {
				m.closeDialog()
				return m.command("/join")
			}}}
			for _, c := range all {
				list = append(list, choice{label: m.words.LeaveCommunity(communityName(c)), do: func(m *Model) tea.Cmd {
					return m.replaceDialog(m.confirm(m.words.LeaveCommunity(communityName(c)), m.words.LeaveMore, m.words.LeaveYes, func(m *Model) tea.Cmd {
						return m.do(func(ctx context.Context) (then, error) {
							_, err := m.node.Leave(ctx, c.ID)
							return func(m *Model) tea.Cmd {
								return tea.Batch(m.say(paint.Good, m.words.SaidLeft(communityName(c))), m.refresh())
							}, err
						})
					}))
				}})
			}
			return list
		},
	}
}

func trouble(text string, width int) []paint.Line {
	if text == "" {
		return nil
	}
	return paragraphs(width, paint.Caution, paint.OneLine(text))
}

func communityName(c control.Community) string {
	if name := paint.OneLine(c.Name); name != "" {
		return name
	}
	return c.ID
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

// runDoctor shows findings as they come.
func (m *Model) runDoctor(string) tea.Cmd {
	var found []control.Finding
	over := false
	s := &sheet{
		name: func(m *Model) string { return m.words.DoctorTitle },
		text: func(m *Model, width int) (rows []paint.Line) {
			for _, f := range found {
				look := map[control.Verdict]paint.Look{control.VerdictOK: paint.Good, control.VerdictWarn: paint.Caution, control.VerdictBad: paint.Bad}[f.Verdict]
				for i, row := range paint.Wrap(paint.OneLine(f.Says), width-2) {
					dot := "  "
					if i == 0 {
						dot = "● "
					}
					rows = append(rows, paint.Line{{Text: dot, Look: look}, {Text: row}})
				}
				for _, more := range []string{f.Why, f.Do} {
					for _, row := range paint.Wrap(paint.OneLine(more), width-2) {
						if more != "" {
							rows = append(rows, paint.Text(paint.Faint, "  "+row))
						}
					}
				}
			}
			if !over {
				rows = append(rows, paint.Text(paint.Faint, m.words.DoctorLooks))
			}
			return rows
		},
	}
	ctx, cancel := context.WithCancel(m.ctx)
	s.escape = func(m *Model) tea.Cmd { cancel(); return m.closeDialog() }
	next := make(chan then)
	go func() {
		defer close(next)
		findings, err := m.node.Doctor(ctx)
		tell := func(t then) bool {
			select {
			case next <- t:
				return true
			case <-ctx.Done():
				return false
			}
		}
		if err == nil {
			for f, e := range findings {
				if err = e; err != nil || !tell(func(*Model) tea.Cmd { found = append(found, f); return nil }) {
					break
				}
			}
		}
		tell(func(m *Model) tea.Cmd {
			over = true
			if err != nil && ctx.Err() == nil {
				return m.complain(err)
			}
			return nil
		})
	}()
	var wait func() tea.Msg
	wait = func() tea.Msg {
		t, ok := <-next
		if !ok {
			cancel()
			return nil
		}
		return then(func(m *Model) tea.Cmd { return tea.Batch(t(m), wait) })
	}
	return tea.Batch(m.openDialog(s), wait)
}

// notice shows a sentence of the node until somebody has read it, but for one that tells only what a dialog asks already.
func (m *Model) notice(text string) tea.Cmd {
	for _, d := range m.dialogs {
		if c, ok := d.(*comparing); ok && c.tells(text) {
			return nil
		}
	}
	return m.interrupt(&sheet{
		notice: text,
		name:   func(m *Model) string { return m.words.NoticeTitle },
		text:   func(_ *Model, width int) []paint.Line { return paragraphs(width, paint.Plain, paint.Safe(text)) },
		choices: func(m *Model) []choice {
			return []choice{{label: m.words.Close, do: (*Model).closeDialog}}
		},
	})
}
