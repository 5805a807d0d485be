package daemon

import (
	"sottovoce/discovery/mdns"
	"sottovoce/mesh"
	"sottovoce/mesh/fence"
)

// border is the fence of a node with its discovery: closed, neither leaves the networks in
// use, and tunnels are none of them unless a person named them.
type border struct {
	*fence.Fence
	finder *mdns.Finder
}

var _ mesh.Fence = (*border)(nil)

// Close implements mesh.Fence.
func (b *border) Close() {
	b.finder.Restrict(true)
	b.Fence.Close()
}

// Open implements mesh.Fence.
func (b *border) Open() {
	b.finder.Restrict(false)
	b.Fence.Open()
}
