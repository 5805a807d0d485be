package cli

import (
	"fmt"
	"strings"

	"sottovoce/cmd/internal/commandline"
)

type manCommand struct{}

// Help explains the command to a person.
func (manCommand) Help() string {
	return explain("Prints the manual page of this version, in the format that man reads.",
		"sottovoce man > ~/.local/share/man/man1/sottovoce.1")
}

// Run prints the manual page.
func (*manCommand) Run(c *call, root *commandline.Command) error {
	return c.printf("%s", manual(root, c.Version))
}

// manual is the manual page of a grammar, in the man macros of roff.
func manual(root *commandline.Command, version string) string {
	var page roff
	page.macro("TH", strings.ToUpper(root.Name), "1", "", root.Name+" "+version, "")
	page.macro("SH", "NAME")
	page.text(root.Name + " - private chat for the network you are standing in")
	page.macro("SH", "SYNOPSIS")
	page.bold(root.Name, " [COMMAND] [FLAGS]")
	page.macro("SH", "DESCRIPTION")
	page.text(root.Help)
	page.text("Flags go before or after the command; -- ends them. WHO is a name, an id, or the beginning of an id that fits one person only.")
	page.macro("SH", "FLAGS")
	page.flags(root.Flags)
	page.macro("SH", "COMMANDS")
	for _, command := range root.Leaves() {
		page.command(command)
	}
	page.macro("SH", "EXIT STATUS")
	for _, line := range exitCodes {
		page.item(line[:1], line[2:])
	}
	page.macro("SH", "ENVIRONMENT")
	for _, flag := range root.Flags {
		if flag.Env != "" {
			page.item(flag.Env, "Stands for --"+flag.Name+".")
		}
	}
	page.item("NO_COLOR", "When it is set, nothing is coloured.")
	page.macro("SH", "EXAMPLES")
	page.lines(strings.TrimPrefix(examples, "\nExamples:\n"))
	return page.String()
}

// exitCodes are what a command ends with.
var exitCodes = []string{
	"0 done",
	"1 failed",
	"2 wrong usage, an ambiguous name, or no identity yet",
	"3 no such person or message",
	"4 not in time; nothing is lost",
	"5 nothing is running here",
}

// roff is a page being written. Whatever goes in as text comes out as text.
type roff struct{ strings.Builder }

// escape keeps roff from reading text as requests.
func escape(text string) string {
	text = strings.NewReplacer(`\`, `\e`, "-", `\-`, "'", `\(aq`, "`", `\(ga`, "^", `\(ha`, "~", `\(ti`).Replace(text)
	if strings.HasPrefix(text, ".") {
		text = `\&` + text
	}
	return text
}

func (r *roff) macro(name string, args ...string) {
	r.WriteString("." + name)
	for _, arg := range args {
		fmt.Fprintf(r, ` "%s"`, strings.ReplaceAll(escape(arg), `"`, `\(dq`))
	}
	r.WriteString("\n")
}

// text is a paragraph of its own.
func (r *roff) text(text string) {
	r.macro("PP")
	r.WriteString(escape(text) + "\n")
}

func (r *roff) bold(what, rest string) {
	fmt.Fprintf(r, "\\fB%s\\fR%s\n", escape(what), escape(rest))
}

// item is a word and what it means.
func (r *roff) item(word, means string) {
	r.macro("TP")
	r.bold(word, "")
	r.WriteString(escape(means) + "\n")
}

// lines are text as it stands, indented.
func (r *roff) lines(text string) {
	r.macro("PP")
	r.macro("nf")
	for line := range strings.Lines(text) {
		r.WriteString(escape(strings.TrimSuffix(line, "\n")) + "\n")
	}
	r.macro("fi")
}

func (r *roff) command(command *commandline.Command) {
	r.macro("SS", command.Path())
	r.bold(command.Summary(), "")
	r.text(command.Help)
	for _, paragraph := range strings.Split(command.Detail, "\n\n") {
		if example, ok := strings.CutPrefix(paragraph, "    "); ok {
			r.lines("    " + example)
		} else if paragraph != "" {
			r.text(paragraph)
		}
	}
	for _, arg := range command.Args {
		r.item(arg.Summary(), arg.Help)
	}
	r.flags(command.Flags)
}

func (r *roff) flags(flags []*commandline.Flag) {
	for _, flag := range flags {
		word := flag.Summary()
		if flag.Short != "" {
			word = "-" + flag.Short + ", " + word
		}
		r.item(word, flag.Help)
	}
}
