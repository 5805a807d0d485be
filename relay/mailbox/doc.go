// Package mailbox keeps the blobs that a supernode has in custody: one log for each community, in which every
// blob has a cursor, until its expiry day is over. What it acknowledges is on the disk, beside it the tokens
// that paid for it and the tombstones that deleted it.
//
// It parses blob headers and nothing else. Who may deposit, collect or delete, what it costs, how far ahead
// an expiry day may lie and what day it is are left to the supernode; it reads no clock and knows no member.
package mailbox
