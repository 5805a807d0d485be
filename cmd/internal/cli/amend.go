package cli

import (
	"context"
	"errors"
	"iter"
	"strings"
	"time"

	"sottovoce/cmd/internal/control"
)

type (
	replyCommand struct {
		ID      string        `arg:"" help:"The id of a message, as 'log --json' shows it, or its beginning."`
		Text    []string      `arg:"" optional:"" help:"What to answer. Without it, the text is read from standard input."`
		Wait    string        `help:"As 'send' does." enum:"queued,held,delivered,read" default:"queued" placeholder:"STATE"`
		Timeout time.Duration `help:"How long to wait for that; nothing is lost when the time is over. Normally 30s." default:"30s" placeholder:"TIME"`
	}
	editCommand struct {
		ID   string   `arg:"" help:"The id of a message of yours, or its beginning."`
		Text []string `arg:"" optional:"" help:"What it says from now on. Without it, the text is read from standard input."`
	}
	deleteCommand struct {
		ID string `arg:"" help:"The id of a message of yours, or its beginning."`
	}
	reactCommand struct {
		ID     string `arg:"" help:"The id of a message, or its beginning."`
		Emoji  string `arg:"" help:"One sign, such as 👍."`
		Remove bool   `help:"Take it back."`
	}
)

// Help explains the command to a person.
func (replyCommand) Help() string {
	return explain("The message goes to the contact with whom the other one is, and shows what it answers.", `sottovoce reply msg-t5cfgz7obr "At one!"`)
}

// Help explains the command to a person.
func (editCommand) Help() string {
	return explain("The message stays where it is and is marked as edited. The edit reaches the contact as a message does; 'info' tells how far it has come. A program of theirs that does not know edits goes on showing what it said first.",
		`sottovoce edit msg-t5cfgz7obr "Lunch at two?"`)
}

// Help explains the command to a person.
func (deleteCommand) Help() string {
	return explain("What it said is erased here at once, and the contact's program is asked to do the same. That cannot be forced: it may have been read, copied or backed up, and a program that does not know deletions keeps it. What was not sent yet is not sent.",
		"sottovoce delete msg-t5cfgz7obr")
}

// Help explains the command to a person.
func (reactCommand) Help() string {
	return explain("Both of you see it below the message, whoever wrote that.", "sottovoce react msg-t5cfgz7obr 👍")
}

// Run answers a message and waits for the state that is wanted.
func (r *replyCommand) Run(c *call) error {
	text, err := c.text(r.Text)
	if err != nil {
		return err
	}
	return c.send(control.Outgoing{ReplyTo: r.ID, Text: text}, control.State(r.Wait), r.Timeout)
}

// send sends one message and waits for the state that is wanted.
func (c *call) send(out control.Outgoing, want control.State, timeout time.Duration) error {
	ctx, cancel := context.WithCancelCause(c.ctx)
	defer cancel(nil)
	var events iter.Seq2[control.Event, error]
	if want != control.StateQueued {
		// Before sending, so that no state can be missed.
		var err error
		if events, err = c.node.Events(ctx, nil); err != nil {
			return err
		}
	}
	sending, stop := c.soon()
	defer stop()
	sent := c.node.Send(sending, []control.Outgoing{out})[0]
	if sent.Err != nil {
		return sent.Err
	}
	if !c.json {
		if err := c.printf("%s\n", sent.Message.ID); err != nil {
			return err
		}
	}
	timer := time.AfterFunc(timeout, func() { cancel(context.DeadlineExceeded) })
	defer timer.Stop()
	m, err := waitFor(events, sent.Message, want, timeout)
	if c.json {
		err = errors.Join(err, c.printJSON(m))
	}
	return err
}

// Run makes a message say something else.
func (e *editCommand) Run(c *call) error {
	text, err := c.text(e.Text)
	if err != nil {
		return err
	}
	return c.amend(func(ctx context.Context) (control.Message, error) { return c.node.Edit(ctx, e.ID, text) })
}

// Run makes a message say nothing.
func (d *deleteCommand) Run(c *call) error {
	return c.amend(func(ctx context.Context) (control.Message, error) { return c.node.Delete(ctx, d.ID) })
}

// Run answers a message with an emoji, or takes that back.
func (r *reactCommand) Run(c *call) error {
	return c.amend(func(ctx context.Context) (control.Message, error) { return c.node.React(ctx, r.ID, r.Emoji, !r.Remove) })
}

// amend changes a message and shows it.
func (c *call) amend(do func(context.Context) (control.Message, error)) error {
	ctx, stop := c.soon()
	defer stop()
	m, err := do(ctx)
	if err != nil {
		return err
	}
	me, err := c.node.Me(ctx)
	if err != nil {
		return err
	}
	return c.printMessage(m, me.ID)
}

// wording is what a message says as it stands now, for the screen: what it answers, the text with further lines indented
// by so much, and who reacts to it how.
func (c *call) wording(m control.Message, width int) string {
	said := indent(m.Text, width)
	switch {
	case m.Deleted:
		said = c.palette.faint("(deleted)")
	case m.Edited:
		said += c.palette.faint(" (edited)")
	}
	if q := m.Quote; q != nil {
		text := excerpt(q.Text)
		if q.Deleted {
			text = "(deleted)"
		}
		said = c.palette.faint("↪ "+name(q.From)+": "+text) + "  " + said
	} else if m.ReplyTo != "" {
		said = c.palette.faint("↪ a message that is not here") + "  " + said
	}
	return said + c.palette.faint(reacted(m.Reactions))
}

// reacted lists reactions behind a message.
func reacted(all control.Reactions) string {
	var b strings.Builder
	for _, r := range all {
		b.WriteString("  " + oneLine(r.Emoji))
		for i, p := range r.From {
			b.WriteString([]string{" ", ", "}[min(i, 1)] + name(p))
		}
	}
	return b.String()
}

// ourMark is how far a message of ours has come: the last edit, or the deletion, where there is one.
func ourMark(m control.Message) string {
	c := m.Change
	if c == nil {
		return stateMark(m)
	}
	m.State, m.Reason, m.HeldBy, m.HeldUntil = c.State, c.Reason, c.HeldBy, c.HeldUntil
	if m.Deleted {
		return "deletion " + stateMark(m)
	}
	return "edit " + stateMark(m)
}
