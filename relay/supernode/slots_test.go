package supernode

import (
	"bytes"
	"crypto/rand"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"sottovoce/mesh/link"
	"sottovoce/mesh/wire"
	"sottovoce/relay"
)

// newSlot makes a slot that is answered for three days, and what shows that it is ours.
func newSlot(t testing.TB, r *rig) (slot wire.Slot, secret [16]byte) {
	t.Helper()
	slot = wire.Slot{Day: r.day() + 3, Bundle: random(t, wire.SlotSize)}
	copy(slot.ID[:], random(t, len(slot.ID)))
	copy(secret[:], random(t, len(secret)))
	owner := wire.CommitTo(secret)
	slot.Owner = &owner
	return slot, secret
}

func random(t testing.TB, n int) []byte {
	t.Helper()
	b := make([]byte, n)
	if _, err := rand.Read(b); err != nil {
		t.Fatal(err)
	}
	return b
}

// reasonOfFrame is why something was refused; 0 if it was not.
func reasonOfFrame(f wire.Frame) wire.Reason {
	if no, is := f.(wire.Refused); is {
		return no.Reason
	}
	return 0
}

// placeOfAnswer is the place that an answer was given.
func placeOfAnswer(t testing.TB, f wire.Frame) (place uint64) {
	t.Helper()
	kept, is := f.(wire.Kept)
	if !is || kept.Results.Len() != 1 {
		t.Fatalf("it is answered by %#v", f)
	}
	for _, place = range kept.Results.All() {
	}
	return place
}

// TestSlot opens a slot as a member, answers it as somebody whom nobody knows, reads it and gives it up.
func TestSlot(t *testing.T) {
	t.Parallel()
	r := start(t)
	p := r.join()
	p.draw(10)
	member := p.mustMember()
	slot, secret := newSlot(t, r)
	unpaid := slot
	unpaid.Tokens = p.take(wire.SlotCost - 1)
	if got := reasonOfFrame(r.ask(member, unpaid)); got != wire.ReasonToken {
		t.Errorf("for too few tokens: %d", got)
	}
	slot.Tokens = p.take(wire.SlotCost)
	if place := placeOfAnswer(t, r.ask(member, slot)); place != 1 {
		t.Errorf("opened as %d", place)
	}
	again := slot
	again.Tokens = nil
	if got := reasonOfFrame(r.ask(member, again)); got != 0 {
		t.Errorf("the same slot once more, for nothing: %d", got)
	}
	squat, _ := newSlot(t, r)
	squat.ID, squat.Tokens = slot.ID, nil
	if got := reasonOfFrame(r.ask(member, squat)); got != wire.ReasonLink {
		t.Errorf("another slot in its place: %d", got)
	}

	stranger := r.visitor()
	shown, is := r.ask(stranger, wire.Fetch{ID: slot.ID}).(wire.Slot)
	if !is || !bytes.Equal(shown.Bundle, slot.Bundle) || shown.Owner != nil || shown.Tokens != nil || shown.Day != slot.Day {
		t.Errorf("fetched: %v", shown)
	}
	if got := reasonOfFrame(r.ask(stranger, wire.Fetch{ID: wire.SlotID{9}})); got != wire.ReasonLink {
		t.Errorf("a slot that is none: %d", got)
	}
	var answers [][]byte
	for i := range uint64(wire.SlotAnswersMax) {
		answers = append(answers, random(t, wire.SlotSize))
		for range 2 { // the same changes nothing
			if place := placeOfAnswer(t, r.ask(stranger, wire.Answer{ID: slot.ID, Sealed: answers[i]})); place != i+1 {
				t.Errorf("answer %d has place %d", i+1, place)
			}
		}
	}
	if got := reasonOfFrame(r.ask(stranger, wire.Answer{ID: slot.ID, Sealed: random(t, wire.SlotSize)})); got != wire.ReasonQuota {
		t.Errorf("one answer too many: %d", got)
	}

	read := func(s [16]byte, withdraw bool) wire.Frame {
		return r.ask(member, wire.Answers{ID: slot.ID, Secret: &s, Withdraw: withdraw})
	}
	if got := reasonOfFrame(read([16]byte{1}, true)); got != wire.ReasonLink {
		t.Errorf("somebody else's slot is shown: %d", got)
	}
	if got, is := read(secret, false).(wire.Answers); !is || !bytes.Equal(got.Sealed, bytes.Join(answers, nil)) {
		t.Errorf("read: %v", got)
	}
	if got, is := read(secret, true).(wire.Answers); !is || len(got.Sealed) != 0 {
		t.Errorf("given up: %v", got)
	}
	if got := reasonOfFrame(r.ask(stranger, wire.Fetch{ID: slot.ID})); got != wire.ReasonLink {
		t.Errorf("it is shown after it was given up: %d", got)
	}
	if files, err := os.ReadDir(r.community().folder.at(slotsName)); err != nil || len(files) != 0 {
		t.Errorf("files stay: %v, %v", files, err)
	}
}

