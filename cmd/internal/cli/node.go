package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"sottovoce/cmd/internal/config"
	"sottovoce/cmd/internal/control"
)

const (
	// downTimeout is how long a node may take to stop: it closes its links and its files.
	downTimeout = 15 * time.Second
	// downPoll is how often down looks whether the node is gone.
	downPoll = 50 * time.Millisecond
)

// Run creates the identity.
func (i *initCommand) Run(c *call) error {
	if err := c.Init(c.home, i.Name, control.VisibleEveryone); err != nil {
		return err
	}
	if c.json {
		return c.printJSON(struct {
			Name string `json:"name"`
			Home string `json:"home"`
		}{i.Name, c.home})
	}
	chat := "sottovoce"
	if usual, err := config.Home(""); err != nil || usual != c.home {
		chat += " --home " + c.home
	}
	return c.printf("You are %s. Your identity is in %s. Open the chat with: %s\n", oneLine(i.Name), c.home, chat)
}

// Run serves until the program is told to stop.
func (u *upCommand) Run(c *call) error {
	passphrase, err := c.unlock()
	if err != nil {
		return err
	}
	defer clear(passphrase)
	log := c.log()
	run, err := c.Start(c.ctx, Options{Home: c.home, Passphrase: passphrase, Listen: u.Listen, Interfaces: u.Interface, Visibility: u.Visibility, LocalOnly: u.LocalOnly, Log: log})
	if err != nil {
		return err
	}
	return supervised(c.ctx, log, run, func(ctx context.Context) error {
		_, err := c.node.Status(ctx)
		return err
	})
}

// Run stops the node and waits until it is gone.
func (*downCommand) Run(c *call) error {
	ctx, cancel := context.WithTimeout(c.ctx, downTimeout)
	defer cancel()
	if err := c.node.Down(ctx); err != nil {
		return err
	}
	for {
		_, err := c.node.Version(ctx)
		if isNotRunning(err) {
			break
		}
		if !sleep(ctx, downPoll) {
			return control.Errorf(control.CodeTimeout, "it has not stopped after %v; see its log, then try again", downTimeout)
		}
	}
	if c.json {
		return nil
	}
	return c.printf("Stopped.\n")
}

// sleep waits, and tells whether ctx let it.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// Run shows what the node is doing.
func (*statusCommand) Run(c *call) error {
	ctx, cancel := c.soon()
	defer cancel()
	s, err := c.node.Status(ctx)
	if err != nil {
		return err
	}
	if c.json {
		return c.printJSON(s)
	}
	rows := [][]string{
		{"you", oneLine(s.Name) + "  " + shortID(s.ID)},
		{"running", fmt.Sprintf("for %v, version %s, process %d", c.now().Sub(s.Started).Round(time.Second), s.Version, s.PID)},
		{"seen by", seenBy(s)},
		{"people", fmt.Sprintf("%d nearby, %d connected, %d contacts, %d requests", s.Nearby, s.Links, s.Contacts, s.Requests)},
		{"messages", fmt.Sprintf("%d waiting, %d held by supernodes", s.Queued, s.Held)},
		{"supernodes", fmt.Sprintf("%d reached", s.Supernodes)},
		{"passphrase", protection(s.Passphrase)},
		{"memory", fmt.Sprintf("%.1f MB", float64(s.Memory)/1e6)},
	}
	for _, address := range s.Listen {
		rows = append(rows, []string{"address", address})
	}
	rows = append(rows, []string{"reaches", reach(s.LocalOnly)})
	for _, used := range s.Interfaces {
		rows = append(rows, []string{"network", oneLine(used.Name) + "  " + strings.Join(used.Endpoints, "  ")})
	}
	for _, notice := range s.Notices {
		rows = append(rows, []string{"notice", oneLine(notice)})
	}
	return c.printTable(rows, c.palette.faint, nil)
}

// Run shows the version of this program, which may differ from that of the running node.
func (*versionCommand) Run(c *call) error {
	if c.json {
		return c.printJSON(control.Version{Version: c.Version, API: 1})
	}
	return c.printf("sottovoce %s\n", c.Version)
}

// Run shows who we are, under a new name if one is given.
func (m *meCommand) Run(c *call) error {
	ctx, cancel := c.soon()
	defer cancel()
	me, err := c.node.Me(ctx)
	if err == nil && m.Share != "" {
		me, err = c.node.SetShare(ctx, control.Share(m.Share))
	}
	if err == nil && m.Name != "" {
		me, err = c.node.SetName(ctx, m.Name)
	}
	if err == nil && m.QR && me.Link == "" {
		if _, err = c.node.Invite(ctx, 0); err == nil {
			me, err = c.node.Me(ctx)
		}
	}
	if err != nil {
		return err
	}
	if c.json {
		return c.printJSON(me)
	}
	rows := [][]string{{"name", name(me.Person)}, {"id", me.ID}, {"shared", string(me.Share)}}
	if me.Link != "" {
		rows = append(rows, []string{"link", me.Link})
	}
	if err := c.printTable(rows, c.palette.faint, nil); err != nil || !m.QR {
		return err
	}
	code, err := newCode(me.Link)
	if err != nil {
		return err
	}
	return c.printf("%s", code.terminal())
}

// isNotRunning tells that there is no node to ask.
func isNotRunning(err error) bool {
	e, ok := errors.AsType[*control.Error](err)
	return ok && e.Code == control.CodeNotRunning
}
