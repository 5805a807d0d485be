package daemon

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"sottovoce/cmd/internal/control"
	"sottovoce/discovery/mdns"
	"sottovoce/mesh/peer"
	"sottovoce/mesh/wire"
	"sottovoce/relay/community"
	"sottovoce/relay/supernode"
)

const (
	portDefault     = 4242                  // that 'supernode up' listens on when nothing else is said
	daysMax         = wire.ExpiryDaysMax    // that a blob is kept
	tokensADay      = 1024                  // for each member: as many short messages
	diskOfCommunity = 1 << 40               // bytes: no bound but that of each operator
	bandwidthMin    = 32_000                // bytes a second: a page of a log takes 8 s
	linkLife        = 7 * 24 * time.Hour    // of a join link, when nothing else is said
	linkLifeMax     = 90 * 24 * time.Hour   // whoever has a link can join
	storeTime       = 10 * time.Minute      // that the index of a large store on a cluster is read, at most
	commandTime     = 3 * time.Second       // that a command has a data directory open, at most
	commandPoll     = 20 * time.Millisecond // between two tries to have it after that
	secondsPerDay   = 24 * 60 * 60
)

// operator answers what an operator asks of a supernode, whether it runs or not.
type operator struct {
	node    *supernode.Supernode
	data    string
	version string

	// Of a run; zero without one.
	started    time.Time
	port       uint16
	finder     *mdns.Finder
	advertised []string
}

var _ control.Supernode = (*operator)(nil)

// Status implements control.Supernode.
func (o *operator) Status(context.Context) (control.SupernodeStatus, error) {
	s := o.node.Status()
	status := control.SupernodeStatus{
		ID: s.ID.String(), Version: o.version, Blobs: s.Blobs, Disk: s.Disk, DiskMax: s.DiskMax, DiskFree: freeDisk(o.data), Cut: s.Cut, Damaged: s.Damaged, Days: s.Days,
		Clock: control.Clock(s.Clock), Advertised: o.advertised, Kept: s.Kept, Refused: refusals(s), Communities: []control.ServedCommunity{},
	}
	if s.Lost > 0 {
		status.Notices = append(status.Notices, fmt.Sprintf("the disk has lost %d blobs, so that it may be failing; move the data directory to another", s.Lost))
	}
	if s.Damaged > 0 {
		status.Notices = append(status.Notices, fmt.Sprintf("%d bytes of what it kept are damaged on the disk, so that it may be failing; move the data directory to another", s.Damaged))
	}
	if s.Over > 0 {
		status.Over = time.Unix(int64(s.Over)*secondsPerDay, 0).UTC()
	}
	for _, c := range s.Communities {
		status.Communities = append(status.Communities, control.ServedCommunity{
			ID: c.ID.String(), Name: peer.ShowName(c.Name), Members: c.Members, Blobs: c.Blobs, Disk: c.Disk, Supernodes: len(c.Supernodes),
			Fellows: fellows(c), Room: c.Room, Received: c.Received, Sent: c.Sent,
			Allowed: control.Quota{Disk: c.Quota.Disk, Bandwidth: c.Quota.Bandwidth, Days: c.Quota.Days, Tokens: c.Quota.Tokens},
		})
		for _, a := range c.Allies {
			if a.Complain != "" {
				status.Notices = append(status.Notices, fmt.Sprintf("%s: another supernode, %s: %s", peer.ShowName(c.Name), a.ID, a.Complain))
			}
		}
		for _, a := range c.Alarms {
			status.Notices = append(status.Notices, peer.ShowName(c.Name)+": "+a.Kind.String())
		}
	}
	if !o.started.IsZero() {
		status.Running, status.PID, status.Started, status.Links = true, os.Getpid(), o.started.UTC(), s.Links
		status.Memory, status.Goroutines = residentMemory(), runtime.NumGoroutine()
		for _, a := range o.localAddresses() {
			status.Listen = append(status.Listen, a.String())
		}
	}
	return status, nil
}

