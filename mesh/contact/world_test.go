package contact

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"math/rand/v2"
	"testing"
	"time"

	"sottovoce/mesh/identity"
	"sottovoce/mesh/wire"
)

var noon = time.Unix(1_800_000_000, 0)

// person is one end of an exchange with its disk: what Save wrote, and the contact.
type person struct {
	ours    *Ours
	profile Profile
	x       *Exchange
	disk    []byte
	object  []byte // as committed
	commits int
	told    []Action // Notify, Refused, Settled
}

func newPerson(t testing.TB, name string, seed byte) *person {
	t.Helper()
	src := rand.NewChaCha8([32]byte{seed})
	device, err := identity.NewDevice(src)
	fatal(t, err)
	root, err := identity.NewRoot(src)
	fatal(t, err)
	account, err := identity.NewAccount(root, device.Public(), noon, src)
	fatal(t, err)
	discovery, err := identity.NewDiscoveryKey(src, uint32(noon.Unix()/86400)-3)
	fatal(t, err)
	return &person{
		ours:    &Ours{Device: device, Account: account, Discovery: discovery, Name: name},
		profile: Profile{seed},
	}
}

func fatal(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// world is two people and the link between them: two queues of frames.
type world struct {
	people [2]*person
	line   [2][][]byte // line[i] goes to people[i]
	up     bool
	seenBy [2][]wire.Frame // all that ever went to people[i]
	errs   []error
}

// newWorld has Anna, whose profile is the smaller one, and Bruno.
func newWorld(t testing.TB) *world {
	w := &world{people: [2]*person{newPerson(t, "Anna", 1), newPerson(t, "Bruno", 2)}}
	for i, p := range w.people {
		p.x = New(p.ours, p.profile, w.people[1-i].profile)
		p.disk = p.x.Save()
	}
	return w
}

// source gives the same bytes for the same exchange and event, so that equal states
// have equal successors.
func source(saved []byte, ev Event) io.Reader {
	return rand.NewChaCha8(sha256.Sum256(fmt.Appendf(bytes.Clone(saved), "%T", ev)))
}

// do gives people[i] an event as a node does: keep first, then act.
func (w *world) do(i int, ev Event) error {
	p := w.people[i]
	todo, err := p.x.Step(noon, ev, source(p.disk, ev))
	if err != nil {
		w.errs = append(w.errs, err)
		return err
	}
	p.disk = p.x.Save()
	for _, a := range todo {
		switch a := a.(type) {
		case Commit:
			p.object = a.Object.Save()
			p.commits++
		case Send:
			w.send(1-i, a.Frame)
		default:
			p.told = append(p.told, a)
		}
	}
	return nil
}

func (w *world) send(to int, f wire.Frame) {
	w.seenBy[to] = append(w.seenBy[to], f)
	if !w.up {
		return
	}
	b, err := wire.AppendFrame(nil, f)
	if err != nil {
		panic(err)
	}
	w.line[to] = append(w.line[to], b)
}

func (w *world) deliver(i int) error {
	f, err := wire.ReadFrame(bufio.NewReader(bytes.NewReader(w.line[i][0])))
	if err != nil {
		panic(err)
	}
	w.line[i] = w.line[i][1:]
	return w.do(i, Received{From: w.people[1-i].profile, Frame: f})
}

// cut loses all that is under way.
func (w *world) cut() { w.up, w.line = false, [2][][]byte{} }

func (w *world) link() {
	w.cut()
	w.up = true
	for i := range w.people {
		_ = w.do(i, LinkUp{})
	}
}

// kill restarts people[i] from disk.
func (w *world) kill(i int) {
	p := w.people[i]
	x, err := Load(p.ours, p.disk)
	if err != nil {
		panic(err)
	}
	p.x = x
	w.cut()
}

// settle delivers over good links until nothing is said any more.
func (w *world) settle() {
	for range 4 {
		w.link()
		for steps := 0; len(w.line[0])+len(w.line[1]) > 0; steps++ {
			if steps > 100 {
				panic("no end of frames")
			}
			for i := range w.line {
				if len(w.line[i]) > 0 {
					_ = w.deliver(i)
				}
			}
		}
	}
}

// objects returns what both committed.
func (w *world) objects(t testing.TB) (a, b *Object) {
	t.Helper()
	a, err := LoadObject(w.people[0].object)
	fatal(t, err)
	b, err = LoadObject(w.people[1].object)
	fatal(t, err)
	return a, b
}

// agreement returns what is wrong with the ends of an exchange that has settled:
// both must have the same contact, or neither, and nobody twice.
func (w *world) agreement() error {
	a, b := w.people[0], w.people[1]
	if a.commits > 1 || b.commits > 1 {
		return fmt.Errorf("committed %d and %d times", a.commits, b.commits)
	}
	if a.commits != b.commits {
		return fmt.Errorf("one side only: %d %d, phases %d %d", a.commits, b.commits, a.x.phase, b.x.phase)
	}
	if a.commits == 0 {
		return nil
	}
	oa, err := LoadObject(a.object)
	if err != nil {
		return err
	}
	ob, err := LoadObject(b.object)
	if err != nil {
		return err
	}
	switch {
	case oa.Secret != ob.Secret || oa.Transcript != ob.Transcript:
		return fmt.Errorf("secrets or transcripts differ")
	case oa.Asker == ob.Asker:
		return fmt.Errorf("both or neither asked")
	case oa.Their.Account.ID() != b.ours.Account.ID() || ob.Their.Account.ID() != a.ours.Account.ID():
		return fmt.Errorf("wrong accounts")
	case a.x.phase != PhaseDone || b.x.phase != PhaseDone:
		return fmt.Errorf("phases %d and %d", a.x.phase, b.x.phase)
	}
	return nil
}

// leaked reports whether a card went to people[to].
func (w *world) leaked(to int) bool {
	for _, f := range w.seenBy[to] {
		switch f.(type) {
		case wire.Offer, wire.CardFrame:
			return true
		}
	}
	return false
}
