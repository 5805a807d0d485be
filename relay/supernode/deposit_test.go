package supernode

import (
	"crypto/rand"
	"net"
	"slices"
	"testing"

	"sottovoce/mesh/link"
	"sottovoce/mesh/wire"
	"sottovoce/relay/community"
	"sottovoce/relay/token"
)

func TestDepositsAreJudgedOneByOne(t *testing.T) {
	t.Parallel()
	r := start(t)
	p := r.join()
	p.draw(40)
	l := p.mustMember()
	today := r.today()
	held, _ := newBlob(t, wire.Class0, today)
	if got := reasons(r.deposit(l, wire.Deposit{Tokens: p.take(1)}, held)); got[0] != 0 {
		t.Fatalf("a blob of today: %s", Word(got[0]))
	}
	deleted, d := newBlob(t, wire.Class0, today+1)
	r.deposit(l, wire.Deposit{Tokens: p.take(1)}, deleted)
	if got := r.ask(l, wire.Delete{Tombstones: wire.Tombstones{}.Add(d, today+1)}); reasons(got.(wire.Kept))[0] != 0 {
		t.Fatalf("a blob that is held costs no token to delete: %v", got)
	}
	one := func(class wire.Class, expiry uint16) []byte {
		b, _ := newBlob(t, class, expiry)
		return b
	}
	forged := slices.Repeat([]byte{7}, token.Size)
	copy(forged, p.tokens[0][:2]) // of a good day
	spent := p.take(1)
	r.deposit(l, wire.Deposit{Tokens: spent}, one(wire.Class0, today))
	for _, c := range []struct {
		name   string
		tokens []byte
		blobs  [][]byte
		want   []wire.Reason
	}{
		{"held, without a token", nil, [][]byte{held}, []wire.Reason{0}},
		{"held, with a token that is no good", forged, [][]byte{held}, []wire.Reason{0}},
		{"new, without a token", nil, [][]byte{one(wire.Class0, today)}, []wire.Reason{wire.ReasonToken}},
		{"with a forged token", forged, [][]byte{one(wire.Class0, today)}, []wire.Reason{wire.ReasonToken}},
		{"with a token that was spent", spent, [][]byte{one(wire.Class0, today)}, []wire.Reason{wire.ReasonToken}},
		{"one token for two", slices.Repeat(p.take(1), 2), [][]byte{one(wire.Class0, today), one(wire.Class0, today)}, []wire.Reason{0, wire.ReasonToken}},
		{"yesterday's", p.take(1), [][]byte{one(wire.Class0, today-1)}, []wire.Reason{wire.ReasonWrongDay}},
		{"the last day", p.take(1), [][]byte{one(wire.Class0, today+58)}, []wire.Reason{0}},
		{"too far ahead", p.take(1), [][]byte{one(wire.Class0, today+59)}, []wire.Reason{wire.ReasonWrongDay}},
		{"deleted before", p.take(1), [][]byte{deleted}, []wire.Reason{wire.ReasonDeleted}},
		{"class 1 for one token", p.take(1), [][]byte{one(wire.Class1, today)}, []wire.Reason{0}},
		{"class 2 for three", p.take(3), [][]byte{one(wire.Class2, today)}, []wire.Reason{wire.ReasonToken}},
		{"class 2 for four, and nothing behind it", p.take(4), [][]byte{one(wire.Class2, today), one(wire.Class0, today)}, []wire.Reason{0, wire.ReasonToken}},
		{"class 3 for sixteen", p.take(16), [][]byte{one(wire.Class3, today)}, []wire.Reason{0}},
		{"a mixed bag", p.take(2), [][]byte{one(wire.Class0, today-1), held, one(wire.Class0, today)}, []wire.Reason{wire.ReasonWrongDay, 0, wire.ReasonToken}},
	} {
		kept := r.deposit(l, wire.Deposit{Tokens: c.tokens}, c.blobs...)
		if got := reasons(kept); !slices.Equal(got, c.want) || kept.Day != uint32(today) {
			t.Errorf("%s: %v on day %d, want %v", c.name, got, kept.Day, c.want)
		}
		if none := !slices.Contains(c.want, 0); none != (kept.Signature == nil) {
			t.Errorf("%s: signed %v", c.name, !none)
		}
	}
	if n := r.Status().Refused[wire.ReasonToken]; n != 7 {
		t.Errorf("%d deposits are counted as not paid for", n)
	}
}

