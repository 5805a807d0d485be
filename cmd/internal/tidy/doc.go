// Package tidy holds the house rules as tests: the import table, purity of the lower layers, package comments, links
// from code to the protocol text, what pages name, the size ratchet, the list of dependencies, the top level, and leftovers.
//
// It has no code of its own. Each rule is a function over a tree of files, so that the tests run it on small broken
// trees in testdata as well as on ours. Formatting and vetting are left to gofumpt, vet and staticcheck (make check);
// whether a name is good or a comment true is left to readers.
package tidy
