// Package cluster tests supernodes that share a store: three nats-servers on hosts of their own, processes of the program as it is
// shipped before them, and members who deposit and collect over the wire while servers die, are cut off and start again.
//
// What a store promises by itself is tested by relay/mailbox/mailboxtest; what people see of a supernode, in netlab.
package cluster
