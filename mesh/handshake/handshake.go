package handshake

import "errors"

// Mode says what a handshake proves; it is the first byte of flight 1.
// spec: 03-links#modes
type Mode uint8

// The modes. Contact, Open and PairUp exist in this version; the others are reserved and
// refused: a dialler gets ErrMode, a responder answers them with a decoy.
const (
	Contact   Mode = 1 // both devices, mutually, post-quantum by the psk
	Open      Mode = 2 // the X25519 keys of two open profiles
	Member    Mode = 3 // reserved: a community member to its supernode
	Supernode Mode = 4 // reserved: that this is the supernode
	Carry     Mode = 5 // reserved: nothing
	PairUp    Mode = 6 // possession of an invite's secret
)

var modeNames = [...]string{Contact: "contact", Open: "open", Member: "member", Supernode: "supernode", Carry: "carry", PairUp: "pair"}

func (m Mode) String() string {
	if int(m) < len(modeNames) && modeNames[m] != "" {
		return modeNames[m]
	}
	return "unknown"
}

// Flight is one padded handshake message.
type Flight [FlightSize]byte

// Pair is one of our contacts' devices as a link sees it, or a secret by which somebody is
// to become one. ID is the caller's and comes back in the Proof: the far end is *this pair*,
// never "whoever has that key", since a contact may list a key that is not its own.
type Pair struct {
	ID    uint64
	Their [KeySize]byte   // X25519 public key of their device; zero in mode pair
	Label [LabelSize]byte // mode pair: what we call ourselves; zero for a contact's device
	Key   LinkKey
}

// mode is the one that the pair is for.
func (p *Pair) mode() Mode {
	if p.Label != [LabelSize]byte{} {
		return PairUp
	}
	return Contact
}

// Proof is what a completed handshake established about the far end.
type Proof struct {
	Mode    Mode
	Pair    uint64          // contact and pair: the ID of the pair; otherwise 0
	Their   [KeySize]byte   // the X25519 public key they proved to hold; zero in mode pair
	Sign    [KeySize]byte   // open: the Ed25519 public key that they say goes with it; otherwise zero
	Label   [LabelSize]byte // pair: what they call themselves; otherwise zero
	Our     [KeySize]byte   // open: the X25519 public key that we proved; otherwise zero
	Binding [32]byte        // Noise handshake hash; equal on both ends, covers E
}

// Errors that callers branch on.
var (
	// ErrRefused: the far end did not prove itself. It sent a decoy, or it is not
	// who was dialled, or somebody altered a flight.
	ErrRefused = errors.New("the other end did not prove itself")
	// ErrSelf: the far end is this node.
	ErrSelf = errors.New("the other end is this node itself")
	// ErrMode: this version does not build that mode.
	ErrMode = errors.New("this link mode is not built")
	// ErrState: our own calls came out of order.
	ErrState = errors.New("handshake steps called out of order")
)

// step is where a state machine stands. It only rises.
type step uint8

const (
	stepFresh    step = iota // responder: nothing read
	stepWaiting              // one flight sent, one expected
	stepFinished             // proven, refused or erased: nothing more happens
)
