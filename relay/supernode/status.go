package supernode

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"time"

	"sottovoce/mesh/peer"
	"sottovoce/mesh/wire"
	"sottovoce/relay/community"
	"sottovoce/relay/mailbox"
	"sottovoce/relay/replica"
)

// Status is what a supernode does and keeps, in its operator's words. It tells nothing of who
// deposits or collects what: the supernode itself does not know.
type Status struct {
	ID          peer.ID
	Started     time.Time // of this run; zero where there is none
	Links       int       // members, and supernodes, connected now
	LoggedIn    int       // of them, those that a persona has logged in by
	Followers   int       // requests that wait for what comes
	Blobs       int64
	Lost        int   // blobs that the disk was found not to return any more
	Cut         int64 // bytes of interrupted writes that were cut off when the store was opened
	Damaged     int64 // bytes that were found damaged then
	Disk        int64 // bytes that they take, and slots
	DiskMax     int64 // bytes that they may take
	Days        int   // how many days ahead a blob may ask to be kept
	Today       uint16
	Clock       ClockState
	Over        uint16 // the last day that is over by it; 0: none is, nothing expires
	TheirDay    uint16 // with ClockDoubted: the day that a member has
	NextExpiry  uint16 // the day after which the next blobs go; 0: none are held
	Finished    uint16 // the last day whose blobs have gone; 0: none yet
	Kept        uint64 // deposits signed for in this run
	Refused     map[wire.Reason]uint64
	Communities []CommunityStatus // in the order of their ids
}

// CommunityStatus is one community as its operator sees it.
type CommunityStatus struct {
	ID         community.ID
	Name       string // hostile until shown by peer.ShowName
	Members    int    // that are not revoked
	Supernodes []peer.ID
	Allies     []replica.Ally // how it stands with the others of them
	Blobs      int64
	Disk       int64
	Room       int64  // bytes that it may still have
	Quota      Quota  // what it is allowed; Tokens: now, of a disk that is so full
	Received   uint64 // bytes that were left for it in this run, and
	Sent       uint64 // that were collected
	Next       uint16 // the day after which its next blobs go; 0: it has none
	Cursor     uint64
	Alarms     []community.Alarm // what must not be; the operator is told until they are dismissed
}

// Word is how an operator reads a reason.
//
// spec: 08-custody#refusals
func Word(r wire.Reason) string {
	switch r {
	case wire.ReasonDiskFull:
		return "disk full"
	case wire.ReasonWrongDay:
		return "wrong day"
	case wire.ReasonTooLarge:
		return "too large"
	case wire.ReasonToken:
		return "token missing, spent or false"
	case wire.ReasonQuota:
		return "quota used up"
	case wire.ReasonNotNow:
		return "busy"
	case wire.ReasonDeleted:
		return "deleted before"
	case wire.ReasonNoMember:
		return "no member"
	case wire.ReasonCommunity:
		return "no such community"
	case wire.ReasonLink:
		return "join link not good"
	case wire.ReasonWeOld:
		return "this supernode needs an update"
	case wire.ReasonYouOld:
		return "their program needs an update"
	}
	return fmt.Sprintf("reason %d", r)
}

// WriteMetrics writes s in the text form that Prometheus reads. Communities are told apart by the
// beginning of their ids, as names are anybody's.
func (s Status) WriteMetrics(w io.Writer) error {
	m := metrics{w: w}
	m.one("links", "gauge", "Members and supernodes connected now.", float64(s.Links))
	m.one("followers", "gauge", "Requests that wait for what comes.", float64(s.Followers))
	m.one("disk_max_bytes", "gauge", "Bytes of disk that blobs may take.", float64(s.DiskMax))
	m.one("lost_blobs", "gauge", "Blobs that the disk was found not to return any more.", float64(s.Lost))
	m.one("cut_bytes", "gauge", "Bytes of interrupted writes that the start cut off.", float64(s.Cut))
	m.one("damaged_bytes", "gauge", "Bytes that the start found damaged.", float64(s.Damaged))
	m.one("clock_believed", "gauge", "1 where the clock is believed and blobs expire.", flag(s.Clock == ClockVouched || s.Clock == ClockAgreed))
	m.one("kept_total", "counter", "Deposits signed for.", float64(s.Kept))
	m.head("refused_total", "counter", "What was refused, by reason.")
	for _, r := range slices.Sorted(maps.Keys(s.Refused)) {
		m.line("refused_total", fmt.Sprintf("reason=%q", Word(r)), float64(s.Refused[r]))
	}
	for _, g := range []struct {
		name, kind, help string
		of               func(CommunityStatus) float64
	}{
		{"members", "gauge", "Members that are not revoked.", func(c CommunityStatus) float64 { return float64(c.Members) }},
		{"blobs", "gauge", "Blobs held.", func(c CommunityStatus) float64 { return float64(c.Blobs) }},
		{"disk_bytes", "gauge", "Bytes of disk that they take.", func(c CommunityStatus) float64 { return float64(c.Disk) }},
		{"room_bytes", "gauge", "Bytes that may still be deposited.", func(c CommunityStatus) float64 { return float64(c.Room) }},
		{"bandwidth_max_bytes", "gauge", "Bytes a second that may come, and leave; 0: any number.", func(c CommunityStatus) float64 { return float64(c.Quota.Bandwidth) }},
		{"days_max", "gauge", "Days that a blob may ask to be kept.", func(c CommunityStatus) float64 { return float64(c.Quota.Days) }},
		{"tokens_max", "gauge", "Tokens that a member may draw for a day now.", func(c CommunityStatus) float64 { return float64(c.Quota.Tokens) }},
		{"received_bytes_total", "counter", "Bytes of deposits received.", func(c CommunityStatus) float64 { return float64(c.Received) }},
		{"sent_bytes_total", "counter", "Bytes of pages and listings sent.", func(c CommunityStatus) float64 { return float64(c.Sent) }},
	} {
		m.head(g.name, g.kind, g.help)
		for _, c := range s.Communities {
			m.line(g.name, fmt.Sprintf("community=\"%x\"", c.ID[:4]), g.of(c))
		}
	}
	return m.err
}

