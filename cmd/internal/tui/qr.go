package tui

import "sottovoce/cmd/internal/tui/paint"

// quietZone is the white border around a code, in modules. Printed ones want four; cameras read one of a lit screen, and the
// code then fits a terminal of 24 rows.
const quietZone = 1

// frameColumns and frameRows are what a dialog takes beside what it shows.
const frameColumns, frameRows = 8, 2

// qrRows draws the code of a link and tells its size in cells; where it does not fit there are no rows, and no size where
// nothing holds the link.
func qrRows(link string, width, height int) (drawn []paint.Line, columns, rows int) {
	c, err := paint.NewQR(link)
	if err != nil {
		return nil, 0, 0
	}
	columns = c.Size + 2*quietZone
	rows = (columns + 1) / 2
	if columns > width || rows > height {
		return nil, columns, rows
	}
	for _, row := range c.Rows(quietZone) {
		drawn = append(drawn, paint.Text(paint.Code, row))
	}
	return drawn, columns, rows
}
