package cli

import (
	"cmp"
	"context"
	_ "embed"
	"slices"
	"strings"
	"time"

	"sottovoce/cmd/internal/commandline"
	"sottovoce/cmd/internal/config"
	"sottovoce/cmd/internal/control"
)

// completeTimeout is how long a person at a prompt waits for names from the node.
const completeTimeout = 300 * time.Millisecond

// completeTalks and completeMessages are of how many conversations, and how many of the last messages of each, a person at
// a prompt may mean one.
const (
	completeTalks    = 3
	completeMessages = 8
)

// The scripts that shells read. They ask the hidden command complete, so that they never need to change with a command.
var (
	//go:embed shell/sottovoce.bash
	bashScript string
	//go:embed shell/sottovoce.zsh
	zshScript string
	//go:embed shell/sottovoce.fish
	fishScript string
)

type (
	completionCommand struct {
		Shell string `arg:"" help:"bash, zsh or fish." enum:"bash,zsh,fish"`
	}
	completeCommand struct {
		Words []string `arg:"" optional:"" passthrough:"" help:"What stands before the cursor, after the program's name."`
	}
)

// Help explains the command to a person.
func (completionCommand) Help() string {
	return explain("Prints what the shell needs to complete commands, flags and the names of people. Let the shell read it when it starts.",
		"sottovoce completion bash > ~/.local/share/bash-completion/completions/sottovoce")
}

// Run prints the script for a shell.
func (s *completionCommand) Run(c *call) error {
	return c.printf("%s", map[string]string{"bash": bashScript, "zsh": zshScript, "fish": fishScript}[s.Shell])
}

// Run prints what the last word may become, one candidate a line and after a tab what it means; ":files" stands for the
// names of files.
func (s *completeCommand) Run(c *call, root *commandline.Command) error {
	// The -- that ends our own flags comes with them.
	typed := read(root, s.Words[min(1, len(s.Words)):])
	home, err := config.Home(cmp.Or(typed.home, c.home))
	if err != nil {
		return err
	}
	node := control.NewClient(home)
	defer node.Close()
	ctx, cancel := context.WithTimeout(c.ctx, completeTimeout)
	defer cancel()
	for _, found := range typed.candidates(ctx, node) {
		if !strings.HasPrefix(strings.ToLower(found.word), strings.ToLower(typed.last)) && found.word != files {
			continue
		}
		if err := c.printf("%s\t%s\n", found.word, oneLine(found.means)); err != nil {
			return err
		}
	}
	return nil
}

// files stands for names of files, which the shell knows better.
const files = ":files"

// candidate is what a word may become.
type candidate struct{ word, means string }

// typedLine is a command line as far as it has been typed.
type typedLine struct {
	command *commandline.Command
	args    int               // how many arguments of the command are there
	flag    *commandline.Flag // whose value comes next, or nil
	noFlags bool              // after --
	home    string            // what --home says
	last    string            // the word at the cursor, perhaps empty
}

// read goes through the words. What is wrong in them is passed over: the parser will tell.
func read(root *commandline.Command, words []string) *typedLine {
	t := &typedLine{command: root}
	if len(words) == 0 {
		return t
	}
	for _, word := range words[:len(words)-1] {
		t.take(word)
	}
	t.last = words[len(words)-1]
	if t.last == "=" && t.flag != nil { // bash makes a word of it
		t.last = ""
	}
	if name, value, ok := strings.Cut(t.last, "="); ok && !t.noFlags && t.flag == nil && strings.HasPrefix(name, "-") {
		t.flag, t.last = t.findFlag(name), value
	}
	return t
}

func (t *typedLine) take(word string) {
	switch {
	case t.flag != nil && word == "=":
	case t.flag != nil:
		if t.flag.Name == "home" {
			t.home = word
		}
		t.flag = nil
	case word == "--":
		t.noFlags = true
	case !t.noFlags && strings.HasPrefix(word, "-") && word != "-":
		name, value, given := strings.Cut(word, "=")
		if t.flag = t.findFlag(name); given && t.flag != nil {
			t.take(value)
		}
	default:
		for _, child := range t.command.Children {
			if child.Name == word && t.args == 0 {
				t.command = child
				return
			}
		}
		t.args++
	}
}

