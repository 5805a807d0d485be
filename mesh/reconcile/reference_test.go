package reconcile

import (
	"bufio"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"testing"

	"sottovoce/mesh/pagetest"
)

// TestReference reconciles with a second implementation, in Python and from the protocol text alone: both ends find the same
// difference, whoever begins and however little a message holds.
func TestReference(t *testing.T) {
	const script = "testdata/reference/reconcile.py"
	for name, c := range map[string]struct {
		ours, theirs []ID
		limit        int
	}{
		"small":         {numbered(0, 40), numbered(2, 40), MessageMax},
		"the same":      {numbered(0, 500), numbered(0, 500), MessageMax},
		"nothing":       {nil, numbered(0, 300), MessageMax},
		"full messages": {numbered(0, 2000), numbered(700, 2000), messageMin},
	} {
		for _, begins := range []bool{true, false} {
			t.Run(fmt.Sprint(name, ", it begins: ", begins), func(t *testing.T) {
				a, b := SortedOf(c.ours), SortedOf(slices.Clone(c.theirs))
				f := startReference(t, script, c.limit, begins, b)
				found := f.talk(New(a, testSalt, c.limit), begins)
				slices.SortFunc(found.WeLack, compare)
				slices.SortFunc(found.TheyLack, compare)
				onlyA, onlyB := without(a, b), without(b, a)
				if !slices.Equal(slices.Compact(found.TheyLack), onlyA) || !slices.Equal(slices.Compact(found.WeLack), onlyB) {
					t.Errorf("we find %d and %d ids, want %d and %d", len(found.TheyLack), len(found.WeLack), len(onlyA), len(onlyB))
				}
				if said, want := f.line(), spaced(onlyB)+"|"+spaced(onlyA); strings.ReplaceAll(said, " ", "") != want {
					t.Errorf("it finds %.200s, want %.200s", said, want)
				}
			})
		}
	}
}

// reference is the other end, in a process of its own.
type reference struct {
	t   *testing.T
	in  io.Writer
	out *bufio.Reader
}

func startReference(t *testing.T, script string, limit int, begins bool, set Sorted) *reference {
	t.Helper()
	role := map[bool]string{true: "begin", false: "wait"}[begins]
	run := pagetest.Command(t.Context(), t, script, hex.EncodeToString(testSalt[:]), fmt.Sprint(limit), role)
	run.Stderr = os.Stderr
	in, err := run.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := run.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := run.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { in.Close(); _ = run.Wait() })
	f := &reference{t: t, in: in, out: bufio.NewReader(out)}
	var ids strings.Builder
	for _, id := range set {
		fmt.Fprintf(&ids, "%x ", id)
	}
	f.say(ids.String())
	return f
}

func (f *reference) say(line string) {
	if _, err := io.WriteString(f.in, line+"\n"); err != nil {
		f.t.Fatal(err)
	}
}

func (f *reference) line() string {
	f.t.Helper()
	line, err := f.out.ReadString('\n')
	if err != nil {
		f.t.Fatal("the other end has stopped: ", err)
	}
	return strings.TrimSpace(line)
}

// talk is a session with it.
func (f *reference) talk(s *Session, begins bool) (all Found) {
	f.t.Helper()
	message, ours := s.Begin(), !begins
	for {
		if ours {
			f.say(hex.EncodeToString(message))
		}
		if ours && len(message) == 0 {
			return all
		}
		theirs, err := hex.DecodeString(f.line())
		if err != nil {
			f.t.Fatal(err)
		}
		reply, found, err := s.Step(theirs)
		if err != nil {
			f.t.Fatal(err)
		}
		all.TheyLack, all.WeLack = append(all.TheyLack, found.TheyLack...), append(all.WeLack, found.WeLack...)
		if len(theirs) == 0 {
			return all
		}
		message, ours = reply, true
	}
}

func spaced(ids []ID) string {
	var text strings.Builder
	for _, id := range ids {
		fmt.Fprintf(&text, "%x", id)
	}
	return text.String()
}
