// Package controltest has a node made of memory that stands in for a real one in tests of the control interface and of
// the faces. What other people do is told to it by the test.
//
// It leaves networks, keys and disks to the real node.
package controltest

import (
	"cmp"
	"context"
	"encoding/base32"
	"fmt"
	"iter"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"

	"sottovoce/cmd/internal/control"
)

// Start is the time of a Fake's first message; each further one is a minute later.
var Start = time.Date(2026, 11, 22, 18, 0, 0, 0, time.UTC)

// Fake is a control.Node in memory. Ids follow from the order of what happens, so that the same test gives the same ids.
type Fake struct {
	// OnSend, OnAdd and OnDown are called after the node's part is done, without the lock. They may be nil.
	OnSend func(control.Message)
	OnAdd  func(control.Person)
	OnDown func()

	passphrase []byte            // guarded by mu
	kept       control.Retention // guarded by mu
	invites    []control.Invite  // guarded by mu; oldest first

	communities []control.Community // guarded by mu
	local       bool                // guarded by mu
	seen        control.Visibility  // guarded by mu

	// OnTyping is called like those, when we write to somebody or stop.
	OnTyping func(to control.Person, typing bool)
	// Reads is what was read, in order.
	Reads []control.Reading

	mu       sync.Mutex
	rand     *rand.ChaCha8
	me       control.Me
	people   []control.Person // everybody ever met, in that order
	nearby   map[string]bool  // by id
	wide     bool             // its network has too many addresses to scan
	resets   map[string]bool  // by id: who asks to begin anew
	waiting  []string         // ids of people with a Direction, oldest first
	messages []control.Message
	events   []control.Event
	happened chan struct{} // closed and replaced at each event

	comparisons map[string]control.Comparison // by id
}

var _ control.Node = (*Fake)(nil)

// New makes a node of somebody with this name whom nobody has met.
func New(name string) *Fake {
	f := &Fake{rand: rand.NewChaCha8([32]byte{}), nearby: map[string]bool{}, resets: map[string]bool{}, comparisons: map[string]control.Comparison{}, seen: control.Visibility{Here: control.VisibleEveryone, Elsewhere: control.VisibleEveryone}, happened: make(chan struct{})}
	f.me = control.Me{Person: control.Person{ID: f.id("acct-", 52), Name: name, Online: true}, Share: control.ShareNothing}
	return f
}

func (f *Fake) id(prefix string, size int) string {
	raw := make([]byte, 32)
	// ChaCha8 never fails.
	_, _ = f.rand.Read(raw)
	return prefix + strings.ToLower(base32.StdEncoding.EncodeToString(raw))[:size]
}

func (f *Fake) tell(e control.Event) {
	e.Cursor = int64(len(f.events) + 1)
	f.events = append(f.events, e)
	close(f.happened)
	f.happened = make(chan struct{})
}

func (f *Fake) tellPerson(kind control.EventKind, p control.Person) {
	f.tell(control.Event{Event: kind, Person: &p})
}

// Meet lets somebody new appear nearby.
func (f *Fake) Meet(name string) control.Person {
	f.mu.Lock()
	defer f.mu.Unlock()
	p := control.Person{ID: f.id("near-", 10), Name: name, Online: true}
	f.people = append(f.people, p)
	f.nearby[p.ID] = true
	f.tellPerson(control.EventPerson, p)
	return p
}

// Part lets somebody go away.
func (f *Fake) Part(id string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.nearby, id)
	f.change(id, control.EventPerson, func(p *control.Person) { p.Online, p.Via = false, control.ViaNone })
}

// Ask lets somebody ask us to become a contact.
func (f *Fake) Ask(id string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.waiting = append(f.waiting, id)
	f.change(id, control.EventRequest, func(p *control.Person) { p.Direction = control.DirectionIn })
}

// Befriend makes somebody a contact, as when they accepted.
func (f *Fake) Befriend(id string) control.Person {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.befriend(id)
}

