package control

import (
	"maps"
	"slices"
	"testing"
)

// ErrorAnswer is what a request that failed is answered with.
type ErrorAnswer = errorBody

// Served lists the routes of a node's server and of a supernode's as "METHOD /path", sorted.
func Served(t *testing.T) []string {
	all := NewServer(noNode{}, "").routes(t.Context())
	maps.Copy(all, NewSupernodeServer(noSupernode{}, "").routes())
	return slices.Sorted(maps.Keys(all))
}

// noSupernode is a Supernode to take methods of.
type noSupernode struct{ Supernode }

// noNode is a Node to take methods of, never asked anything.
type noNode struct{ Node }
