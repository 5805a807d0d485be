package cli

import (
	"context"
	"fmt"
	"strings"
	"time"

	"sottovoce/cmd/internal/control"
)

// nearbyPoll is how often nearby --wait looks: often enough to seem at once, seldom enough to cost nothing.
const nearbyPoll = 100 * time.Millisecond

// Run shows who is on this network.
func (n *nearbyCommand) Run(c *call) error {
	if n.Scan {
		if err := c.scan(); err != nil {
			return err
		}
	}
	ctx, cancel := context.WithTimeout(c.ctx, n.Wait+answerTimeout)
	defer cancel()
	until := c.now().Add(n.Wait)
	for {
		people, err := c.node.Nearby(ctx)
		if err != nil {
			return err
		}
		if len(people) > 0 || n.Wait == 0 {
			return c.printPeople(people, "Nobody is here yet. If somebody should be: sottovoce doctor")
		}
		if !c.now().Before(until) {
			return control.Errorf(control.CodeTimeout, "nobody appeared in %v; are the others on this network and running sottovoce? To find out what is in the way: sottovoce doctor", n.Wait)
		}
		if !sleep(ctx, nearbyPoll) {
			return ctx.Err()
		}
	}
}

// scan asks each address of the network, and shows how far it is where that is a terminal.
func (c *call) scan() error {
	progress, err := c.node.Scan(c.ctx)
	if err != nil {
		return err
	}
	var last control.Scan
	show := isTerminal(c.Stderr)
	for s, err := range progress {
		if err != nil {
			return c.scanStopped(last, err)
		}
		if last = s; show {
			fmt.Fprintf(c.Stderr, "\r%d of %d addresses asked, %d found\x1b[K", s.Asked, s.Addresses, s.Found)
		}
	}
	if show {
		fmt.Fprint(c.Stderr, "\r\x1b[K")
	}
	if c.ctx.Err() != nil {
		return c.scanStopped(last, c.ctx.Err())
	}
	return nil
}

func (c *call) scanStopped(at control.Scan, err error) error {
	if c.ctx.Err() == nil {
		return err
	}
	return control.Errorf(control.CodeFailed, "stopped after %d of %d addresses; who answered is shown by: sottovoce nearby", at.Asked, at.Addresses)
}

// Run shows the contacts.
func (*contactsCommand) Run(c *call) error {
	return c.list(c.node.Contacts, "No contacts yet; ask somebody with: sottovoce add WHO")
}

// Run shows who waits for an answer.
func (*requestsCommand) Run(c *call) error {
	return c.list(c.node.Requests, "Nobody is waiting for an answer.")
}

func (c *call) list(ask func(context.Context) ([]control.Person, error), none string) error {
	ctx, cancel := c.soon()
	defer cancel()
	people, err := ask(ctx)
	if err != nil {
		return err
	}
	return c.printPeople(people, none)
}

// Run asks somebody to become a contact.
func (a *addCommand) Run(c *call) error {
	return c.decide(c.node.Add, a.Who, added)
}

// Run says yes.
func (a *acceptCommand) Run(c *call) error {
	return c.decide(c.node.Accept, a.Who, accepted)
}

// Run says no.
func (d *declineCommand) Run(c *call) error {
	return c.decide(c.node.Decline, d.Who, declined)
}

func (c *call) decide(act func(context.Context, string) (control.Person, error), who string, tell func(control.Person) string) error {
	ctx, cancel := c.soon()
	defer cancel()
	p, err := act(ctx, who)
	if err != nil {
		return err
	}
	if c.json {
		return c.printJSON(p)
	}
	return c.printf("%s\n", tell(p))
}

func added(p control.Person) string {
	switch {
	case p.Blocked:
		return name(p) + " is a contact whom you have blocked; let them in again with: sottovoce unblock WHO"
	case p.Contact:
		return "You and " + name(p) + " are contacts."
	case p.Waiting && p.Waits != "":
		return "Waiting for " + name(p) + ", " + oneLine(p.Waits) + ". To give up: sottovoce decline " + p.ID
	case p.Waiting:
		return "Waiting for " + name(p) + ": you become contacts as soon as both of you are on one network. To give up: sottovoce decline " + p.ID
	}
	return name(p) + " has been asked. You can write to each other when " + name(p) + " says yes."
}

// byLink reports whether all that is known of somebody is the link that they gave out.
func byLink(p control.Person) bool { return strings.HasPrefix(p.ID, "link-") }

func accepted(p control.Person) string {
	switch {
	case p.Contact:
		return name(p) + " is a contact now."
	case p.Waits != "":
		return "Accepted. That waits " + oneLine(p.Waits) + "."
	case p.IntroducedBy != nil:
		return "Accepted. " + name(p) + " becomes a contact when they have accepted, too, and both of you are on one network."
	case p.Online:
		return "Accepted. " + name(p) + " becomes a contact in a moment."
	}
	return "Accepted. " + name(p) + " becomes a contact as soon as both of you are here."
}

func declined(p control.Person) string { return "Declined: " + name(p) + " is not a contact." }
