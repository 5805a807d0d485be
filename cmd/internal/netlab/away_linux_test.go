package netlab

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// depot is a supernode on a host of its own.
type depot struct {
	*Host
	t       *testing.T
	program string // empty: that of this machine
	id      string
	flags   []string // of up
	process *Process
}

// The shapes of the command line that these scenarios read.
type (
	madeJSON struct {
		ID        string
		RootWords string `json:"root_words"`
	}
	heldJSON struct {
		ID, Text, State string
		From            personJSON
		HeldBy          []string `json:"held_by"`
	}
	linkJSON            struct{ Link string }
	supernodeStatusJSON struct {
		ID      string
		Running bool
		Blobs   int
		Links   int
		Clock   string
	}
	fellowsJSON struct {
		Communities []struct{ Fellows []struct{ Reached bool } }
	}
	supernodeJSON struct {
		ID      string
		Reached bool
	}
	communityJSON struct {
		Name       string
		Supernodes []supernodeJSON
	}
)

// dataDir is where a depot keeps what it has, in its home.
const dataDir = "orchard"

// found makes the first supernode of a community on a host, and runs it.
func found(t *testing.T, h *Host, flags ...string) (s *depot, words string) {
	t.Helper()
	s = &depot{Host: h, t: t, flags: flags}
	return s, s.found()
}

// found makes the supernode the first of a community, and runs it.
func (s *depot) found() (words string) {
	s.t.Helper()
	made := depotList[madeJSON](s, "init", "--community", "Orchard")[0]
	s.id = made.ID
	s.up()
	return made.RootWords
}

// binary is the program of the host.
func (s *depot) binary() string {
	s.t.Helper()
	if s.program != "" {
		return s.program
	}
	return Binary(s.t)
}

// further makes another supernode of the community of s.
func (s *depot) further(h *Host, words string) *depot {
	s.t.Helper()
	file := s.Home + "/words"
	if got := s.RunInput(s.t.Context(), words, "sh", "-c", "cat > words"); got.Code != 0 {
		s.t.Fatalf("%+v", got)
	}
	link := depotList[linkJSON](s, "invite", "--supernode", "--root-words-file", file)[0].Link
	other := &depot{Host: h, t: s.t}
	other.id = depotList[madeJSON](other, "init", "--join", link)[0].ID
	other.up()
	return other
}

// up runs the supernode and returns when it answers.
func (s *depot) up() {
	s.t.Helper()
	s.launch()
	waitSupernode(s.t, s.Host, dataDir)
}

// launch runs the supernode, whether it answers yet or not.
func (s *depot) launch() {
	s.process = s.Start(append([]string{s.binary(), "supernode", "up", "--data", dataDir}, s.flags...)...)
}

// waitSupernode returns when the supernode of a folder answers.
func waitSupernode(t *testing.T, h *Host, data string) {
	t.Helper()
	(&someone{Host: h, t: t}).eventually("running supernode", func() error {
		got := h.Run(t.Context(), Binary(t), "supernode", "status", "--data", data, "--json")
		if got.Code != 0 || !strings.Contains(got.Stdout, `"running":true`) {
			return fmt.Errorf("status: %+v", got)
		}
		return nil
	})
}

// depotList runs a command about a supernode with --json and decodes a value a line.
func depotList[T any](s *depot, args ...string) []T {
	s.t.Helper()
	args = append([]string{s.binary(), "supernode"}, append(args, "--data", dataDir, "--json")...)
	got := s.Run(s.t.Context(), args...)
	values, err := lines[T](got.Stdout)
	if got.Code != 0 || err != nil || len(values) == 0 {
		s.t.Fatalf("%s: %q: %+v, %v", s.Name, args, got, err)
	}
	return values
}

// admits lets people join by one link.
func (s *depot) admits(people ...*someone) {
	s.t.Helper()
	link := depotList[linkJSON](s, "invite", "--uses", fmt.Sprint(len(people)))[0].Link
	for _, p := range people {
		p.ok("community", "join", link)
	}
}

// reaches waits until supernodes are reached.
func (s *someone) reaches(all ...*depot) {
	s.t.Helper()
	s.eventually("supernode", func() error {
		got := list[communityJSON](s, "community", "list")
		for _, d := range all {
			if !slices.ContainsFunc(got, func(c communityJSON) bool { return c.reaches(d.id) }) {
				return fmt.Errorf("%s is not reached: %+v", d.Name, got)
			}
		}
		return nil
	})
}

// reaches reports whether there is a link to a supernode.
func (c communityJSON) reaches(id string) bool {
	return slices.ContainsFunc(c.Supernodes, func(k supernodeJSON) bool { return k.ID == id && k.Reached })
}

// leaves ends the node of somebody, who is away from then on.
func (s *someone) leaves() {
	s.t.Helper()
	if code := s.node.Stop(); code != 0 {
		s.t.Fatalf("%s: the node ended with %d: %s", s.Name, code, s.node.Output())
	}
	s.node = nil
}

// leave has s write to somebody who is away, until supernodes keep it.
func (s *someone) leave(to *someone, texts ...string) {
	s.t.Helper()
	for _, text := range texts {
		s.ok("send", "--wait", "held", "--timeout", "30s", to.called, text)
	}
}

// heldBy waits until so many supernodes hold all that s has sent to somebody who does not have it. One that was killed three times
// is missed after 15 seconds at the latest, and dialled after 2, 4 and 8 more.
func (s *someone) heldBy(to *someone, supernodes int) {
	s.t.Helper()
	s.within(2*arriveTime, "custody", func() error {
		for _, m := range list[heldJSON](s, "log", to.called) {
			if m.From.Name == s.called && m.State != "delivered" && len(m.HeldBy) < supernodes {
				return fmt.Errorf("%q is %s, held by %q", m.Text, m.State, m.HeldBy)
			}
		}
		return nil
	})
}

