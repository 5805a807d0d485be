package cli

import (
	"context"
	"io"
	"os"

	"sottovoce/cmd/internal/control"
)

// Run writes a backup of what the running node has.
func (b *backupCommand) Run(c *call) error {
	ctx, cancel := c.soon()
	defer cancel()
	if _, err := c.node.Version(ctx); err != nil {
		return err // before a passphrase is asked for
	}
	passphrase, err := c.newPassphrase(c.secret, "--passphrase-file")
	if err != nil {
		return err
	}
	defer clear(passphrase)
	written, err := c.writeFile(b.File, func(w io.Writer) error { return c.node.Backup(c.ctx, passphrase, w) })
	if err != nil {
		return err
	}
	if c.json {
		return c.printJSON(struct {
			File  string `json:"file"`
			Bytes int64  `json:"bytes"`
		}{b.File, written})
	}
	return c.printf("Written to %s, %s. Without its passphrase nobody can read it, you neither.\n", b.File, size(written))
}

// Run makes the home of a backup.
func (r *restoreCommand) Run(c *call) error {
	if c.Exists(c.home) {
		return control.Errorf(control.CodeFailed, "there is an identity in %s already; choose another place with --home", c.home)
	}
	if _, err := os.Stat(r.File); err != nil { // before a passphrase is asked for
		return unreadable(err)
	}
	passphrase, err := c.passphrase("Passphrase of the backup: ", c.secret, "--passphrase-file")
	if err != nil {
		return err
	}
	defer clear(passphrase)
	var messages int64
	show := c.progress("%.0f messages", 1)
	err = c.fromFile(c.ctx, r.File, passphrase, func(n int64) {
		messages = n
		show(n)
	})
	show(-1)
	if err != nil {
		return err
	}
	if c.json {
		return c.printJSON(struct {
			Home     string `json:"home"`
			Messages int64  `json:"messages"`
		}{c.home, messages})
	}
	return c.printf("Restored %s with %d messages. No passphrase protects it yet. Never start the home that was backed up again.\n"+
		"Your contacts are asked whether it is you: they accept with sottovoce reset YOUR-NAME --accept.\n", c.home, messages)
}

// fromFile makes the home from the backup in a file.
func (c *call) fromFile(ctx context.Context, file string, passphrase []byte, told func(messages int64)) error {
	f, err := os.Open(file)
	if err != nil {
		return unreadable(err)
	}
	defer f.Close()
	return c.Restore(ctx, c.home, f, passphrase, told)
}

func unreadable(err error) error {
	return control.Errorf(control.CodeFailed, "the backup cannot be read: %v", err)
}
