// Package contact is how two people who see each other's open profiles become
// contacts: one asks, the other's person accepts, both give each other their card,
// and both end up with the same Object or with none.
//
// It is a pure state machine. Its caller keeps every state before it sends anything,
// so that either side may stop at any moment; links, disk and what the persons see
// are left to it, and sessions made of an Object to package session.
package contact
