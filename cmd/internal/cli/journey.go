package cli

import (
	"context"
	"time"

	"sottovoce/cmd/internal/control"
)

type (
	infoCommand struct {
		ID string `arg:"" help:"Id of a message, or the beginning of one." placeholder:"ID"`
	}
	whyCommand struct {
		ID string `arg:"" help:"Id of a message, or the beginning of one." placeholder:"ID"`
	}
	readCommand struct {
		What string `arg:"" help:"Id of a message, for all up to it; or name or id of a contact, for all of theirs." placeholder:"ID|WHO"`
	}
)

// Help explains the command to a person.
func (infoCommand) Help() string {
	return explain("One line for each device that the message goes to, with the time of each state.", "sottovoce info msg-t5cfgz7obr")
}

// Help explains the command to a person.
func (whyCommand) Help() string {
	return explain("For each device that the message goes to: which way, and what it waits for.", "sottovoce why msg-t5cfgz7obr")
}

// Help explains the command to a person.
func (readCommand) Help() string {
	return explain("It is noted here, and told to its author only if you want that: see 'sottovoce me --share'.", "sottovoce read Bob")
}

// Run shows how far a message came.
func (i *infoCommand) Run(c *call) error {
	j, err := c.journey(i.ID)
	if err != nil || c.json {
		return err
	}
	rows := [][]string{{"message", j.Message.ID}, {"from", name(j.Message.From)}, {"written", moment(&j.Message.Time)}}
	if j.Message.Change != nil {
		what := "edited"
		if j.Message.Deleted {
			what = "deleted"
		}
		rows = append(rows, []string{what, moment(&j.Message.Change.Time)})
	}
	if j.Received != nil {
		rows = append(rows, []string{"received", moment(j.Received)})
	}
	for _, to := range j.Copies {
		rows = append(rows, []string{"to", name(to.To) + "  " + shortID(to.Device) + "  " + stateMark(control.Message{State: to.State, Reason: to.Reason, HeldBy: to.HeldBy, HeldUntil: to.HeldUntil})})
		for _, at := range []struct {
			what string
			time *time.Time
		}{{"queued", to.Queued}, {"sealed", to.Sealed}, {"delivered", to.Delivered}, {"read", to.Read}} {
			if at.time != nil {
				rows = append(rows, []string{"  " + at.what, moment(at.time)})
			}
		}
	}
	return c.printTable(rows, c.palette.faint, nil)
}

// Run tells what a message waits for.
func (w *whyCommand) Run(c *call) error {
	j, err := c.journey(w.ID)
	if err != nil || c.json {
		return err
	}
	if len(j.Copies) == 0 {
		return c.printf("%s wrote it, and it is here.\n", name(j.Message.From))
	}
	for _, to := range j.Copies {
		if err := c.printf("%s  %s: %s\n", name(to.To), c.palette.faint(shortID(to.Device)), reason(to)); err != nil {
			return err
		}
	}
	return nil
}

// journey asks for all that is known of a message; with --json it is the answer.
func (c *call) journey(id string) (control.Journey, error) {
	ctx, cancel := c.soon()
	defer cancel()
	j, err := c.node.Journey(ctx, id)
	if err == nil && c.json {
		err = c.printJSON(j)
	}
	return j, err
}

// reason says in words how a copy stands.
func reason(to control.Copy) string {
	switch {
	case to.Waits != "":
		return "waits " + oneLine(to.Waits)
	case to.State == control.StateRead:
		return "they have read it, " + moment(to.Read)
	case to.State == control.StateDelivered:
		return "they have it, since " + moment(to.Delivered)
	case to.Reason != "":
		return string(to.State) + ": " + oneLine(to.Reason)
	}
	return string(to.State)
}

// moment is a time for the screen.
func moment(at *time.Time) string {
	if at == nil {
		return "at a time that is not known"
	}
	return at.Local().Format("2006-01-02 15:04:05")
}

// Run notes that something was read.
func (r *readCommand) Run(c *call) error {
	ctx, cancel := c.soon()
	defer cancel()
	reading, err := c.node.Read(ctx, r.What)
	if err != nil {
		return err
	}
	if c.json {
		return c.printJSON(reading)
	}
	if reading.ID == "" {
		return c.printf("%s has not written anything yet.\n", name(reading.With))
	}
	told := "is not told"
	if reading.Shared {
		told = "is told"
	}
	return c.printf("Read. %s %s.\n", name(reading.With), told)
}

// follow prints the messages with a contact in the order in which they arrive, but for those
// that were printed, until the program is told to stop.
func (c *call) follow(l *logCommand, q control.LogQuery) error {
	ctx, cancel := context.WithCancel(c.ctx)
	defer cancel()
	with, err := c.node.Contact(ctx, l.To)
	if err != nil {
		return err
	}
	events, err := c.node.Events(ctx, nil) // before the log is read, so that nothing falls in between
	if err != nil {
		return err
	}
	printed, err := c.printLog(ctx, with.ID, q)
	if err != nil {
		return err
	}
	me, err := c.node.Me(ctx)
	if err != nil {
		return err
	}
	for e, err := range events {
		if c.ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		if e.Event != control.EventMessage || e.Message.Conversation.With != with.ID || printed[e.Message.ID] {
			continue
		}
		if err := c.printMessage(*e.Message, me.ID); err != nil {
			return err
		}
	}
	return nil
}
