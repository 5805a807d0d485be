package control

import (
	"maps"
	"slices"
	"testing"
)

// ErrorAnswer is what a request that failed is answered with.
type ErrorAnswer = errorBody

// Served lists the routes of a server as "METHOD /path", sorted.
func Served(t *testing.T) []string {
	return slices.Sorted(maps.Keys(NewServer(noNode{}, "").routes(t.Context())))
}

// noNode is a Node to take methods of, never asked anything.
type noNode struct{ Node }