// TestLostAnswer makes a deposit again, byte for byte: the answer may have been lost on its way.
func TestLostAnswer(t *testing.T) {
	t.Parallel()
	r := start(t)
	p := r.join()
	p.draw(3)
	l := p.mustMember()
	blobs, tokens := r.blobs(2), p.take(2)
	r.deposit(l, wire.Deposit{Tokens: tokens[:token.Size]}, blobs[0]) // only the first came through
	for range 3 {
		r.verify(r.deposit(l, wire.Deposit{Tokens: tokens}, blobs...), blobs)
	}
	spare := p.take(1)
	r.verify(r.deposit(l, wire.Deposit{Tokens: spare}, blobs[0]), blobs[:1])
	more := r.blobs(1)
	r.verify(r.deposit(l, wire.Deposit{Tokens: spare}, more...), more) // a blob that was held spent nothing
}

// TestGuest deposits by tokens that were given to somebody who is no member.
func TestGuest(t *testing.T) {
	t.Parallel()
	r := start(t)
	p := r.join()
	p.draw(3)
	ours, other := [32]byte(r.made.Community), [32]byte{1}
	l := r.visitor()
	blobs := r.blobs(1)
	r.verify(r.deposit(l, wire.Deposit{Tokens: p.take(1), Community: &ours}, blobs...), blobs)
	if got := r.ask(l, wire.Deposit{Blobs: 1, Tokens: p.take(1), Community: &other}, r.blobs(1)...); got.(wire.Refused).Reason != wire.ReasonCommunity {
		t.Errorf("in a community that is not served: %v", got)
	}
	blob, d := newBlob(t, wire.Class0, r.today())
	tombstone := wire.Delete{Tombstones: wire.Tombstones{}.Add(d, r.today()), Community: &ours}
	if got := reasons(r.ask(l, tombstone).(wire.Kept)); got[0] != wire.ReasonToken {
		t.Errorf("a tombstone of nothing costs nothing: %v", got)
	}
	tombstone.Tokens = p.take(1)
	if got := reasons(r.ask(l, tombstone).(wire.Kept)); got[0] != 0 {
		t.Errorf("a tombstone that is paid for: %s", Word(got[0]))
	}
	if got := reasons(r.deposit(l, wire.Deposit{Community: &ours}, blob)); got[0] != wire.ReasonDeleted {
		t.Errorf("a blob that comes after its tombstone: %s", Word(got[0]))
	}
}

// TestRequestsInTheirPlace makes every request where it has none.
func TestRequestsInTheirPlace(t *testing.T) {
	t.Parallel()
	r := start(t)
	p := r.join()
	ours := [32]byte(r.made.Community)
	for name, c := range map[string]struct {
		member bool
		f      wire.Frame
	}{
		"range by a visitor":               {false, wire.RangeFrame{}},
		"scan by a visitor":                {false, wire.Scan{}},
		"get by a visitor":                 {false, wire.Get{IDs: wire.ShortIDs{}.Add(wire.ShortID{})}},
		"attest by a visitor":              {false, wire.Attest{}},
		"log-in on a member's link":        {true, wire.Login{}},
		"join on a member's link":          {true, wire.Join{Proof: []byte{1}}},
		"draw on a member's link":          {true, wire.Draw{Blinded: make([]byte, 32)}},
		"deposit without a community":      {false, wire.Deposit{Blobs: 1}},
		"deposit that names the community": {true, wire.Deposit{Blobs: 1, Community: &ours}},
		"an answer":                        {true, wire.Attest{}},
	} {
		l := r.visitor()
		if c.member {
			l.Close(link.ReasonBye)
			l = p.mustMember()
		}
		if name == "an answer" {
			c.f = wire.Refused{Reason: 1}
		}
		s := r.request(l, c.f)
		if f, err := s.Receive(within(t)); err == nil {
			t.Errorf("%s is answered: %#v", name, f)
		}
		<-l.Done()
	}
}

