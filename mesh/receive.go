package mesh

import (
	"bytes"
	"errors"
	"slices"
	"time"

	"sottovoce/mesh/conversation"
	"sottovoce/mesh/outbox"
	"sottovoce/mesh/session"
	"sottovoce/mesh/store"
	"sottovoce/mesh/wire"
)

// tagged is what the tag table finds: whose key opens a blob, and which one.
type tagged struct {
	row int64
	ref session.Ref
}

// receive opens what a link brought. A blob whose key is not known yet waits: the
// window moves with what is opened, and a start may be behind what it starts. Or it was
// opened before and its receipt was lost, so that is given again.
// spec: 04-sessions#tags
func (t *turn) receive(from *device, v *live, blobs [][]byte) error {
	t.n.busy = time.Now()
	left, err := t.match(from, v, blobs)
	if err != nil || !left {
		return err
	}
	t.receiptAgain(from, v)
	if v.far.IsZero() {
		v.far = t.now.Add(farDelay)
		t.n.wakeBy(v.far)
	}
	return nil
}

// match opens blobs, and as long as some open also those that wait. left says that not
// all of blobs opened at once, and some wait.
func (t *turn) match(from *device, v *live, blobs [][]byte) (left bool, err error) {
	for todo, fresh := blobs, true; len(todo) > 0; fresh = false {
		moved := false
		for _, blob := range todo {
			known, err := t.open(from, blob)
			if err != nil {
				return false, err
			}
			if known {
				moved = true
			} else if v.wait(blob) && fresh {
				left = true
			}
		}
		todo = nil
		if moved {
			todo, v.waiting = v.waiting, nil
		}
	}
	return left && len(v.waiting) > 0, nil
}

// wait keeps a blob until its key is known; the oldest give way. It reports whether the
// blob was not there yet.
func (v *live) wait(blob []byte) bool {
	if slices.ContainsFunc(v.waiting, func(b []byte) bool { return bytes.Equal(b, blob) }) {
		return false
	}
	v.waiting = append(v.waiting, blob)
	size := 0
	for i := len(v.waiting) - 1; i >= 0; i-- {
		if size += len(v.waiting[i]); size > unmatchedBytes || len(v.waiting)-i > unmatchedMax {
			v.waiting = slices.Delete(v.waiting, 0, i+1)
			break
		}
	}
	return true
}

// lookFar looks for the keys of blobs that wait beyond the tag table: when many before
// them have expired, nothing else would find them.
// spec: 04-sessions#tags
func (t *turn) lookFar(d *device, v *live) error {
	n := t.n
	v.far = time.Time{}
	wanted := make(map[[16]byte]bool, len(v.waiting))
	for _, blob := range v.waiting {
		if h, err := wire.ParseHeader(blob); err == nil {
			wanted[h.Tag] = true
		}
	}
	n.retag()
	for tag, ref := range d.pair.FarTags() {
		if wanted[tag] {
			n.tags[tag] = tagged{row: d.row, ref: ref}
			d.tags = append(d.tags, tag)
		}
	}
	todo := v.waiting
	v.waiting = nil
	_, err := t.match(d, v, todo)
	return err
}

// open opens one blob and takes in what it says. known is false when no key for it is
// known; junk under a known tag is dropped. from is nil for what came by supernode: of such
// nobody says whose it is, and anybody may have put it under a tag that was seen.
func (t *turn) open(from *device, blob []byte) (known bool, err error) {
	header, err := wire.ParseHeader(blob)
	if err != nil || header.Class == wire.Class3 {
		t.drop("blob header")
		return true, nil
	}
	d, ref, skipped, err := t.find(from, header)
	if err != nil {
		return false, err
	}
	if from != nil && t.n.opened.differs(from.row, header.Tag, blob) && !(ref.Start && d.pair.SaysLost(blob, ref)) {
		return true, t.copied(from)
	}
	if d == nil || d.contact.row.Blocked || !d.active {
		return false, nil
	}
	before, sending := d.pair.Sending()
	opened, err := d.pair.Open(t.date, blob, ref, skipped)
	switch {
	case errors.Is(err, session.ErrSeen):
		d.receipts = append(d.receipts, opened.Ref)
		t.touch(d)
		return true, nil
	case errors.Is(err, session.ErrReset):
		return true, t.refused(d, blob, ref)
	case errors.Is(err, session.ErrPrekey) && d.pair.SaysLost(blob, ref):
		return true, t.outdated(d)
	case err != nil:
		t.drop("blob content")
		return true, nil
	}
	t.touch(d)
	if err := t.hush(from, d); err != nil {
		return true, err
	}
	delete(t.n.tags, header.Tag)
	t.n.opened.add(d.row, header.Tag, blob)
	d.stale = true
	if skipped != nil {
		if err := t.tx.DeleteSkipped(header.Tag); err != nil {
			return true, err
		}
	}
	if err := t.keepSkipped(d, opened.Skipped); err != nil {
		return true, err
	}
	d.receipts = append(d.receipts, opened.Ref)
	d.away = d.away || from == nil && (ref.Start || len(opened.Payload) > 0)
	t.movedOn()
	for _, r := range opened.Receipts {
		if err := t.receipted(d, r); err != nil {
			return true, err
		}
	}
	if sending && d.pair.Overtaken(before) {
		if err := t.step(d, outbox.Overtaken{Session: before}); err != nil {
			return true, err
		}
	}
	if len(opened.Payload) == 0 {
		return true, nil
	}
	forked, err := t.admit(d, opened.Payload)
	if err != nil || !forked {
		return true, err
	}
	d.pair.Disown(opened.Ref)
	d.receipts = d.receipts[:len(d.receipts)-1]
	return true, t.copied(d)
}

