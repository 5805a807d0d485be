package mesh

import (
	"encoding/binary"
	"slices"
	"time"

	"sottovoce/mesh/contact"
	"sottovoce/mesh/handshake"
	"sottovoce/mesh/identity"
	"sottovoce/mesh/peer"
	"sottovoce/mesh/store"
)

// meetingKind says how we came to a secret by which somebody is to be met.
type meetingKind uint8

const (
	meetingGiven meetingKind = 1 // we gave out a link
	meetingUsed  meetingKind = 2 // we use a link that somebody gave us

	meetingIntroduced meetingKind = 3 // a contact introduced somebody to us
)

// meeting is a secret by which somebody who is no contact finds us, or we them, as the
// home keeps it.
//
//	given   open ──their ask──▶ bound ──contact──▶ done ──expired──▶ gone
//	used    asked, until the exchange is over
//	introduced  undecided ──our yes──▶ asked, until the exchange is over
//
// spec: 05-contacts#meeting-secrets
type meeting struct {
	Kind    meetingKind       `cbor:"0,keyasint"`
	ID      contact.MeetingID `cbor:"1,keyasint"`
	Secret  [32]byte          `cbor:"2,keyasint"` // zero when a given link cannot be shown again
	Link    [32]byte          `cbor:"3,keyasint"`
	Beacons [32]byte          `cbor:"4,keyasint"`
	Role    contact.Role      `cbor:"5,keyasint"` // ours
	Our     contact.Profile   `cbor:"6,keyasint"` // labels
	Their   contact.Profile   `cbor:"7,keyasint"` // zero while nobody has used the link
	Mark    contact.Mark      `cbor:"8,keyasint"` // of the account that is meant; zero: whoever comes
	Made    int64             `cbor:"9,keyasint"` // Unix ms
	Until   int64             `cbor:"10,keyasint"`
	Done    bool              `cbor:"11,keyasint,omitempty"` // there is a contact
	User    string            `cbor:"12,keyasint,omitempty"` // who used a given link, or was introduced, by their name
	Twice   bool              `cbor:"13,keyasint,omitempty"` // given: somebody else came, too

	Account identity.AccountID `cbor:"14,keyasint"` // introduced: who, and
	By      identity.AccountID `cbor:"15,keyasint"` // by whom
	ByName  string             `cbor:"16,keyasint,omitempty"`

	Away  *shelved `cbor:"17,keyasint,omitempty"` // given: the slot that answers while we are away
	Knock *knock   `cbor:"18,keyasint,omitempty"` // used: the supernode that may answer for the giver
}

// settingMeetings keeps the meetings.
const settingMeetings = "meetings"

// meetingBit marks a meeting, in a link's proof; the rest is its id.
const meetingBit = 1 << 62

// newMeeting is what both of a meeting keep.
func newMeeting(kind meetingKind, m contact.Meeting, role contact.Role, now, until time.Time) *meeting {
	return &meeting{
		Kind: kind, ID: m.ID(), Secret: m.Secret, Link: m.Link(), Beacons: m.Beacons(), Role: role, Made: now.UnixMilli(), Until: until.UnixMilli(),
	}
}

// secret is the meeting's, which a given link has only while nobody used it.
func (m *meeting) secret() contact.Meeting { return contact.Meeting{Secret: m.Secret} }

// open reports whether a given link may still be shown, and used.
func (m *meeting) open(now time.Time) bool {
	return m.Kind == meetingGiven && m.Secret != [32]byte{} && now.UnixMilli() < m.Until
}

// pair is how links know the meeting.
func (m *meeting) pair() handshake.Pair {
	var id [8]byte
	copy(id[2:], m.ID[:])
	return handshake.Pair{ID: meetingBit | binary.BigEndian.Uint64(id[:]), Label: m.Our, Key: handshake.NewLinkKey(m.Link[:])}
}

// beaconKey is what one of the two announces itself under on a day.
func (m *meeting) beaconKey(role contact.Role, day uint32) identity.DiscoveryKey {
	return contact.BeaconKey(m.Beacons, role, day)
}

// end is when the meeting is forgotten: later than its time is over, if somebody may have answered in its slot before.
func (n *Node) end(m *meeting) time.Time {
	over := n.over(m)
	if held := time.UnixMilli(m.Until).Add(slotHeld); m.Away != nil && held.After(over) {
		return held
	}
	return over
}

// lapsed reports whether nobody can come by the meeting any more.
func (n *Node) lapsed(m *meeting, now time.Time) bool { return !now.Before(n.over(m)) }

// over is when the meeting is of no more use to whoever has not come yet: an exchange in which the other has answered gets
// a while longer, so that both sides end it.
func (n *Node) over(m *meeting) time.Time {
	until := time.UnixMilli(m.Until)
	if q := n.requests[m.Their]; q != nil && q.exchange.Our() == m.Our && q.exchange.Due() && q.exchange.Phase() != contact.PhaseAsked {
		until = until.Add(meetingGrace)
	}
	return until
}