func (f *Fake) befriend(id string) control.Person {
	f.waiting = slices.DeleteFunc(f.waiting, func(w string) bool { return w == id })
	return f.change(id, control.EventPerson, func(p *control.Person) {
		p.ID, p.Contact, p.Direction, p.Via, p.Keys = f.id("acct-", 52), true, control.DirectionNone, control.ViaLink, control.KeysOK
		f.nearby[p.ID] = f.nearby[id]
		delete(f.nearby, id)
	})
}

func (f *Fake) change(id string, kind control.EventKind, to func(*control.Person)) control.Person {
	i := slices.IndexFunc(f.people, func(p control.Person) bool { return p.ID == id })
	to(&f.people[i])
	f.tellPerson(kind, f.people[i])
	return f.people[i]
}

// Receive lets a contact send us a text.
func (f *Fake) Receive(id, text string) control.Message {
	f.mu.Lock()
	defer f.mu.Unlock()
	i := slices.IndexFunc(f.people, func(p control.Person) bool { return p.ID == id })
	return f.append(f.people[i], f.people[i], text, control.StateDelivered)
}

// Advance moves a message on.
func (f *Fake) Advance(id string, state control.State) {
	f.mu.Lock()
	defer f.mu.Unlock()
	i := slices.IndexFunc(f.messages, func(m control.Message) bool { return m.ID == id })
	m := &f.messages[i]
	m.State = state
	if state.Reached(control.StateDelivered) {
		m.Delivered = 1
	}
	if state == control.StateHeld {
		m.HeldBy, m.HeldUntil = control.Strings{"Orchard peer-1", "Orchard peer-2"}, time.Date(2027, 1, 19, 0, 0, 0, 0, time.UTC)
	}
	told := *m
	f.tell(control.Event{Event: control.EventState, Message: &told})
}

func (f *Fake) append(with, from control.Person, text string, state control.State) control.Message {
	return f.say(with, from, text, state, func(*control.Message) {})
}

func (f *Fake) say(with, from control.Person, text string, state control.State, also func(*control.Message)) control.Message {
	m := control.Message{
		ID:           f.id("msg-", 52),
		Conversation: control.Conversation{Kind: control.KindDirect, ID: "conv-" + strings.TrimPrefix(with.ID, "acct-"), Name: with.Name, With: with.ID},
		From:         from, Text: text, State: state, Devices: 1,
		Time: Start.Add(time.Duration(len(f.messages)) * time.Minute),
	}
	also(&m)
	f.messages = append(f.messages, m)
	f.tell(control.Event{Event: control.EventMessage, Message: &m})
	return m
}

// find resolves WHO among the people that choose keeps.
func (f *Fake) find(who string, choose func(control.Person) bool) (control.Person, error) {
	var found []control.Person
	for _, p := range f.people {
		if choose(p) && (strings.EqualFold(p.Name, who) || p.ID == who || len(who) > 5 && strings.HasPrefix(p.ID, who)) {
			found = append(found, p)
		}
	}
	switch len(found) {
	case 0:
		return control.Person{}, control.Errorf(control.CodeNotFound, "nobody here answers to %q; see: sottovoce nearby", who)
	case 1:
		return found[0], nil
	}
	err := control.Errorf(control.CodeAmbiguous, "%d people answer to %q; use the id of one", len(found), who)
	err.Candidates = found
	return control.Person{}, err
}

func (f *Fake) list(choose func(control.Person) bool) []control.Person {
	f.mu.Lock()
	defer f.mu.Unlock()
	var found []control.Person
	for _, p := range f.people {
		if choose(p) {
			found = append(found, p)
		}
	}
	slices.SortFunc(found, func(a, b control.Person) int {
		return cmp.Or(strings.Compare(a.Name, b.Name), strings.Compare(a.ID, b.ID))
	})
	return found
}

// Me is control.Node's.
func (f *Fake) Me(context.Context) (control.Me, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.me, nil
}

// SetName is control.Node's.
func (f *Fake) SetName(_ context.Context, name string) (control.Me, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(name) > 64 {
		return control.Me{}, control.Errorf(control.CodeUsage, "a name has 1–64 characters")
	}
	f.me.Name = name
	return f.me, nil
}

