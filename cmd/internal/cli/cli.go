// Package cli is the command line: it reads arguments, asks the running node through control, and prints for people or,
// with --json, for programs. Without a command it is a plain chat, line by line.
//
// It leaves everything that is known about a node to control, and the making of one to the functions it is given.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"log/slog"
	"os"
	"strings"
	"time"

	"sottovoce/cmd/internal/commandline"
	"sottovoce/cmd/internal/config"
	"sottovoce/cmd/internal/control"
)

// Program is what the command line needs from its surroundings.
type Program struct {
	Stdin          io.Reader
	Stdout, Stderr io.Writer
	Version        string

	// Exists tells whether there is an identity in a home.
	Exists func(home string) bool
	// Locked tells whether it takes a passphrase to open a home.
	Locked func(home string) (bool, error)
	// SetPassphrase changes the passphrase of a home that no node has open; an empty one stands for none.
	SetPassphrase func(home string, current, next []byte) error
	// Diagnose tells what can be told of a home without a running node.
	Diagnose func(home string) (control.Diagnostics, error)
	// Doctor tests this machine and its network where no node runs; listen and interfaces are what one would be started with.
	Doctor func(ctx context.Context, home, listen string, interfaces []string) iter.Seq2[control.Finding, error]
	// Restore makes a home from a backup, or leaves none; told hears how many messages are restored.
	Restore func(ctx context.Context, home string, backup io.Reader, passphrase []byte, told func(messages int64)) error
	// Init creates the identity of a home, for who may see it where nothing else is chosen; it fails if there is one.
	Init func(home, name string, seen control.Visible) error
	// Demo tells a story; it fails when something of it does not happen.
	Demo func(ctx context.Context, d Demo) error
	// Supernodes are what the commands of that name are about.
	Supernodes Supernodes
	// Start brings up the node of a home. When it returns, the control socket answers; run then serves until ctx ends and
	// has let go of the home when it returns. A second node on the same home is refused with a one-line error.
	Start func(ctx context.Context, o Options) (run func(ctx context.Context) error, err error)
}

// Options say how a node is to run.
type Options struct {
	Home       string
	Passphrase []byte   // nil: the home takes none
	Listen     string   // UDP address and port; empty: any address, a port of the node's choice
	Interfaces []string // names of network interfaces; empty: the node's choice
	Visibility string   // who may see it on the networks that it starts on; empty: as remembered
	LocalOnly  bool     // send nothing beyond them from now on; false: as it was
	Log        *slog.Logger
}

// answerTimeout is how long a command waits for a node that is expected to answer at once; asking somebody to become a
// contact takes the longest.
const answerTimeout = 30 * time.Second

// call is one command being run.
type call struct {
	*Program
	ctx     context.Context
	home    string
	json    bool
	lines   bool   // chat line by line
	secret  string // the file with the passphrase, see unlock
	node    *control.Client
	now     func() time.Time
	palette palette
}

// Run does what the arguments (without the program's name) say and returns the exit code: 0 done, 1 failed, 2 usage,
// 3 no such person or message, 4 timed out, 5 node not running. An error is one line on Stderr.
func Run(ctx context.Context, args []string, p *Program) int {
	err := p.run(ctx, args)
	if err == nil {
		return 0
	}
	e := control.AsError(err)
	fmt.Fprintf(p.Stderr, "sottovoce: %s\n", oneLine(e.Error()))
	return e.ExitCode()
}

func (p *Program) run(ctx context.Context, args []string) error {
	var g grammar
	root := newParser(&g)
	chosen, help, err := root.Parse(args)
	if err != nil {
		return usage(err)
	}
	if help {
		return p.printHelp(chosen)
	}
	home, err := config.Home(g.Home)
	if err != nil {
		return control.Errorf(control.CodeUsage, "%v", err)
	}
	c := &call{Program: p, ctx: ctx, home: home, json: g.JSON, lines: g.Lines, secret: g.PassphraseFile, node: control.NewClient(home), now: time.Now}
	c.palette = paletteFor(p.Stdout)
	defer c.node.Close()
	if err := c.needIdentity(chosen.Path()); err != nil {
		return err
	}
	switch command := chosen.Target.(type) {
	case interface{ Run(*call) error }:
		return command.Run(c)
	case interface {
		Run(*call, *supernodeCommand) error
	}:
		return command.Run(c, &g.Supernode)
	case interface {
		Run(*call, *commandline.Command) error
	}:
		return command.Run(c, root)
	}
	return fmt.Errorf("nothing runs %s", chosen.Path())
}

// newParser is the grammar, ready to read a command line into g.
func newParser(g *grammar) *commandline.Command { return commandline.New("sottovoce", about, g) }

// usage words an error of the parser as ours.
func usage(err error) error {
	text := strings.Replace(err.Error(), `must be one of "",`, "must be one of ", 1) // which may be left out
	if wrong, ok := errors.AsType[*commandline.Error](err); ok {
		if at := wrong.Command.Path(); at != "" && at != "chat" {
			return control.Errorf(control.CodeUsage, "%s; see: sottovoce %s --help", text, at)
		}
	}
	return control.Errorf(control.CodeUsage, "%s; see: sottovoce --help", text)
}

// needIdentity refuses what cannot be done without an identity. The chat on a terminal will ask for a name.
func (c *call) needIdentity(command string) error {
	switch first, _, _ := strings.Cut(command, " "); first {
	case "version", "init", "restore", "doctor", "demo", "completion", "complete", "man", "supernode":
		return nil
	case "chat":
		if isTerminal(c.Stdin) {
			return nil
		}
	}
	if c.Exists(c.home) {
		return nil
	}
	return control.Errorf(control.CodeNoIdentity, "there is no identity in %s yet; create one with: sottovoce init --name NAME", c.home)
}

// log is the log of what runs until it is stopped.
func (c *call) log() *slog.Logger { return slog.New(slog.NewTextHandler(c.Stderr, nil)) }

// soon is the context for a question that is answered at once.
func (c *call) soon() (context.Context, context.CancelFunc) {
	return context.WithTimeout(c.ctx, answerTimeout)
}

func isTerminal(stream any) bool {
	f, ok := stream.(*os.File)
	return ok && isTerminalFile(f)
}

func oneLine(text string) string { return strings.Join(strings.Fields(control.Show(text)), " ") }
