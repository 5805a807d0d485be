package paint

import (
	"fmt"
	"strings"

	"rsc.io/qr"
)

// QR is a code for cameras.
type QR struct{ *qr.Code }

// NewQR makes the code of a link. Upper case means the same in a link and makes a smaller code.
func NewQR(link string) (QR, error) {
	c, err := qr.Encode(strings.ToUpper(link), qr.L)
	if err != nil {
		return QR{}, fmt.Errorf("the link does not fit a QR code: %w", err)
	}
	return QR{c}, nil
}

// Rows draws the code with two modules in each cell, one above the other, and a white border of so many modules. What draws
// is black, whatever the theme.
func (c QR) Rows(border int) (rows []string) {
	for y := -border; y < c.Size+border; y += 2 {
		var b strings.Builder
		for x := -border; x < c.Size+border; x++ {
			b.WriteString(halves[c.Black(x, y)][c.Black(x, y+1)])
		}
		rows = append(rows, b.String())
	}
	return rows
}

// halves are the characters by whether their upper and their lower half are black.
var halves = map[bool]map[bool]string{
	false: {false: " ", true: "▄"},
	true:  {false: "▀", true: "█"},
}