// catchesUp waits until a supernode holds as much as another.
func (s *depot) catchesUp(other *depot) {
	s.t.Helper()
	(&someone{Host: s.Host, t: s.t}).eventually("backlog", func() error {
		ours, theirs := depotList[supernodeStatusJSON](s, "status")[0], depotList[supernodeStatusJSON](other, "status")[0]
		if ours.Blobs < theirs.Blobs {
			return fmt.Errorf("it holds %d of %d", ours.Blobs, theirs.Blobs)
		}
		return nil
	})
}

// finds waits until a supernode reaches so many others of its community.
func (s *depot) finds(others int) {
	s.t.Helper()
	(&someone{Host: s.Host, t: s.t}).eventually("other supernode", func() error {
		reached := 0
		got := depotList[fellowsJSON](s, "status")[0]
		for _, k := range got.Communities[0].Fellows {
			if k.Reached {
				reached++
			}
		}
		if reached != others {
			return fmt.Errorf("%d are reached: %+v", reached, got)
		}
		return nil
	})
}

// tellsWhereToFind waits until a contact knows where the mailbox of s is: what is said after that card arrives after it.
func (s *someone) tellsWhereToFind(to *someone) {
	s.t.Helper()
	s.say(to, "I am a member now")
}

// TestAway is the story of away, with the program as it is for this machine.
func TestAway(t *testing.T) {
	t.Parallel()
	lan := New(t, IPv4|ULA)
	anna, bert := settle(t, lan.Host("anna")), settle(t, lan.Host("bert"))
	befriend(anna, bert)
	away(&depot{Host: lan.Host("pi"), t: t}, anna, bert)
}

// away: anna, who is no member, writes to bert, who is away, by the tokens on his card. Then she joins, and goes on writing
// while the supernode is killed again and again, and leaves; bert comes, and has all once and in order; bert leaves, and anna sees
// that it was delivered. It returns what bert has from her then, who is away.
func away(pi *depot, anna, bert *someone) (atBert []string) {
	t := pi.t
	t.Helper()
	atAnna := anna.texts(bert)
	atBert = bert.texts(anna)
	pi.found()
	pi.admits(bert)
	bert.reaches(pi)
	checkAnna := anna.watch()
	said := []string{"I am a member", "of the Orchard", "since today"} // his card comes before the second, and with tokens before the third
	for _, text := range said {
		bert.say(anna, text)
	}
	bert.leaves()
	texts := []string{"as a guest"}
	anna.leave(bert, texts...)
	for _, m := range list[heldJSON](anna, "log", bert.called, "-n", "1") {
		if got := anna.ok("info", m.ID); !strings.Contains(got, "kept by 1 supernode until ") {
			t.Errorf("of a message that is held info says:\n%s", got)
		}
	}
	pi.admits(anna)
	anna.reaches(pi)
	for i := range 3 {
		for j := range 3 {
			texts = append(texts, fmt.Sprintf("%d of day %d", j, i))
			anna.ok("send", bert.called, texts[len(texts)-1])
			if j == i {
				pi.process.Kill()
				pi.launch()
			}
		}
	}
	anna.heldBy(bert, 1)
	checkAnna()
	anna.leaves()
	pi.process.Kill()
	pi.up()
	bert.up()
	checkBert := bert.watch()
	atBert = append(atBert, texts...)
	bert.hears(arriveTime, anna, atBert)
	bert.leave(anna, "I have it all") // receipts ride with it
	checkBert()
	bert.leaves()
	anna.up()
	anna.delivered(arriveTime, bert)
	anna.hears(arriveTime, bert, append(append(atAnna, said...), "I have it all"))
	return atBert
}

// TestAwaySeveral: of two supernodes that keep what bert is sent, and that found each other on their network, one dies for good;
// bert gets it from the other. A third that is added then gets the whole backlog, and members learn of it by themselves: when the
// second dies as well anna leaves there what she writes, and bert gets it.
func TestAwaySeveral(t *testing.T) {
	t.Parallel()
	lan := New(t, IPv4|ULA)
	anna, bert := settle(t, lan.Host("anna")), settle(t, lan.Host("bert"))
	befriend(anna, bert)
	pi, words := found(t, lan.Host("pi"))
	shed := pi.further(lan.Host("shed"), words)
	pi.admits(anna, bert)
	for _, p := range []*someone{anna, bert} {
		p.reaches(pi, shed)
	}
	bert.tellsWhereToFind(anna)
	bert.leaves()
	texts := []string{"one", "two", "three"}
	anna.leave(bert, texts...)
	anna.heldBy(bert, 2)
	shed.finds(1)
	pi.process.Kill()
	attic := shed.further(lan.Host("attic"), words)
	anna.reaches(attic) // she has a link to the second, and so hears at once of the third
	attic.catchesUp(shed)
	anna.leaves()
	bert.up()
	bert.hears(arriveTime, anna, texts)
	bert.reaches(attic)
	bert.leaves()
	shed.process.Kill()
	anna.up()
	anna.reaches(attic)
	anna.leave(bert, "four")
	anna.leaves()
	bert.up()
	bert.hears(arriveTime, anna, append(texts, "four"))
	bert.leave(anna, "I have it all") // receipts ride with it
	bert.leaves()
	anna.up()
	anna.delivered(arriveTime, bert)
}
