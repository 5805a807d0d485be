package community

import (
	"fmt"
	"slices"

	"sottovoce/mesh/peer"
	"sottovoce/mesh/wire"
)

// AlarmKind says what is wrong.
//
// spec: 10-communities#alarms
type AlarmKind uint8

// The kinds.
const (
	// AlarmDescriptor: the root has signed two descriptors of one sequence. Who has the root words?
	AlarmDescriptor AlarmKind = 1
	// AlarmFork: an operator key has put two entries in one place of the roster.
	AlarmFork AlarmKind = 2
	// AlarmForgot: a supernode does not know entries any more that it has shown before.
	AlarmForgot AlarmKind = 3
	// AlarmOlder: a supernode shows an older descriptor than before.
	AlarmOlder AlarmKind = 4
	// AlarmSeat: two supernodes have the secret of one seat; the first that was seen stays.
	AlarmSeat AlarmKind = 5
	// AlarmCard: a supernode has signed two cards that cannot both be.
	AlarmCard AlarmKind = 6
	// AlarmNewer: something was signed that this version does not understand: it needs an update.
	AlarmNewer AlarmKind = 7
	// AlarmWithheld: a supernode keeps a card from us that it has shown to a fellow member.
	AlarmWithheld AlarmKind = 8
	// AlarmDrawn: a supernode draws its keys anew more often than there are reasons to.
	AlarmDrawn AlarmKind = 9
)

var alarmWords = [...]string{
	AlarmDescriptor: "the root has signed two descriptors in one place: its words may be in other hands",
	AlarmFork:       "an operator key has signed two entries in one place: it was copied, or its supernode went on from an old copy of its disk",
	AlarmForgot:     "a supernode has forgotten entries of the roster that it has shown before",
	AlarmOlder:      "a supernode shows an older descriptor than it has shown before",
	AlarmSeat:       "the link for a further supernode was used by two",
	AlarmCard:       "a supernode has signed two cards that cannot both be: it could tell whose link is whose, or its keys are in other hands, or it went on from an old copy of its disk",
	AlarmNewer:      "the community uses something newer: this program needs an update",
	AlarmWithheld:   "a supernode keeps a card from us that it has shown to a contact: it could tell whose link is whose, or it went on from an old copy of its disk",
	AlarmDrawn:      "a supernode draws its keys anew more often than somebody was shut out: it could tell whose link is whose",
}

// String says what is wrong, for logs.
func (k AlarmKind) String() string {
	if int(k) < len(alarmWords) && alarmWords[k] != "" {
		return alarmWords[k]
	}
	return fmt.Sprintf("alarm %d", k)
}

// String says what is wrong, and at which supernode.
func (a Alarm) String() string {
	if a.Supernode == (peer.ID{}) {
		return a.Kind.String()
	}
	return fmt.Sprintf("%v (%v)", a.Kind, a.Supernode)
}

// Alarm is something that must not be. The same alarm is equal however often it is raised.
//
// spec: 10-communities#alarms
type Alarm struct {
	Kind      AlarmKind `cbor:"1,keyasint"`
	Supernode peer.ID   `cbor:"2,keyasint"` // who has shown it or has signed it, where it is a supernode
	Key       [32]byte  `cbor:"3,keyasint"` // fork: the operator key; seat: the seat's
	Known     wire.Hash `cbor:"4,keyasint"` // what we had
	Shown     wire.Hash `cbor:"5,keyasint"` // what is beside it
}

// alarms are those that nobody has seen yet, at most alarmsMax.
type alarms struct{ all []Alarm }

// Alarms lists what was found wrong since the last Dismiss.
func (a *alarms) Alarms() []Alarm { return slices.Clone(a.all) }

// Dismiss forgets the alarms: the person has seen them.
func (a *alarms) Dismiss() { a.all = nil }

// raise adds those that are not there, as far as there is room.
func (a *alarms) raise(more ...Alarm) {
	for _, one := range more {
		if len(a.all) < alarmsMax && !slices.Contains(a.all, one) {
			a.all = append(a.all, one)
		}
	}
}
