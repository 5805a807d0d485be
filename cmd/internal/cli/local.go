package cli

import "context"

type localOnlyCommand struct {
	Do string `arg:"" optional:"" help:"What to do: show (whether it is on), on or off." enum:"show,on,off" default:"show"`
}

// Help explains the command to a person.
func (localOnlyCommand) Help() string {
	return explain("When it is on, nothing is sent beyond the network interfaces in use: neither through a router nor by another interface; 'status' shows them, and 'up --interface' chooses them. When it is off, announcements still stay on those networks, but an address that you type, or one that a contact announces behind a router of this site, is dialled. It is remembered.",
		"sottovoce local-only on")
}

// localShape is what the command prints with --json.
type localShape struct {
	LocalOnly bool `json:"local_only"`
}

// Run shows or changes whether anything is sent beyond the networks in use.
func (l *localOnlyCommand) Run(c *call) error {
	ctx, cancel := c.soon()
	defer cancel()
	if l.Do != "show" {
		if err := c.node.SetLocalOnly(ctx, l.Do == "on"); err != nil {
			return err
		}
	}
	return l.show(ctx, c)
}

func (*localOnlyCommand) show(ctx context.Context, c *call) error {
	on, err := c.node.LocalOnly(ctx)
	if err != nil {
		return err
	}
	if c.json {
		return c.printJSON(localShape{on})
	}
	if on {
		return c.printf("Local only: nothing is sent beyond the networks in use.\n")
	}
	return c.printf("Not local only: addresses that you type, and private ones behind a router, may be dialled.\n")
}

// reach says in words where packets may go.
func reach(localOnly bool) string {
	if localOnly {
		return "these networks only; nothing is sent elsewhere"
	}
	return "these networks, addresses that you type, and private ones behind a router"
}
