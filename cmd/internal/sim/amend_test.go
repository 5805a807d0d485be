package sim

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"sottovoce/mesh"
)

// amendEach is in how many steps of a hundred somebody changes something that was said.
const amendEach = 25

// of is what was written that a log shows as m, nil if nothing was.
func (c *talk) of(m mesh.Message) *said {
	if s := c.byID[m.ID]; s != nil {
		return s
	}
	return c.by[m.Text]
}

// may reports whether a text may look like this with its author: as it was left, or as it was
// being made when the power failed.
func (s *said) may(m mesh.Message) bool {
	if m.Deleted {
		return s.gone || s.goneDoubt
	}
	return !s.gone && (len(s.now) == 0 || slices.Contains(s.now, m.Text))
}

// amend lets somebody edit, delete or react to one of the last messages.
func (w *world) amend() {
	a, b := w.two()
	n := a.running()
	if n == nil {
		return
	}
	log, err := n.Log(context.Background(), b.name, mesh.LogQuery{Newest: 20})
	if err != nil || len(log) == 0 {
		return
	}
	m, draw := log[w.random.IntN(len(log))], w.random.IntN(100)
	switch {
	case m.Deleted:
	case m.Mine && draw < 15:
		w.deletes(a, b, m)
	case m.Mine && draw < 60:
		w.edits(a, b, m)
	default:
		emoji := string(rune(0x1f600 + w.random.IntN(3)))
		_, err := n.React(context.Background(), m.ID, emoji, w.chance(60))
		w.amended(a, fmt.Sprintf("reacts with %x", emoji), m, err)
	}
}

// amended takes note of a change; it reports whether it may have come about.
func (w *world) amended(a *person, how string, m mesh.Message, err error) (doubt bool) {
	w.note("%s %s %s: %v", a.name, how, m.ID[:12], err)
	if err != nil && !errors.Is(err, mesh.ErrDeleted) && !a.disk.isDead() && !a.disk.isFull() {
		w.fail("%s %s %q and cannot: %v", a.name, how, clip(m.Text), err)
	}
	return err != nil && a.disk.isDead()
}

func (w *world) edits(a, b *person, m mesh.Message) {
	c := w.talkOf(a, b)
	s := c.of(m)
	if s == nil {
		return // check says so
	}
	w.wordings++
	text := fmt.Sprintf("%s, in other words %d", clip(s.text), w.wordings)
	c.by[text], c.byID[m.ID] = s, s
	if len(s.now) == 0 {
		s.now = []string{s.text}
	}
	_, err := a.running().Edit(context.Background(), m.ID, text)
	if doubt := w.amended(a, "edits", m, err); doubt {
		s.now = append(s.now, text)
	} else if err == nil {
		s.now = []string{text}
	}
}

func (w *world) deletes(a, b *person, m mesh.Message) {
	c := w.talkOf(a, b)
	s := c.of(m)
	if s == nil {
		return
	}
	c.byID[m.ID] = s
	_, err := a.running().Delete(context.Background(), m.ID)
	s.goneDoubt = w.amended(a, "deletes", m, err) || s.goneDoubt
	s.gone = s.gone || err == nil
}

// differs names a message that two who have everything see differently, as long as nothing can
// have expired on the way.
func (w *world) differs(a, b *person, ours []mesh.Message) string {
	if time.Since(w.begin) > expiresAfter || !up(b) {
		return ""
	}
	log, err := b.running().Log(context.Background(), a.name, mesh.LogQuery{})
	if err != nil {
		return b.name + ": " + err.Error()
	}
	theirs := make(map[string]mesh.Message, len(log))
	for _, m := range log {
		theirs[m.ID] = m
	}
	for _, m := range ours {
		if o, there := theirs[m.ID]; there && (o.Text != m.Text || o.Deleted != m.Deleted || o.Edited != m.Edited || !slices.Equal(signs(o), signs(m))) {
			return fmt.Sprintf("%s sees %q %x where %s has %q %x", b.name, clip(o.Text), signs(o), a.name, clip(m.Text), signs(m))
		}
	}
	return ""
}

// signs are the reactions to a message, by whom.
func signs(m mesh.Message) (all []string) {
	for _, r := range m.Reactions {
		for _, p := range r.From {
			all = append(all, r.Emoji+p.Name)
		}
	}
	slices.Sort(all)
	return all
}
