// Package mesh joins the parts of a node: it owns the one loop through which
// everything passes that changes what the node knows, commits it to the store,
// and only then acts on it.
//
// The way of a message out: Send appends the op and its deliveries, flush seals
// what has a route, the commit makes all of it durable, and the link carries the
// blob. The way in: a link hands over blobs, receive finds the key by tag, opens,
// admits the op, the commit makes op and ratchet step durable together, and the
// receipt goes back.
//
// It leaves finding others to its Finder, bytes on the network to mesh/link, every
// rule of a protocol to the pure packages below it, and faces to cmd.
package mesh
