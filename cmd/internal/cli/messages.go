package cli

import (
	"context"
	"fmt"
	"io"
	"iter"
	"strings"
	"time"
	"unicode/utf8"

	"sottovoce/cmd/internal/control"
)

// Run sends one message and waits for the state that is wanted.
func (s *sendCommand) Run(c *call) error {
	text, err := c.text(s.Text)
	if err != nil {
		return err
	}
	return c.send(control.Outgoing{To: s.To, Text: text}, control.State(s.Wait), s.Timeout)
}

// text is what to send: the arguments, or standard input without its last newline.
func (c *call) text(words []string) (string, error) {
	text := strings.Join(words, " ")
	if len(words) == 0 {
		raw, err := io.ReadAll(io.LimitReader(c.Stdin, control.TextMax+2))
		if err != nil {
			return "", fmt.Errorf("standard input: %w", err)
		}
		text = strings.TrimSuffix(strings.TrimSuffix(string(raw), "\n"), "\r")
	}
	switch {
	case text == "":
		return "", control.Errorf(control.CodeUsage, "there is nothing to send; write the text after the name")
	case len(text) > control.TextMax:
		return "", control.Errorf(control.CodeTooLong, "the text is too long; a message holds up to %d bytes", control.TextMax)
	case !utf8.ValidString(text):
		return "", control.Errorf(control.CodeUsage, "the text is not UTF-8")
	}
	return text, nil
}

// waitFor follows a message until it has reached a state, and returns it as it was last seen.
func waitFor(events iter.Seq2[control.Event, error], m control.Message, want control.State, timeout time.Duration) (control.Message, error) {
	if m.State.Reached(want) {
		return m, nil
	}
	for e, err := range events {
		if err != nil && control.AsError(err).Code == control.CodeTimeout {
			return m, control.Errorf(control.CodeTimeout, "not %s after %v; the message is kept and goes on trying", want, timeout)
		}
		if err != nil {
			return m, err
		}
		if e.Message == nil || e.Message.ID != m.ID {
			continue
		}
		m = *e.Message
		if m.State.Reached(want) {
			return m, nil
		}
		if m.State.Over() {
			return m, control.Errorf(control.CodeFailed, "the message has %s", strings.TrimPrefix(stateMark(m), "✗ "))
		}
	}
	return m, control.Errorf(control.CodeNotRunning, "the node stopped; the message is kept")
}

// Run shows the messages with a contact.
func (l *logCommand) Run(c *call) error {
	q, err := l.query(c.now())
	if err != nil {
		return err
	}
	if l.Follow {
		return c.follow(l, q)
	}
	_, err = c.printLog(c.ctx, l.To, q)
	return err
}

// printLog prints the messages with a contact and says which they were.
func (c *call) printLog(ctx context.Context, to string, q control.LogQuery) (printed map[string]bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	messages, err := c.node.Log(ctx, to, q)
	if err != nil {
		return nil, err
	}
	me, err := c.node.Me(ctx)
	if err != nil {
		return nil, err
	}
	printed = make(map[string]bool, len(messages))
	for _, m := range messages {
		if err := c.printMessage(m, me.ID); err != nil {
			return nil, err
		}
		printed[m.ID] = true
	}
	return printed, nil
}

// query reads --since, which is a message's id, a time, or how long ago.
func (l *logCommand) query(now time.Time) (control.LogQuery, error) {
	q := control.LogQuery{N: l.N}
	if l.N < 0 {
		return q, control.Errorf(control.CodeUsage, "-n is how many messages, not %d", l.N)
	}
	if l.Since == "" {
		return q, nil
	}
	if strings.HasPrefix(l.Since, "msg-") {
		q.After = l.Since
		return q, nil
	}
	if ago, err := time.ParseDuration(l.Since); err == nil {
		q.Since = now.Add(-ago)
		return q, nil
	}
	since, err := time.Parse(time.RFC3339, l.Since)
	if err != nil {
		return q, control.Errorf(control.CodeUsage, "--since is the id of a message, a time such as 2026-11-22T18:00:00Z, or 90m; not %q", l.Since)
	}
	q.Since = since
	return q, nil
}

func (c *call) printMessage(m control.Message, me string) error {
	if c.json {
		return c.printJSON(m)
	}
	when := m.Time.Local().Format("2006-01-02 15:04")
	who, mark := name(m.From), ""
	if m.From.ID == me {
		mark = "  " + c.palette.faint(ourMark(m))
	}
	return c.printf("%s  %s  %s%s\n", c.palette.faint(when), c.palette.bold(who), c.wording(m, len(when)+2), mark)
}

// Run prints what happens until the program is told to stop.
func (e *eventsCommand) Run(c *call) error {
	events, err := c.node.Events(c.ctx, e.Since)
	if err != nil {
		return err
	}
	for event, err := range events {
		if c.ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		if err := c.printJSON(event); err != nil {
			return err
		}
	}
	return nil
}
