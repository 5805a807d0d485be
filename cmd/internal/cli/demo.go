package cli

import (
	"io"
	"os"
)

// Demo says how the story of 'demo' is told.
type Demo struct {
	Fast, JSON bool
	Lines      bool // one after the other, as for screen readers
	In         io.Reader
	Out        io.Writer
	Env        func(string) string
}

type demoCommand struct {
	Fast bool `help:"Do not wait between the parts."`
}

// Help explains the command to a person.
func (demoCommand) Help() string {
	return explain("Three people and a supernode, all in this program and on no network, act out how messages go: nearby, sealed, away, delivered, and how somebody is removed. Beside it stands what the supernode sees. Nothing is made up: what is told has just been observed. It needs no identity and leaves nothing behind; any key goes on, Ctrl-C ends it.",
		"sottovoce demo")
}

// Run tells the story.
func (d *demoCommand) Run(c *call) error {
	return c.Demo(c.ctx, Demo{Fast: d.Fast, JSON: c.json, Lines: c.lines, In: c.Stdin, Out: c.Stdout, Env: os.Getenv})
}
