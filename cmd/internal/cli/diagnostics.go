package cli

import (
	"encoding/json"
	"io"

	"sottovoce/cmd/internal/control"
)

// Run writes what the node, or without one this program, can tell to strangers.
func (d *diagnosticsCommand) Run(c *call) error {
	ctx, cancel := c.soon()
	defer cancel()
	found, err := c.node.Diagnostics(ctx)
	if isNotRunning(err) {
		found, err = c.Diagnose(c.home)
	}
	if err != nil {
		return err
	}
	size, err := c.writeFile(d.File, func(w io.Writer) error { return writeDiagnostics(w, found) })
	if err != nil {
		return err
	}
	if c.json {
		return c.printJSON(struct {
			File  string `json:"file"`
			Bytes int64  `json:"bytes"`
		}{d.File, size})
	}
	return c.printf("Written to %s. Names, texts and addresses are not in it; read it before you show it.\n", d.File)
}

func writeDiagnostics(w io.Writer, d control.Diagnostics) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(d)
}
