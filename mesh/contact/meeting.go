package contact

import (
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"io"

	"sottovoce/mesh/identity"
	"sottovoce/mesh/peer"
)

// Meeting is a secret by which two who are no contacts yet find each other and prove
// that they are meant: that of a contact link, or of an introduction. It prints as
// "[secret]".
//
// spec: 05-contacts#meeting-secrets
type Meeting struct{ Secret }

// NewMeeting draws one.
func NewMeeting(rand io.Reader) (Meeting, error) {
	var m Meeting
	if _, err := io.ReadFull(rand, m.Secret[:]); err != nil {
		return Meeting{}, fmt.Errorf("drawing a secret: %v", err)
	}
	return m, nil
}

// MeetingID names a meeting for people; it tells nothing of the secret.
type MeetingID [6]byte

// String returns "link-" and 10 characters of base32.
func (id MeetingID) String() string { return peer.EncodeText(meetingPrefix, id[:]) }

// Mark says which account is meant, to who holds the secret.
type Mark [16]byte

// Role is which of the two announces itself: they do so under different keys.
//
// spec: 05-contacts#meeting-beacons
type Role uint8

// The roles. Of two who are introduced the first is who has the smaller account id.
const (
	First  Role = 1 // who gave out the link
	Second Role = 2 // who uses it
)

// Other is the other one's.
func (r Role) Other() Role { return First + Second - r }

// ID returns the meeting's name.
func (m Meeting) ID() (id MeetingID) {
	expand(id[:], m.Secret[:], nil, labelMeetingID)
	return id
}

// Link returns the secret that link keys of mode pair are made of.
func (m Meeting) Link() (s Secret) {
	expand(s[:], m.Secret[:], nil, labelMeetingLink)
	return s
}

// Beacons returns the secret that discovery keys are made of.
func (m Meeting) Beacons() (s Secret) {
	expand(s[:], m.Secret[:], nil, labelMeetingBeacons)
	return s
}

// Giver returns the label of who gave out the link.
func (m Meeting) Giver() Profile { return label(m.Secret[:], nil, labelMeetingGiver) }

// User returns the label of a device that uses the link, the same whenever it does: who
// takes a request back and makes it again is nobody else.
func (m Meeting) User(device *identity.Device) Profile {
	key := device.AgreeSecret()
	defer key.Erase()
	return label(key[:], m.Secret[:], labelMeetingUser)
}

// Introduced returns the label of one of two who are introduced.
func (m Meeting) Introduced(account identity.AccountID) Profile {
	return label(m.Secret[:], nil, labelMeetingIntroduced+string(account[:]))
}

// Mark returns the mark of an account.
func (m Meeting) Mark(account identity.AccountID) (mark Mark) {
	expand(mark[:], m.Secret[:], nil, labelMeetingMark+string(account[:]))
	return mark
}

// BeaconKey returns the discovery key of a day under which one of the two announces
// itself, made of what Beacons returned. The device of its slots is zero.
//
// spec: 05-contacts#meeting-beacons
func BeaconKey(beacons Secret, role Role, day uint32) identity.DiscoveryKey {
	var key identity.DaySecret
	defer key.Erase()
	info := binary.BigEndian.AppendUint32(append([]byte(labelMeetingDay), byte(role)), day)
	expand(key[:], beacons[:], nil, string(info))
	return identity.DiscoveryKeyOf(day, key)
}

// MarkOf checks a card before anything is made of it: whether it is of the account that
// the mark is of. A card that does not parse is of nobody.
func (m Meeting) MarkOf(card []byte) (Mark, bool) {
	p, err := parseParty(Profile{}, card)
	if err != nil {
		return Mark{}, false
	}
	return m.Mark(p.Account.ID()), true
}

// label derives what somebody is called in an exchange. No profile's key looks like one.
func label(secret, salt []byte, info string) (l Profile) {
	expand(l[:], secret, salt, info)
	l[len(l)-1] |= labelBit
	return l
}

func expand(dst, secret, salt []byte, info string) {
	key, err := hkdf.Key(sha256.New, secret, salt, info, len(dst))
	if err != nil {
		panic(fmt.Sprintf("contact: deriving from a secret: %v", err))
	}
	copy(dst, key)
	clear(key)
}
