package community

import "errors"

// Why a supernode does not let somebody in, or an operator's order cannot be carried out.
//
// spec: 10-communities#refusals
var (
	// ErrSignature says that a log-in or a proof is not signed by whom it names.
	ErrSignature = errors.New("wrong signature")
	// ErrNoMember says that the roster does not know the persona, or the supernode.
	ErrNoMember = errors.New("no member of this community")
	// ErrRevoked says that the persona is no member any more.
	ErrRevoked = errors.New("no member of this community any more: its operator has shut this persona out")
	// ErrLinkUnknown says that no supernode that this one knows of has made the link.
	ErrLinkUnknown = errors.New("the join link is not known here")
	// ErrLinkUsed says that as many have joined by the link as could.
	ErrLinkUsed = errors.New("the join link is used up: ask for another")
	// ErrLinkExpired says that the link is past its time, or was taken back.
	ErrLinkExpired = errors.New("the join link is not taken any more: ask for another")
	// ErrNotYet says that this supernode has no descriptor yet in which it stands.
	ErrNotYet = errors.New("this supernode is not part of the community yet")
	// ErrClosed says that the root has closed this supernode's operator key, or never named it.
	ErrClosed = errors.New("the operator key of this supernode is not valid: the root words are needed")
	// ErrFull says that the roster has as many entries as it may.
	ErrFull = errors.New("the roster is full")
)
