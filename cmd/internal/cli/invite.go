package cli

import (
	"context"
	"fmt"
	"io"
	"time"

	"sottovoce/cmd/internal/control"
)

type inviteCommand struct {
	Expires time.Duration `help:"How long the link can be used, at most 168h. Normally 24h." placeholder:"TIME"`
	PNG     string        `name:"png" help:"Write the QR code to this file as well; it must not exist." placeholder:"FILE"`
	List    bool          `help:"Show the links that you gave out."`
	Revoke  string        `help:"Take a link back, by the id that --list shows." placeholder:"ID"`
}

// Help explains the command to a person.
func (inviteCommand) Help() string {
	return explain("Prints a link and, at a terminal, the same as a QR code. Give it to one person, who uses it with 'add': you have said yes, and become contacts as soon as both are on one network. If a supernode of your community has an address, the link works while you are away, too: it names the supernode, which learns from which address somebody uses the link, and nothing of who or what. The link is a secret: whoever reads it first can use it, also on a screen or in another chat program. If two use it, you are told.",
		"sottovoce invite --expires 2h --png invite.png")
}

// Run makes, shows or takes back links.
func (i *inviteCommand) Run(c *call) error {
	switch {
	case i.List && i.Revoke != "" || (i.List || i.Revoke != "") && (i.Expires != 0 || i.PNG != ""):
		return control.Errorf(control.CodeUsage, "--list and --revoke stand alone; see: sottovoce invite --help")
	case i.List:
		return c.listInvites()
	case i.Revoke != "":
		return c.revoke(i.Revoke)
	case i.Expires < 0 || i.Expires > 0 && i.Expires < time.Second:
		return control.Errorf(control.CodeUsage, "--expires %v: a link lives a minute at the least, and 168h at the most", i.Expires)
	}
	ctx, cancel := c.soon()
	defer cancel()
	made, err := i.invite(ctx, c)
	if err != nil {
		return err
	}
	return c.showInvite(made)
}

// invite makes a link, and the file for its QR code if there is to be one: that first, so that no link is left behind
// where the file cannot be.
func (i *inviteCommand) invite(ctx context.Context, c *call) (made control.Invite, err error) {
	if i.PNG == "" {
		return c.node.Invite(ctx, i.Expires)
	}
	_, err = c.writeFile(i.PNG, func(w io.Writer) error {
		if made, err = c.node.Invite(ctx, i.Expires); err != nil {
			return err
		}
		code, err := newCode(made.Link)
		if err != nil {
			return err
		}
		return code.writePNG(w)
	})
	return made, err
}

// showInvite prints a link, and its QR code at a terminal. The code comes last and fits 24 lines.
func (c *call) showInvite(made control.Invite) error {
	if c.json {
		return c.printJSON(made)
	}
	if err := c.printf("%s\n%s%s\n", inviteWords(made), whileAway(made), made.Link); err != nil {
		return err
	}
	if !isTerminal(c.Stdout) {
		return nil
	}
	code, err := newCode(made.Link)
	if err != nil {
		return err
	}
	return c.printf("%s", code.terminal())
}

// inviteWords is one line about a new link.
func inviteWords(made control.Invite) string {
	return fmt.Sprintf("%s, for one person, until %s. Keep it secret: who reads it first can use it.", made.ID, made.Expires.Local().Format("2 Jan 15:04"))
}

// whileAway is a line that says whether a new link works while we are away, and where; none if that is not known.
func whileAway(made control.Invite) string {
	switch {
	case made.Away == nil && made.Alone != "":
		return "It works when both of you are on one network, not while you are away: " + oneLine(made.Alone) + ".\n"
	case made.Away == nil:
		return ""
	case !made.Away.Kept:
		return "It is to work while you are away, by " + oneLine(made.Away.Supernode) + " at " + oneLine(made.Away.Address) + ", which has not answered yet: stay until 'sottovoce invite --list' says so.\n"
	}
	return "It works while you are away, too, by " + oneLine(made.Away.Supernode) + " at " + oneLine(made.Away.Address) + ".\n"
}

func (c *call) listInvites() error {
	ctx, cancel := c.soon()
	defer cancel()
	all, err := c.node.Invites(ctx)
	if err != nil {
		return err
	}
	if c.json {
		for _, i := range all {
			if err := c.printJSON(i); err != nil {
				return err
			}
		}
		return nil
	}
	if len(all) == 0 {
		return c.printf("No links; make one with: sottovoce invite\n")
	}
	rows := make([][]string, len(all))
	for at, i := range all {
		rows[at] = []string{i.ID, "until " + i.Expires.Local().Format("2 Jan 15:04"), usedBy(i)}
	}
	return c.printTable(rows, c.palette.bold, nil, nil)
}

// usedBy says what became of a link.
func usedBy(i control.Invite) string {
	switch {
	case i.Used && i.Twice:
		return "used by " + oneLine(i.By) + ", and tried by somebody else: see sottovoce status"
	case i.Used:
		return "used by " + oneLine(i.By)
	case i.Away != nil && i.Away.Kept:
		return "not used yet; works while you are away"
	}
	return "not used yet"
}

func (c *call) revoke(id string) error {
	ctx, cancel := c.soon()
	defer cancel()
	was, err := c.node.Revoke(ctx, id)
	if err != nil {
		return err
	}
	if c.json {
		return c.printJSON(was)
	}
	if was.Used {
		return c.printf("%s is forgotten. Who used it stays what they are.\n", was.ID)
	}
	return c.printf("%s cannot be used any more.\n", was.ID)
}

type introduceCommand struct {
	Who   string `arg:"" help:"Name or id of a contact."`
	Other string `arg:"" name:"with" help:"Name or id of another contact."`
}

// Help explains the command to a person.
func (introduceCommand) Help() string {
	return explain("Each of the two gets a request that says who introduced them, and says yes or no by themselves; nobody learns who said no. They are shown as introduced by you, and should still compare when they meet.",
		"sottovoce introduce Anna Bob")
}

// Run tells two contacts of each other.
func (i *introduceCommand) Run(c *call) error {
	ctx, cancel := c.soon()
	defer cancel()
	two, err := c.node.Introduce(ctx, i.Who, i.Other)
	if err != nil {
		return err
	}
	if c.json {
		return c.printPeople(two, "")
	}
	return c.printf("%s and %s are told of each other; both decide by themselves.\n", name(two[0]), name(two[1]))
}
