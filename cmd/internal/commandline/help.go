package commandline

import (
	"fmt"
	"go/doc/comment"
	"os"
	"slices"
	"strconv"
	"strings"
)

// The page of help: how wide it is in columns where COLUMNS does not say less, how far what stands under a title is moved to
// the right, what lies between two columns, and from which width on a left one does not move the right one any more.
const (
	helpWidth   = 80
	indent      = "  "
	codeIndent  = "    "
	columnGap   = 4
	leftAtLeast = 30
	leftPart    = 375 // in thousandths of the width
)

// HelpText is the help of a command.
func (c *Command) HelpText() string {
	page := &page{width: helpWidth}
	if columns, err := strconv.Atoi(os.Getenv("COLUMNS")); err == nil {
		page.width = min(page.width, columns)
	}
	root := c
	for root.Parent != nil {
		root = root.Parent
	}
	page.line(strings.TrimSpace("Usage: " + root.Name + " " + c.Summary()))
	for _, text := range []string{c.Help, c.Detail} {
		if text != "" {
			page.line("")
			page.text(text)
		}
	}
	if len(c.Args) > 0 {
		var rows [][2]string
		for _, arg := range c.Args {
			rows = append(rows, [2]string{arg.Summary(), arg.Help})
		}
		page.columns("Arguments:", rows)
	}
	page.columns("Flags:", c.flagRows())
	if len(c.Children) > 0 {
		var rows [][2]string
		for _, child := range c.Children {
			if !child.Hidden {
				rows = append(rows, [2]string{child.Path(), child.Help})
			}
		}
		page.columns("Commands:", rows)
	}
	if c == root {
		page.line("")
		page.line(fmt.Sprintf(`Run "%s <command> --help" for more information on a command.`, root.Name))
	}
	return page.String()
}

// Summary is the command as it is typed, without the program's name.
func (c *Command) Summary() string {
	words, optional := []string{}, 0
	if c.Parent != nil {
		words = append(words, c.Path())
	}
	free := false // whether there are flags that need not be given, of the command itself or of the one it is part of
	for _, level := range c.FlagsByLevel() {
		for _, flag := range level {
			if flag.required {
				words = append(words, flag.Summary())
			}
		}
	}
	for _, of := range []*Command{c, c.Parent} {
		free = free || of != nil && slices.ContainsFunc(of.Flags, func(f *Flag) bool { return !f.required && f.Name != "help" })
	}
	for _, arg := range c.Args {
		text := arg.Summary()
		if !arg.required {
			text = strings.TrimSuffix(text, "]")
			optional++
		}
		words = append(words, text)
	}
	if len(c.Args) == 0 && len(c.Children) > 0 {
		words = append(words, "<command>")
	}
	text := strings.Join(words, " ") + strings.Repeat("]", optional)
	if free {
		text += " [flags]"
	}
	return text
}

// flagRows are all flags that the command takes, with an empty row between those of two levels.
func (c *Command) flagRows() (rows [][2]string) {
	for i, level := range c.FlagsByLevel() {
		if i > 0 {
			rows = append(rows, [2]string{})
		}
		for _, flag := range level {
			name, text := "    "+flag.Summary(), flag.Help // the program has a flag with a letter, so all leave room for one
			if flag.Short != "" {
				name = "-" + flag.Short + ", " + flag.Summary()
			}
			if flag.Env != "" {
				text = strings.TrimSuffix(text, ".") + " ($" + flag.Env + ")."
			}
			rows = append(rows, [2]string{name, text})
		}
	}
	return rows
}

// page is help being written.
type page struct {
	strings.Builder
	width int
}

func (p *page) line(text string) { p.WriteString(strings.TrimRight(text, " ") + "\n") }

// text is wrapped; what is indented in it stays as it is.
func (p *page) text(text string) {
	for line := range strings.Lines(strings.TrimSpace(wrapped(text, codeIndent, p.width))) {
		p.line(strings.TrimSuffix(line, "\n"))
	}
}

func wrapped(text, code string, width int) string {
	parsed := new(comment.Parser).Parse(text)
	return string((&comment.Printer{TextCodePrefix: code, TextWidth: width}).Text(parsed))
}

// columns are names and what they mean, under a title.
func (p *page) columns(title string, rows [][2]string) {
	p.line("")
	p.line(title)
	width := p.width - len(indent)
	most, left := max(leftAtLeast, leftPart*width/1000), 0
	for _, row := range rows {
		if n := len(row[0]); n < most {
			left = max(left, n)
		}
	}
	for _, row := range rows {
		lines := strings.Split(strings.TrimRight(wrapped(row[1], indent, width-left-columnGap), "\n"), "\n")
		first := fmt.Sprintf("%s%-*s", indent, left, row[0])
		if len(row[0]) < most {
			first += strings.Repeat(" ", columnGap) + lines[0]
			lines = lines[1:]
		}
		p.line(first)
		for _, line := range lines {
			p.line(indent + strings.Repeat(" ", left+columnGap) + line)
		}
	}
}
