package cli

import (
	"context"
	"fmt"
	"iter"
	"path/filepath"

	"sottovoce/cmd/internal/control"
)

type (
	supernodeExportCommand struct {
		File string `arg:"" help:"The file to write; one that was interrupted is gone on with."`
	}
	supernodeImportCommand struct {
		File string `arg:"" help:"A file that 'supernode export' wrote."`
	}
)

// Help explains the command to a person.
func (supernodeExportCommand) Help() string {
	return explain("For supernodes of one community that no network joins: carry the file to the other, and import it there. It is as sealed as what is kept. Ctrl-C stops it; the same again goes on from there. Works whether the supernode runs or not; one that runs writes the file itself.",
		"sottovoce supernode export /media/stick/orchard --data /var/lib/sottovoce")
}

// Help explains the command to a person.
func (supernodeImportCommand) Help() string {
	return explain("What is here already stays as it is, so that a file can be imported again. Only what is of a community that this supernode serves is taken.",
		"sottovoce supernode import /media/stick/orchard --data /var/lib/sottovoce")
}

// Run writes what is kept to a file.
func (e *supernodeExportCommand) Run(c *call, s *supernodeCommand) error {
	return s.carry(c, e.File, control.Supernode.Export, func(all control.Carried) string {
		return fmt.Sprintf("%s holds all that is kept, %s.", e.File, size(all.Total))
	})
}

// Run takes what a file holds.
func (i *supernodeImportCommand) Run(c *call, s *supernodeCommand) error {
	return s.carry(c, i.File, control.Supernode.Import, func(all control.Carried) string {
		words := fmt.Sprintf("%s: %d messages are new here, %d were here already, %d were not taken.", i.File, all.New, all.Known, all.Refused)
		if all.Cut {
			words += " The file ends in the middle: export to it again, which goes on there."
		}
		return words
	})
}

// carry brings blobs to a file or from it, as long as that takes, and shows how far it is.
func (s *supernodeCommand) carry(c *call, name string, with func(control.Supernode, context.Context, string) iter.Seq2[control.Carried, error], words func(control.Carried) string) error {
	file, err := filepath.Abs(name)
	if err != nil {
		return err
	}
	return s.ask(c, func(_ context.Context, node control.Supernode) error {
		show := c.progress("%.1f MB", 1e6)
		defer show(-1)
		var last control.Carried
		for one, err := range with(node, c.ctx, file) {
			switch {
			case c.ctx.Err() != nil:
				return control.Errorf(control.CodeFailed, "interrupted; the same again goes on from there")
			case err != nil:
				return err
			}
			last = one
			show(one.Done)
		}
		show(-1)
		if c.json {
			return c.printJSON(last)
		}
		return c.printf("%s\n", words(last))
	})
}
