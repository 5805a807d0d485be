// Package netlab makes LANs of real hosts on one machine, for end-to-end tests of the program.
//
// A host is a network namespace with a veth cable to a bridge, and the bridge has a namespace of its own: nothing
// touches the machine's own interfaces, there is no default route and no way out. Hosts lose packets by an nftables rule, cables
// can be pulled, and a capture records every frame that crosses the bridge. What runs on a host is the real binary, with
// a home of its own; nothing of the module is linked in.
//
// It works on Linux as root with ip (iproute2) and nft (nftables). Elsewhere New skips the test and says why; with
// CI=true it fails it. Namespaces, processes and folders are named after the test's process and go with the test;
// what a killed run left behind goes with the next one. Virtual time and replay from a seed are left to simulation.
package netlab
