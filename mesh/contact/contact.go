package contact

import (
	"errors"

	"sottovoce/mesh/identity"
	"sottovoce/mesh/wire"
)

// Profile is the X25519 key of an open profile: what a link in mode open proves of
// its far end, and all that names the other side until it has accepted.
//
// spec: 05-contacts#profiles
type Profile [32]byte

// Ours is what this device brings into its exchanges.
type Ours struct {
	Device    *identity.Device
	Account   *identity.Account     // of which Device is the one device
	Discovery identity.DiscoveryKey // of the last day that makes none of the past
	Name      string                // as peer.CleanName made it
}

// Event is something that happened to an exchange.
type Event interface{ event() }

// The events.
type (
	// Ask says that our person wants the other as a contact. Where a request of the
	// other waits, it accepts that.
	Ask struct{}
	// Accept and Decline are our person's answers to the request that waits. Decline takes
	// an Accept back, too, as long as it has not made them a contact.
	Accept  struct{}
	Decline struct{}
	// Withdraw takes our unanswered request back.
	Withdraw struct{}
	// LinkUp says that there is a new link on which both profiles are proven. What
	// the other side may not have got is sent again.
	LinkUp struct{}
	// Received is a frame that came on such a link.
	Received struct {
		From  Profile // as the link proved it
		Frame wire.Frame
	}
)

// Action is something the caller does, after it has kept the exchange.
type Action interface{ action() }

// The actions.
type (
	// Send puts a frame on the contact stream of the link there is. When there is
	// none it is dropped: LinkUp sends it again.
	Send struct{ Frame wire.Frame }
	// Notify tells our person that somebody asks. Name is made safe to show.
	Notify struct{ Name string }
	// Commit hands over the contact. It is to be kept in the same transaction as the
	// exchange; then the object's bundle secrets are the session's.
	Commit struct{ Object *Object }
	// Settled says that the other side has committed too: nothing is due any more.
	Settled struct{}
	// Refused tells our person that the other declined and why, or took the request
	// back that we had accepted.
	Refused struct{ Reason wire.Decline }
)

// Errors of Step that callers branch on. The exchange is unchanged after each.
var (
	// ErrOwn says that the card is our own account's, or has our own device.
	ErrOwn = errors.New("their contact card is our own")
	// ErrCard says that a card does not hold what it must.
	ErrCard = errors.New("their contact card is not valid")
	// ErrProfile says that a frame came from another profile than the exchange's.
	ErrProfile = errors.New("frame of another profile than the exchange's")
	// ErrTranscript says that the two sides did not see the same exchange.
	ErrTranscript = errors.New("the other side saw a different exchange")
	// ErrState says that our person's wish does not fit where the exchange stands.
	ErrState = errors.New("there is no such request")
)

func (Ask) event()      {}
func (Accept) event()   {}
func (Decline) event()  {}
func (Withdraw) event() {}
func (LinkUp) event()   {}
func (Received) event() {}

func (Send) action()    {}
func (Notify) action()  {}
func (Commit) action()  {}
func (Settled) action() {}
func (Refused) action() {}
