package controltest

import (
	"context"
	"slices"
	"strings"

	"sottovoce/cmd/internal/control"
)

// Search is control.Node's, for words as they are written but for their case.
func (f *Fake) Search(_ context.Context, q control.SearchQuery) ([]control.Message, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if strings.Trim(q.Words, " ?") == "" {
		return nil, control.Errorf(control.CodeUsage, "give at least one word to look for")
	}
	from, in := q.From, ""
	if q.From != "" && q.From != f.me.Name {
		p, err := f.find(q.From, isContact)
		if err != nil {
			return nil, err
		}
		from = p.Name
	}
	if q.In != "" {
		p, err := f.find(q.In, isContact)
		if err != nil {
			return nil, err
		}
		in = p.Name
	}
	var found []control.Message
	for _, m := range slices.Backward(f.messages) {
		text := strings.ToLower(m.Text)
		all := !slices.ContainsFunc(strings.Fields(strings.ToLower(q.Words)), func(word string) bool { return !strings.Contains(text, word) })
		if all && (from == "" || m.From.Name == from) && (in == "" || m.Conversation.Name == in) && !m.Time.Before(q.Since) &&
			(q.Until.IsZero() || m.Time.Before(q.Until)) && (q.N == 0 || len(found) < q.N) {
			m.Snippet = strings.Join(strings.Fields(m.Text), " ")
			found = append(found, m)
		}
	}
	return found, nil
}

// Visibility is control.Node's.
func (f *Fake) Visibility(context.Context) (control.Visibility, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.seen, nil
}

// SetVisibility is control.Node's.
func (f *Fake) SetVisibility(_ context.Context, here, elsewhere control.Visible) (control.Visibility, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, v := range []control.Visible{here, elsewhere} {
		switch v {
		case "", control.VisibleEveryone, control.VisibleContacts, control.VisibleNobody:
		default:
			return control.Visibility{}, control.Errorf(control.CodeUsage, "who may see you is one of: everyone, contacts, nobody; not %q", v)
		}
	}
	if here != "" {
		f.seen.Here, f.seen.Chosen = here, true
	}
	if elsewhere != "" {
		f.seen.Elsewhere = elsewhere
		if !f.seen.Chosen {
			f.seen.Here = elsewhere
		}
	}
	return f.seen, nil
}

// LocalOnly is control.Node's.
func (f *Fake) LocalOnly(context.Context) (bool, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.local, nil
}

// SetLocalOnly is control.Node's.
func (f *Fake) SetLocalOnly(_ context.Context, on bool) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.local = on
	return nil
}

// Retention is control.Node's.
func (f *Fake) Retention(context.Context) (control.Retention, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	kept := f.kept
	kept.Used = 12 << 20
	return kept, nil
}

// SetRetention is control.Node's.
func (f *Fake) SetRetention(ctx context.Context, r control.Retention) (control.Retention, error) {
	if r.Days < 0 || r.Disk < 0 || r.Disk > 0 && r.Disk < 8<<20 {
		return control.Retention{}, control.Errorf(control.CodeUsage, "messages are kept for 1 to 36500 days and on at least 8 MiB")
	}
	f.mu.Lock()
	f.kept = r
	f.mu.Unlock()
	return f.Retention(ctx)
}