// fellows are the other supernodes of a community.
func fellows(c supernode.CommunityStatus) (all []control.FellowSupernode) {
	for _, a := range c.Allies {
		all = append(all, control.FellowSupernode{ID: a.ID.String(), Reached: a.Linked, Level: a.Level.UTC(), Refused: a.Refused})
	}
	return all
}

// refusals are how often what was refused, by the words for it.
func refusals(s supernode.Status) []control.Refusal {
	all := make([]control.Refusal, 0, len(s.Refused))
	for reason, times := range s.Refused {
		all = append(all, control.Refusal{Reason: supernode.Word(reason), Times: times})
	}
	slices.SortFunc(all, func(a, b control.Refusal) int { return strings.Compare(a.Reason, b.Reason) })
	return all
}

// allow has a quota hold for the community of that name.
func (o *operator) allow(which string, to control.Quota) error {
	c, err := o.choose(which)
	if err != nil {
		return err
	}
	return o.node.Limit(c.ID, supernode.Quota{Disk: to.Disk, Days: to.Days, Bandwidth: to.Bandwidth, Tokens: to.Tokens})
}

// choose finds the community that is meant.
func (o *operator) choose(which string) (supernode.CommunityStatus, error) {
	all := o.node.Status().Communities
	found := slices.DeleteFunc(slices.Clone(all), func(c supernode.CommunityStatus) bool {
		id := c.ID.String()
		return which != "" && !strings.EqualFold(peer.ShowName(c.Name), which) && (len(which) <= len("comm-") || !strings.HasPrefix(id, which))
	})
	switch {
	case len(found) == 1:
		return found[0], nil
	case len(found) == 0:
		return supernode.CommunityStatus{}, control.Errorf(control.CodeNotFound, "no community called %q is served here; see: sottovoce supernode status --data %s", which, o.data)
	}
	names := make([]string, len(found))
	for i, c := range found {
		names[i] = peer.ShowName(c.Name) + " (" + c.ID.String() + ")"
	}
	return supernode.CommunityStatus{}, control.Errorf(control.CodeAmbiguous, "several communities are served here; say which with --community: %s", strings.Join(names, ", "))
}

// Members implements control.Supernode.
func (o *operator) Members(_ context.Context, which string) ([]control.Member, error) {
	var all []control.Member
	chosen := o.node.Status().Communities
	if which != "" {
		one, err := o.choose(which)
		if err != nil {
			return nil, err
		}
		chosen = []supernode.CommunityStatus{one}
	}
	for _, c := range chosen {
		listed, err := o.node.Members(c.ID)
		if err != nil {
			return nil, err
		}
		for _, m := range listed {
			all = append(all, memberOf(c, m))
		}
	}
	return all, nil
}

func memberOf(c supernode.CommunityStatus, m community.Listed) control.Member {
	return control.Member{Community: peer.ShowName(c.Name), Persona: m.Persona.String(), Joined: time.Unix(int64(m.Day)*secondsPerDay, 0).UTC(), Revoked: m.Revoked}
}

// Invite implements control.Supernode.
func (o *operator) Invite(_ context.Context, terms control.JoinTerms) (control.JoinLink, error) {
	c, err := o.choose(terms.Community)
	if err != nil {
		return control.JoinLink{}, err
	}
	life := cmp.Or(time.Duration(terms.Seconds)*time.Second, linkLife)
	if life < time.Minute || life > linkLifeMax {
		return control.JoinLink{}, control.Errorf(control.CodeUsage, "a link lives a minute at the least, and %d days at the most", int(linkLifeMax.Hours()/24))
	}
	uses := max(terms.Uses, 1)
	var link *community.Link
	if terms.Supernode {
		uses = 1
		link, err = o.inviteSupernode(c.ID, terms.RootWords, life)
	} else {
		link, err = o.node.Invite(c.ID, uses, life)
	}
	if err != nil {
		return control.JoinLink{}, supernodeFailure(o.data, err)
	}
	defer link.Secret.Erase()
	o.locate(link)
	return control.JoinLink{Link: link.Text(), Community: peer.ShowName(c.Name), Uses: uses, Expires: time.Unix(int64(link.Until), 0).UTC(), Supernode: link.Seat}, nil
}

