// Package sim is tests only: the whole stack — nodes, QUIC, the encrypted store — in
// virtual time on LANs in memory, everything from one seed, with invariants that are
// checked after every step.
package sim
