package relay

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"sottovoce/mesh/goldentest"
	"sottovoce/mesh/identity"
	"sottovoce/mesh/peer"
	"sottovoce/mesh/wire"
	"sottovoce/relay/token"
	"sottovoce/relay/witness"
)

type noKeep struct{}

func (noKeep) Load(string) ([]byte, error) { return nil, nil }
func (noKeep) Save(string, []byte) error   { return nil }

// TestDoubt: a blob that is offered again without a final answer is paid for with the tokens that it had, and
// no other blob is.
func TestDoubt(t *testing.T) {
	now := time.Unix(20_000*86_400, 0)
	s := &station{
		client: &Client{cfg: Config{Keep: noKeep{}, Now: func() time.Time { return now }}},
		state:  &stationState{wallet: token.NewWallet()}, doubt: make(doubt),
	}
	tokens := make([]token.Token, 20)
	for i := range tokens {
		tokens[i] = token.Token{20_000 >> 8, 20_000 & 0xff, byte(i)}
	}
	s.state.wallet.Add(tokens, 20_000)
	offer := func(id byte) *item {
		t.Helper()
		one := &item{blob: []byte{id}, id: wire.BlobID{id}, answer: new(Custody)}
		if lacking, err := s.take([]*item{one}); err != nil || lacking != 0 {
			t.Fatalf("%d tokens are lacking, %v", lacking, err)
		}
		s.doubt.add([]*item{one}, 20_000)
		return one
	}
	first := offer(1)
	if again := offer(1); !slices.Equal(again.tokens, first.tokens) {
		t.Error("the same blob has other tokens")
	}
	if other := offer(2); slices.Equal(other.tokens, first.tokens) {
		t.Error("another blob has the same tokens")
	}
	for _, c := range []struct {
		reason wire.Reason
		same   bool
	}{{wire.ReasonNotNow, true}, {wire.ReasonDiskFull, true}, {wire.ReasonQuota, true}, {wire.ReasonToken, false}, {0, false}} {
		before := offer(3)
		before.answer.Reason = c.reason
		s.doubt.settle([]*item{before})
		if got := slices.Equal(offer(3).tokens, before.tokens); got != c.same {
			t.Errorf("after answer %d: the same tokens %t", c.reason, got)
		}
	}
	many := make([]*item, 2*doubtMax)
	for i := range many {
		many[i] = &item{blob: []byte{1}, id: wire.BlobID{byte(i), byte(i >> 8), 1}, tokens: tokens[:1]}
	}
	if s.doubt.add(many, 20_000); len(s.doubt) != doubtMax {
		t.Errorf("%d blobs are remembered", len(s.doubt))
	}
	if s.doubt.add(nil, 20_000+token.DaysBack+1); len(s.doubt) != 0 {
		t.Errorf("%d blobs are remembered with tokens that are not good", len(s.doubt))
	}
}

// TestMarkedTokens: a supernode that evaluated with another key is drawn from no more, until its community
// names another.
func TestMarkedTokens(t *testing.T) {
	s := &stationState{Breaches: []Breach{{Kind: BreachLost, Said: [32]byte{1}}, {Kind: BreachMark, Said: [32]byte{2}}}}
	if s.marks([32]byte{1}) || !s.marks([32]byte{2}) || s.marks([32]byte{3}) {
		t.Error("the wrong key is left alone")
	}
}

// TestPutBack: tokens that were taken off the disk and not used are there again after an orderly end.
func TestPutBack(t *testing.T) {
	kept := mapKeep{}
	cfg := Config{Keep: kept, Now: func() time.Time { return time.Unix(20_000*86_400, 0) }}
	c, err := NewClient(cfg)
	if err != nil {
		t.Fatal(err)
	}
	log := Log{Community: [32]byte{1}}
	s := &station{client: c, log: log, state: &stationState{wallet: token.NewWallet()}, doubt: make(doubt)}
	c.members[log.Community] = &member{stations: map[peer.ID]*station{log.At: s}}
	tokens := make([]token.Token, 20)
	for i := range tokens {
		tokens[i] = token.Token{20_000 >> 8, 20_000 & 0xff, byte(i)}
	}
	s.state.wallet.Add(tokens, 20_000)
	if _, err := s.take([]*item{{id: wire.BlobID{1}, answer: new(Custody)}}); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_ = c.Run(ctx, nil)
	state, err := loadState(kept, log)
	if err != nil || state.wallet.Count(20_000) != 19 {
		t.Errorf("%d of 19 tokens are left, %v", state.wallet.Count(20_000), err)
	}
}

