package daemon

import (
	"context"
	"errors"
	"iter"
	"os"
	"runtime"
	"slices"
	"time"

	"sottovoce/cmd/internal/control"
	"sottovoce/discovery/mdns"
	"sottovoce/mesh"
	"sottovoce/mesh/store"
	"sottovoce/mesh/verify"
	"sottovoce/relay"
)

// adapter answers the control API from a node.
type adapter struct {
	node    *mesh.Node
	client  *relay.Client
	store   *store.Store
	home    string
	version string
	finder  *mdns.Finder
	named   []string // interfaces that were asked for; nil: automatic
	down    func()
}

var _ control.Node = (*adapter)(nil)

// Me implements control.Node.
func (a *adapter) Me(ctx context.Context) (control.Me, error) {
	p, err := a.node.Me(ctx)
	return a.me(ctx, p, err)
}

// me adds to our person what is not shown to others.
func (a *adapter) me(ctx context.Context, p mesh.Person, err error) (control.Me, error) {
	if err != nil {
		return control.Me{}, failure(err)
	}
	share, err := a.node.Share(ctx)
	if err != nil {
		return control.Me{}, failure(err)
	}
	link, err := a.node.Link(ctx)
	return control.Me{Person: person(p), Link: link, Share: control.Share(share)}, failure(err)
}

// SetShare implements control.Node.
func (a *adapter) SetShare(ctx context.Context, share control.Share) (control.Me, error) {
	if err := a.node.SetShare(ctx, mesh.Share(share)); err != nil {
		return control.Me{}, failure(err)
	}
	return a.Me(ctx)
}

// SetName implements control.Node.
func (a *adapter) SetName(ctx context.Context, name string) (control.Me, error) {
	p, err := a.node.SetName(ctx, name)
	return a.me(ctx, p, err)
}

// Status implements control.Node.
func (a *adapter) Status(ctx context.Context) (control.Status, error) {
	s, err := a.node.Status(ctx)
	if err != nil {
		return control.Status{}, failure(err)
	}
	return control.Status{
		Name: s.Me.Name, ID: s.Me.ID, Version: a.version, PID: os.Getpid(), Started: s.Started.UTC(),
		Visibility: control.Visible(s.Seen.Here.String()), PortKept: s.Seen.KeptPort, Listen: s.Listen, Links: s.Links, Nearby: s.Nearby, Contacts: s.Contacts, Requests: s.Requests, Supernodes: reachedOf(s.Supernodes),
		Queued: s.Queued, Held: s.Held, Cursor: s.Cursor, Passphrase: a.store.Protected(), Notices: slices.Concat(s.Notices, missing(a.named), broken(a.client.Communities())),
		Memory: residentMemory(), Goroutines: runtime.NumGoroutine(), LocalOnly: s.LocalOnly, Interfaces: used(s),
	}, nil
}

// reachedOf counts the supernodes that can be left something now.
func reachedOf(all []mesh.Supernode) (reached int) {
	for _, s := range all {
		if s.Reached {
			reached++
		}
	}
	return reached
}

// used are the interfaces in use, with where others reach us by them.
func used(s mesh.Status) []control.UsedInterface {
	shown := make([]control.UsedInterface, len(s.Networks))
	for i, n := range s.Networks {
		shown[i].Name = n.Interface
		for _, e := range s.Endpoints(n) {
			shown[i].Endpoints = append(shown[i].Endpoints, e.String())
		}
	}
	return shown
}

// LocalOnly implements control.Node.
func (a *adapter) LocalOnly(ctx context.Context) (bool, error) {
	on, err := a.node.LocalOnly(ctx)
	return on, failure(err)
}

// SetLocalOnly implements control.Node.
func (a *adapter) SetLocalOnly(ctx context.Context, on bool) error {
	return failure(a.node.SetLocalOnly(ctx, on))
}

// Nearby implements control.Node.
func (a *adapter) Nearby(ctx context.Context) ([]control.Person, error) {
	return people(a.node.Nearby(ctx))
}

// Contacts implements control.Node.
func (a *adapter) Contacts(ctx context.Context) ([]control.Person, error) {
	return people(a.node.Contacts(ctx))
}

