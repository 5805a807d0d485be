package relay

import "time"

// ScanAlways has the client ask for tags first as soon as it has fetched anything, and often. It is
// called before Run.
func (c *Client) ScanAlways() { c.much, c.pause = 0, 20*time.Millisecond }
