// Package bench measures what the project promises in figures: the built program on two hosts of a netlab LAN, each figure
// beside a yardstick taken in the same run. `make bench` prints the table; with BENCH_JSON=FILE it also writes it as
// JSON lines.
//
// It has no code of its own, only benchmarks, and none of them fails for being slow: machines differ, ratios say more. What
// a single part costs is left to the benchmarks beside that part.
package bench
