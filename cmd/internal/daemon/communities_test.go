package daemon

import (
	"strings"
	"testing"

	"sottovoce/relay"
	"sottovoce/relay/community"
)

// TestWordsAboutSupernodes: what a supernode has done, and what is doubtful, stands in the list of communities and in the notices; each once.
func TestWordsAboutSupernodes(t *testing.T) {
	split, silent := relay.BreachSplit.String(), "it has not signed for days"
	s := relay.Supernode{
		Reached: true, Doubt: silent,
		Breaches: []relay.Breach{{Kind: relay.BreachSplit, Cursor: 1}, {Kind: relay.BreachSplit, Cursor: 2}},
	}
	c := relay.Community{ID: community.ID{1}, Name: "Villa", Joined: true, Supernodes: []relay.Supernode{s, {Reached: true}}}
	shown := communityOf(c).Supernodes
	if got := shown[0].Trouble; strings.Count(got, split) != 1 || strings.Count(got, silent) != 1 {
		t.Errorf("listed with %q", got)
	}
	if shown[1].Trouble != "" {
		t.Errorf("an honest one is listed with %q", shown[1].Trouble)
	}
	notices := broken([]relay.Community{c})
	name := "supernode " + supernodeName(c, s) + ": "
	for _, want := range []string{name + split, name + silent} {
		if n := strings.Count(strings.Join(notices, "\n"), want); n != 1 {
			t.Errorf("%q stands %d times in %q", want, n, notices)
		}
	}
}
