// Package paint turns text into rows of terminal cells: what others sent is made safe, cut into rows by what it takes on
// the screen, put into the order in which it is read, and given its look by a theme.
//
// It leaves to others what is shown and where (package tui).
package paint