// Status is control.Node's.
func (f *Fake) Status(context.Context) (control.Status, error) {
	nearby, contacts := len(f.list(f.isNearby)), len(f.list(isContact))
	f.mu.Lock()
	defer f.mu.Unlock()
	return control.Status{
		Name: f.me.Name, ID: f.me.ID, Version: "fake", PID: 4711, Started: Start, Visibility: f.seen.Here,
		Listen: []string{"[::]:4711"}, LocalOnly: f.local,
		Interfaces: []control.UsedInterface{{Name: "eth0", Endpoints: []string{"10.86.0.1:4711"}}}, Links: contacts, Nearby: nearby, Contacts: contacts, Requests: len(f.waiting),
		Cursor: int64(len(f.events)), Memory: 20 << 20, Goroutines: 20, Queued: f.queued(),
	}, nil
}

func (f *Fake) queued() (n int) {
	for _, m := range f.messages {
		if m.State == control.StateQueued {
			n++
		}
	}
	return n
}

func (f *Fake) isNearby(p control.Person) bool { return f.nearby[p.ID] && !p.Blocked }

func isContact(p control.Person) bool { return p.Contact }

func isAnybody(control.Person) bool { return true }

// Nearby is control.Node's.
func (f *Fake) Nearby(context.Context) ([]control.Person, error) { return f.list(f.isNearby), nil }

// Contacts is control.Node's.
func (f *Fake) Contacts(context.Context) ([]control.Person, error) { return f.list(isContact), nil }

// Requests is control.Node's.
func (f *Fake) Requests(context.Context) ([]control.Person, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var found []control.Person
	for _, id := range f.waiting {
		i := slices.IndexFunc(f.people, func(p control.Person) bool { return p.ID == id })
		found = append(found, f.people[i])
	}
	return found, nil
}

// Add is control.Node's.
func (f *Fake) Add(_ context.Context, who string) (control.Person, error) {
	f.mu.Lock()
	p, err := f.find(who, isAnybody)
	if err == nil && !p.Contact {
		f.waiting = append(f.waiting, p.ID)
		p = f.change(p.ID, control.EventRequest, func(p *control.Person) { p.Direction = control.DirectionOut })
	}
	f.mu.Unlock()
	if err == nil && f.OnAdd != nil {
		f.OnAdd(p)
	}
	return p, err
}

func isIncoming(p control.Person) bool { return p.Direction == control.DirectionIn }

// Accept is control.Node's.
func (f *Fake) Accept(_ context.Context, who string) (control.Person, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	p, err := f.find(who, isIncoming)
	if err != nil {
		return p, err
	}
	return f.befriend(p.ID), nil
}

// Decline is control.Node's.
func (f *Fake) Decline(_ context.Context, who string) (control.Person, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	p, err := f.find(who, func(p control.Person) bool { return p.Direction != control.DirectionNone })
	if err != nil {
		return p, err
	}
	f.waiting = slices.DeleteFunc(f.waiting, func(w string) bool { return w == p.ID })
	return f.change(p.ID, control.EventPerson, func(p *control.Person) { p.Direction = control.DirectionNone }), nil
}

// Rename is control.Node's.
func (f *Fake) Rename(_ context.Context, who, name string) (control.Person, error) {
	if len(name) > 64 {
		return control.Person{}, control.Errorf(control.CodeUsage, "a name has 1–64 characters")
	}
	return f.changeContact(who, func(p *control.Person) {
		own := cmp.Or(p.OwnName, p.Name)
		if p.Name, p.OwnName = name, own; name == "" {
			p.Name, p.OwnName = own, ""
		}
	})
}

// Block is control.Node's.
func (f *Fake) Block(_ context.Context, who string) (control.Person, error) {
	return f.changeContact(who, func(p *control.Person) { p.Blocked, p.Online, p.Via = true, false, control.ViaNone })
}

// Unblock is control.Node's.
func (f *Fake) Unblock(_ context.Context, who string) (control.Person, error) {
	return f.changeContact(who, func(p *control.Person) { p.Blocked, p.Online, p.Via = false, f.nearby[p.ID], control.ViaLink })
}

