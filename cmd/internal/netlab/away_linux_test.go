package netlab

import (
	"fmt"
	"strings"
	"testing"
)

// depot is a supernode on a host of its own.
type depot struct {
	*Host
	t       *testing.T
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
		Running bool
		Blobs   int
		Links   int
	}
	communityJSON struct {
		Name       string
		Supernodes []struct{ Reached bool }
	}
)

// dataDir is where a depot keeps what it has, in its home.
const dataDir = "orchard"

// found makes the first supernode of a community on a host, and runs it.
func found(t *testing.T, h *Host, flags ...string) (s *depot, words string) {
	t.Helper()
	s = &depot{Host: h, t: t, flags: flags}
	made := depotList[madeJSON](s, "init", "--community", "Orchard")
	s.up()
	return s, made[0].RootWords
}

// further makes another supernode of the community of s.
func (s *depot) further(h *Host, words string) *depot {
	s.t.Helper()
	file := s.Home + "/words"
	if got := s.RunInput(s.t.Context(), words, "sh", "-c", "cat > words"); got.Code != 0 {
		s.t.Fatalf("%+v", got)
	}
	link := depotList[linkJSON](s, "invite", "--supernode", "--root-words-file", file)[0].Link
	other := &depot{Host: h, t: s.t, flags: advertised(h)}
	depotList[madeJSON](other, "init", "--join", link)
	other.up()
	return other
}

// advertised are the flags by which supernodes find each other.
func advertised(h *Host) []string { return []string{"--advertise", h.IPv4.String() + ":4242"} }

// up runs the supernode and returns when it answers.
func (s *depot) up() {
	s.t.Helper()
	s.process = s.Start(append([]string{Binary(s.t), "supernode", "up", "--data", dataDir}, s.flags...)...)
	waitSupernode(s.t, s.Host, dataDir)
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
	args = append([]string{Binary(s.t), "supernode"}, append(args, "--data", dataDir, "--json")...)
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

// reaches waits until so many supernodes are reached.
func (s *someone) reaches(supernodes int) {
	s.t.Helper()
	s.eventually("supernode", func() error {
		got := list[communityJSON](s, "community", "list")
		reached := 0
		for _, c := range got {
			for _, k := range c.Supernodes {
				if k.Reached {
					reached++
				}
			}
		}
		if reached < supernodes {
			return fmt.Errorf("%d supernodes are reached, not %d: %+v", reached, supernodes, got)
		}
		return nil
	})
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

// heldBy waits until so many supernodes hold all that s has sent to somebody.
func (s *someone) heldBy(to *someone, supernodes int) {
	s.t.Helper()
	s.eventually("custody", func() error {
		for _, m := range list[heldJSON](s, "log", to.called) {
			if m.From.Name == s.called && len(m.HeldBy) < supernodes {
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

// tellsWhereToFind waits until a contact knows where the mailbox of s is: what is said after that card arrives after it.
func (s *someone) tellsWhereToFind(to *someone) {
	s.t.Helper()
	s.say(to, "I am a member now")
}

// TestAway: anna writes to bert, who is away; the supernode is killed and comes back; anna leaves; bert comes, and has it all
// once and in order; bert leaves, and anna sees that it was delivered.
func TestAway(t *testing.T) {
	t.Parallel()
	lan := New(t, IPv4|ULA)
	anna, bert := settle(t, lan.Host("anna")), settle(t, lan.Host("bert"))
	befriend(anna, bert)
	pi, _ := found(t, lan.Host("pi"))
	pi.admits(anna, bert)
	anna.reaches(1)
	checkAnna := anna.watch()
	bert.reaches(1)
	bert.tellsWhereToFind(anna)
	bert.leaves()
	texts := []string{"one", "two", "three"}
	anna.leave(bert, texts...)
	for _, m := range list[heldJSON](anna, "log", bert.called, "-n", "1") {
		if got := anna.ok("info", m.ID); !strings.Contains(got, "kept by 1 supernode until ") {
			t.Errorf("of a message that is held info says:\n%s", got)
		}
	}
	checkAnna()
	anna.leaves()
	pi.process.Kill()
	pi.up()
	bert.up()
	checkBert := bert.watch()
	bert.hears(arriveTime, anna, texts)
	bert.leave(anna, "I have it all") // receipts ride with it
	checkBert()
	bert.leaves()
	anna.up()
	anna.delivered(arriveTime, bert)
	anna.hears(arriveTime, bert, []string{"I am a member now", "I have it all"})
}

// TestAwaySeveral: of two supernodes that keep what bert is sent one dies for good; bert gets it from the other. A third that
// is added then gets the whole backlog.
func TestAwaySeveral(t *testing.T) {
	t.Parallel()
	lan := New(t, IPv4|ULA)
	anna, bert := settle(t, lan.Host("anna")), settle(t, lan.Host("bert"))
	befriend(anna, bert)
	host := lan.Host("pi")
	pi, words := found(t, host, advertised(host)...)
	shed := pi.further(lan.Host("shed"), words)
	pi.admits(anna, bert)
	for _, p := range []*someone{anna, bert} {
		p.reaches(2)
	}
	bert.tellsWhereToFind(anna)
	bert.leaves()
	first := []string{"one", "two", "three"}
	anna.leave(bert, first...)
	anna.heldBy(bert, 2)
	anna.leaves()
	pi.process.Kill()
	bert.up()
	bert.hears(arriveTime, anna, first)
	attic := shed.further(lan.Host("attic"), words)
	attic.catchesUp(shed)
}
