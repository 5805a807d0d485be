// Package reconcile finds the difference of two sets of 32-byte ids at two ends of a link, at a cost near that difference.
// Each end holds its ids in order, describes ranges of them by fingerprints, splits those that differ, and lists what is
// left: the messages go to and fro until nothing is left to say, and then both know what either lacks.
//
//	Begin ──fingerprints──▶ Step ──finer ones, lists──▶ Step ──lists, answers──▶ … ──nothing──▶ done
//
// It moves ids only. What they name, how the messages travel, who may ask, and where the salt comes from is left to its caller.
package reconcile
