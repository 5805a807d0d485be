package mdns

import "time"

// lately is when an instance was last heard to announce itself to the group.
type lately struct{ ip4, ip6 time.Time }

// Heard is how long ago an instance in sight was heard to announce itself to the group, by
// IPv4 and by IPv6; 0: never.
func (f *Finder) Heard(instance string) (ip4, ip6 time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	ago := func(at time.Time) time.Duration {
		if at.IsZero() {
			return 0
		}
		return max(time.Since(at), 1)
	}
	h := f.heard[instance]
	return ago(h.ip4), ago(h.ip6)
}

// hears notes that an instance in sight announced itself to the group.
func (f *Finder) hears(instance string, by Family, now time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	h := f.heard[instance]
	if by == IPv4 {
		h.ip4 = now
	} else {
		h.ip6 = now
	}
	f.heard[instance] = h
}

// forgets notes that an instance is out of sight.
func (f *Finder) forgets(instance string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.heard, instance)
}