// TestAnswersTakeMemory: slots and papers are read for whoever asks when there is room in memory for that, and not before: many who
// ask and do not read the answers cost as much as there is for answers.
func TestAnswersTakeMemory(t *testing.T) {
	t.Parallel()
	r := start(t)
	p := r.join()
	p.draw(10)
	member := p.mustMember()
	slot, secret := newSlot(t, r)
	slot.Tokens = p.take(wire.SlotCost)
	placeOfAnswer(t, r.ask(member, slot))
	full, err := r.out.take(within(t), block{}, bytesOut/8, func() {})
	if err != nil {
		t.Fatal(err)
	}
	r.out.mu.Lock()
	full.n, r.out.taken, r.out.by[block{}] = bytesOut, bytesOut, bytesOut // as if all had an eighth
	r.out.mu.Unlock()
	waiting := func() int {
		r.out.mu.Lock()
		defer r.out.mu.Unlock()
		return len(r.out.waiters)
	}
	stranger := r.visitor()
	asked := []*link.CustodyStream{
		r.request(stranger, wire.Fetch{ID: slot.ID}), r.request(member, wire.Answers{ID: slot.ID, Secret: &secret}), r.request(member, wire.Papers{}),
	}
	for end := time.Now().Add(10 * time.Second); waiting() < len(asked); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%d of %d wait", waiting(), len(asked))
		}
	}
	full.give()
	for _, s := range asked {
		if f, err := s.Receive(within(t)); err != nil || reasonOfFrame(f) != 0 {
			t.Errorf("%#v, %v", f, err)
		}
	}
}

// TestSlotIsNoRequestThere: who is no member opens and reads nothing, and members fetch as others do.
func TestSlotIsNoRequestThere(t *testing.T) {
	t.Parallel()
	r := start(t)
	p := r.join()
	slot, secret := newSlot(t, r)
	ownerless := slot
	ownerless.Owner = nil
	for name, bad := range map[string]struct {
		l *link.Link
		f wire.Frame
	}{
		"a stranger opens":    {r.visitor(), slot},
		"a stranger reads":    {r.visitor(), wire.Answers{ID: slot.ID, Secret: &secret}},
		"a member fetches":    {p.mustMember(), wire.Fetch{ID: slot.ID}},
		"a member answers":    {p.mustMember(), wire.Answer{ID: slot.ID, Sealed: slot.Bundle}},
		"nobody's slot":       {p.mustMember(), ownerless},
		"answers are told us": {p.mustMember(), wire.Answers{ID: slot.ID}},
	} {
		s := r.request(bad.l, bad.f)
		if f, err := s.Receive(within(t)); err == nil {
			t.Errorf("%s: %v", name, f)
		}
		select {
		case <-bad.l.Done():
		case <-time.After(10 * time.Second):
			t.Errorf("%s: the link goes on", name)
		}
	}
}

