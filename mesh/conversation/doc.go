// Package conversation is the log of ops that two accounts share: how an op is
// written and read, which op comes next, what an arriving op is to the log, in which
// order ops are shown, how several travel in one payload, and which delivery states
// follow each other.
//
// It is pure. Ops and heads are kept by the store, which alone knows every op;
// sealing is left to session, attempts to outbox, and the meaning of rooms to a
// package of their own.
package conversation
