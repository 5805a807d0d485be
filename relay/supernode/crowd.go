package supernode

import "sync"

// crowd bounds the links that are served. While there is room everybody is let in; then a block
// that has many gives way to one that has fewer.
type crowd[V comparable] struct {
	most int

	mu  sync.Mutex // guards the following
	in  map[block][]V
	all int
}

func newCrowd[V comparable](most int) *crowd[V] {
	return &crowd[V]{most: most, in: make(map[block][]V)}
}

// enter lets v of block b in. If another has to go for it, that is returned, and counts no longer;
// if there is no place, ok is false.
func (c *crowd[V]) enter(b block, v V) (gone V, evicted, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.all >= c.most {
		most := b
		for other, vs := range c.in {
			if len(vs) > len(c.in[most]) {
				most = other
			}
		}
		if len(c.in[most]) < len(c.in[b])+2 { // giving way must leave it no worse off
			return gone, false, false
		}
		vs := c.in[most]
		gone, evicted = vs[len(vs)-1], true
		c.in[most] = vs[:len(vs)-1]
		c.all--
	}
	c.in[b] = append(c.in[b], v)
	c.all++
	return gone, evicted, true
}

// leave forgets v, which may have given way before.
func (c *crowd[V]) leave(b block, v V) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i, other := range c.in[b] {
		if other == v {
			c.in[b] = append(c.in[b][:i], c.in[b][i+1:]...)
			c.all--
			break
		}
	}
	if len(c.in[b]) == 0 {
		delete(c.in, b)
	}
}

// count is how many are in.
func (c *crowd[V]) count() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.all
}
