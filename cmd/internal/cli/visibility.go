package cli

import (
	"context"
	"strings"

	"sottovoce/cmd/internal/control"
)

type visibilityCommand struct {
	Who       string `arg:"" optional:"" help:"Who may see you here: everyone, contacts or nobody. Without it, shows who may." enum:",everyone,contacts,nobody" default:""`
	Elsewhere bool   `help:"Choose for all networks for which you have chosen nothing, those to come included."`
}

// Help explains the command to a person.
func (visibilityCommand) Help() string {
	return explain("Everyone on this network sees your name; or only your contacts see that you are here; or nobody is told. You see the others in any case, and messages to and from contacts whom you reach go on. It is remembered for each network; which networks those are cannot be read from this machine.",
		"sottovoce visibility contacts")
}

// Run shows or changes who may see us.
func (v *visibilityCommand) Run(c *call) error {
	ctx, cancel := c.soon()
	defer cancel()
	now, err := v.do(ctx, c)
	if err != nil {
		return err
	}
	if c.json {
		return c.printJSON(now)
	}
	return c.printf("%s\n", strings.Join(visibilityWords(now), "\n"))
}

func (v *visibilityCommand) do(ctx context.Context, c *call) (control.Visibility, error) {
	switch {
	case v.Who == "" && v.Elsewhere:
		return control.Visibility{}, control.Errorf(control.CodeUsage, "--elsewhere needs to know who: everyone, contacts or nobody")
	case v.Who == "":
		return c.node.Visibility(ctx)
	case v.Elsewhere:
		return c.node.SetVisibility(ctx, "", control.Visible(v.Who))
	}
	return c.node.SetVisibility(ctx, control.Visible(v.Who), "")
}

// visible shows in the chat who may see us, and chooses it for this network.
func (ch *chat) visible(ctx context.Context, who string) {
	v, err := (&visibilityCommand{Who: who}).do(ctx, ch.c)
	if err != nil {
		ch.say("%s", oneLine(err.Error()))
		return
	}
	for _, words := range visibilityWords(v) {
		ch.say("%s", words)
	}
}

// visibleWords say who sees one, after the words for where.
var visibleWords = map[control.Visible]string{
	control.VisibleEveryone: "everyone sees your name",
	control.VisibleContacts: "only your contacts see that you are here",
	control.VisibleNobody:   "nobody is told that you are here; you see the others, and contacts whom you reach see you",
}

// visibilityWords say who may see us, in whole sentences.
func visibilityWords(v control.Visibility) []string {
	words := []string{"On this network " + visibleWords[v.Here] + "."}
	if !v.Chosen {
		words[0] = "On this network " + visibleWords[v.Here] + ". You have chosen nothing for it yet."
	}
	words = append(words, "On networks for which you have chosen nothing "+visibleWords[v.Elsewhere]+".")
	if v.PortKept {
		words = append(words, keptPort)
	}
	return words
}

// keptPort says what it costs to choose the port.
const keptPort = "Your port was chosen with --listen and never changes: by it you can be recognised later, and on other networks."

// seenBy says in a row of the status who may see us.
func seenBy(s control.Status) string {
	words := string(s.Visibility) + ": " + visibleWords[control.Visible(s.Visibility)]
	if s.PortKept {
		words += ", and your port never changes"
	}
	return words
}

// askVisibility asks at the first run who may see one; an empty line is everyone.
func askVisibility(ctx context.Context, s screen, lines <-chan typed) (who control.Visible, left bool, err error) {
	s.print("Who may see you on a network? You can change that at any time, for each network.")
	s.print("  1  everyone: all people on the network see your name, and can ask you")
	s.print("  2  contacts: only your contacts see that you are there; you ask the others")
	s.print("  3  nobody: you see the others, and ask them; only whom you reach sees you")
	s.prompt("1, 2 or 3 (Enter is 1): ")
	answers := map[string]control.Visible{
		"": control.VisibleEveryone, "1": control.VisibleEveryone, "everyone": control.VisibleEveryone,
		"2": control.VisibleContacts, "contacts": control.VisibleContacts, "3": control.VisibleNobody, "nobody": control.VisibleNobody,
	}
	for {
		select {
		case <-ctx.Done():
			return "", true, nil
		case line := <-lines:
			if line.err != nil {
				return "", true, notEOF(line.err)
			}
			if who, ok := answers[strings.ToLower(strings.TrimSpace(line.text))]; ok {
				return who, false, nil
			}
			s.print("Please answer with 1, 2 or 3.")
		}
	}
}
