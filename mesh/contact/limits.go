package contact

import (
	"time"

	"golang.org/x/crypto/chacha20poly1305"
)

// The protocol's.
const (
	// DeclinedFor is how long requests of a profile are ignored after one of them
	// was declined.
	//
	// spec: 05-contacts#declining
	DeclinedFor = 7 * 24 * time.Hour

	// oneTimePairs are reserved for the other side in the bundle of our card.
	//
	// spec: 05-contacts#cards
	oneTimePairs = 3

	// labelBit is set in the last byte of each label, and in no X25519 key.
	//
	// spec: 05-contacts#meeting-secrets
	labelBit = 0x80

	labelCard       = "sv1 card"
	labelTranscript = "sv1 contact"
	labelSecret     = "sv1 contact secret"

	labelSlotID      = "sv1 slot id"
	labelSlotBundle  = "sv1 slot bundle"
	labelSlotOffer   = "sv1 slot offer"
	labelSlotSeal    = "sv1 slot seal"
	labelSlotAnswers = "sv1 slot answers"
	labelSlotAnswer  = "sv1 slot answer"
	labelSlotAsk     = "sv1 slot ask"

	// slotSaltSize is that of what begins a bundle in a slot, slotLengthSize that of what says how much of the rest is not
	// padding, slotKeySize that of a key with its nonce; in bytes.
	//
	// spec: 05-contacts#while-the-giver-is-away
	slotSaltSize   = 32
	slotLengthSize = 2
	slotKeySize    = chacha20poly1305.KeySize + chacha20poly1305.NonceSize

	// doorAddressesMax and doorAddressMax bound the addresses of a supernode in a link, and one of them in bytes.
	//
	// spec: 05-contacts#contact-links
	doorAddressesMax = 2
	doorAddressMax   = 64

	labelLink              = "sv1 contact link"
	labelMeetingID         = "sv1 meeting id"
	labelMeetingLink       = "sv1 meeting link"
	labelMeetingBeacons    = "sv1 meeting beacons"
	labelMeetingDay        = "sv1 meeting day"
	labelMeetingGiver      = "sv1 meeting giver"
	labelMeetingUser       = "sv1 meeting user"
	labelMeetingIntroduced = "sv1 meeting introduced"
	labelMeetingMark       = "sv1 meeting mark"

	// LinkLifeMax is the longest that a contact link is answered.
	//
	// spec: 05-contacts#contact-links
	LinkLifeMax = 7 * 24 * time.Hour

	linkVersion = 1
	linkDayMax  = (1<<32 - 1) / 24 // that an epoch can name
	labelJudged = "sv1 judged account"
)

// Ours.
const (
	noncesMax = 8         // superseded requests of one profile that are remembered
	savedMax  = 128 << 10 // bytes of a saved exchange: our card, our bundle's secrets
	objectMax = 128 << 10 // bytes of an object: two cards

	shelvedMax = 64 << 10 // bytes of what is kept of an offer in a slot: our card, our bundle's secrets

	meetingPrefix = "link-"

	linkMax  = 512       // bytes of a link: a supernode's address and key fit
	trustMax = 160 << 10 // bytes of what holds of an account: two of them
)
