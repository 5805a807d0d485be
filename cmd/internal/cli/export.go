package cli

import (
	"bufio"
	"encoding/json"
	"fmt"
	"html"
	"io"
	"iter"
	"strings"

	"sottovoce/cmd/internal/control"
)

// exportBuffer is how much of an export is written at once, in bytes.
const exportBuffer = 64 << 10

// Run writes a conversation to standard output or a file.
func (e *exportCommand) Run(c *call) error {
	if c.json && e.Format == "html" && e.Output == "" {
		return control.Errorf(control.CodeUsage, "--json with --format html needs a file; give one with -o FILE")
	}
	ctx, cancel := c.soon()
	defer cancel()
	me, err := c.node.Me(ctx)
	if err != nil {
		return err
	}
	messages, err := c.node.Export(c.ctx, e.To)
	if err != nil {
		return err
	}
	count := 0
	fill := func(w io.Writer) error {
		count, err = faceFiles{}.Export(w, messages, me, e.Format == "html")
		return err
	}
	if e.Output == "" {
		return fill(c.Stdout)
	}
	size, err := c.writeFile(e.Output, fill)
	if err != nil {
		return err
	}
	if c.json {
		return c.printJSON(struct {
			File     string `json:"file"`
			Bytes    int64  `json:"bytes"`
			Messages int    `json:"messages"`
		}{e.Output, size, count})
	}
	return c.printf("Written to %s: %d messages.\n", e.Output, count)
}

// exportLines writes one message a line, as `log --json` does.
func exportLines(w *bufio.Writer, messages iter.Seq2[control.Message, error], _ control.Me) (count int, err error) {
	var line strings.Builder
	encoder := json.NewEncoder(&line)
	encoder.SetEscapeHTML(false)
	for m, err := range messages {
		if err != nil {
			return count, err
		}
		line.Reset()
		if err := encoder.Encode(m); err != nil {
			return count, err
		}
		if _, err := w.WriteString(escapeUnseen(strings.TrimSuffix(line.String(), "\n")) + "\n"); err != nil {
			return count, err
		}
		count++
	}
	return count, nil
}

// exportHead begins a page that needs nothing from anywhere and runs nothing.
const exportHead = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width">
<title>Sottovoce</title>
<style>
body { font: 1rem/1.5 sans-serif; max-width: 40rem; margin: 2rem auto; padding: 0 1rem; color: #222; background: #fff }
h2 { font-size: 1rem; text-align: center; color: #666; margin: 2rem 0 1rem }
article { margin: 0 4rem 1rem 0; padding: .5rem 1rem; border-radius: .5rem; background: #f0f0f0 }
article.mine { margin: 0 0 1rem 4rem; background: #e2eefc }
header { color: #666; font-size: .85rem }
p { margin: 0; white-space: pre-wrap; overflow-wrap: anywhere }
</style>
</head>
<body>
`

// exportPage writes a page for people. Names and texts are what others sent: all of them are made safe to show, and
// escaped.
func exportPage(w *bufio.Writer, messages iter.Seq2[control.Message, error], me control.Me) (count int, err error) {
	w.WriteString(exportHead) // the Flush tells
	day := ""
	for m, err := range messages {
		if err != nil {
			return count, err
		}
		at := m.Time.Local()
		if today := at.Format("Monday, 2 January 2006"); today != day {
			day = today
			fmt.Fprintf(w, "<h2>%s</h2>\n", day)
		}
		class, mark := "theirs", ""
		if m.From.ID == me.ID {
			class, mark = "mine", " "+html.EscapeString(ourMark(m))
		}
		said := (&call{}).wording(m, 0)
		_, err = fmt.Fprintf(w, "<article class=\"%s\"><header><b dir=\"auto\">%s</b> <time datetime=\"%s\">%s</time>%s</header><p dir=\"auto\">%s</p></article>\n",
			class, html.EscapeString(name(m.From)), at.Format("2006-01-02T15:04:05Z07:00"), at.Format("15:04"), mark,
			html.EscapeString(said))
		if err != nil {
			return count, err
		}
		count++
	}
	_, err = w.WriteString("</body>\n</html>\n")
	return count, err
}