// findFlag is the flag of this name that wants a value, or nil.
func (t *typedLine) findFlag(name string) *commandline.Flag {
	for _, flag := range t.flags() {
		if !flag.IsBool() && (name == "--"+flag.Name || flag.Short != "" && name == "-"+flag.Short) {
			return flag
		}
	}
	return nil
}

func (t *typedLine) flags() []*commandline.Flag { return slices.Concat(t.command.FlagsByLevel()...) }

// candidates are what can stand at the cursor, whether it begins like the last word or not.
func (t *typedLine) candidates(ctx context.Context, node control.Node) (found []candidate) {
	switch {
	case t.flag != nil:
		return values(ctx, node, t.command.Name, &t.flag.Value, t.flag.PlaceHolder)
	case !t.noFlags && strings.HasPrefix(t.last, "-"):
		for _, flag := range t.flags() {
			found = append(found, candidate{"--" + flag.Name, flag.Help})
		}
	case t.args < len(t.command.Args):
		return values(ctx, node, t.command.Name, t.command.Args[t.args], "")
	case len(t.command.Children) > 0:
		for _, child := range t.command.Children {
			if !child.Hidden {
				found = append(found, candidate{child.Name, child.Help})
			}
		}
	}
	return found
}

// values are those of a flag or an argument: its fixed words, people, or files, as its name or placeholder tells.
func values(ctx context.Context, node control.Node, command string, v *commandline.Value, placeholder string) (found []candidate) {
	kind := cmp.Or(strings.ToLower(placeholder), v.Name)
	switch {
	case len(v.Enum) > 0:
		for _, word := range v.Enum {
			found = append(found, candidate{word, ""})
		}
	case slices.Contains([]string{"who", "to", "with"}, kind):
		return people(ctx, node, command)
	case kind == "emoji":
		for _, sign := range []string{"👍", "❤️", "😂", "😮", "😢", "🎉"} {
			found = append(found, candidate{sign, ""})
		}
	case kind == "id" && slices.Contains([]string{"reply", "react", "edit", "delete", "info", "why"}, command):
		return messages(ctx, node, command)
	case slices.Contains([]string{"dir", "file", "path"}, kind):
		found = append(found, candidate{files, ""})
	}
	return found
}

// people are those whom a command is about. No node, or none that answers, means nobody.
func people(ctx context.Context, node control.Node, command string) (found []candidate) {
	ask := node.Contacts
	switch command {
	case "add":
		ask = node.Nearby
	case "accept", "decline":
		ask = node.Requests
	}
	known, _ := ask(ctx)
	for _, p := range known {
		word := p.Name
		twin := func(o control.Person) bool { return o.ID != p.ID && strings.EqualFold(o.Name, p.Name) }
		if oneLine(word) != word || strings.HasPrefix(word, "-") || slices.ContainsFunc(known, twin) {
			word = p.ID // the name cannot be typed, or means two people
		}
		found = append(found, candidate{word, p.Name + ", " + standing(p) + ", " + presence(p)})
	}
	return found
}

// messages are the last ones of each conversation that a command can be about, by their ids.
func messages(ctx context.Context, node control.Node, command string) (found []candidate) {
	me, err := node.Me(ctx)
	if err != nil {
		return nil
	}
	talks, _ := node.Conversations(ctx)
	for _, talk := range slices.Backward(talks[max(0, len(talks)-completeTalks):]) {
		recent, _ := node.Log(ctx, talk.Person.ID, control.LogQuery{N: completeMessages})
		for _, m := range slices.Backward(recent) {
			if ours := m.From.ID == me.ID; m.Deleted || !ours && (command == "edit" || command == "delete") {
				continue
			}
			found = append(found, candidate{m.ID, name(m.From) + ": " + excerpt(m.Text)})
		}
	}
	return found
}
