package cli

import (
	"strings"
	"time"

	"sottovoce/cmd/internal/control"
)

type searchCommand struct {
	Words []string `arg:"" help:"Words that are all in the message, in whatever case and with whatever accents."`
	From  string   `help:"Only what this contact wrote, or you." placeholder:"WHO"`
	In    string   `help:"Only messages with this contact." placeholder:"WHO"`
	Since string   `help:"Only what was written at this time or later: 2026-11-22T18:00:00Z, or 90m for the last ninety minutes." placeholder:"WHEN"`
	Until string   `help:"Only what was written before this time." placeholder:"WHEN"`
	N     int      `short:"n" help:"Only the newest N; normally 20." placeholder:"N" default:"20"`
}

// Help explains the command to a person.
func (searchCommand) Help() string {
	return explain("Looks through all conversations, newest first, and shows where the words stand.", "sottovoce search boat quay --from Bob")
}

// Run shows where words were said.
func (s *searchCommand) Run(c *call) error {
	if s.N < 1 || s.N > control.SearchMax {
		return control.Errorf(control.CodeUsage, "-n is how many messages, 1 to %d; not %d", control.SearchMax, s.N)
	}
	q := control.SearchQuery{Words: strings.Join(s.Words, " "), From: s.From, In: s.In, N: s.N}
	var err error
	if q.Since, err = parseWhen("--since", s.Since, c.now()); err != nil {
		return err
	}
	if q.Until, err = parseWhen("--until", s.Until, c.now()); err != nil {
		return err
	}
	ctx, cancel := c.soon()
	defer cancel()
	found, err := c.node.Search(ctx, q)
	if err != nil {
		return err
	}
	for _, m := range found {
		if err := c.printFound(m); err != nil {
			return err
		}
	}
	return nil
}

// printFound prints a message as one line, with the name of the conversation where that is not its author's.
func (c *call) printFound(m control.Message) error {
	if c.json {
		return c.printJSON(m)
	}
	who := name(m.From)
	if m.Conversation.Name != m.From.Name {
		who += " to " + oneLine(m.Conversation.Name)
	}
	when := m.Time.Local().Format("2006-01-02 15:04")
	return c.printf("%s  %s  %s\n", c.palette.faint(when), c.palette.bold(who), oneLine(m.Snippet))
}

// parseWhen reads a time, or how long ago it was; the zero time when nothing is given.
func parseWhen(flag, text string, now time.Time) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if ago, err := time.ParseDuration(text); err == nil {
		return now.Add(-ago), nil
	}
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return t, control.Errorf(control.CodeUsage, "%s is a time such as 2026-11-22T18:00:00Z, or 90m; not %q", flag, text)
	}
	return t, nil
}
