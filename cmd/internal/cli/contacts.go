package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"sottovoce/cmd/internal/control"
)

type (
	removeCommand struct {
		Who string `arg:"" help:"Name or id of a contact."`
		Yes bool   `help:"Do it without asking."`
	}
	renameCommand struct {
		Who  string `arg:"" help:"Name or id of a contact."`
		Name string `arg:"" optional:"" help:"Your name for them. Without it, they are called what they call themselves."`
	}
	blockCommand struct {
		Who string `arg:"" help:"Name or id of a contact."`
	}
	unblockCommand struct {
		Who string `arg:"" help:"Name or id of a contact."`
	}
	resetCommand struct {
		Who    string `arg:"" help:"Name or id of a contact."`
		Accept bool   `help:"Say yes to a contact who wants to begin anew."`
	}
)

// Help explains the command to a person.
func (removeCommand) Help() string {
	return explain("Everything that was said with them is deleted for good, and what waits for them is not sent. They are not told: you are a stranger to each other, and either may ask anew.",
		"sottovoce remove Bob")
}

// Help explains the command to a person.
func (renameCommand) Help() string {
	return explain("The name is for your eyes only, and stays when they change theirs.", `sottovoce rename Bob "Uncle Bob"`)
}

// Help explains the command to a person.
func (blockCommand) Help() string {
	return explain("They are not told. Nothing is sent to them, and nothing of them is shown; what they write meanwhile waits with them, and arrives when you unblock them.",
		"sottovoce block Bob")
}

// Help explains the command to a person.
func (unblockCommand) Help() string {
	return explain("What waited on either side goes out.", "sottovoce unblock Bob")
}

// Help explains the command to a person.
func (resetCommand) Help() string {
	return explain("For a home that was put back from an older copy: its keys are out of date. Your contact is asked, and as soon as they have said yes what waits goes out. "+
		"When it is your contact who asks, a notice says so. Ask them in person whether it is they, and not somebody with a copy of their keys, then say yes with --accept.",
		"sottovoce reset Bob --accept")
}

// Run forgets a contact, once the person is sure.
func (r *removeCommand) Run(c *call) error {
	if !r.Yes {
		if err := r.ask(c); err != nil {
			return err
		}
	}
	return c.decide(c.node.Remove, r.Who, removed)
}

// ask asks at the terminal.
func (r *removeCommand) ask(c *call) error {
	if !isTerminal(c.Stdin) {
		return control.Errorf(control.CodeUsage, "this deletes all that was said with them for good; if that is meant, add --yes")
	}
	ctx, cancel := c.soon()
	defer cancel()
	p, err := c.node.Contact(ctx, r.Who)
	if err != nil {
		return err
	}
	fmt.Fprintf(c.Stderr, "Remove %s (%s), and delete all that was said with them for good? Type yes: ", name(p), shortID(p.ID))
	answer, err := bufio.NewReader(io.LimitReader(c.Stdin, lineMax)).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("the terminal: %w", err)
	}
	if strings.TrimSpace(strings.ToLower(answer)) != "yes" {
		return control.Errorf(control.CodeFailed, "nothing was removed")
	}
	return nil
}

// Run gives a contact a name.
func (r *renameCommand) Run(c *call) error {
	rename := func(ctx context.Context, who string) (control.Person, error) { return c.node.Rename(ctx, who, r.Name) }
	return c.decide(rename, r.Who, renamed)
}

// Run shuts a contact out.
func (b *blockCommand) Run(c *call) error { return c.decide(c.node.Block, b.Who, blocked) }

// Run lets a contact in again.
func (u *unblockCommand) Run(c *call) error { return c.decide(c.node.Unblock, u.Who, unblocked) }

// Run asks to begin anew, or says yes to that.
func (r *resetCommand) Run(c *call) error {
	if r.Accept {
		return c.decide(c.node.PermitReset, r.Who, permitted)
	}
	return c.decide(c.node.Reset, r.Who, reset)
}

func reset(p control.Person) string {
	return name(p) + " is asked to begin anew. What you write waits until they have said yes, with: sottovoce reset YOU --accept"
}

func permitted(p control.Person) string {
	return "You and " + name(p) + " begin anew. What you wrote to them and they have not received goes out again."
}

func removed(p control.Person) string {
	return name(p) + " is no contact any more, and not told. All that was said is deleted."
}

func renamed(p control.Person) string {
	if p.OwnName == "" {
		return name(p) + " is called what they call themselves."
	}
	return oneLine(p.OwnName) + " is called " + name(p) + " here."
}

func blocked(p control.Person) string {
	return name(p) + " is blocked, and not told. Nothing goes to them or comes from them until you unblock them."
}

func unblocked(p control.Person) string { return name(p) + " is a contact like any other again." }
