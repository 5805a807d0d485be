package community

import (
	"errors"
	"math/rand/v2"
	"testing"
	"time"

	"sottovoce/mesh/identity"
)

// founded is noon of the day on which the communities of these tests are founded.
const founded = 20_780

func on(day int) time.Time { return time.Unix(int64(day)*86400+43200, 0) }

var policy = Policy{Days: 30, Disk: 2 << 30, Tokens: 256}

// world is a community whose supernodes and members are all here.
type world struct {
	t    testing.TB
	rand *rand.ChaCha8
	root Root
	now  time.Time
	link byte // of the last exporter
}

func newWorld(t testing.TB, seed byte) *world {
	w := &world{t: t, rand: rand.NewChaCha8([32]byte{seed}), now: on(founded)}
	var err error
	if w.root, err = NewRoot(w.rand); err != nil {
		t.Fatal(err)
	}
	return w
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) own(addresses ...string) Own {
	device, err := identity.NewDevice(w.rand)
	w.must(err)
	token, err := draw(w.rand)
	w.must(err)
	return Own{Device: device, Token: token, Addresses: addresses}
}

func (w *world) found() *House {
	h, err := Found(w.root, "Orchard", policy, w.own("pi.example:4242"), w.now, w.rand)
	w.must(err)
	return h
}

// at is a place on a new link.
func (w *world) at(h *House) Place {
	w.link++
	return Place{Exporter: [32]byte{w.link}, Supernode: h.device.ID(), Community: h.Community(), Day: today(w.now)}
}

func (w *world) invite(h *House, uses int) *Link {
	w.t.Helper()
	link, err := h.Invite(uses, w.now.Add(48*time.Hour), w.now, w.rand)
	w.must(err)
	parsed, err := ParseLink(link.Text())
	w.must(err)
	return parsed
}

func (w *world) member(link *Link) *Membership {
	w.t.Helper()
	m, err := NewMembership(link, w.rand)
	w.must(err)
	return m
}

// visit has a member come to a supernode, by its link if it has one, and exchange papers; once more where it is given keys that no
// card commits to.
func (w *world) visit(h *House, m *Membership) error {
	w.t.Helper()
	err := w.enters(h, m)
	if errors.Is(err, ErrOwnKeys) {
		err = w.enters(h, m)
	}
	return err
}

func (w *world) enters(h *House, m *Membership) error {
	w.t.Helper()
	at := w.at(h)
	var g Grant
	var err error
	if proof, join := m.Proof(at); join {
		g, _, err = h.Join(at, m.Persona(), m.Login(at), proof, w.now)
	} else {
		g, _, err = h.Login(at, m.Persona(), m.Login(at), w.now)
	}
	if err != nil {
		m.Refused(h.device.ID(), err)
		return err
	}
	more, refused := m.Granted(h.device.ID(), g, today(w.now))
	for range 64 {
		if err != nil || !more {
			return errors.Join(refused, err)
		}
		answer, _, wrong := h.Exchange(w.sent(m.Offer(h.device.ID())), false, w.now, w.rand)
		w.must(wrong)
		more, err = m.Merge(h.device.ID(), w.sent(answer))
	}
	return errors.New("the exchange of papers does not end")
}

// sent is what arrives of papers.
func (w *world) sent(p Papers) Papers {
	w.t.Helper()
	got, err := ParsePapers(p.Bytes())
	w.must(err)
	return got
}

// meet has one supernode log in at another, and both exchange papers.
func (w *world) meet(a, b *House) error {
	w.t.Helper()
	at := w.at(b)
	g, supernode, err := b.Login(at, a.device.Public().Sign, LoginAs(a.device.SignKey(), at), w.now)
	if err != nil {
		return err
	}
	if !supernode {
		w.t.Fatal("a supernode was let in as a member")
	}
	theirs, err := ParsePapers(g.Papers)
	w.must(err)
	if _, err := a.Merge(theirs, w.now, w.rand); err != nil {
		return err
	}
	_, err = w.talk(a, b)
	return err
}

// talk exchanges papers between two supernodes until neither has anything new, and says in how many
// turns.
func (w *world) talk(a, b *House) (turns int, err error) {
	w.t.Helper()
	for ours := a.Offer(); turns < 64; turns++ {
		theirs, _, err := b.Exchange(w.sent(ours), true, w.now, w.rand)
		if err != nil {
			return turns, err
		}
		empty := ours.IsZero() && theirs.IsZero()
		if ours, _, err = a.Exchange(w.sent(theirs), true, w.now, w.rand); err != nil || empty {
			return turns, err
		}
	}
	return turns, errors.New("the exchange of papers does not end")
}

// further makes another supernode of h's community.
func (w *world) further(h *House, addresses ...string) *House {
	w.t.Helper()
	link, err := h.InviteSupernode(w.root, w.now.Add(time.Hour), w.now, w.rand)
	w.must(err)
	next, err := w.enter(h, link, addresses...)
	w.must(err)
	return next
}

// enter has a new supernode use a link at h.
func (w *world) enter(h *House, link *Link, addresses ...string) (*House, error) {
	w.t.Helper()
	next, err := Enter(link, w.own(addresses...), w.now, w.rand)
	w.must(err)
	at := w.at(h)
	g, supernode, err := h.Join(at, next.device.Public().Sign, LoginAs(next.device.SignKey(), at), next.ClaimProof(), w.now)
	if err != nil {
		return nil, err
	}
	if !supernode {
		w.t.Fatal("a supernode joined as a member")
	}
	theirs, err := ParsePapers(g.Papers)
	w.must(err)
	_, err = next.Merge(theirs, w.now, w.rand)
	w.must(err)
	return next, w.meet(next, h)
}

// reload is a house as it comes from the disk.
func (w *world) reload(h *House) *House {
	w.t.Helper()
	again, err := LoadHouse(h.Save(), h.device)
	w.must(err)
	return again
}

func (w *world) noAlarms(what string, alarms []Alarm) {
	w.t.Helper()
	for _, a := range alarms {
		w.t.Errorf("%s: %v", what, a.Kind)
	}
}

func kinds(alarms []Alarm) (kinds []AlarmKind) {
	for _, a := range alarms {
		kinds = append(kinds, a.Kind)
	}
	return kinds
}

func hasKind(alarms []Alarm, kind AlarmKind) bool {
	for _, a := range alarms {
		if a.Kind == kind {
			return true
		}
	}
	return false
}
