package mesh

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"sottovoce/mesh/store"
	"sottovoce/mesh/wire"
)

// noticeKind says what a notice is about; one of each kind stands for each contact.
type noticeKind uint8

// Notices about a contact are kept until they are dealt with, or for noticeLife.
const (
	noticeReset   noticeKind = 1 // asks to begin anew without the keys of the session in use
	noticeAnew    noticeKind = 2 // does so, and can only be met anew
	noticeBehind  noticeKind = 3 // has messages of ours that this home does not know of
	noticeCopied  noticeKind = 4 // runs twice, or was put back to an older state
	noticeRoot    noticeKind = 5 // has new keys, for which the old ones vouch
	noticeAlarm   noticeKind = 6 // has keys for which nothing vouches
	noticeDiffers noticeKind = 7 // was compared with, and is not the same
	noticeInvite  noticeKind = 8 // used a link of ours that somebody else has, too
)

// keptNotice is a notice as the home keeps it.
type keptNotice struct {
	Kind    noticeKind `cbor:"0,keyasint"`
	Contact int64      `cbor:"1,keyasint"` // its row
	Text    string     `cbor:"2,keyasint"`
	At      int64      `cbor:"3,keyasint"`           // Unix milliseconds, when it was last raised
	Invite  string     `cbor:"4,keyasint,omitempty"` // the link that it is about; then Contact may be 0
}

// noticeDetail is what a stored notice event says, and whom it is about.
type noticeDetail struct {
	Text  string        `cbor:"0,keyasint"`
	About *personDetail `cbor:"1,keyasint,omitempty"`
}

// settingNotices is the setting that keeps the notices.
const settingNotices = "notices"

// raise keeps a notice about a contact and tells the faces, unless the same was said
// within noticePause.
func (t *turn) raise(kind noticeKind, c *contactState, text string) error {
	return t.raiseKept(keptNotice{Kind: kind, Contact: c.row.ID, Text: text})
}

func (t *turn) raiseKept(fresh keptNotice) error {
	n, kind, text := t.n, fresh.Kind, fresh.Text
	fresh.At = t.now.UnixMilli()
	i := slices.IndexFunc(n.notices, func(k keptNotice) bool {
		return k.Kind == kind && k.Contact == fresh.Contact && k.Invite == fresh.Invite
	})
	kept := slices.Clone(n.notices)
	if i >= 0 {
		if t.now.Sub(time.UnixMilli(kept[i].At)) < noticePause && kept[i].Text == text {
			return nil
		}
		kept = slices.Delete(kept, i, i+1)
	}
	kept = append(kept, fresh)
	if err := t.keepNotices(kept[max(0, len(kept)-noticesMax):]); err != nil {
		return err
	}
	n.log.Warn("a notice about a contact is shown", "kind", kind) // its text has a name in it
	return t.recordNotice(n.contactAt(fresh.Contact), text)
}

// recordNotice makes an event of a notice durable, with the contact that it is about, if it is
// about one.
func (t *turn) recordNotice(c *contactState, text string) error {
	detail := noticeDetail{Text: text}
	var about *Person
	if c != nil {
		p := t.n.person(c)
		about, detail.About = &p, detailOf(p)
	}
	return t.record(storedNotice, 0, detail, func(e *Event) { e.Kind, e.Notice, e.Person = EventNotice, text, about })
}

// toldOnce raises a notice that is not shown already.
func (t *turn) toldOnce(k keptNotice) error {
	if slices.ContainsFunc(t.n.notices, func(o keptNotice) bool { return o.Invite == k.Invite && o.Text == k.Text }) {
		return nil
	}
	return t.raiseKept(k)
}

// shows reports whether a notice of this kind about a contact is shown.
func (t *turn) shows(kind noticeKind, c *contactState) bool {
	return slices.ContainsFunc(t.n.notices, func(k keptNotice) bool { return k.Kind == kind && k.Contact == c.row.ID })
}

