package cli

import (
	"context"
	"fmt"
	"iter"
	"strings"

	"sottovoce/cmd/internal/control"
)

type doctorCommand struct {
	Listen    string   `help:"Test this address and port, which 'up' is to have; where nothing runs." placeholder:"ADDR"`
	Interface []string `help:"Test this network interface only, which 'up' is to have; may be given several times; where nothing runs." placeholder:"NAME" sep:"none"`
}

// Help explains the command to a person.
func (doctorCommand) Help() string {
	return explain("Tests what keeps you from finding people, or people from finding you: one line for each thing, and for what is wrong why it matters and what to do. It takes up to ten seconds, changes nothing, and knows most while Sottovoce runs here and at somebody else. Ends with 1 when something is wrong.",
		"sottovoce doctor")
}

// errSick ends the command with 1 when everything was said.
var errSick = control.Errorf(control.CodeFailed, "something is in the way; do what stands above, then ask again: sottovoce doctor")

// Run tests this machine and its network.
func (d *doctorCommand) Run(c *call) error {
	findings, err := c.node.Doctor(c.ctx)
	if isNotRunning(err) {
		findings, err = c.Doctor(c.ctx, c.home, d.Listen, d.Interface), nil
	} else if d.Listen != "" || d.Interface != nil {
		return control.Errorf(control.CodeUsage, "Sottovoce runs with ports and interfaces of its own; leave --listen and --interface away, or stop it first: sottovoce down")
	}
	if err != nil {
		return err
	}
	if !c.json && isTerminal(c.Stdout) {
		if err := c.printf("%s\n", c.palette.faint("Looking at this machine and its network; up to ten seconds.")); err != nil {
			return err
		}
	}
	sick := false
	for f, err := range findings {
		if c.ctx.Err() != nil {
			return control.Errorf(control.CodeFailed, "stopped before everything was tested")
		}
		if err != nil {
			return err
		}
		sick = sick || f.Verdict == control.VerdictBad
		if err := c.printFinding(f); err != nil {
			return err
		}
	}
	switch {
	case c.ctx.Err() != nil:
		return control.Errorf(control.CodeFailed, "stopped before everything was tested")
	case sick:
		return errSick
	}
	return nil
}

func (c *call) printFinding(f control.Finding) error {
	if c.json {
		return c.printJSON(f)
	}
	return c.printf("%s\n", strings.Join(findingLines(f, c.palette), "\n"))
}

// findingLines is a finding for the screen: a line, and for what is wrong why it matters and what to do below.
func findingLines(f control.Finding, p palette) []string {
	mark := map[control.Verdict]string{control.VerdictOK: "✓", control.VerdictWarn: "!", control.VerdictBad: "✗", control.VerdictUnknown: "?"}[f.Verdict]
	says := oneLine(f.Says)
	if f.Verdict == control.VerdictBad {
		says = p.bold(says)
	}
	lines := []string{fmt.Sprintf("%s  %s", mark, says)}
	for _, more := range []string{f.Why, f.Do} {
		if more != "" {
			lines = append(lines, "   "+p.faint(oneLine(more)))
		}
	}
	return lines
}

// doctor tests in the background, and says in the chat what it finds; what is well only if nothing is wrong.
func (ch *chat) doctor(ctx context.Context) {
	ch.say("Looking at this machine and its network; up to ten seconds.")
	ch.asking.Go(func() {
		findings, err := ch.c.node.Doctor(ctx)
		if err == nil {
			err = ch.examined(ctx, findings)
		}
		if err != nil {
			ch.later(ctx, func() { ch.complain(err) })
		}
	})
}

// examined says each finding as it comes.
func (ch *chat) examined(ctx context.Context, findings iter.Seq2[control.Finding, error]) error {
	for f, err := range findings {
		if err != nil {
			return err
		}
		ch.later(ctx, func() {
			for _, line := range findingLines(f, ch.c.palette) {
				ch.say("%s", line)
			}
		})
	}
	return nil
}

// later has the loop do something that was asked in the background.
func (ch *chat) later(ctx context.Context, tell func()) {
	select {
	case ch.told <- tell:
	case <-ctx.Done():
	}
}
