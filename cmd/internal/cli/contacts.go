package cli

import (
	"context"

	"sottovoce/cmd/internal/control"
)

type (
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
