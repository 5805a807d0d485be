package cli

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"

	"sottovoce/cmd/internal/control"
	"sottovoce/cmd/internal/tui"
)

// runFace opens the face on a whole terminal, with a node of its own if none runs.
func runFace(c *call, in, out *os.File, passphrase []byte) error {
	stop := func() error { return nil }
	err := tui.Run(c.ctx, tui.Options{
		Node: c.node, In: in, Out: out, Env: os.Getenv, Taste: c.taste(), Keep: c.keepTaste,
		Beginning: tui.Beginning{
			Exists: c.Exists(c.home),
			Init:   func(name string, seen control.Visible) error { return c.Init(c.home, name, seen) },
			Start: func(ctx context.Context) (err error) {
				end, err := ensureNode(ctx, c, passphrase)
				if err == nil {
					stop = end
				}
				return err
			},
		},
	})
	return errors.Join(err, stop())
}

// tasteFile is the file in the home with how the person wants the face to be.
const tasteFile = "face.json"

// taste is what they have chosen; without a file, or with one that cannot be read, the face follows the environment.
func (c *call) taste() (t tui.Taste) {
	b, err := os.ReadFile(filepath.Join(c.home, tasteFile))
	if err != nil || json.Unmarshal(b, &t) != nil {
		return tui.Taste{}
	}
	return t
}

// keepTaste writes it. It is no loss when the machine stops in between: the next choice writes it anew.
func (c *call) keepTaste(t tui.Taste) error {
	b, err := json.Marshal(t)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(c.home, tasteFile), append(b, '\n'), 0o600)
}
