package cli

import (
	"fmt"
	"io"
	"strings"

	"rsc.io/qr"
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
type code struct{ *qr.Code }

// newCode makes the code of a link. Upper case means the same in a link and makes a smaller code.
func newCode(link string) (code, error) {
	c, err := qr.Encode(strings.ToUpper(link), qr.L)
	if err != nil {
		return code{}, fmt.Errorf("the link does not fit a QR code: %w", err)
	}
	return code{c}, nil
}

// writePNG writes the code as a picture.
func (c code) writePNG(w io.Writer) error {
	c.Scale = pngModule
	_, err := w.Write(c.PNG())
	return err
}

// terminal draws the code with two modules in each character, one above the other.
func (c code) terminal() string {
	var b strings.Builder
	for y := -quietZone; y < c.Size+quietZone; y += 2 {
		b.WriteString(blackOnWhite)
		for x := -quietZone; x < c.Size+quietZone; x++ {
			b.WriteString(halves[c.Black(x, y)][c.Black(x, y+1)])
		}
		b.WriteString(plain + "\n")
	}
	return b.String()
}

// halves are the characters by whether their upper and their lower half are black.
var halves = map[bool]map[bool]string{
	false: {false: " ", true: "▄"},
	true:  {false: "▀", true: "█"},
}
