package observer

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"testing"
	"testing/cryptotest"
	"testing/synctest"
	"time"
)

// What the threat model says of a supernode and a judge has to find out.
const (
	claimBlobs      claim = "which blobs of one depositor are for one recipient cannot be told"
	claimRecipients claim = "which blobs of different depositors are for one recipient cannot be told"
	claimNeighbours claim = "blobs that come, lie or are offered together are for one recipient no more often than others"
	claimOrder      claim = "blobs that are offered again next to each other are for one recipient no more often than others in that request"
	claimAgain      claim = "what is offered again together, or no more, is for one recipient no more often than others"
	claimSilence    claim = "who has collected something shows nothing of it before the slot of receipts"
)

// inherent are the features that the threat model grants: how many blobs come for somebody.
var inherent = regexp.MustCompile(`^distinct|^count`)

// memoryDir is a folder on no disk where there is one: what is written here need not outlive the test.
func memoryDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "observed")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// files are all files below a folder.
func files(t *testing.T, dir string) map[string][]byte {
	t.Helper()
	all := make(map[string][]byte)
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		all[path], err = os.ReadFile(path)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// TestShelf gives an observer a supernode's whole disk, the memory of its process, every datagram at its interface and in which requests
// blobs came, of a thousand messages that three people wrote to five whose ways come and go: nothing in them goes together with whom
// a blob is for.
func TestShelf(t *testing.T) {
	twice(t, func(t *testing.T, seed uint64) disproved {
		cryptotest.SetGlobalRandom(t, seed)
		dir := memoryDir(t)
		var s *fellowship
		var saw sight
		synctest.Test(t, func(t *testing.T) {
			time.Sleep(time.Until(begin))
			s, saw = lives(t, dir, seed)
		})
		o := s.observe(t, saw)
		o.bounded(t)
		o.holdsNothing(t, s)
		against := o.judged(t)
		o.controls(t, s)
		return against
	})
}

// judged holds what was seen against the claims.
func (o *observation) judged(t *testing.T) disproved {
	t.Helper()
	against := make(disproved)
	for c, visits := range map[claim][]*Visit{
		claimBlobs:      o.visits(everything, func(a *arrival) (string, int, int) { return a.to, a.round / 2, o.number(a.from) }),
		claimRecipients: o.visits(everything, func(a *arrival) (string, int, int) { return a.to, o.number(a.from), o.role(a.to) }),
	} {
		verdict := Judge(visits, inherent.MatchString)
		t.Logf("%s? %d blobs, %d visits: %s", c, len(o.arrivals), len(visits), verdict)
		if verdict.Tells() {
			against[c] = verdict.explain(visits)
		}
	}
	together := o.together()
	t.Logf("%s? %s", claimNeighbours, together)
	if together.tells() {
		against[claimNeighbours] = together.String()
	}
	ordered := o.ordered()
	t.Logf("%s? %s", claimOrder, ordered)
	if ordered.tells() {
		against[claimOrder] = ordered.String()
	}
	lingering := o.lingering()
	t.Logf("%s? %s", claimAgain, lingering)
	if lingering.tells() {
		against[claimAgain] = lingering.String()
	}
	answers := o.answers(reactions)
	t.Logf("%s? %s", claimSilence, answers)
	if answers.tells() {
		against[claimSilence] = answers.String()
	}
	t.Logf("what is granted: %s", o.answers(slotEnd))
	return against
}

// bounded checks that the observer sees what there was, and that a message costs what it should.
func (o *observation) bounded(t *testing.T) {
	t.Helper()
	most := shelfRounds * shelfMessages * writers * (len(names) - writers)
	mine := 0
	for _, a := range o.arrivals {
		if o.number(a.from) < writers {
			mine++
		}
	}
	if most < 1000 || mine < most*3/4 || mine > most*11/10 { // what is written without a way travels together
		t.Errorf("%d blobs came of %d messages", mine, most)
	}
	blind, heaps, again := 0, 0, 0
	for _, a := range o.arrivals {
		if len(o.places[a.id.Short()]) == 0 {
			blind++
		}
		again += len(a.offers)
	}
	for _, r := range o.asked {
		if !slices.Contains(r.Held, true) && len(r.IDs) > 1 {
			heaps++
		}
	}
	if blind > len(o.arrivals)/2 {
		t.Errorf("%d of %d blobs are not found in memory: the observer is blind there", blind, len(o.arrivals))
	}
	if heaps < 5 {
		t.Errorf("%d heaps: no link has broken", heaps)
	}
	if again > len(o.arrivals)/50 {
		t.Errorf("%d blobs are offered again", again)
	}
	bytes := 0
	for _, p := range o.packets {
		bytes += len(p.Payload)
	}
	t.Logf("%d messages, %d blobs (%d of writers), %d requests, %d heaps, %d offers again, %d datagrams of %d MB, memory %d MB, %d blobs not found in it",
		most, len(o.arrivals), mine, len(o.asked), heaps, again, len(o.packets), bytes>>20, len(o.memory)>>20, blind)
	// Each blob comes once and goes to seven, whatever is read again beside.
	if limit := len(o.arrivals) * 4096 * len(names) * 3; bytes > limit {
		t.Errorf("%d MB crossed for %d blobs: more than %d MB", bytes>>20, len(o.arrivals), limit>>20)
	}
}

// holdsNothing looks for what a supernode may not hold, and for what shows that this is one.
func (o *observation) holdsNothing(t *testing.T, s *fellowship) {
	t.Helper()
	seen := map[string][]byte{"memory": o.memory}
	for name, content := range o.disk {
		seen[name] = content
	}
	var wire []byte
	for _, p := range o.packets {
		wire = append(wire, p.Payload...)
	}
	seen["packets"] = wire
	needles := newNeedles(s.secrets)
	for name, content := range seen {
		if secret, found := needles.in(content); found {
			t.Errorf("%s holds a text, a name or a key: %q", name, secret)
		}
	}
	for what, secret := range map[string]string{"the community's name": communityName, "a persona": s.personas[0]} {
		if _, found := newNeedles([]string{secret}).in(o.memory); !found {
			t.Errorf("memory does not hold %s: it is not the supernode's", what)
		}
	}
	if _, found := newNeedles(s.personas).in(wire); found {
		t.Error("packets hold a persona in the clear")
	}
}

// controls plants what must be found.
func (o *observation) controls(t *testing.T, s *fellowship) {
	t.Helper()
	by := func(kind look) func(o *observation) bool {
		return func(o *observation) bool {
			o.arrivals = slices.DeleteFunc(o.arrivals, func(a *arrival) bool { return o.number(a.from) >= writers }) // that is enough, and quick
			return Weigh(o.visits(kind, func(a *arrival) (string, int, int) { return a.to, a.round / 2, o.number(a.from) }), inherent.MatchString).Tells()
		}
	}
	for what, c := range map[string]struct {
		plant func(o *observation)
		found func(o *observation) bool
	}{
		"one bit of the tag":                   {plantBit, by(content)},
		"a text that is not sealed":            {plantText, by(content)},
		"a gap that depends on whom it is for": {plantGap, by(traffic)},
		"a persona beside what it collected":   {func(o *observation) { plantPersona(o, s.personas) }, by(memory)},
		"what waits, offered again":            {plantAway, func(o *observation) bool { return o.lingering().tells() }},
		"offers sorted by recipient":           {plantSorted, func(o *observation) bool { return o.ordered().tells() }},
		"a queue for each recipient":           {plantQueues, func(o *observation) bool { return o.together().tells() }},
		"a prompt request again":               {plantRequest, func(o *observation) bool { return o.answers(reactions).tells() }},
	} {
		planted := o.copied()
		c.plant(planted)
		if !c.found(planted) {
			t.Errorf("%s is not found", what)
		}
	}
	if _, found := newNeedles(s.secrets).in(fmt.Appendf(slices.Clone(o.memory[:1<<20]), "…%s…", s.secrets[0])); !found {
		t.Error("a text in memory is not found")
	}
}
