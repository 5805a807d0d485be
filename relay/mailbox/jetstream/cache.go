package jetstream

import (
	"slices"
	"sync"

	"sottovoce/relay/mailbox"
)

// cached names a message of blobs.
type cached struct {
	community mailbox.Community
	seq       uint64
}

// cache keeps the messages of blobs that were written or read last, up to cacheBytes.
type cache struct {
	mu    sync.Mutex // guards the following
	held  map[cached][]byte
	order []cached // the oldest first
	bytes int
}

func (c *cache) get(of cached) []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.held[of]
}

func (c *cache) put(of cached, b []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, found := c.held[of]; found {
		return
	}
	if c.held == nil {
		c.held = map[cached][]byte{}
	}
	c.held[of] = b
	c.order = append(c.order, of)
	c.bytes += len(b)
	for c.bytes > cacheBytes {
		c.bytes -= len(c.held[c.order[0]])
		delete(c.held, c.order[0])
		c.order = c.order[1:]
	}
}

func (c *cache) drop(of cached) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if b, found := c.held[of]; found {
		c.bytes -= len(b)
		delete(c.held, of)
		c.order = slices.DeleteFunc(c.order, func(k cached) bool { return k == of })
	}
}

func (c *cache) clear() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.held, c.order, c.bytes = nil, nil, 0
}
