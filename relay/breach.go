package relay

import (
	"fmt"
	"slices"
)

// BreachKind says what a supernode has done that it must not.
//
// spec: 08-custody#breaches
type BreachKind uint8

// The kinds.
const (
	// BreachLost: a blob that it has signed for is not there any more.
	BreachLost BreachKind = 1
	// BreachChain: its pages do not follow from those that it has shown before.
	BreachChain BreachKind = 2
	// BreachShort: its log ends before where it has been.
	BreachShort BreachKind = 3
	// BreachSplit: it has signed for one place of its log twice, differently, or for another log than it shows.
	BreachSplit BreachKind = 4
	// BreachMark: it gives out tokens by another key than its community's papers name, and could know
	// them again.
	BreachMark BreachKind = 5
	// BreachKeys: the keys of the week that it gives us are not those of its card, and it could know our links by them.
	BreachKeys BreachKind = 6
)

var breachWords = [...]string{
	BreachLost:  "it does not hold any more what it has signed for",
	BreachChain: "its log does not follow from what it has shown before",
	BreachShort: "its log ends before where it has been: it has lost its disk, or forgets",
	BreachSplit: "it has signed for another log than it shows us",
	BreachMark:  "it marks the tokens that it gives us, and so could tell who deposits",
	BreachKeys:  "it gives us keys that its card does not commit to, and so could tell whose links are ours",
}

// String says what is wrong, in a few words.
func (k BreachKind) String() string {
	if int(k) < len(breachWords) && breachWords[k] != "" {
		return breachWords[k]
	}
	return fmt.Sprintf("breach %d", uint8(k))
}

// Breach is something that a supernode has done against its word, with what shows it.
//
// spec: 08-custody#breaches
type Breach struct {
	Kind   BreachKind `cbor:"1,keyasint"`
	When   uint64     `cbor:"2,keyasint"` // Unix seconds
	Cursor uint64     `cbor:"3,keyasint,omitempty"`
	Said   [32]byte   `cbor:"4,keyasint"` // chain, or id of the blob, that it stood for
	Shown  [32]byte   `cbor:"5,keyasint"` // chain that it shows instead
	// Evidence is what witness.ParseEvidence takes, where there is something signed.
	Evidence []byte `cbor:"6,keyasint,omitempty"`
}

// marks reports whether the supernode gave out tokens by another key than this one: nobody draws from it
// again before its community names another.
//
// spec: 11-tokens#draw
func (s *stationState) marks(key [32]byte) bool {
	return slices.ContainsFunc(s.Breaches, func(b Breach) bool { return b.Kind == BreachMark && b.Said == key })
}

// breach keeps what a supernode has done, once, and says so.
func (s *station) breach(b Breach) {
	s.client.cfg.Log.Warn("a supernode has broken its word", "how", b.Kind.String(), "cursor", b.Cursor)
	b.When = uint64(max(s.client.cfg.Now().Unix(), 0))
	err := s.change(func(state *stationState) {
		for _, old := range state.Breaches {
			if old.Kind == b.Kind && old.Cursor == b.Cursor && old.Said == b.Said {
				return
			}
		}
		if len(state.Breaches) >= breachesMax {
			state.Breaches = state.Breaches[1:]
		}
		state.Breaches = append(state.Breaches[:len(state.Breaches):len(state.Breaches)], b)
	})
	if err != nil {
		s.client.cfg.Log.Warn("a breach is not kept", "error", err)
	}
	s.client.changed()
}
