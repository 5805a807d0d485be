// Package tui is the terminal face: who is there at the left, the conversation at the right, and whatever is asked in
// between. It is a thin client of the control API of a running node: it can attach to one that runs already, several at a
// time, and leaves everything that outlives the screen to the node.
//
// It leaves what is said to package words and how it looks to package paint; opening a node is the caller's.
package tui
