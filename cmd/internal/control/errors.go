package control

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
)

// Code tells a program why something did not happen.
type Code string

// The reasons, with the HTTP status and the exit code that carry them in [Error.Status] and [Error.ExitCode].
const (
	CodeFailed     Code = "failed"      // 500, exit 1: everything that has no code of its own
	CodeUsage      Code = "usage"       // 400, exit 2: the request makes no sense
	CodeAmbiguous  Code = "ambiguous"   // 409, exit 2: several people answer to that; see Candidates
	CodeNoIdentity Code = "no_identity" // 409, exit 2: this home has no identity yet
	CodeNotFound   Code = "not_found"   // 404, exit 3: no such person or message
	CodeGone       Code = "gone"        // 410, exit 3: it was there and is not kept any more
	CodeTimeout    Code = "timeout"     // 504, exit 4: not in time, nothing lost
	CodeNotRunning Code = "not_running" // 503, exit 5: no node runs for this home, or it is stopping
	CodeTooLong    Code = "too_long"    // 413, exit 1: over a limit that the message names
	CodeRefused    Code = "refused"     // 403, exit 1: they, or a rule, said no
	CodeFull       Code = "full"        // 507, exit 1: the disk, or a limited list, has no room
	CodeRunning    Code = "running"     // 409, exit 1: a node already runs for this home
)

// Error is why something did not happen: a code for programs, one line for people, and the people meant by an ambiguous
// name.
type Error struct {
	Code       Code     `json:"code"`
	Message    string   `json:"message"`
	Candidates []Person `json:"candidates,omitempty"`
}

// Errorf makes an Error with the given code. The text is one line that says what to do next where that is known.
func Errorf(code Code, format string, args ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...)}
}

// Error is the message; candidates are named after it.
func (e *Error) Error() string {
	if len(e.Candidates) == 0 {
		return e.Message
	}
	var b strings.Builder
	b.WriteString(e.Message)
	for i, p := range e.Candidates {
		b.WriteString([]string{": ", ", "}[min(i, 1)])
		fmt.Fprintf(&b, "%s (%s)", p.Name, p.ID)
	}
	return b.String()
}

// Status is the HTTP status that goes with the code.
func (e *Error) Status() int {
	switch e.Code {
	case CodeUsage:
		return http.StatusBadRequest
	case CodeRefused:
		return http.StatusForbidden
	case CodeNotFound:
		return http.StatusNotFound
	case CodeGone:
		return http.StatusGone
	case CodeAmbiguous, CodeNoIdentity, CodeRunning:
		return http.StatusConflict
	case CodeTooLong:
		return http.StatusRequestEntityTooLarge
	case CodeNotRunning:
		return http.StatusServiceUnavailable
	case CodeTimeout:
		return http.StatusGatewayTimeout
	case CodeFull:
		return http.StatusInsufficientStorage
	}
	return http.StatusInternalServerError
}

// ExitCode is what a command that met this error ends with: 1 failed, 2 usage, 3 no such person or message, 4 timed out,
// 5 node not running.
func (e *Error) ExitCode() int {
	switch e.Code {
	case CodeUsage, CodeAmbiguous, CodeNoIdentity:
		return 2
	case CodeNotFound, CodeGone:
		return 3
	case CodeTimeout:
		return 4
	case CodeNotRunning:
		return 5
	}
	return 1
}

// AsError finds the Error in err, or wraps err: an ended deadline is CodeTimeout and anything else CodeFailed. The message
// is always one line. AsError(nil) is nil.
func AsError(err error) *Error {
	if err == nil {
		return nil
	}
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	code := CodeFailed
	if errors.Is(err, context.DeadlineExceeded) {
		code = CodeTimeout
	}
	return &Error{Code: code, Message: strings.Join(strings.Fields(err.Error()), " ")}
}