// AskReset lets a contact ask to begin anew.
func (f *Fake) AskReset(id string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.resets[id] = true
	f.tell(control.Event{Event: control.EventNotice, Notice: "somebody wants to begin anew"})
}

// Reset is control.Node's.
func (f *Fake) Reset(_ context.Context, who string) (control.Person, error) {
	return f.changeContact(who, func(p *control.Person) { delete(f.resets, p.ID) })
}

// PermitReset is control.Node's.
func (f *Fake) PermitReset(_ context.Context, who string) (control.Person, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	p, err := f.find(who, isContact)
	if err != nil {
		return p, err
	}
	if !f.resets[p.ID] {
		return p, control.Errorf(control.CodeRefused, "%s does not ask to begin anew; nothing was changed", p.Name)
	}
	delete(f.resets, p.ID)
	return p, nil
}

func (f *Fake) changeContact(who string, to func(*control.Person)) (control.Person, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	p, err := f.find(who, isContact)
	if err != nil {
		return p, err
	}
	return f.change(p.ID, control.EventPerson, to), nil
}

// Send is control.Node's.
func (f *Fake) Send(_ context.Context, batch []control.Outgoing) []control.SendResult {
	results := make([]control.SendResult, len(batch))
	for i, out := range batch {
		f.mu.Lock()
		with := control.Person{ID: out.To}
		quote, err := f.answering(out.ReplyTo, &with)
		var p control.Person
		if err == nil {
			p, err = f.find(with.ID, isContact)
		}
		if err == nil && p.Blocked {
			err = control.Errorf(control.CodeRefused, "you have blocked them; unblock them first")
		}
		if results[i].Err = err; err == nil {
			results[i].Message = f.say(p, f.me.Person, out.Text, control.StateQueued, func(m *control.Message) {
				if m.Quote = quote; quote != nil {
					m.ReplyTo = quote.ID
				}
			})
		}
		f.mu.Unlock()
		if err == nil && f.OnSend != nil {
			f.OnSend(results[i].Message)
		}
	}
	return results
}

// Message is control.Node's.
func (f *Fake) Message(_ context.Context, id string) (control.Message, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, m := range f.messages {
		if strings.HasPrefix(m.ID, id) && len(id) > 4 {
			return m, nil
		}
	}
	return control.Message{}, control.Errorf(control.CodeNotFound, "there is no message %q", id)
}

// Log is control.Node's.
func (f *Fake) Log(_ context.Context, to string, q control.LogQuery) ([]control.Message, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	p, err := f.find(to, isContact)
	if err != nil {
		return nil, err
	}
	var found []control.Message
	for _, m := range f.messages {
		if m.ID == q.Before {
			break
		}
		if m.Conversation.ID == "conv-"+strings.TrimPrefix(p.ID, "acct-") && !m.Time.Before(q.Since) {
			found = append(found, m)
		}
		if m.ID == q.After {
			found = nil
		}
	}
	if q.First > 0 {
		found = found[:min(q.First, len(found))]
	}
	if q.N > 0 {
		found = found[max(0, len(found)-q.N):]
	}
	return found, nil
}

// Events is control.Node's.
func (f *Fake) Events(ctx context.Context, since *int64) (iter.Seq2[control.Event, error], error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	next := int64(len(f.events))
	if since != nil && *since > next {
		return nil, control.Errorf(control.CodeUsage, "there was no event %d yet; the newest is %d", *since, next)
	}
	if since != nil {
		next = *since
	}
	return func(yield func(control.Event, error) bool) {
		for {
			f.mu.Lock()
			events, happened := f.events[next:], f.happened
			f.mu.Unlock()
			for _, e := range events {
				next = e.Cursor
				if !yield(e, nil) {
					return
				}
			}
			if len(events) > 0 {
				continue
			}
			select {
			case <-happened:
			case <-ctx.Done():
				yield(control.Event{}, fmt.Errorf("events: %w", ctx.Err()))
				return
			}
		}
	}, nil
}

// Down is control.Node's.
func (f *Fake) Down(context.Context) error {
	if f.OnDown != nil {
		f.OnDown()
	}
	return nil
}
