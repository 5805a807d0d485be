package controltest

import (
	"context"
	"fmt"
	"iter"
	"strings"
	"sync"
	"time"

	"sottovoce/cmd/internal/control"
)

// RootWords open the root of a [Supernode]'s community.
const RootWords = "one two three"

// Supernode is a control.Supernode in memory, of the Orchard, with a member and one who was revoked.
type Supernode struct {
	Running bool

	mu      sync.Mutex       // guards the following
	members []control.Member // in the order in which they joined
	links   int
}

var _ control.Supernode = (*Supernode)(nil)

// NewSupernode makes a supernode that runs or does not.
func NewSupernode(running bool) *Supernode {
	return &Supernode{Running: running, members: []control.Member{
		{Community: "Orchard", Persona: "pers-" + strings.Repeat("a", 52), Joined: Start},
		{Community: "Orchard", Persona: "pers-" + strings.Repeat("b", 52), Joined: Start, Revoked: true},
	}}
}

// Status is control.Supernode's.
func (s *Supernode) Status(context.Context) (control.SupernodeStatus, error) {
	status := control.SupernodeStatus{
		ID: "peer-" + strings.Repeat("c", 52), Version: "1.2.3", Running: s.Running, Blobs: 1234, Disk: 5 << 20, DiskMax: 2 << 30, DiskFree: 9 << 30, Cut: 4096, Days: 30,
		Clock: control.ClockAlone, Refused: []control.Refusal{}, Notices: control.Strings{"the card is\nold"},
		Communities: []control.ServedCommunity{{ID: "comm-" + strings.Repeat("a", 52), Name: "Orchard\x1b", Members: 1, Blobs: 1234, Disk: 5 << 20, Supernodes: 2}},
	}
	if s.Running {
		status.PID, status.Started, status.Listen, status.Advertised = 7, Start, control.Strings{":4242"}, control.Strings{"pi.example:4242"}
		status.Links, status.Kept, status.Clock, status.Memory, status.Goroutines = 3, 2000, control.ClockAgreed, 18<<20, 9
		status.Over = time.Date(2026, time.November, 20, 0, 0, 0, 0, time.UTC)
		status.Communities[0].Fellows = []control.FellowSupernode{{ID: "peer-" + strings.Repeat("d", 52), Reached: true, Refused: 12}, {ID: "peer-" + strings.Repeat("e", 52)}}
		one := &status.Communities[0]
		one.Room, one.Received, one.Sent = 512<<20, 3<<20, 70<<20
		one.Allowed = control.Quota{Disk: 1 << 30, Bandwidth: 500_000, Days: 30, Tokens: 200}
		status.Refused = []control.Refusal{{Reason: "disk full", Times: 1}, {Reason: "quota used up", Times: 2}}
	}
	return status, nil
}

// CloseSupernode is control.Supernode's.
func (s *Supernode) CloseSupernode(_ context.Context, community, supernode string, words control.Passphrase) error {
	switch {
	case served(community) != nil:
		return served(community)
	case !strings.HasPrefix("peer-"+strings.Repeat("d", 52), supernode):
		return control.Errorf(control.CodeNotFound, "no other supernode of Orchard has the id %q", supernode)
	case strings.Join(strings.Fields(string(words)), " ") != RootWords:
		return control.Errorf(control.CodeRefused, "those are not the root words of Orchard")
	}
	return nil
}

// Files that cannot be brought to or from.
const (
	FullStick  = "/stick/full"
	OtherFile  = "/stick/other"
	carriedAll = 4096
)

// Export is control.Supernode's.
func (s *Supernode) Export(_ context.Context, file string) iter.Seq2[control.Carried, error] {
	return carried(file, control.Carried{Done: carriedAll, Total: carriedAll})
}

// Import is control.Supernode's.
func (s *Supernode) Import(_ context.Context, file string) iter.Seq2[control.Carried, error] {
	return carried(file, control.Carried{Done: carriedAll, Total: carriedAll, New: 3, Known: 2, Refused: 1, Cut: true})
}

func carried(file string, all control.Carried) iter.Seq2[control.Carried, error] {
	return func(yield func(control.Carried, error) bool) {
		if !yield(control.Carried{Done: carriedAll / 2, Total: carriedAll}, nil) {
			return
		}
		switch file {
		case FullStick:
			yield(control.Carried{}, control.Errorf(control.CodeFull, "%s: no space left on device", file))
		case OtherFile:
			yield(control.Carried{}, control.Errorf(control.CodeFailed, "%s is no file that a supernode wrote", file))
		default:
			yield(all, nil)
		}
	}
}

// served refuses other communities than the Orchard.
func served(community string) error {
	if community != "" && !strings.EqualFold(community, "Orchard") {
		return control.Errorf(control.CodeNotFound, "no community called %q is served here; see: sottovoce supernode status", community)
	}
	return nil
}

// Members is control.Supernode's.
func (s *Supernode) Members(_ context.Context, community string) ([]control.Member, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]control.Member(nil), s.members...), served(community)
}

// Invite is control.Supernode's; links count up.
func (s *Supernode) Invite(_ context.Context, terms control.JoinTerms) (control.JoinLink, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case served(terms.Community) != nil:
		return control.JoinLink{}, served(terms.Community)
	case terms.Supernode && strings.Join(strings.Fields(string(terms.RootWords)), " ") != RootWords:
		return control.JoinLink{}, control.Errorf(control.CodeRefused, "those are not the root words of Orchard")
	case terms.Seconds > 30*24*3600:
		return control.JoinLink{}, control.Errorf(control.CodeUsage, "a link lives 30 days at the most")
	}
	s.links++
	return control.JoinLink{
		Link: fmt.Sprintf("sottovoce:join%d", s.links), Community: "Orchard", Uses: max(terms.Uses, 1), Supernode: terms.Supernode,
		Expires: Start.Add(time.Duration(terms.Seconds) * time.Second),
	}, nil
}

// Revoke is control.Supernode's.
func (s *Supernode) Revoke(_ context.Context, community, persona string) (control.Member, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := served(community); err != nil {
		return control.Member{}, err
	}
	for i := range s.members {
		if strings.HasPrefix(s.members[i].Persona, persona) {
			s.members[i].Revoked = true
			return s.members[i], nil
		}
	}
	return control.Member{}, control.Errorf(control.CodeNotFound, "no member has the id %q; see: sottovoce supernode members", persona)
}
