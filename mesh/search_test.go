package mesh

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"sottovoce/mesh/store"
)

// finding returns the texts that a search finds.
func (p *person) finding(q SearchQuery) []string {
	p.t.Helper()
	hits, err := p.Search(p.t.Context(), q)
	if err != nil {
		p.t.Fatalf("%+v: %v", q, err)
	}
	var texts []string
	for _, h := range hits {
		texts = append(texts, h.Text)
	}
	return texts
}

// indexed waits until the index has nothing left to do.
func (p *person) indexed() {
	p.t.Helper()
	for more := true; more; {
		var err error
		if more, err = p.store.Index(textOf); err != nil {
			p.t.Fatal(err)
		}
	}
}

// A search finds what was said, by whoever it was and in whatever spelling, what was said
// last first, whether it is in the index yet or not.
func TestSearch(t *testing.T) {
	t.Parallel()
	lan := newAir()
	anna, bruno := newPerson(t, lan, "Anna"), newPerson(t, lan, "Bruno")
	anna.befriends(bruno)
	anna.says("Bruno", "Grüße vom Hafen: the BOAT lies at "+strings.Repeat("the quay of ", 20)+"Triest")
	anna.saysAll("Bruno", numbered("filling", 300))
	last := bruno.says("Anna", "which boat?")
	anna.within(waitLong, "has it", func() bool { return slices.Contains(anna.texts("Bruno"), "which boat?") })
	for range 2 {
		for q, want := range map[SearchQuery]int{
			{Words: "boat"}:                                              2,
			{Words: "böat"}:                                              2,
			{Words: "BOAT grusse"}:                                       1,
			{Words: "boat", From: "Bruno"}:                               1,
			{Words: "boat", From: "Anna"}:                                1,
			{Words: "boat", In: "Bruno"}:                                 2,
			{Words: "boat", From: "Bruno", In: "Bruno"}:                  1,
			{Words: "boat", Newest: 1}:                                   1,
			{Words: "boat", Since: last.Time.Add(time.Hour)}:             0,
			{Words: "boat", Until: last.Time.Add(-time.Hour)}:            0,
			{Words: "boat", Since: last.Time.Add(-time.Hour)}:            2,
			{Words: "boats"}:                                             0,
			{Words: "filling"}:                                           searchNewest,
			{Words: "filling", Newest: 1000}:                             300,
			{Words: `"boat*" OR (which NEAR boat) -- '; DROP TABLE ops`}: 0,
		} {
			if got := anna.finding(q); len(got) != want {
				t.Errorf("%+v: %q", q, got)
			}
		}
		if got := anna.finding(SearchQuery{Words: "boat"}); got[0] != "which boat?" {
			t.Errorf("the newest is %q", got[0])
		}
		hits, err := anna.Search(t.Context(), SearchQuery{Words: "triest"})
		if err != nil || len(hits) != 1 || !strings.HasPrefix(hits[0].Snippet, "…") || !strings.HasSuffix(hits[0].Snippet, "Triest") || !hits[0].Mine {
			t.Errorf("%+v, %v", hits, err)
		}
		anna.indexed()
	}
	for q, want := range map[SearchQuery]error{
		{}: ErrWords, {Words: " *?! "}: ErrWords, {Words: "boat", From: "Carla"}: ErrNotFound, {Words: "boat", In: "Anna"}: ErrNotFound,
	} {
		if _, err := anna.Search(t.Context(), q); !errors.Is(err, want) {
			t.Errorf("%+v: %v", q, err)
		}
	}
}

// The index follows by itself.
func TestIndexFollows(t *testing.T) {
	t.Parallel()
	lan := newAir()
	anna, bruno := newPerson(t, lan, "Anna"), newPerson(t, lan, "Bruno")
	anna.befriends(bruno)
	anna.saysAll("Bruno", numbered("filling", 600))
	anna.within(waitLong, "nearly all is in the index", func() bool {
		lookedThrough := 0
		err := anna.store.View(func(tx *store.Tx) error {
			_, err := tx.Search(t.Context(), store.Query{Words: []string{"filling"}, Limit: 1}, func(*store.Tx, *store.Op) (string, error) {
				lookedThrough++
				return "something else", nil
			})
			return err
		})
		return err == nil && lookedThrough < 256
	})
	if got := anna.finding(SearchQuery{Words: "filling", Newest: 1000}); len(got) != 600 {
		t.Errorf("%d are found", len(got))
	}
}
