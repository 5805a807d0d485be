// Package relay leaves sealed blobs with supernodes and collects what they keep: what is signed,
// the chain of a log, the words for refusals, and Client, which does all of it for a member of
// communities.
//
//	Client ── one per node
//	   └─ member ── one per community we joined
//	         └─ station ── one per supernode of it: a link, a wallet, how far its log was read
//
// It leaves the serving side to relay/supernode, who is a member to relay/community, what a deposit
// costs and tokens to relay/token. Whom a blob is for and what is in it nobody here knows, and what
// is to be remembered is kept by the Keep that it is given.
package relay
