// Package demo lets three people and a supernode act out a story in this process, on no network: their nodes, relay clients and
// the supernode are real, and what lies under them is a LAN in memory (mesh/simlan) and a temporary folder. What it tells was
// observed when it is told: a state that a node gave, blobs read from the mailbox, bytes searched. It is the second place where
// mesh and relay are put together.
//
// It leaves the rules to those parts, how they are joined to package daemon, and the terminal to package paint.
package demo
