// Package jetstream keeps the logs of communities on a cluster of NATS servers, so that any number of supernode processes can
// stand in front of one log: a [mailbox.Store] of which each process has the index in memory, and the servers everything.
//
// The order of a log is that of one stream. Whoever appends says which message is the last, and is refused if it is not; so
// nothing is decided by what has changed meanwhile, and what was sent twice is kept once. Who may deposit, what is signed and when something expires is
// left to relay/supernode.
package jetstream
