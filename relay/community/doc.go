// Package community says which supernodes serve a community and who its members are: the
// descriptor that the root signs, the cards of the supernodes, the append-only roster, join links,
// personas, and the keys of the week.
//
//	root ── words on paper; signs the Descriptor: supernodes, operators, policy
//	  └─ operator keys ── at the supernodes; sign the Roster: invites, joins, revocations
//	       └─ personas ── at the members; prove themselves by log-in
//
// It is pure: House is the state of one community at a supernode, Membership that of a member;
// events come in with the time and with randomness, answers go out, and their callers keep both
// before anything is said. Links, tokens, blobs and what anybody is shown are left to others.
package community