// TestSlotTerms: slots of wrong days, beyond the share, or paid for with spent tokens are refused, and count for the disk.
func TestSlotTerms(t *testing.T) {
	t.Parallel()
	r := start(t)
	p := r.join()
	p.draw(12)
	member := p.mustMember()
	paid := p.take(wire.SlotCost)
	for day, want := range map[uint16]wire.Reason{r.day() - 1: wire.ReasonWrongDay, r.day() + slotDaysMax + 1: wire.ReasonWrongDay, r.day() + slotDaysMax: 0} {
		slot, _ := newSlot(t, r)
		if slot.Day, slot.Tokens = day, paid; want != 0 {
			if got := reasonOfFrame(r.ask(member, slot)); got != want {
				t.Errorf("for day %d: %d", day, got)
			}
			continue
		}
		before := r.stats().Bytes
		if got := reasonOfFrame(r.ask(member, slot)); got != 0 {
			t.Fatalf("for the last day: %d", got)
		}
		if took := r.stats().Bytes - before; took < slotRoom {
			t.Errorf("a slot counts %d bytes", took)
		}
	}
	slot, _ := newSlot(t, r)
	if slot.Tokens = paid; reasonOfFrame(r.ask(member, slot)) != wire.ReasonToken {
		t.Error("tokens bought two slots")
	}
	c := r.community()
	c.shelf.mu.Lock()
	for i := range slotsMax {
		c.shelf.held[wire.SlotID{byte(i), byte(i >> 8), 1}] = r.day() + 1
	}
	c.shelf.mu.Unlock()
	slot, _ = newSlot(t, r)
	if slot.Tokens = p.take(wire.SlotCost); reasonOfFrame(r.ask(member, slot)) != wire.ReasonQuota {
		t.Error("more slots than a community may have")
	}
	if got := r.Status().Disk; got < slotsMax*slotRoom {
		t.Errorf("its operator is told of %d bytes", got)
	}
	c.shelf.mu.Lock()
	clear(c.shelf.held)
	c.shelf.mu.Unlock()
	slot.ID[0]++
	if got := reasonOfFrame(r.ask(member, slot)); got != 0 {
		t.Errorf("what was refused cost tokens: %d", got)
	}
}

// TestSlotOfOneCommunity: who comes to a slot names no community, so who is a member of another one opens none by the same id.
func TestSlotOfOneCommunity(t *testing.T) {
	t.Parallel()
	r := found(t)
	other, err := Found(r.dir, Charter{Name: "Altra", Policy: policy}, Config{Rand: rand.Reader})
	if err != nil {
		t.Fatal(err)
	}
	r.run(Config{Vouched: func() bool { return true }})
	p := r.join()
	p.draw(wire.SlotCost)
	slot, _ := newSlot(t, r)
	held := slotFile{Day: slot.Day, Bundle: random(t, wire.SlotSize)}
	if err := r.serving(other.Community).shelf.put(slot.ID, &held); err != nil {
		t.Fatal(err)
	}
	slot.Tokens = p.take(wire.SlotCost)
	if got := reasonOfFrame(r.ask(p.mustMember(), slot)); got != wire.ReasonLink {
		t.Errorf("a slot in the place of another community's: %d", got)
	}
	if shown, is := r.ask(r.visitor(), wire.Fetch{ID: slot.ID}).(wire.Slot); !is || !bytes.Equal(shown.Bundle, held.Bundle) {
		t.Error("another is shown in its place")
	}
	slot.ID[0]++
	if got := reasonOfFrame(r.ask(p.mustMember(), slot)); got != 0 {
		t.Errorf("the tokens are spent: %d", got)
	}
}

// TestSlotRefusedAgain: a client that goes on trying to open a slot does so with the same tokens.
func TestSlotRefusedAgain(t *testing.T) {
	t.Parallel()
	r := start(t)
	if err := r.Advertise([]string{r.at.String()}); err != nil {
		t.Fatal(err)
	}
	anna := r.reader()
	slot, _ := newSlot(t, r)
	open := func(day uint16) (tokens int, refused wire.Reason) {
		slot.Day = day
		var no *relay.RefusedError
		if err := anna.OpenSlot(within(t), r.log(), slot); errors.As(err, &no) {
			refused = no.Reason
		} else if err != nil {
			t.Fatal(err)
		}
		return anna.Communities()[0].Supernodes[0].Tokens, refused
	}
	first, refused := open(r.day() + slotDaysMax + 1)
	for range 3 {
		if again, why := open(r.day() + slotDaysMax + 1); again < first || why != refused || why != wire.ReasonWrongDay {
			t.Errorf("%d tokens, then %d; refused with %d", first, again, why)
		}
	}
	if left, why := open(r.day() + 1); left < first || why != 0 {
		t.Errorf("opened at last with others: %d, %d; refused with %d", first, left, why)
	}
}

