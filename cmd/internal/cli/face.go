package cli

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"sync"

	"sottovoce/cmd/internal/control"
	"sottovoce/cmd/internal/tui"
)

// runFace opens the face on a whole terminal, with a node of its own if none runs.
func runFace(c *call, in, out *os.File, passphrase []byte) error {
	nodes := &nodes{}
	err := tui.Run(c.ctx, tui.Options{
		Node: c.node, Files: faceFiles{}, In: in, Out: out, Env: os.Getenv, Taste: c.taste(), Keep: c.keepTaste,
		Beginning: tui.Beginning{
			Exists: c.Exists(c.home),
			Init:   func(name string, seen control.Visible) error { return c.Init(c.home, name, seen) },
			Locked: func() (bool, error) { return c.Locked(c.home) },
			Start: func(ctx context.Context, typed control.Passphrase) error {
				if typed == nil {
					typed = passphrase
				}
				return nodes.start(ctx, c, typed)
			},
			Backups: findBackups,
			Restore: func(ctx context.Context, file string, passphrase control.Passphrase, told func(int64)) error {
				return c.fromFile(ctx, ownFolder(file), passphrase, told)
			},
		},
	})
	return errors.Join(err, nodes.stop())
}

// nodes are those that the face has started in this process, one after the other: each may have been stopped from elsewhere.
type nodes struct {
	mu   sync.Mutex
	over bool
	ends []func() error
}

// start starts one unless one runs.
func (n *nodes) start(ctx context.Context, c *call, passphrase []byte) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.over {
		return context.Canceled
	}
	end, err := ensureNode(ctx, c, passphrase)
	if err == nil {
		n.ends = append(n.ends, end)
	}
	return err
}

// stop ends them all and waits; none is started any more.
func (n *nodes) stop() (err error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.over = true
	for _, end := range n.ends {
		err = errors.Join(err, end())
	}
	return err
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