// Requests implements control.Node.
func (a *adapter) Requests(ctx context.Context) ([]control.Person, error) {
	return people(a.node.Requests(ctx))
}

// Add implements control.Node.
func (a *adapter) Add(ctx context.Context, who string) (control.Person, error) {
	if err := checkAdd(who); err != nil {
		return control.Person{}, err
	}
	p, err := a.node.Add(ctx, who)
	return person(p), failure(err)
}

// Accept implements control.Node.
func (a *adapter) Accept(ctx context.Context, who string) (control.Person, error) {
	p, err := a.node.Accept(ctx, who)
	return person(p), failure(err)
}

// Decline implements control.Node.
func (a *adapter) Decline(ctx context.Context, who string) (control.Person, error) {
	p, err := a.node.Decline(ctx, who)
	return person(p), failure(err)
}

// Invite implements control.Node.
func (a *adapter) Invite(ctx context.Context, life time.Duration) (control.Invite, error) {
	i, err := a.node.Invite(ctx, life)
	return invite(i), failure(err)
}

// Invites implements control.Node.
func (a *adapter) Invites(ctx context.Context) ([]control.Invite, error) {
	found, err := a.node.Invites(ctx)
	all := make([]control.Invite, len(found))
	for i := range found {
		all[i] = invite(found[i])
	}
	return all, failure(err)
}

// Revoke implements control.Node.
func (a *adapter) Revoke(ctx context.Context, id string) (control.Invite, error) {
	i, err := a.node.Revoke(ctx, id)
	return invite(i), failure(err)
}

// Introduce implements control.Node.
func (a *adapter) Introduce(ctx context.Context, who, other string) ([]control.Person, error) {
	two, err := a.node.Introduce(ctx, who, other)
	return people(two[:], err)
}

func invite(i mesh.Invited) control.Invite {
	shown := control.Invite{ID: i.ID, Link: i.Link, Made: i.Made.UTC(), Expires: i.Expires.UTC(), Used: i.Used, By: i.By, Twice: i.Twice, Alone: i.Alone}
	if i.Away != nil {
		shown.Away = &control.Shelf{Supernode: i.Away.Supernode, Address: i.Away.Address, Kept: i.Away.Kept}
	}
	return shown
}

// Contact implements control.Node.
func (a *adapter) Contact(ctx context.Context, who string) (control.Person, error) {
	p, err := a.node.Contact(ctx, who)
	return person(p), failure(err)
}

// Remove implements control.Node.
func (a *adapter) Remove(ctx context.Context, who string) (control.Person, error) {
	p, err := a.node.Remove(ctx, who)
	return person(p), failure(err)
}

// Rename implements control.Node.
func (a *adapter) Rename(ctx context.Context, who, name string) (control.Person, error) {
	p, err := a.node.Rename(ctx, who, name)
	return person(p), failure(err)
}

// Block implements control.Node.
func (a *adapter) Block(ctx context.Context, who string) (control.Person, error) {
	p, err := a.node.Block(ctx, who)
	return person(p), failure(err)
}

// Unblock implements control.Node.
func (a *adapter) Unblock(ctx context.Context, who string) (control.Person, error) {
	p, err := a.node.Unblock(ctx, who)
	return person(p), failure(err)
}

// Reset implements control.Node.
func (a *adapter) Reset(ctx context.Context, who string) (control.Person, error) {
	p, err := a.node.Reset(ctx, who)
	return person(p), failure(err)
}

// PermitReset implements control.Node.
func (a *adapter) PermitReset(ctx context.Context, who string) (control.Person, error) {
	p, err := a.node.PermitReset(ctx, who)
	return person(p), failure(err)
}

// Send implements control.Node.
func (a *adapter) Send(ctx context.Context, batch []control.Outgoing) []control.SendResult {
	out := make([]mesh.Outgoing, len(batch))
	for i, o := range batch {
		out[i] = mesh.Outgoing{To: o.To, Text: o.Text, ReplyTo: o.ReplyTo}
	}
	results := make([]control.SendResult, len(batch))
	for i, r := range a.node.Send(ctx, out) {
		results[i] = control.SendResult{Message: message(r.Message), Err: failure(r.Err)}
	}
	return results
}

