package tui

import (
	"strings"

	"rsc.io/qr"

	"sottovoce/cmd/internal/tui/paint"
)

// quietZone is the white border around a code, in modules. Printed ones want four; cameras read one of a lit screen, and the
// code then fits a terminal of 24 rows.
const quietZone = 1

// qrRows draws the code of a link with two modules in each cell, one above the other; nil where it does not fit.
func qrRows(link string, width, height int) (rows []paint.Line) {
	c, err := qr.Encode(strings.ToUpper(link), qr.L)
	if err != nil || c.Size+2*quietZone > width || (c.Size+2*quietZone+1)/2 > height {
		return nil
	}
	for y := -quietZone; y < c.Size+quietZone; y += 2 {
		var b strings.Builder
		for x := -quietZone; x < c.Size+quietZone; x++ {
			switch up, down := c.Black(x, y), c.Black(x, y+1); {
			case up && down:
				b.WriteRune('█')
			case up:
				b.WriteRune('▀')
			case down:
				b.WriteRune('▄')
			default:
				b.WriteRune(' ')
			}
		}
		rows = append(rows, paint.Text(paint.Code, b.String()))
	}
	return rows
}
