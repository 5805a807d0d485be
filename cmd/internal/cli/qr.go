package cli

import (
	"io"
	"strings"

	"sottovoce/cmd/internal/tui/paint"
)

const (
	// quietZone is the white border that readers of QR codes want, in modules.
	quietZone = 4
	// pngModule is how many pixels wide a module is in a file: large enough to be printed.
	pngModule = 8
	// The colours are fixed, of the 256 that do not depend on the terminal's theme: black on white, so that the code
	// is right on a dark screen and on a light one.
	blackOnWhite = "\x1b[38;5;16;48;5;231m"
	plain        = "\x1b[0m"
)

// code is a QR code.
type code struct{ paint.QR }

// newCode makes the code of a link.
func newCode(link string) (code, error) {
	c, err := paint.NewQR(link)
	return code{c}, err
}

// writePNG writes the code as a picture.
func (c code) writePNG(w io.Writer) error {
	c.Scale = pngModule
	_, err := w.Write(c.PNG())
	return err
}

// terminal draws the code for a terminal.
func (c code) terminal() string {
	var b strings.Builder
	for _, row := range c.Rows(quietZone) {
		b.WriteString(blackOnWhite + row + plain + "\n")
	}
	return b.String()
}

// plain draws the code without colours, for logs and consoles, which are dark: what is white there is the code's white.
func (c code) plain() string {
	return strings.NewReplacer(" ", "█", "█", " ", "▀", "▄", "▄", "▀").Replace(strings.Join(c.Rows(quietZone), "\n") + "\n")
}