// find looks for the key of a blob: in the tag table, among the skipped keys, and
// among the starts that the device at the other end of the link may send, or any that is
// a contact's where there is no link.
func (t *turn) find(from *device, h wire.Header) (*device, session.Ref, *session.SkippedKey, error) {
	n := t.n
	if n.tags[h.Tag].row == 0 {
		n.retag()
	}
	if found, ok := n.tags[h.Tag]; ok {
		return n.devices[found.row], found.ref, nil, nil
	}
	row, err := t.tx.Skipped(h.Tag)
	if err != nil {
		return nil, session.Ref{}, nil, err
	}
	if row != nil {
		key := skippedKey(row)
		return n.devices[row.Pair], key.Ref, &key, nil
	}
	if from == nil {
		d, ref := t.findStart(h)
		return d, ref, nil, nil
	}
	for tag, ref := range from.pair.StartTags(h.ExpiryDay) {
		if tag == h.Tag {
			return from, ref, nil, nil
		}
	}
	return nil, session.Ref{}, nil, nil
}

// retag brings the tag table up to date with sessions that have moved.
func (n *Node) retag() {
	for _, d := range n.devices {
		if d.stale {
			n.tagAll(d)
		}
	}
}

// tagAll replaces the tags of one device.
func (n *Node) tagAll(d *device) {
	tags := make([]farTag, 0, len(d.tags)+len(d.far))
	for tag, ref := range d.pair.Tags() {
		tags = append(tags, farTag{tag, ref})
	}
	tags = append(tags, d.far...)
	n.custody.waiting.note(n, d, tags)
	for _, tag := range d.tags {
		if n.tags[tag].row == d.row {
			delete(n.tags, tag)
		}
	}
	d.tags = d.tags[:0]
	for _, f := range tags {
		n.tags[f.tag] = tagged{row: d.row, ref: f.ref}
		d.tags = append(d.tags, f.tag)
	}
	if n.custodian != nil && !d.moved {
		d.moved = true
		n.starts.stale = append(n.starts.stale, d.row)
	}
	d.stale = false
}

// keepSkipped stores the keys of numbers that were jumped over; their tags lead there
// from now on.
func (t *turn) keepSkipped(d *device, keys []session.SkippedKey) error {
	if len(keys) == 0 {
		return nil
	}
	rows := make([]store.SkippedKey, len(keys))
	for i, k := range keys {
		delete(t.n.tags, k.Tag)
		rows[i] = store.SkippedKey{
			Pair: d.row, Tag: k.Tag, Session: k.Session, Chain: k.Chain, N: k.N, Key: k.Key, Until: int64(k.Until),
		}
	}
	return t.tx.AddSkipped(rows)
}

func skippedKey(row *store.SkippedKey) session.SkippedKey {
	return session.SkippedKey{
		Tag:   row.Tag,
		Ref:   session.Ref{Session: row.Session, Chain: row.Chain, N: row.N},
		Key:   row.Key,
		Until: uint16(row.Until),
	}
}

// admit takes the ops of a payload into the conversation with their author. What is
// malformed or not theirs is dropped, not refused: the blob was opened, and sending
// it again would not make it better. forked says that some stand where others are.
// spec: 06-conversations#admission
func (t *turn) admit(d *device, payload []byte) (forked bool, err error) {
	ops, err := conversation.Unpack(payload)
	switch {
	case errors.Is(err, wire.ErrNewer):
		t.notice(d.contact.shownName() + " wrote something that needs a newer version of this program")
	case err != nil:
		t.drop("ops")
		return false, nil
	}
	c := d.contact.talk
	for _, op := range ops {
		admission, err := c.log.Admit(op, d.id)
		if err == nil && admission.Verdict != conversation.Duplicate {
			err = t.arrived(d, op, admission)
		}
		switch {
		case errors.Is(err, conversation.ErrFork), errors.Is(err, store.ErrFork):
			forked = true
			t.drop("op")
		case errors.Is(err, conversation.ErrForeign), errors.Is(err, conversation.ErrAuthors):
			t.drop("op")
		case err != nil:
			return forked, err
		}
	}
	return forked, nil
}

