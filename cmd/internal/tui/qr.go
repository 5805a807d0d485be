package tui

import "sottovoce/cmd/internal/tui/paint"

// quietZone is the white border around a code, in modules. Printed ones want four; cameras read one of a lit screen, and the
// code then fits a terminal of 24 rows.
const quietZone = 1

// qrRows draws the code of a link; nil where it does not fit.
func qrRows(link string, width, height int) (rows []paint.Line) {
	c, err := paint.NewQR(link)
	if err != nil || c.Size+2*quietZone > width || (c.Size+2*quietZone+1)/2 > height {
		return nil
	}
	for _, row := range c.Rows(quietZone) {
		rows = append(rows, paint.Text(paint.Code, row))
	}
	return rows
}
