package mesh

import "time"

// timely reports whether an epoch's number is one that a node with our clock would announce.
func (n *Node) timely(epoch uint32, now time.Time) bool {
	ahead := int64(epoch) - n.mark.Date(now).Unix()/secondsPerNumber
	return -epochsBehind <= ahead && ahead <= epochsAhead
}

// believes reports whether to dial where an announcement leads. Anybody can repeat an old
// one, and who dials it shows whom they know: so one that does not fit the clock counts
// only while the clock is in doubt: nobody vouches for it, or nobody has agreed with it in
// this run.
// spec: 02-discovery#recognising-contacts
func (n *Node) believes(at *place, now time.Time) bool {
	return at.instance == "" || n.timely(at.epoch, now) || !n.vouched() || !n.agreed
}

// agrees notes that somebody else announced an epoch.
func (n *Node) agrees(epoch uint32, now time.Time) {
	if n.timely(epoch, now) {
		n.agreed = true
	}
}