// TestPayUnsaved: tokens that could not be taken off the disk are not sent before they are.
func TestPayUnsaved(t *testing.T) {
	kept := &fullKeep{mapKeep: mapKeep{}}
	day := uint16(20_000)
	c, err := NewClient(Config{Keep: kept, Now: func() time.Time { return time.Unix(int64(day)*86_400, 0) }})
	if err != nil {
		t.Fatal(err)
	}
	tokens := make([]token.Token, 20)
	for i := range tokens {
		tokens[i] = token.Token{20_000 >> 8, 20_000 & 0xff, byte(i)}
	}
	s := &station{client: c, state: &stationState{wallet: token.NewWallet()}, doubt: make(doubt)}
	s.state.wallet.Add(tokens, day)
	g := newGuest(c, guestKey{giver: [giverSize]byte{1}})
	c.guests[g.guestKey] = g
	g.given.Accept(tokens, day)
	for _, by := range []payer{s, g} {
		for n := range 3 {
			kept.full = n < 2
			one := &item{by: by, blob: []byte{1}, id: wire.BlobID{byte(n / 2)}, answer: new(Custody)}
			if err := by.pay(t.Context(), []*item{one}); (err != nil) != kept.full {
				t.Errorf("%T: a full disk (%t): %v", by, kept.full, err)
			}
		}
	}
	state, err := loadState(kept, s.log)
	if err != nil || state.wallet.Count(day) != 0 { // the pocket has the rest
		t.Errorf("%d tokens are on disk, %v", state.wallet.Count(day), err)
	}
	saved := newGuest(c, g.guestKey)
	if err := wire.Unmarshal(kept.mapKeep[g.key()], &saved.state); err != nil {
		t.Fatal(err)
	}
	if saved.given, err = token.LoadGiven(saved.state.Given); err != nil || saved.given.Count(day) != 18 {
		t.Errorf("%d of 18 given tokens are on disk, %v", saved.given.Count(day), err)
	}
}

// fullKeep is a mapKeep that can be full.
type fullKeep struct {
	mapKeep
	full bool
}

func (k *fullKeep) Save(key string, value []byte) error {
	if k.full {
		return errors.New("full")
	}
	return k.mapKeep.Save(key, value)
}

// mapKeep is a Keep in memory for one goroutine.
type mapKeep map[string][]byte

func (k mapKeep) Load(key string) ([]byte, error) { return k[key], nil }

func (k mapKeep) Save(key string, value []byte) error {
	k[key] = value
	return nil
}

