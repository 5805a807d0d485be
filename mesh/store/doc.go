// Package store keeps a node's durable state in its home: the key file, and one
// page-encrypted SQLite database with contacts, pair states, conversations and
// their ops, the outbox and the event log. One writer commits whole
// transactions to disk before it returns, readers see snapshots beside it, a
// second process is refused, and damage is noticed instead of read.
//
// It decides nothing about what it keeps: what an op, a pair state or a contact
// object means, what is sent when and what is forgotten when is left to the
// node and the packages of the protocols. It reads no clock.
package store