func TestTokensOfAnotherDay(t *testing.T) {
	t.Parallel()
	r := start(t)
	c := r.community()
	today := r.today()
	for day, good := range map[uint16]bool{today - 14: false, today - 13: true, today: true, today + 1: true, today + 2: false} {
		if _, err := c.issuer(day); (err == nil) != good {
			t.Errorf("tokens of day %+d are good: %v", int(day)-int(today), err)
		}
	}
	// One that is spent stays so for as long as it is good.
	issuer, err := c.issuer(today - 13)
	if err != nil {
		t.Fatal(err)
	}
	draw, err := token.NewDraw(rand.Reader, c.issuers.key.Public(), issuer.Info(), 1)
	if err != nil {
		t.Fatal(err)
	}
	evaluated, proof, err := issuer.Evaluate(rand.Reader, draw.Request())
	if err != nil {
		t.Fatal(err)
	}
	tokens, err := draw.Finish(evaluated, proof)
	if err != nil {
		t.Fatal(err)
	}
	l := r.join().mustMember()
	blobs, old := r.blobs(2), token.Append(nil, tokens)
	r.verify(r.deposit(l, wire.Deposit{Tokens: old}, blobs[0]), blobs[:1])
	if got := reasons(r.deposit(l, wire.Deposit{Tokens: old}, blobs[1])); got[0] != wire.ReasonToken {
		t.Errorf("an old token is taken twice: %v", got)
	}
}

func TestFullDisk(t *testing.T) {
	t.Parallel()
	r := found(t)
	const limit = 100 << 10
	r.run(Config{Vouched: func() bool { return true }, Limits: Limits{Disk: limit}})
	p := r.join()
	p.draw(30)
	l := p.mustMember()
	kept, full := 0, 0
	for range 30 {
		for _, reason := range reasons(r.deposit(l, wire.Deposit{Tokens: p.take(1)}, r.blobs(1)...)) {
			switch reason {
			case 0:
				kept++
			case wire.ReasonDiskFull:
				full++
			default:
				t.Fatalf("on a full disk: %s", Word(reason))
			}
		}
	}
	if kept == 0 || kept > limit/(4<<10) || kept+full != 30 {
		t.Errorf("%d are kept and %d refused on a disk for %d", kept, full, limit/(4<<10))
	}
	if got := len(bodies(r.collect(l, 0))); got != kept {
		t.Errorf("%d of %d are collected from a full disk", got, kept)
	}
	if st := r.Status(); st.Communities[0].Room > 8<<10 || st.Refused[wire.ReasonDiskFull] != uint64(full) {
		t.Errorf("the operator is told %+v", st)
	}
}

// TestPolicyHolds has a community whose policy is narrower than what the operator allows.
func TestPolicyHolds(t *testing.T) {
	t.Parallel()
	r := &rig{t: t, dir: t.TempDir(), logs: &logged{}, from: net.IPv4(127, 0, 0, 1)}
	narrow := community.Policy{Days: 10, Disk: 20 << 10, Tokens: 7}
	var err error
	if r.made, err = Found(r.dir, Charter{Name: "Casa", Policy: narrow}, Config{Rand: rand.Reader}); err != nil {
		t.Fatal(err)
	}
	r.run(Config{Vouched: func() bool { return true }})
	p := r.join()
	if p.grant.Allowance != 7 {
		t.Errorf("a member may draw %d", p.grant.Allowance)
	}
	p.draw(7)
	l := p.mustMember()
	far, _ := newBlob(t, wire.Class0, r.day()+11)
	last, _ := newBlob(t, wire.Class0, r.day()+10)
	if got := reasons(r.deposit(l, wire.Deposit{Tokens: p.take(2)}, far, last)); !slices.Equal(got, []wire.Reason{wire.ReasonWrongDay, 0}) {
		t.Errorf("beyond the policy's days, and the last of them: %v", got)
	}
	if got := reasons(r.deposit(l, wire.Deposit{Tokens: p.take(5)}, r.blobs(5)...)); !slices.Contains(got, wire.ReasonQuota) || slices.Contains(got, wire.ReasonDiskFull) {
		t.Errorf("beyond the policy's bytes: %v", got)
	}
}
