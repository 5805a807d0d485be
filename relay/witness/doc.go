// Package witness finds out whether a supernode shows different things to different people, or not what it signed for: it follows
// a log along its pages, holds receipts and checkpoints against it, those that others were given too, and says what
// contradicts what.
//
// It is pure. Asking for pages and checkpoints, telling them to others, keeping what it knows, and showing people what it found
// is left to its callers.
package witness
