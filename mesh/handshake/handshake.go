package handshake

import "errors"

// Mode says what a handshake proves; it is the first byte of flight 1.
// spec: 03-links#modes
type Mode uint8

// The modes. Carry is reserved and refused: a dialler gets ErrMode, a responder answers it
// with a decoy.
const (
	Contact   Mode = 1 // both devices, mutually, post-quantum by the psk
	Open      Mode = 2 // the X25519 keys of two open profiles
	Member    Mode = 3 // a community member, not which, to its supernode
	Supernode Mode = 4 // that this is the supernode; nothing of who dials
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

// Pair is one of our contacts' devices as a link sees it, a secret by which somebody is
// to become one, or a supernode and what its members share. ID is the caller's and comes back in the Proof: the far end is *this pair*,
// never "whoever has that key", since a contact may list a key that is not its own.
type Pair struct {
	ID     uint64
	Their  [KeySize]byte   // X25519 public key of their device or of the supernode; zero in mode pair, and of members
	Label  [LabelSize]byte // mode pair: what we call ourselves; zero otherwise
	Member bool            // Key is what the members of a community share
	Key    LinkKey         // zero in mode supernode
}

// mode is the one that the pair's key is for.
func (p *Pair) mode() Mode {
	switch {
	case p.Label != [LabelSize]byte{}:
		return PairUp
	case p.Member:
		return Member
	}
	return Contact
}

// fits says whether mode can be dialled with the pair.
func (p *Pair) fits(mode Mode) bool {
	if mode == Supernode {
		return p.Their != [KeySize]byte{} && p.Key == LinkKey{}
	}
	return p.mode() == mode
}

// shares says whether both ends need a secret in common: psk and hint are made of it.
func (m Mode) shares() bool { return m == Contact || m == Member || m == PairUp }

// knows says whether the dialler must have the static key of the far end.
func (m Mode) knows() bool { return m == Contact || m == Member || m == Supernode }

// names says whether the dialler proves a static key of its own.
func (m Mode) names() bool { return m == Contact || m == Open }

// Proof is what a completed handshake established about the far end.
type Proof struct {
	Mode     Mode
	Pair     uint64          // contact, member and pair: the ID of the pair; otherwise 0
	Their    [KeySize]byte   // the X25519 public key they proved to hold; zero in mode pair, and of who dialled a supernode
	Sign     [KeySize]byte   // open: the Ed25519 public key that they say goes with it; otherwise zero
	Label    [LabelSize]byte // pair: what they call themselves; otherwise zero
	Our      [KeySize]byte   // open: the X25519 public key that we proved; otherwise zero
	Exporter Exporter        // E, which a log-in signs
	Binding  [32]byte        // Noise handshake hash; equal on both ends, covers E
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