// metrics writes lines until one fails.
type metrics struct {
	w   io.Writer
	err error
}

const metricsPrefix = "sottovoce_supernode_"

func (m *metrics) head(name, kind, help string) {
	m.print("# HELP %s%s %s\n# TYPE %[1]s%[2]s %[4]s\n", metricsPrefix, name, help, kind)
}

func (m *metrics) one(name, kind, help string, v float64) {
	m.head(name, kind, help)
	m.print("%s%s %v\n", metricsPrefix, name, v)
}

func (m *metrics) line(name, label string, v float64) {
	m.print("%s%s{%s} %v\n", metricsPrefix, name, label, v)
}

func (m *metrics) print(format string, args ...any) {
	if m.err == nil {
		_, m.err = fmt.Fprintf(m.w, format, args...)
	}
}

func flag(on bool) float64 {
	if on {
		return 1
	}
	return 0
}

// Status tells how things stand. Where the supernode does not run only what its directory holds is
// told.
func (s *Supernode) Status() Status {
	s.disk.refresh()
	stats, finished := s.stats(), s.store.Finished()
	s.mu.Lock()
	over, _ := s.days.finished(time.Now())
	st := Status{
		ID: s.ID(), Started: s.started, Links: s.crowd.count(), LoggedIn: int(s.loggedIn.Load()), Followers: int(s.followers.Load()),
		Blobs: int64(stats.Blobs), Lost: stats.Lost, Cut: stats.Cut, Damaged: stats.Damaged, Disk: stats.Bytes, DiskMax: s.cfg.Limits.Disk, Days: s.cfg.Limits.Days,
		Today: wire.DayAt(s.days.mark.Date(time.Now())), Clock: s.days.state(), Over: over, TheirDay: s.days.theirs(), Finished: finished,
		Kept: s.keptCount.Load(), Refused: maps.Clone(s.refusals),
	}
	s.mu.Unlock()
	for _, c := range s.all() {
		one := c.status(stats.Logs[c.id])
		st.Communities = append(st.Communities, one)
		if one.Next != 0 && (st.NextExpiry == 0 || one.Next < st.NextExpiry) {
			st.NextExpiry = one.Next
		}
	}
	return st
}

func (c *served) status(days []mailbox.Day) CommunityStatus {
	one := CommunityStatus{
		ID: community.ID(c.id), Room: c.terms().quota, Cursor: c.store.Head(c.id).Cursor, Received: c.in.moved.Load(), Sent: c.out.moved.Load(),
	}
	for _, d := range days {
		one.Blobs += int64(d.Blobs)
		one.Disk += d.Bytes
		if one.Next == 0 && d.Blobs > 0 {
			one.Next = d.Day
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if d := c.house.Descriptor(); d != nil {
		one.Name = d.Name
	}
	for _, k := range c.house.Supernodes() {
		one.Supernodes = append(one.Supernodes, k.ID())
	}
	for _, m := range c.house.Members() {
		if !m.Revoked {
			one.Members++
		}
	}
	one.Quota = Quota{Disk: c.quota.Disk, Days: int(c.policyLocked().Days), Bandwidth: c.quota.Bandwidth, Tokens: c.perMember()}
	one.Alarms, one.Allies = c.house.Alarms(), c.replicator.Status()
	return one
}