// inviteSupernode makes a link for a further supernode under the root that the words are of.
func (o *operator) inviteSupernode(of community.ID, words []byte, life time.Duration) (*community.Link, error) {
	root, err := community.ParseWords(string(words))
	if err != nil {
		return nil, err
	}
	defer root.Erase()
	return o.node.InviteSupernode(of, root, life)
}

// CloseSupernode implements control.Supernode.
func (o *operator) CloseSupernode(_ context.Context, which, other string, words control.Passphrase) error {
	c, err := o.choose(which)
	if err != nil {
		return err
	}
	found := slices.DeleteFunc(slices.Clone(c.Supernodes), func(id peer.ID) bool {
		return len(other) <= len("peer-") || !strings.HasPrefix(id.String(), other) || id == o.node.ID()
	})
	if len(found) != 1 {
		return control.Errorf(control.CodeNotFound, "%d other supernodes of %s have an id that begins with %q; members see them all with: sottovoce community list --json", len(found), peer.ShowName(c.Name), other)
	}
	root, err := community.ParseWords(string(words))
	if err != nil {
		return supernodeFailure(o.data, err)
	}
	defer root.Erase()
	return supernodeFailure(o.data, o.node.CloseSupernode(c.ID, root, found[0]))
}

// Revoke implements control.Supernode.
func (o *operator) Revoke(_ context.Context, which, persona string) (control.Member, error) {
	c, err := o.choose(which)
	if err != nil {
		return control.Member{}, err
	}
	found, err := o.node.Members(c.ID)
	if err != nil {
		return control.Member{}, err
	}
	found = slices.DeleteFunc(found, func(m community.Listed) bool {
		return len(persona) <= len("pers-") || !strings.HasPrefix(m.Persona.String(), persona)
	})
	switch len(found) {
	case 0:
		return control.Member{}, control.Errorf(control.CodeNotFound, "no member of %s has the id %q; see: sottovoce supernode members --data %s", peer.ShowName(c.Name), persona, o.data)
	case 1:
	default:
		return control.Member{}, control.Errorf(control.CodeAmbiguous, "%d members have ids that begin with %q; give more of it", len(found), persona)
	}
	if err := o.node.Revoke(c.ID, found[0].Persona); err != nil {
		return control.Member{}, supernodeFailure(o.data, err)
	}
	found[0].Revoked = true
	return memberOf(c, found[0]), nil
}

// locate adds to a link where the supernode is on its own networks: newcomers cannot recognise it there yet.
func (o *operator) locate(link *community.Link) {
	for i := range link.Stops {
		s := &link.Stops[i]
		if s.ID() != o.node.ID() {
			continue
		}
		s.Addresses = slices.Clone(s.Addresses)
		for _, a := range o.localAddresses() {
			if len(s.Addresses) < community.AddressesMax {
				s.Addresses = append(s.Addresses, a.String())
			}
		}
	}
}

// localAddresses are where the supernode is reached on the networks of this machine, or would be if it ran.
func (o *operator) localAddresses() (all []netip.AddrPort) {
	nics, err := net.Interfaces()
	if err != nil {
		return nil
	}
	for _, n := range nics {
		used := n.Flags&net.FlagUp != 0 && n.Flags&net.FlagLoopback == 0
		if o.finder != nil {
			used = slices.Contains(o.finder.Interfaces(), n.Name)
		}
		if !used {
			continue
		}
		addresses, _ := n.Addrs() // an interface that is just going has none
		for _, a := range addresses {
			p, err := netip.ParsePrefix(a.String())
			if err == nil && (p.Addr().IsGlobalUnicast() || p.Addr().IsLoopback()) {
				all = append(all, netip.AddrPortFrom(p.Addr().Unmap(), cmp.Or(o.port, portDefault)))
			}
		}
	}
	return all
}

func portOf(conn net.PacketConn) uint16 {
	_, text, _ := net.SplitHostPort(conn.LocalAddr().String())
	port, _ := strconv.ParseUint(text, 10, 16) // of a UDP address
	return uint16(port)
}