// Message implements control.Node.
func (a *adapter) Message(ctx context.Context, id string) (control.Message, error) {
	m, err := a.node.Message(ctx, id)
	return message(m), failure(err)
}

// Log implements control.Node.
func (a *adapter) Log(ctx context.Context, to string, q control.LogQuery) ([]control.Message, error) {
	found, err := a.node.Log(ctx, to, mesh.LogQuery{Newest: q.N, Oldest: q.First, After: q.After, Before: q.Before, Since: q.Since})
	if err != nil {
		return nil, failure(err)
	}
	messages := make([]control.Message, len(found))
	for i, m := range found {
		messages[i] = message(m)
	}
	return messages, nil
}

// Search implements control.Node.
func (a *adapter) Search(ctx context.Context, q control.SearchQuery) ([]control.Message, error) {
	hits, err := a.node.Search(ctx, mesh.SearchQuery{Words: q.Words, From: q.From, In: q.In, Since: q.Since, Until: q.Until, Newest: q.N})
	if err != nil {
		return nil, failure(err)
	}
	messages := make([]control.Message, len(hits))
	for i, h := range hits {
		messages[i] = message(h.Message)
		messages[i].Snippet = h.Snippet
	}
	return messages, nil
}

// Retention implements control.Node.
func (a *adapter) Retention(ctx context.Context) (control.Retention, error) {
	r, used, err := a.node.Retention(ctx)
	return control.Retention{Days: r.Days, Disk: r.Disk, Used: used}, failure(err)
}

// SetRetention implements control.Node.
func (a *adapter) SetRetention(ctx context.Context, r control.Retention) (control.Retention, error) {
	if err := a.node.SetRetention(ctx, mesh.Retention{Days: r.Days, Disk: r.Disk}); err != nil {
		return control.Retention{}, failure(err)
	}
	return a.Retention(ctx)
}

// Events implements control.Node.
func (a *adapter) Events(ctx context.Context, since *int64) (iter.Seq2[control.Event, error], error) {
	events, err := a.node.Events(ctx, since)
	if err != nil {
		return nil, failure(err)
	}
	return func(yield func(control.Event, error) bool) {
		for e, err := range events {
			if !yield(event(e), failure(err)) {
				return
			}
		}
	}, nil
}

// Down implements control.Node.
func (a *adapter) Down(context.Context) error {
	a.down()
	return nil
}

func people(found []mesh.Person, err error) ([]control.Person, error) {
	if err != nil {
		return nil, failure(err)
	}
	shown := make([]control.Person, len(found))
	for i, p := range found {
		shown[i] = person(p)
	}
	return shown, nil
}

func person(p mesh.Person) control.Person {
	var by *control.Introducer
	if p.IntroducedBy != (mesh.Introducer{}) {
		by = &control.Introducer{ID: p.IntroducedBy.ID, Name: p.IntroducedBy.Name}
	}
	return control.Person{
		ID: p.ID, Name: p.Name, OwnName: p.OwnName, Verified: p.Verified, Keys: control.Keys(p.Keys), Contact: p.Contact, Blocked: p.Blocked, Online: p.Online, Typing: p.Typing,
		Via: control.Via(p.Via), Found: string(p.Found), Direction: control.Direction(p.Direction), Waiting: p.Waiting, Waits: p.Waits,
		IntroducedBy: by,
	}
}

func message(m mesh.Message) control.Message {
	return control.Message{
		ID:           m.ID,
		HeldBy:       keepers(m.HeldBy),
		Conversation: control.Conversation{Kind: control.KindDirect, ID: m.Conversation, Name: m.Peer.Name, With: m.Peer.ID},
		From:         person(m.From),
		Time:         m.Time.UTC().Truncate(time.Millisecond),
		Text:         m.Text,
		State:        control.State(m.State.String()),
		Reason:       m.Reason,
		HeldUntil:    lastDay(m.HeldBy),
		Delivered:    m.Delivered,
		Devices:      m.Devices,
		Edited:       m.Edited,
		Deleted:      m.Deleted,
		Change:       change(m.Change),
		Reactions:    reactions(m.Reactions),
		ReplyTo:      m.ReplyTo,
		Quote:        quote(m.Quote),
	}
}