// settled drops the notices of some kinds about a contact.
func (t *turn) settled(c *contactState, kinds ...noticeKind) error {
	return t.dropNotices(func(k keptNotice) bool { return k.Contact == c.row.ID && slices.Contains(kinds, k.Kind) })
}

// dropNotices drops those that fit, and those that are old or about nobody any more.
func (t *turn) dropNotices(fits func(keptNotice) bool) error {
	kept := slices.DeleteFunc(slices.Clone(t.n.notices), func(k keptNotice) bool {
		return fits(k) || t.now.Sub(time.UnixMilli(k.At)) > noticeLife || !t.n.matters(k)
	})
	if len(kept) == len(t.n.notices) {
		return nil
	}
	return t.keepNotices(kept)
}

func (t *turn) keepNotices(kept []keptNotice) error {
	b, err := wire.Marshal(kept)
	if err != nil {
		return err
	}
	t.n.notices = kept
	return t.tx.SetSetting(settingNotices, b)
}

// loadNotices reads the notices.
func loadNotices(tx *store.Tx) (kept []keptNotice, err error) {
	b, err := tx.Setting(settingNotices)
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil
	}
	if err == nil {
		err = wire.Unmarshal(b, &kept)
	}
	if err != nil {
		return nil, fmt.Errorf("notices: %w", err)
	}
	return kept, nil
}

// matters reports whether there still is what a notice is about.
func (n *Node) matters(k keptNotice) bool { return k.Contact == 0 || n.contactAt(k.Contact) != nil }

// contactAt is the contact of a row, nil when it is gone.
func (n *Node) contactAt(row int64) *contactState {
	for _, c := range n.contacts {
		if c.row.ID == row {
			return c
		}
	}
	return nil
}

// trouble is something wrong with this machine that may pass by itself.
type trouble uint8

const (
	troubleDisk  trouble = iota // nothing can be saved
	troubleClock                // the clock says what cannot be
	troubleTwin                 // this home runs twice on the network
	troubles
)

// troubled notes that something is wrong, or with an empty text that it is over. The
// faces are told when it begins and when it changes.
func (n *Node) troubled(what trouble, text string) {
	if n.troubles[what] == text {
		return
	}
	n.troubles[what] = text
	if text != "" {
		n.log.Warn(text)
		n.publish(Event{Kind: EventNotice, Time: n.now(), Notice: text})
	}
}

// checkClock says when the system's clock cannot be right. Nothing is lost by it: see
// clock.Mark.
func (n *Node) checkClock(now time.Time) {
	today, text := wire.DayAt(now), ""
	if n.clockSeen && today == n.clockDay {
		return
	}
	n.clockSeen, n.clockDay = true, today
	said := now.UTC().Format(time.DateOnly)
	doubtful := plausible(n.mark.Day) && !n.vouched() // the mark may come of a clock that was wrong
	switch {
	case !plausible(today):
		text = fmt.Sprintf("the clock of this machine says %s: set it; until then messages show wrong times, and nothing is lost", said)
	case doubtful && (today+1 < n.mark.Day || today > n.mark.Day+foreignDaysMax):
		text = fmt.Sprintf("the clock of this machine says %s, and this home was last used about %s: set the clock if it is wrong; nothing is lost",
			said, n.mark.Past().UTC().Format(time.DateOnly))
	}
	n.troubled(troubleClock, text)
}

// plausible reports whether a clock may say that day.
func plausible(day uint16) bool { return plausibleFrom <= day && day < plausibleUntil }

// trusts reports whether the system's clock is to be believed although it runs ahead of the
// mark: somebody vouches for it, and it says nothing that cannot be.
func (n *Node) trusts(now time.Time) bool { return plausible(wire.DayAt(now)) && n.vouched() }

// standingNotices is everything that is wrong now, in the order of the kinds.
func (n *Node) standingNotices() []string {
	var texts []string
	for _, text := range n.troubles {
		if text != "" {
			texts = append(texts, text)
		}
	}
	for _, k := range n.notices {
		if n.matters(k) {
			texts = append(texts, k.Text)
		}
	}
	return texts
}