// TestSlotsExpire: a slot goes with its day; one that was answered waits for its owner.
func TestSlotsExpire(t *testing.T) {
	t.Parallel()
	s, err := openShelf(local{}, filepath.Join(t.TempDir(), slotsName))
	if err != nil {
		t.Fatal(err)
	}
	lonely, answered := wire.SlotID{1}, wire.SlotID{2}
	for _, id := range []wire.SlotID{lonely, answered} {
		if err := s.put(id, &slotFile{Day: 100, Bundle: make([]byte, wire.SlotSize)}); err != nil {
			t.Fatal(err)
		}
	}
	if place, err := s.answer(answered, 100, random(t, wire.SlotSize)); place != 1 || err != nil {
		t.Fatalf("on its last day: %d, %v", place, err)
	}
	if _, err := s.answer(answered, 101, random(t, wire.SlotSize)); !errors.Is(err, errNoSlot) {
		t.Errorf("answered late: %v", err)
	}
	for _, c := range []struct {
		last             uint16
		lonely, answered bool
	}{{99, true, true}, {100, false, true}, {100 + slotHeld - 1, false, true}, {100 + slotHeld, false, false}} {
		if err := s.expire(c.last); err != nil {
			t.Fatal(err)
		}
		again, err := openShelf(local{}, s.path) // what the disk has
		if err != nil || again.has(lonely) != c.lonely || again.has(answered) != c.answered || s.has(lonely) != c.lonely {
			t.Errorf("when day %d is over: %v %v, %v", c.last, again.has(lonely), again.has(answered), err)
		}
	}
}

