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

// Run gives a contact a name.
func (r *renameCommand) Run(c *call) error {
	rename := func(ctx context.Context, who string) (control.Person, error) { return c.node.Rename(ctx, who, r.Name) }
	return c.decide(rename, r.Who, renamed)
}

// Run shuts a contact out.
func (b *blockCommand) Run(c *call) error { return c.decide(c.node.Block, b.Who, blocked) }

// Run lets a contact in again.
func (u *unblockCommand) Run(c *call) error { return c.decide(c.node.Unblock, u.Who, unblocked) }

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