// TestOwnDay: a supernode that says another day at a log-in than to all is drawn from no more, however slowly it leads away from theirs.
func TestOwnDay(t *testing.T) {
	now := time.Unix(20_000*86_400, 0)
	s := &station{
		client: &Client{cfg: Config{Keep: noKeep{}, Now: func() time.Time { return now }}},
		state:  &stationState{wallet: token.NewWallet()}, doubt: make(doubt),
	}
	grant := func(day uint32, want error) {
		t.Helper()
		if err := s.draw(t.Context(), nil, wire.Grant{Day: day}); !errors.Is(err, want) {
			t.Errorf("day %d: %v", day, err)
		}
	}
	grant(20_005, nil) // there is nothing to compare with
	grant(20_007, nil)
	s.heard(20_005)
	for range 3 {
		grant(20_006, nil)
		grant(20_007, errOwnDay)
		grant(20_003, errOwnDay)
	}
	if got := s.theirDay(); got != 20_005 {
		t.Errorf("its day is taken for %d", got)
	}
	grant(20_000, nil) // somebody has set its clock
	if got := s.theirDay(); got != 20_000 {
		t.Errorf("its day is taken for %d after that", got)
	}
	grant(20_005, errOwnDay)
	if !s.barren() {
		t.Error("it is visited again and again on a day that is not theirs")
	}
	if s.heard(20_005); s.barren() {
		t.Error("it is not visited again when all have heard of that day")
	}
	s.heard(20_000)
	grant(20_005, errOwnDay)
	s.finished = 20_003 // as its pages say to all: our clock is behind
	grant(20_005, nil)
	grant(20_004, nil)
	grant(20_006, errOwnDay)
	s.finished = 0
	s.heard(20_000)
	grant(20_005, errOwnDay)
	now = now.Add(24 * time.Hour)
	if s.barren() {
		t.Error("it is not visited on the next day")
	}
	grant(20_002, nil)
	if !strings.Contains(troubleOf(errOwnDay), "day") {
		t.Error("nobody is told")
	}
}

// TestSilenceByWrongClocks: a clock of ours that is set back, or starts in 1970, makes nobody silent for days; one that was ahead once does
// not hide for years who is.
func TestSilenceByWrongClocks(t *testing.T) {
	const day = 24 * time.Hour
	right := time.Unix((plausibleFrom+100)*86_400, 0)
	now := right
	s := &station{
		client: &Client{cfg: Config{Keep: noKeep{}, Now: func() time.Time { return now }}},
		state:  &stationState{wallet: token.NewWallet(), Attested: unix(right)},
		watch:  loadWatch(mapKeep{}, Log{}, identity.DeviceKeys{}),
	}
	for _, step := range []struct {
		name string
		at   time.Time
		days uint8
	}{
		{"set back by days", right.Add(-5 * day), 0},
		{"an hour later", right.Add(-5*day + time.Hour), 0},
		{"in 1970", time.Unix(60, 0), 0},
		{"in 1970, later", time.Unix(90_000, 0), 0},
		{"behind again", right.Add(-5*day + 2*time.Hour), 0},
		{"a day after it was set back", right.Add(-4*day + time.Hour), 1},
		{"years ahead", right.Add(3000 * day), 2},
		{"and right again", right, 2},
		{"a day later", right.Add(day), 3},
	} {
		now = step.at
		s.silent(now)
		if s.state.Silent != step.days || (s.doubtWord() != "") != (step.days == silentDays) {
			t.Fatalf("%s: silent on %d days, %q", step.name, s.state.Silent, s.doubtWord())
		}
	}
}

// TestStandsStill: of a supernode whose own day does not go on it is not said that it may show others something else.
func TestStandsStill(t *testing.T) {
	device, err := identity.NewDevice(bytes.NewReader(goldentest.Counted(1, 64)))
	if err != nil {
		t.Fatal(err)
	}
	const day = plausibleFrom + 100
	c := witness.Checkpoint{Cursor: 9, Day: day}
	c.Signature = [64]byte(ed25519.Sign(device.SignKey(), Log{At: device.Public().ID()}.Checkpoint(c.Cursor, c.Chain, c.Day)))
	s := &station{
		client: &Client{cfg: Config{Now: func() time.Time { return time.Unix((day+9)*86_400, 0) }}}, state: &stationState{Silent: silentDays},
		watch: loadWatch(mapKeep{}, Log{}, device.Public()),
	}
	said := s.doubtWord()
	s.watch.do(func(on *witness.Watch) []witness.Breach { return on.Given(c) })
	for finished, same := range map[uint16]bool{0: true, day - 1: false, day: false, day + 1: true} {
		if s.finished = finished; (s.doubtWord() == said) != same || s.doubtWord() == "" {
			t.Errorf("day %d is over: %s", finished, s.doubtWord())
		}
	}
}