// TestSlotsAfterDamage: a file that was torn, or cut short, is no slot, and stands in nobody's way.
func TestSlotsAfterDamage(t *testing.T) {
	t.Parallel()
	s, err := openShelf(local{}, filepath.Join(t.TempDir(), slotsName))
	if err != nil {
		t.Fatal(err)
	}
	torn := wire.SlotID{1}
	slot := &slotFile{Day: 100, Bundle: make([]byte, wire.SlotSize)}
	if err := s.put(torn, slot); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(s.file(torn), 1000); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(s.file(wire.SlotID{2})+freshSuffix, []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	unread := s.file(wire.SlotID{3})
	if err := os.Mkdir(unread, 0o700); err != nil { // what the disk does not return
		t.Fatal(err)
	}
	if s, err = openShelf(local{}, s.path); err != nil || s.has(torn) {
		t.Fatalf("a torn slot is held: %v", err)
	}
	if err := os.Remove(unread); err != nil {
		t.Fatal(err)
	}
	if err := s.put(torn, slot); err != nil {
		t.Errorf("another in its place: %v", err)
	}
	if files, err := os.ReadDir(s.path); err != nil || len(files) != 1 {
		t.Errorf("left over: %v, %v", files, err)
	}
}

// TestSlotsKilled kills a supernode while a slot is opened and answered: what it has said to be kept is there afterwards, and
// what it has not is done by saying the same again.
func TestSlotsKilled(t *testing.T) {
	t.Parallel()
	r := found(t)
	s, err := r.open()
	if err != nil {
		t.Fatal(err)
	}
	r.know(s)
	invite, err := s.Invite(r.made.Community, 1, time.Hour)
	if err := errors.Join(err, s.Close()); err != nil {
		t.Fatal(err)
	}
	kill := r.spawn()
	p := r.joinBy(invite)
	p.draw(wire.SlotCost)
	slot, secret := newSlot(t, r)
	slot.Tokens = p.take(wire.SlotCost)
	answer := random(t, wire.SlotSize)
	for round := range 3 {
		member, stranger := p.mustMember(), r.visitor()
		opening := r.request(member, slot)
		if round > 0 { // it was killed while it was opened
			if f, err := opening.Receive(within(t)); err != nil || reasonOfFrame(f) != 0 {
				t.Fatalf("opened again: %v, %v", f, err)
			}
			answering := r.request(stranger, wire.Answer{ID: slot.ID, Sealed: answer})
			if round > 1 {
				if f, err := answering.Receive(within(t)); err != nil || placeOfAnswer(t, f) != 1 {
					t.Fatalf("answered again: %v, %v", f, err)
				}
			}
		}
		kill()
		kill = r.spawn()
	}
	defer func() { kill() }()
	read, is := r.ask(p.mustMember(), wire.Answers{ID: slot.ID, Secret: &secret}).(wire.Answers)
	if !is || !bytes.Equal(read.Sealed, answer) {
		t.Errorf("after three deaths it holds %v", read)
	}
}

// TestClientsMeetInASlot: what one client has a supernode keep another, which is a member of nothing, finds there.
func TestClientsMeetInASlot(t *testing.T) {
	t.Parallel()
	r := start(t)
	carlo := r.client()
	if _, err := carlo.Stand(within(t)); !errors.Is(err, relay.ErrNoSupernode) {
		t.Errorf("who is a member of nothing: %v", err)
	}
	if err := r.Advertise([]string{r.at.String()}); err != nil {
		t.Fatal(err)
	}
	anna := r.reader()
	stand, err := anna.Stand(within(t))
	if err != nil || stand.Log != r.log() || stand.Door.Key != r.keys.Agree || !slices.Equal(stand.Door.Addresses, []string{r.at.String()}) {
		t.Fatalf("stands at %+v, %v", stand, err)
	}
	if at := carlo.Where(stand.Card); !slices.Equal(at, []relay.Log{{At: r.keys.ID(), Community: r.made.Community}}) {
		t.Errorf("by the card on the way out nobody can deposit: %v", at)
	}
	slot, secret := newSlot(t, r)
	at, door := stand.Log, stand.Door
	if err := anna.OpenSlot(within(t), at, slot); err != nil {
		t.Fatal(err)
	}
	bundle, err := carlo.FetchSlot(within(t), door, slot.ID)
	if err != nil || !bytes.Equal(bundle, slot.Bundle) {
		t.Fatalf("fetched: %v", err)
	}
	answer := random(t, wire.SlotSize)
	for range 2 {
		if place, err := carlo.AnswerSlot(within(t), door, slot.ID, answer); err != nil || place != 1 {
			t.Errorf("answered: %d, %v", place, err)
		}
	}
	if got, err := anna.ReadSlot(within(t), at, slot.ID, secret, false); err != nil || len(got) != 1 || !bytes.Equal(got[0], answer) {
		t.Errorf("read: %d, %v", len(got), err)
	}
	if _, err := anna.ReadSlot(within(t), at, slot.ID, secret, true); err != nil {
		t.Errorf("given up: %v", err)
	}
	var no *relay.RefusedError
	if _, err := carlo.FetchSlot(within(t), door, slot.ID); !errors.As(err, &no) || no.Reason != wire.ReasonLink {
		t.Errorf("fetched from nothing: %v", err)
	}
	door.Addresses = []string{"127.0.0.1:9"}
	if _, err := carlo.FetchSlot(within(t), door, slot.ID); !errors.Is(err, relay.ErrUnreached) {
		t.Errorf("fetched from nowhere: %v", err)
	}
}

func FuzzParseSlot(f *testing.F) {
	whole, err := wire.Marshal(slotFile{Day: 7, Bundle: make([]byte, wire.SlotSize), Answers: make([]byte, wire.SlotSize)})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(whole)
	f.Add(whole[:len(whole)-1])
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := parseSlot(b)
		if err == nil && (len(s.Bundle) != wire.SlotSize || len(s.Answers) > wire.SlotAnswersMax*wire.SlotSize) {
			t.Errorf("a slot of %d and %d bytes", len(s.Bundle), len(s.Answers))
		}
	})
}
