package controltest

import (
	"context"
	"slices"
	"strings"

	"sottovoce/cmd/internal/control"
)

// SetShare is control.Node's.
func (f *Fake) SetShare(_ context.Context, share control.Share) (control.Me, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !slices.Contains([]control.Share{control.ShareNothing, control.ShareReading, control.ShareTyping, control.ShareBoth}, share) {
		return control.Me{}, control.Errorf(control.CodeUsage, "share is nothing, reading, typing or both")
	}
	f.me.Share = share
	return f.me, nil
}

// Contact is control.Node's.
func (f *Fake) Contact(_ context.Context, who string) (control.Person, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.find(who, isContact)
}

// Remove is control.Node's.
func (f *Fake) Remove(_ context.Context, who string) (control.Person, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	p, err := f.find(who, isContact)
	if err != nil {
		return p, err
	}
	f.messages = slices.DeleteFunc(f.messages, func(m control.Message) bool { return m.Conversation.With == p.ID })
	p = f.change(p.ID, control.EventPerson, func(p *control.Person) {
		p.Contact, p.Blocked, p.Online, p.Via = false, false, false, control.ViaNone
	})
	delete(f.nearby, p.ID)
	return p, nil
}

// Journey is control.Node's. A message goes to one device.
func (f *Fake) Journey(ctx context.Context, id string) (control.Journey, error) {
	m, err := f.Message(ctx, id)
	if err != nil {
		return control.Journey{}, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	j, at := control.Journey{Message: m}, m.Time
	if m.From.ID != f.me.ID {
		j.Received = &at
		return j, nil
	}
	to, err := f.find(m.Conversation.With, isContact)
	if err != nil {
		return j, err
	}
	c := control.Copy{To: to, Device: "peer-" + strings.TrimPrefix(to.ID, "acct-"), State: m.State, Reason: m.Reason, Via: to.Via, Queued: &at}
	if !m.State.Over() && !m.State.Reached(control.StateDelivered) {
		c.Waits = "for a way to them: they are not on this network"
	}
	if m.State.Reached(control.StateDelivered) {
		c.Seen, c.Sealed, c.Delivered = &at, &at, &at
	}
	if m.State.Reached(control.StateRead) {
		c.Read = &at
	}
	j.Copies = []control.Copy{c}
	return j, nil
}

// Typing is control.Node's.
func (f *Fake) Typing(_ context.Context, to string, typing bool) error {
	f.mu.Lock()
	p, err := f.find(to, isContact)
	f.mu.Unlock()
	if err == nil && f.OnTyping != nil {
		f.OnTyping(p, typing)
	}
	return err
}

// Type lets a contact write to us, or stop.
func (f *Fake) Type(id string, typing bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.change(id, control.EventPerson, func(p *control.Person) { p.Typing = typing })
}

// Read is control.Node's.
func (f *Fake) Read(ctx context.Context, what string) (control.Reading, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	r := control.Reading{Shared: f.me.Share == control.ShareReading || f.me.Share == control.ShareBoth}
	if !strings.HasPrefix(what, "msg-") {
		var err error
		if r.With, err = f.find(what, isContact); err != nil {
			return control.Reading{}, err
		}
	}
	one := strings.HasPrefix(what, "msg-")
	for _, m := range f.messages {
		theirs := m.From.ID != f.me.ID
		switch {
		case one && strings.HasPrefix(m.ID, what) && !theirs:
			return control.Reading{}, control.Errorf(control.CodeUsage, "that is a message of your own; give one of theirs")
		case one && strings.HasPrefix(m.ID, what):
			r.With, r.ID = m.From, m.ID
		case theirs && m.Conversation.With == r.With.ID && !one:
			r.ID = m.ID
		}
	}
	if one && r.ID == "" {
		return control.Reading{}, control.Errorf(control.CodeNotFound, "there is no message %q", what)
	}
	f.Reads = append(f.Reads, r)
	r.Unread = f.overview(r.With).Unread
	if r.ID != "" {
		f.tell(control.Event{Event: control.EventReading, Reading: &r})
	}
	return r, nil
}
