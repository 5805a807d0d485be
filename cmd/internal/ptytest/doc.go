// Package ptytest is a terminal for tests: a pair of a pseudo-terminal's two ends, and a screen that takes what a program
// writes for what it is, cell by cell, and notes whatever a program of ours has no reason to write.
//
// It knows the sequences that our faces need and no others: it stands in for a terminal, but is none. Linux only.
package ptytest