// keepers are the names of supernodes that hold something.
func keepers(held []mesh.Keeper) control.Strings {
	names := make(control.Strings, len(held))
	for i, k := range held {
		names[i] = k.Name
	}
	return names
}

// lastDay is the last on which one of them holds it; the zero time where none does.
func lastDay(keepers []mesh.Keeper) (last time.Time) {
	for _, k := range keepers {
		if day := time.Unix(int64(k.Until)*secondsPerDay, 0).UTC(); day.After(last) {
			last = day
		}
	}
	return last
}

func event(e mesh.Event) control.Event {
	out := control.Event{Cursor: e.Cursor, Event: control.EventKind(e.Kind), Notice: e.Notice}
	if e.Message != nil {
		m := message(*e.Message)
		out.Message = &m
	}
	if e.Person != nil {
		p := person(*e.Person)
		out.Person = &p
	}
	if e.Comparison != nil {
		c := comparison(*e.Comparison)
		out.Comparison = &c
	}
	if e.Reading != nil {
		r := reading(*e.Reading)
		out.Reading = &r
	}
	return out
}

// failure turns an error of the node into one that faces can act on.
func failure(err error) error {
	if err == nil {
		return nil
	}
	if ambiguous, ok := errors.AsType[*mesh.AmbiguousError](err); ok {
		e := control.Errorf(control.CodeAmbiguous, "more than one person fits; use an id")
		for _, p := range ambiguous.Candidates {
			e.Candidates = append(e.Candidates, person(p))
		}
		return e
	}
	for _, known := range []struct {
		is   error
		code control.Code
	}{
		{mesh.ErrNotFound, control.CodeNotFound},
		{mesh.ErrTooLong, control.CodeTooLong},
		{mesh.ErrAmbiguousMessage, control.CodeAmbiguous},
		{mesh.ErrText, control.CodeUsage},
		{mesh.ErrEmoji, control.CodeUsage},
		{mesh.ErrTheirs, control.CodeRefused},
		{mesh.ErrDeleted, control.CodeGone},
		{mesh.ErrEdits, control.CodeRefused},
		{mesh.ErrReactions, control.CodeFull},
		{mesh.ErrName, control.CodeUsage},
		{mesh.ErrShare, control.CodeUsage},
		{mesh.ErrLocalOnly, control.CodeRefused},
		{mesh.ErrVisibility, control.CodeUsage},
		{mesh.ErrNowhere, control.CodeUsage},
		{mesh.ErrOwnMessage, control.CodeUsage},
		{mesh.ErrBlocked, control.CodeRefused},
		{mesh.ErrCursor, control.CodeUsage},
		{mesh.ErrPruned, control.CodeGone},
		{mesh.ErrWords, control.CodeUsage},
		{mesh.ErrRetention, control.CodeUsage},
		{mesh.ErrSelf, control.CodeRefused},
		{mesh.ErrNoReset, control.CodeRefused},
		{mesh.ErrKeys, control.CodeRefused},
		{mesh.ErrUnread, control.CodeRefused},
		{mesh.ErrNoChange, control.CodeRefused},
		{mesh.ErrNoDevice, control.CodeRefused},
		{verify.ErrOver, control.CodeRefused},
		{verify.ErrTries, control.CodeRefused},
		{mesh.ErrAnew, control.CodeRefused},
		{mesh.ErrRequests, control.CodeFull},
		{mesh.ErrInvites, control.CodeFull},
		{mesh.ErrInviteLife, control.CodeUsage},
		{mesh.ErrLink, control.CodeUsage},
		{mesh.ErrSamePerson, control.CodeUsage},
		{mesh.ErrExpired, control.CodeGone},
		{mesh.ErrUsed, control.CodeRefused},
		{mesh.ErrDeclined, control.CodeRefused},
		{mesh.ErrUnreached, control.CodeTimeout},
		{mesh.ErrClosed, control.CodeNotRunning},
		{store.ErrFull, control.CodeFull},
	} {
		if errors.Is(err, known.is) {
			return control.Errorf(known.code, "%v", err)
		}
	}
	return err
}
