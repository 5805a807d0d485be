package cli

import (
	"context"
	"fmt"
	"strings"

	"sottovoce/cmd/internal/control"
)

type (
	communityCommand struct {
		Join  communityJoinCommand  `cmd:"" help:"Become a member by a link."`
		List  communityListCommand  `cmd:"" default:"1" help:"Show the communities that you are a member of."`
		Leave communityLeaveCommand `cmd:"" help:"Leave a community."`
	}
	communityJoinCommand struct {
		Link string `arg:"" help:"The link that the operator of a supernode gave you."`
	}
	communityListCommand  struct{}
	communityLeaveCommand struct {
		Community string `arg:"" help:"Name or id that 'community list' shows."`
	}
)

// Help explains the command to a person.
func (communityCommand) Help() string {
	return explain("A community shares supernodes: machines that keep sealed messages for you while this one is off. They cannot read them, and do not learn for whom they are.",
		"sottovoce community list")
}

// Help explains the command to a person.
func (communityJoinCommand) Help() string {
	return explain("Returns once a supernode has let you in. From then on what is written to you while you are away is kept there; your contacts are told where that is, and nobody else. The operators see a member that they cannot tell from another, neither your name nor your id.",
		"sottovoce community join sottovoce:…")
}

// Help explains the command to a person.
func (communityListCommand) Help() string {
	return explain("With each, its supernodes, and which of them are reached now.", "sottovoce community list")
}

// Help explains the command to a person.
func (communityLeaveCommand) Help() string {
	return explain("Nothing is kept for you there any more, and what is still kept there is not collected. To come back you need a link.",
		"sottovoce community leave Orchard")
}

// Run joins a community.
func (j *communityJoinCommand) Run(c *call) error {
	ctx, cancel := c.soon()
	defer cancel()
	joined, err := c.node.Join(ctx, j.Link)
	if err != nil {
		return err
	}
	if c.json {
		return c.printJSON(joined)
	}
	return c.printf("%s\n", joinedWords(joined))
}

// joinedWords says what it means to have joined.
func joinedWords(joined control.Community) string {
	return fmt.Sprintf("You are a member of %s. What is written to you while you are away is kept by %s.", oneLine(joined.Name), supernodes(len(joined.Supernodes)))
}

// Run shows the communities.
func (*communityListCommand) Run(c *call) error {
	ctx, cancel := c.soon()
	defer cancel()
	all, err := c.node.Communities(ctx)
	if err != nil {
		return err
	}
	if c.json {
		for _, one := range all {
			if err := c.printJSON(one); err != nil {
				return err
			}
		}
		return nil
	}
	if len(all) == 0 {
		return c.printf("You are in no community. With a link from the operator of a supernode: sottovoce community join LINK\n")
	}
	var rows [][]string
	for _, one := range all {
		rows = append(rows, []string{communityName(one), shortID(one.ID), oneLine(one.Trouble)})
		for _, k := range one.Supernodes {
			rows = append(rows, []string{"", shortID(k.ID), c.reachWords(k)})
		}
	}
	return c.printTable(rows, c.palette.bold, nil, nil)
}

// communityName is a community's name, once we know it.
func communityName(c control.Community) string {
	if !c.Joined {
		return "(not joined yet)"
	}
	return oneLine(c.Name)
}

// reachWords says how a supernode can be reached.
func (c *call) reachWords(k control.CommunitySupernode) string {
	var words []string
	switch {
	case k.Reached:
		words = append(words, "connected")
	case k.Seen.IsZero():
		words = append(words, "never reached")
	default:
		words = append(words, "last reached "+k.Seen.Local().Format("2 Jan 15:04"))
	}
	words = append(words, k.Addresses...)
	if k.Trouble != "" {
		words = append(words, oneLine(k.Trouble))
	}
	return strings.Join(words, ", ")
}

// Run leaves a community.
func (l *communityLeaveCommand) Run(c *call) error {
	ctx, cancel := c.soon()
	defer cancel()
	was, err := c.node.Leave(ctx, l.Community)
	if err != nil {
		return err
	}
	if c.json {
		return c.printJSON(was)
	}
	return c.printf("You have left %s. What it still keeps for you is not collected.\n", oneLine(was.Name))
}

// join becomes a member from within the chat; a supernode may take its time to answer.
func (ch *chat) join(ctx context.Context, link string) {
	if link == "" {
		ch.say("Give the link, as in /join sottovoce:…")
		return
	}
	ch.asking.Go(func() {
		asked, cancel := context.WithTimeout(ctx, answerTimeout)
		defer cancel()
		joined, err := ch.c.node.Join(asked, link)
		tell := func() {
			if err != nil {
				ch.complain(err)
				return
			}
			ch.say("%s", joinedWords(joined))
		}
		select {
		case ch.told <- tell:
		case <-ctx.Done():
		}
	})
}
