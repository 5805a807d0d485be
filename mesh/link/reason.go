package link

import (
	"context"
	"errors"
	"fmt"

	"github.com/quic-go/quic-go"

	"sottovoce/mesh/handshake"
)

// Reason says why a link was closed; it is the QUIC application error code.
// spec: 03-links#closing
type Reason uint64

// The reasons. Codes that are not listed mean what ReasonBye means.
const (
	ReasonBye      Reason = 0 // no longer wanted
	ReasonReplaced Reason = 1 // another link to the same peer stays
	ReasonBadInput Reason = 2 // the far end sent what the protocol forbids
	ReasonMoved    Reason = 3 // the far end's address changed
	ReasonBusy     Reason = 4 // no room
	ReasonSelf     Reason = 5 // both ends are the same node
	ReasonDeadline Reason = 6 // not proven in time
	ReasonBehind   Reason = 7 // the closing end is an older copy of its device
)

func (r Reason) String() string {
	names := [...]string{"bye", "replaced", "bad input", "address changed", "busy", "self", "deadline", "older copy"}
	if r < Reason(len(names)) {
		return names[r]
	}
	return fmt.Sprintf("reason %d", uint64(r))
}

// Errors that callers branch on.
var (
	// ErrBye is what an Err with ReasonBye is.
	ErrBye = errors.New("link closed")
	// ErrRefused: somebody answered, and did not prove to be who was dialled.
	ErrRefused = handshake.ErrRefused
	// ErrSelf: the far end is this node.
	ErrSelf = handshake.ErrSelf
	// ErrFingerprint: the certificate is not the one that was announced.
	ErrFingerprint = errors.New("their certificate is not the one announced")
	// ErrClosed: the transport is closed.
	ErrClosed = errors.New("the transport is closed")
	// ErrRunning: Run was called twice.
	ErrRunning = errors.New("the link runs already")
)

// CloseError says why a link ended by the word of one of its ends.
type CloseError struct {
	Reason Reason
	Theirs bool // the far end closed it
}

func (e *CloseError) Error() string {
	if e.Theirs {
		return "they closed the link: " + e.Reason.String()
	}
	return "we closed the link: " + e.Reason.String()
}

// Is makes errors.Is(err, ErrBye) hold for ReasonBye and for codes of later versions.
func (e *CloseError) Is(target error) bool {
	return target == ErrBye && (e.Reason == ReasonBye || e.Reason > ReasonBehind)
}

// ended translates why a connection ended; nil while it lives.
func ended(conn *quic.Conn) error {
	cause := context.Cause(conn.Context())
	if cause == nil {
		return nil
	}
	var said *quic.ApplicationError
	if errors.As(cause, &said) {
		return &CloseError{Reason: Reason(said.ErrorCode), Theirs: said.Remote}
	}
	return fmt.Errorf("link lost: %w", cause)
}

func closeConn(conn *quic.Conn, reason Reason) {
	_ = conn.CloseWithError(quic.ApplicationErrorCode(reason), "")
}