// arrived stores an op of theirs and does what it says.
func (t *turn) arrived(d *device, op *conversation.Op, a conversation.Admission) error {
	c := d.contact.talk
	row := opRow(c, op, a, t.date)
	if op.Kind == conversation.KindDiscovery || op.Kind == conversation.KindMailbox {
		row.Body = nil // it would tell the key of that day, or hold what pays for deposits, for ever
	}
	duplicate, err := t.tx.AppendOp(&row)
	if err != nil || duplicate {
		return err
	}
	t.touchTalk(c)
	switch op.Kind {
	case conversation.KindText:
		return t.theySaid(d, &row, op)
	case conversation.KindEdit, conversation.KindDelete, conversation.KindReaction:
		return t.changes(&row, op)
	case conversation.KindProfile:
		return t.called(d.contact, op, a)
	case conversation.KindRead:
		return t.theyRead(d, op)
	case conversation.KindIntroduction:
		i, _ := op.Introduction()
		return t.introduced(d.contact, i)
	case conversation.KindAccount:
		return t.theirAccount(d, op, a)
	case conversation.KindDiscovery:
		return t.theyRenewed(d.contact, op, a)
	case conversation.KindMailbox:
		return t.theyMoved(d.contact, op, a)
	}
	return nil
}

// theySaid tells of a text of theirs, as what came before it makes it.
func (t *turn) theySaid(d *device, row *store.Op, op *conversation.Op) error {
	t.typing(d, t.now)
	empty, err := awaited(t.tx, row)
	if err != nil {
		return err
	}
	if err := t.emptied(empty); err != nil {
		return err
	}
	text, _ := op.Text()
	replyTo, _ := op.ReplyTo()
	c, err := complete(t.tx, row, wording{text: text, replyTo: replyTo})
	if err != nil {
		return err
	}
	return t.record(storedMessage, row.Seq, nil, func(e *Event) {
		e.Kind, e.Message = EventMessage, t.n.view.Load().shows(row, c)
	})
}

// opRow is an op as the store keeps it.
func opRow(c *talk, op *conversation.Op, a conversation.Admission, now time.Time) store.Op {
	return store.Op{
		Conversation: c.row.ID, ID: op.ID(), Author: op.Author, AuthorSeq: op.Seq, Lamport: a.Lamport,
		Time: op.Time, Received: now.UnixMilli(), Kind: uint8(op.Kind), Body: op.Raw(),
	}
}

// drop counts input that was not taken, and now and then tells the log.
func (t *turn) drop(what string) {
	n := t.n
	n.dropped++
	n.complain.Do(func() { n.log.Warn("input from a peer was dropped", "kind", what, "so_far", n.dropped) })
}

// notice tells the person at the screen something, not again and again.
func (t *turn) notice(text string) {
	n := t.n
	if last, shown := n.noticed[text]; shown && t.now.Sub(last) < noticePause {
		return
	}
	if len(n.noticed) >= noticesKept {
		clear(n.noticed)
	}
	n.noticed[text] = t.now
	t.then(func() { n.publish(Event{Kind: EventNotice, Time: t.now, Notice: text}) })
}

// receiptAgain names what was opened lately once more, for a far end that may not have
// heard of it.
// spec: 04-sessions#receipts
func (t *turn) receiptAgain(d *device, v *live) {
	var frames []wire.Frame
	for _, r := range d.pair.Receipts() {
		frames = append(frames, r)
	}
	frames = append(frames, wire.Padding{}) // that was all
	t.then(func() { v.post.greet(parcel{frames: frames}) })
}

// greet names what was opened lately, if anything, first of all on a link.
// spec: 04-sessions#copies
func (t *turn) greet(d *device, v *live) {
	if v.greeted {
		return
	}
	t.receiptAgain(d, v)
	t.then(func() { v.greeted = true })
}

// sendReceipts tells every device of this turn which of its blobs are stored now.
// spec: 04-sessions#receipts
func (t *turn) sendReceipts(d *device) error {
	frames := receipts(d.receipts)
	away := d.away
	d.receipts, d.away = nil, false
	if v := d.route.live; v != nil && len(frames) > 0 {
		t.greet(d, v)
		t.then(func() { v.post.put(parcel{frames: frames}) })
		return nil
	}
	if away {
		if err := t.confirmed(d.contact); err != nil {
			return err
		}
		return t.owe(d)
	}
	return nil
}
