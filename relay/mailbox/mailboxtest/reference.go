package mailboxtest

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sottovoce/mesh/pagetest"
	"sottovoce/mesh/wire"
	"sottovoce/relay/mailbox"
)

// Story has a store keep something of every kind, and returns what the second reader has to find there: a line each.
func Story(t *testing.T, s mailbox.Store) []string {
	t.Helper()
	told := &story{world: &world{T: t, Store: s}}
	if err := s.Expire(ctx, day-1); err != nil {
		t.Fatal(err)
	}
	told.lines = append(told.lines, fmt.Sprint("finished ", day-1))
	for _, c := range []mailbox.Community{ours, Community(2)} {
		told.blob(c, 1, 0, day, Token(2, day), Token(1, day))
		told.blob(c, 2, 1, day+1, Token(3, day+1))
		told.blob(c, 3, 2, day)
		told.blob(c, 4, wire.Class3, day+1)
		told.removal(c, 5, day, told.blob(c, 5, 0, day))
		told.removal(c, 50, day, 0, Token(4, day), Token(5, day+1))
	}
	told.together(ours, 70)
	closed, err := s.CloseDay(ctx, ours, day)
	if err != nil || closed.Cursor == 0 {
		t.Fatalf("close at %d: %v", closed.Cursor, err)
	}
	told.tell(ours, "close", day, closed.Cursor)
	return told.lines
}

// story is a store that is written to, and what it should keep.
type story struct {
	*world
	lines []string
}

func (s *story) tell(c mailbox.Community, what ...any) {
	s.lines = append(s.lines, fmt.Sprintf("%x ", c)+strings.TrimSuffix(fmt.Sprintln(what...), "\n"))
}

func (s *story) paid(c mailbox.Community, tokens []mailbox.Token) {
	for _, t := range tokens {
		s.tell(c, "spent", t.Day, fmt.Sprintf("%x", t.ID))
	}
}

// blob has a blob kept, and returns its cursor.
func (s *story) blob(c mailbox.Community, n uint64, class wire.Class, of uint16, paid ...mailbox.Token) uint64 {
	s.Helper()
	blob := Blob(n, class, of)
	results, err := s.Append(ctx, c, []mailbox.Deposit{{Blob: blob, Paid: paid}})
	if err != nil || results[0].Err != nil {
		s.Fatal(err, results)
	}
	s.tell(c, "blob", results[0].Cursor, of, uint8(class), fmt.Sprintf("%x", wire.IDOf(blob)))
	s.paid(c, paid)
	return results[0].Cursor
}

// together has so many blobs of two days kept at once.
func (s *story) together(c mailbox.Community, n uint64) {
	s.Helper()
	deposits := make([]mailbox.Deposit, n)
	for i := range deposits {
		deposits[i].Blob = Blob(100+uint64(i), 0, day+uint16(i)%2)
	}
	results, err := s.Append(ctx, c, deposits)
	if err != nil {
		s.Fatal(err)
	}
	for i, r := range results {
		if r.Err != nil {
			s.Fatal(r.Err)
		}
		s.tell(c, "blob", r.Cursor, day+i%2, 0, fmt.Sprintf("%x", wire.IDOf(deposits[i].Blob)))
	}
}

// removal has a tombstone kept, of the blob at a cursor or of none.
func (s *story) removal(c mailbox.Community, n uint64, of uint16, deleted uint64, paid ...mailbox.Token) {
	s.Helper()
	results, err := s.Delete(ctx, c, []mailbox.Removal{{Tombstone: mailbox.Tombstone{D: D(n), Day: of}, Paid: paid}})
	if err != nil || results[0].Err != nil {
		s.Fatal(err, results)
	}
	s.tell(c, "tombstone", results[0].Cursor, of, fmt.Sprintf("%x", D(n)), deleted)
	s.paid(c, paid)
}

// Read has the second reader, in Python and from the protocol text alone, read what a store has written, and wants it to find
// these lines, in whatever order. What is "files", and path their folder; or "cluster" or "stick", and path a file.
func Read(t *testing.T, script, what, path string, want []string) {
	t.Helper()
	got := strings.Split(strings.TrimSpace(pagetest.Python(t, script, "", what, path)), "\n")
	slices.Sort(got)
	if diff := cmp.Diff(slices.Sorted(slices.Values(want)), got); diff != "" {
		t.Errorf("the second reader finds something else (-kept +found):\n%s", diff)
	}
}
