// Package observer is the adversary, for tests only: it takes every packet of a LAN, dials
// whatever is announced, says again what it heard, and judges whether two visits can be told
// to be of one node.
//
// It knows no features in advance. Every field of every packet, every size, interval and
// phase, and every piece of eight bytes is a feature, and each is tested for going together
// with who it was, against what chance would do. So what is constant for a node, or drawn
// once where it should be drawn anew, shows up without having been thought of.
//
// Who is who is told to the judge alone, by the test that holds the truth.
package observer