// meetingAt finds the meeting of a link's proof, nil if there is none.
func (n *Node) meetingAt(pair uint64) *meeting {
	for _, m := range n.meetings {
		if m.pair().ID == pair {
			return m
		}
	}
	return nil
}

// meetingOf finds the meeting that an exchange is about, nil for one between profiles.
func (n *Node) meetingOf(our contact.Profile) *meeting {
	for _, m := range n.meetings {
		if m.Our == our {
			return m
		}
	}
	return nil
}

// loadMeetings reads the meetings.
func loadMeetings(tx *store.Tx) (kept []*meeting, err error) {
	err = loadSecret(tx, settingMeetings, &kept)
	return kept, err
}

// keepMeetings writes the meetings down; links are proven with them from the commit on.
func (t *turn) keepMeetings() error {
	t.keysStale = true
	return saveSecret(t.tx, settingMeetings, t.n.meetings)
}

// addMeeting keeps a new one, announces it, and looks for it among those in sight.
func (t *turn) addMeeting(m *meeting) error {
	n := t.n
	n.meetings = append(n.meetings, m)
	t.then(n.announce)
	for _, s := range n.nearby {
		t.lookFor(m, s)
	}
	return t.keepMeetings()
}

// dropMeetings forgets meetings, the requests that they are for, and the ways to them.
func (t *turn) dropMeetings(fits func(*meeting) bool) error {
	n := t.n
	var gone []*meeting
	n.meetings = slices.DeleteFunc(slices.Clone(n.meetings), func(m *meeting) bool {
		if fits(m) {
			gone = append(gone, m)
			return true
		}
		return false
	})
	if len(gone) == 0 {
		return nil
	}
	for _, m := range gone {
		if q := n.requests[m.Their]; q != nil && q.exchange.Our() == m.Our {
			if err := t.forgetRequest(q); err != nil {
				return err
			}
		} else if m.Kind == meetingGiven && !m.Done && (m.Their != (contact.Profile{}) || m.Away != nil) {
			if err := t.renew(); err != nil { // who used it, or may have looked into its slot, has our card and is no contact
				return err
			}
		}
		if m.Away != nil || m.Knock != nil {
			delete(n.shelves, m.ID)
			delete(n.knocks, m.ID)
			if err := t.tx.DeleteSetting(slotKey(m.ID)); err != nil {
				return err
			}
		}
		for instance, w := range n.ways {
			if w.meeting == m.ID {
				delete(n.ways, instance)
			}
		}
	}
	return t.keepMeetings()
}

// meetingBeacons are what we announce for those who are to find us: links that may still be
// used and requests that wait first, then links that were used, to notice who comes second.
//
// spec: 05-contacts#meeting-beacons
func (n *Node) meetingBeacons(day uint32) (beacons []beacon) {
	var last []beacon
	for _, m := range n.meetings {
		b := beacon{key: m.beaconKey(m.Role, day)}
		switch q := n.requests[m.Their]; {
		case m.Away != nil && n.lapsed(m, n.mark.Date(n.now())): // only what lies in its slot counts
		case m.Kind == meetingGiven && m.Secret == [32]byte{} && (q == nil || !q.exchange.Due()):
			last = append(last, b)
		case m.Kind == meetingGiven || q != nil && q.exchange.Due():
			beacons = append(beacons, b)
		}
	}
	return append(beacons, last...)
}

// way is where somebody is who announces themselves for a meeting.
type way struct {
	meeting  contact.MeetingID
	place    *place
	label    contact.Profile // of who was met there; zero: nobody yet
	due      time.Time       // of the next dial; zero: none planned
	dialing  bool
	failures int
}

// lookForMeetings finds out whether a sighting is somebody who is to be met.
func (t *turn) lookForMeetings(s *sighted) {
	for _, m := range t.n.meetings {
		if t.lookFor(m, s) {
			return
		}
	}
}

// lookFor looks for the other one of a meeting in a sighting. Who gave the link lets the
// other dial first: mostly both hear each other.
func (t *turn) lookFor(m *meeting, s *sighted) bool {
	n := t.n
	if !m.beaconKey(m.Role.Other(), s.Epoch/epochsPerDay).Match(peer.ID{}, s.Announcement) {
		return false
	}
	w := &way{meeting: m.ID, place: s.place(), due: t.now}
	if m.Role == contact.First {
		w.due = t.now.Add(dialDelaySecond)
	}
	n.ways[s.Instance] = w
	n.wakeBy(w.due)
	return true
}

// placeOf is where the other one of a meeting is, nil if they are not in sight.
func (n *Node) placeOf(m *meeting) *place {
	for _, instance := range n.sortedWays() {
		if w := n.ways[instance]; w.meeting == m.ID && (w.label == m.Their || w.label == contact.Profile{}) {
			return w.place
		}
	}
	return nil
}
