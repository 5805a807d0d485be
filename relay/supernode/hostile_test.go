package supernode

import (
	"bytes"
	"context"
	"crypto/rand"
	"log/slog"
	"net"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"sottovoce/mesh/handshake"
	"sottovoce/mesh/link"
	"sottovoce/mesh/peer"
	"sottovoce/mesh/wire"
	"sottovoce/relay/community"
	"sottovoce/relay/mailbox"
	"sottovoce/relay/token"
)

// from makes a link of a member from an address of the loopback network: 127.0.0.x is a block of
// its own, as another customer's address is.
func (p *person) from(x byte) *link.Link {
	p.r.t.Helper()
	pc, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, x)})
	if err != nil {
		p.r.t.Fatal(err)
	}
	transport, err := link.Open(pc, link.Config{Rand: rand.Reader, Log: slog.New(slog.DiscardHandler), Keyring: nobody{}})
	if err != nil {
		p.r.t.Fatal(err)
	}
	p.r.t.Cleanup(func() { _ = transport.Close() })
	secret := community.Secret(p.grant.PSK).LinkSecret()
	l, err := transport.Dial(within(p.r.t), link.Target{
		Endpoints: []peer.Endpoint{p.r.at}, Mode: handshake.Member,
		Pair: &handshake.Pair{Member: true, Their: p.r.device.Public().Agree, Key: handshake.NewLinkKey(secret[:])},
	})
	if err != nil {
		p.r.t.Fatal(err)
	}
	return l
}

// held is how many blobs the supernode has.
func (r *rig) held() int { return r.store.Stats().Blobs }

// spent reports whether a token counts as spent.
func (r *rig) spent(t token.Token) bool {
	return r.store.Spent(mailbox.Community(r.made.Community), spendable(t))
}

// foreign makes a token that is good under another key, or other names.
func foreign(t testing.TB, key *token.Key, info token.Info) token.Token {
	t.Helper()
	issuer, err := key.At(info)
	if err != nil {
		t.Fatal(err)
	}
	d, err := token.NewDraw(rand.Reader, key.Public(), info, 1)
	if err != nil {
		t.Fatal(err)
	}
	evaluated, proof, err := issuer.Evaluate(rand.Reader, d.Request())
	if err != nil {
		t.Fatal(err)
	}
	tokens, err := d.Finish(evaluated, proof)
	if err != nil {
		t.Fatal(err)
	}
	return tokens[0]
}

// TestTokensThatAreNotGood: what was not drawn here, today or lately, pays for nothing, and what
// stands beside it pays for its own.
func TestTokensThatAreNotGood(t *testing.T) {
	r := start(t)
	anna := r.join()
	anna.draw(40)
	l := anna.mustMember()
	key := r.community().issuers.key
	here := token.Info{Supernode: r.ID(), Community: r.made.Community, Day: r.today()}
	with := func(change func(*token.Info)) token.Info {
		info := here
		change(&info)
		return info
	}
	other, err := token.NewKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	spent := anna.tokens[0]
	if got := reasons(r.deposit(l, wire.Deposit{Tokens: anna.take(1)}, r.blobs(1)...)); got[0] != 0 {
		t.Fatalf("a good token: %v", got)
	}
	half := anna.tokens[0]
	half[len(half)-1] ^= 1
	redated := anna.tokens[0]
	redated[1]--
	for name, bad := range map[string]token.Token{
		"nothing":                 {},
		"spent before":            spent,
		"a bit of the mark":       half,
		"the day written over":    redated,
		"another key":             foreign(t, other, here),
		"another supernode's":     foreign(t, key, with(func(i *token.Info) { i.Supernode[0] ^= 1 })),
		"another community's":     foreign(t, key, with(func(i *token.Info) { i.Community[0] ^= 1 })),
		"of a fortnight ago":      foreign(t, key, with(func(i *token.Info) { i.Day -= token.DaysBack + 1 })),
		"of the day after next":   foreign(t, key, with(func(i *token.Info) { i.Day += token.DaysAhead + 1 })),
		"of the end of the world": foreign(t, key, with(func(i *token.Info) { i.Day = 1<<16 - 1 })),
	} {
		before, blobs := r.held(), r.blobs(3)
		list := []token.Token{anna.tokens[0], bad, anna.tokens[1]}
		anna.tokens = anna.tokens[2:]
		got := reasons(r.deposit(l, wire.Deposit{Tokens: token.Append(nil, list)}, blobs...))
		if want := []wire.Reason{0, wire.ReasonToken, 0}; !slices.Equal(got, want) || r.held() != before+2 {
			t.Errorf("%s: %v, %d more blobs", name, got, r.held()-before)
		}
		if !r.spent(list[0]) || !r.spent(list[2]) {
			t.Errorf("%s: what was good is not spent", name)
		}
	}
	// Days that are good, at both ends.
	for _, off := range []int{-token.DaysBack, token.DaysAhead} {
		good := foreign(t, key, with(func(i *token.Info) { i.Day = uint16(int(i.Day) + off) }))
		if got := reasons(r.deposit(l, wire.Deposit{Tokens: token.Append(nil, []token.Token{good})}, r.blobs(1)...)); got[0] != 0 {
			t.Errorf("a token of %d days on: %v", off, got)
		}
	}
	// A refusal for another reason spends nothing.
	late, _ := newBlob(t, wire.Class0, r.today()+60)
	paid := anna.tokens[0]
	if got := reasons(r.deposit(l, wire.Deposit{Tokens: anna.take(1)}, late)); got[0] != wire.ReasonWrongDay || r.spent(paid) {
		t.Errorf("a blob of no day: %v, token spent %t", got, r.spent(paid))
	}
	// A class-2 blob takes four; three are too few, and stay.
	large, _ := newBlob(t, wire.Class2, r.today()+7)
	three := slices.Clone(anna.tokens[:3])
	if got := reasons(r.deposit(l, wire.Deposit{Tokens: token.Append(nil, three)}, large)); got[0] != wire.ReasonToken || r.spent(three[0]) {
		t.Errorf("three tokens for a blob of four: %v", got)
	}
	if got := reasons(r.deposit(l, wire.Deposit{Tokens: anna.take(4)}, large)); got[0] != 0 || !r.spent(three[2]) {
		t.Errorf("four tokens for a blob of four: %v", got)
	}
}

// TestLostAnswerAfterARestart: who got no answer says the same again, over another link and after a restart, and pays once.
func TestLostAnswerAfterARestart(t *testing.T) {
	r := start(t)
	anna := r.join()
	anna.draw(8)
	blobs, tokens := r.blobs(4), anna.take(4)
	first := r.deposit(anna.mustMember(), wire.Deposit{Tokens: tokens}, blobs...)
	r.verify(first, blobs)
	again := r.deposit(anna.mustMember(), wire.Deposit{Tokens: tokens}, blobs...)
	r.verify(again, blobs)
	if !bytes.Equal(first.Results, again.Results) || r.held() != 4 {
		t.Errorf("%x the first time, %x the second", first.Results, again.Results)
	}
	// Of a batch of which only a part arrived before, the rest is paid by its own tokens.
	more := r.blobs(2)
	rest := anna.take(2)
	part := r.deposit(anna.mustMember(), wire.Deposit{Tokens: append(bytes.Clone(tokens), rest...)}, append(slices.Clone(blobs), more...)...)
	r.verify(part, append(slices.Clone(blobs), more...))

	if err := r.stop(); err != nil {
		t.Fatal(err)
	}
	r.run(Config{Vouched: func() bool { return true }})
	l := anna.mustMember()
	r.verify(r.deposit(l, wire.Deposit{Tokens: tokens}, blobs...), blobs)
	r.verify(r.deposit(l, wire.Deposit{}, blobs...), blobs) // what is held is free
	if got := reasons(r.deposit(l, wire.Deposit{Tokens: tokens}, r.blobs(4)...)); slices.Contains(got, 0) {
		t.Errorf("tokens spent before a restart pay again: %v", got)
	}
}

// TestOneTokenInManyStreams: one token in many streams of many links at the same moment pays for one blob; one
// blob with its token is kept however often it comes.
func TestOneTokenInManyStreams(t *testing.T) {
	r := start(t)
	anna := r.join()
	anna.draw(3)
	twice := append(token.Append(nil, anna.tokens[:1]), token.Append(nil, anna.tokens[:1])...)
	anna.tokens = anna.tokens[1:]
	l := anna.mustMember()
	if got := reasons(r.deposit(l, wire.Deposit{Tokens: twice}, r.blobs(2)...)); !slices.Equal(got, []wire.Reason{0, wire.ReasonToken}) {
		t.Errorf("one token twice in a batch: %v", got)
	}
	links := []*link.Link{l, anna.mustMember(), anna.mustMember(), anna.mustMember()}
	race := func(tokens []byte, blob func(i int) [][]byte) (kept int, cursors map[uint64]bool) {
		var mu sync.Mutex
		var all sync.WaitGroup
		cursors = make(map[uint64]bool)
		for i := range 32 {
			blobs := blob(i)
			stream := r.request(links[i%len(links)], wire.Deposit{Blobs: 1, Tokens: tokens}, blobs...)
			all.Go(func() {
				answer, err := stream.Receive(within(t))
				got, is := answer.(wire.Kept)
				if err != nil || !is {
					t.Errorf("%v, %v", answer, err)
					return
				}
				mu.Lock()
				defer mu.Unlock()
				for reason, cursor := range got.Results.All() {
					if reason == 0 {
						kept++
						cursors[cursor] = true
					}
				}
			})
		}
		all.Wait()
		return kept, cursors
	}
	before := r.held()
	if kept, _ := race(anna.take(1), func(int) [][]byte { return r.blobs(1) }); kept != 1 || r.held() != before+1 {
		t.Errorf("one token has paid for %d blobs of 32, %d are held", kept, r.held()-before)
	}
	same := r.blobs(1)
	if kept, cursors := race(anna.take(1), func(int) [][]byte { return same }); kept != 32 || len(cursors) != 1 || r.held() != before+2 {
		t.Errorf("one blob with its token is kept %d times of 32, at %d cursors", kept, len(cursors))
	}
}

// TestGarbage: what is no request costs its link, and what is no deposit stores nothing.
func TestGarbage(t *testing.T) {
	r := start(t)
	anna := r.join()
	anna.draw(10)
	tokens := token.Append(nil, anna.tokens)
	blob := r.blobs(1)[0]
	changed := func(at int, by byte) []byte {
		b := bytes.Clone(blob)
		b[at] ^= by
		return b
	}
	for name, bad := range map[string]struct {
		f     wire.Frame
		blobs [][]byte
	}{
		"a blob of version 0":            {wire.Deposit{Blobs: 1, Tokens: tokens}, [][]byte{changed(0, 1)}},
		"of a class that is not":         {wire.Deposit{Blobs: 1, Tokens: tokens}, [][]byte{changed(1, 0x80)}},
		"of another class's size":        {wire.Deposit{Blobs: 1, Tokens: tokens}, [][]byte{changed(1, 1)}},
		"with reserved bytes":            {wire.Deposit{Blobs: 1, Tokens: tokens}, [][]byte{changed(39, 1)}},
		"a byte too long":                {wire.Deposit{Blobs: 1, Tokens: tokens}, [][]byte{append(bytes.Clone(blob), 0)}},
		"nothing at all":                 {wire.Deposit{Blobs: 1, Tokens: tokens}, [][]byte{nil}},
		"too few":                        {wire.Deposit{Blobs: 2, Tokens: tokens}, [][]byte{blob}},
		"half a token":                   {wire.Deposit{Blobs: 1, Tokens: tokens[:token.Size/2]}, [][]byte{blob}},
		"a community where there is one": {wire.Deposit{Blobs: 1, Tokens: tokens, Community: new([32]byte)}, [][]byte{blob}},
		"an answer as a request":         {wire.Checkpoint{}, nil},
		"a log-in of a member":           {wire.Login{}, nil},
		"a draw of a member":             {wire.Draw{Blinded: make([]byte, 32)}, nil},
	} {
		l := anna.mustMember()
		s := r.request(l, bad.f, bad.blobs...)
		if f, err := s.Receive(within(t)); err == nil {
			t.Errorf("%s is answered by %#v", name, f)
		}
		select {
		case <-l.Done():
		case <-within(t).Done():
			t.Errorf("%s: the link lives on", name)
		}
	}
	if r.held() != 0 {
		t.Errorf("%d blobs are held", r.held())
	}
	for i := range anna.tokens {
		if r.spent(anna.tokens[i]) {
			t.Error("a token is spent")
		}
	}
	// Draws of what is no element, over a link that is logged in.
	for name, blinded := range map[string][]byte{"the identity": make([]byte, 32), "no element": bytes.Repeat([]byte{0xff}, 64)} {
		l := anna.login()
		s := r.request(l, wire.Draw{Day: uint32(r.today()), Blinded: blinded})
		if f, err := s.Receive(within(t)); err == nil {
			t.Errorf("a draw of %s is answered by %#v", name, f)
		}
	}
	r.verify(r.deposit(anna.mustMember(), wire.Deposit{Tokens: tokens[:token.Size]}, blob), [][]byte{blob})
}

// serves checks that somebody at another address is served meanwhile, and how soon.
func (r *rig) serves(p *person, l *link.Link, what string) {
	r.t.Helper()
	begun := time.Now()
	blobs := r.blobs(4)
	r.verify(r.deposit(l, wire.Deposit{Tokens: p.take(4)}, blobs...), blobs)
	if took := time.Since(begun); took > 3*time.Second {
		r.t.Errorf("%s: a deposit from another address takes %v", what, took)
	}
}

// memory is what the heap has after a collection, in bytes.
func memory() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc + m.StackInuse
}

// hostile makes requests from many streams of one address until the test has seen enough; what becomes of them
// nobody asks.
func (p *person) hostile(x byte, links, streams int, one func(ctx context.Context, s *link.CustodyStream, i int)) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var all sync.WaitGroup
	for range links {
		l := p.from(x)
		for i := range streams {
			all.Go(func() {
				for ctx.Err() == nil {
					s, err := l.Request(ctx)
					if err != nil {
						return // the supernode has had enough: as good
					}
					one(ctx, s, i)
				}
			})
		}
	}
	return func() {
		cancel()
		all.Wait()
	}
}

// TestFloods: whoever opens thousands of streams, deposits for nothing, or stalls wherever one can stall, uses up
// their own patience; memory stays bounded, and whoever is elsewhere is served.
func TestFloods(t *testing.T) {
	r := start(t)
	anna, mallory := r.join(), r.join()
	anna.draw(100)
	good := anna.from(2)
	r.serves(anna, good, "before")
	before := memory()
	for _, flood := range []func(anna, mallory *person, good *link.Link){floodOfStreams, floodOfForgeries, floodOfStalls} {
		flood(anna, mallory, good)
	}
	if after := memory(); after > before+48<<20 {
		t.Errorf("memory grew from %d to %d KiB", before>>10, after>>10)
	}
	if got := r.held(); got > 4*30 {
		t.Errorf("%d blobs are held", got)
	}
}

// floodOfStreams opens 10,000 streams and gives them up.
func floodOfStreams(anna, mallory *person, good *link.Link) {
	r := anna.r
	var opened atomic.Int64
	enough := make(chan struct{})
	defer mallory.hostile(3, 4, 8, func(_ context.Context, s *link.CustodyStream, _ int) {
		s.Reset()
		if opened.Add(1) == 10_000 {
			close(enough)
		}
	})()
	r.serves(anna, good, "streams that are opened and given up")
	select {
	case <-enough:
	case <-within(r.t).Done():
		r.t.Errorf("%d streams only", opened.Load())
	}
	r.serves(anna, good, "10,000 streams")
}

// floodOfForgeries deposits with tokens that nobody drew.
func floodOfForgeries(anna, mallory *person, good *link.Link) {
	r := anna.r
	forged := make([]token.Token, 256)
	for i := range forged {
		forged[i] = foreignMark(r.today(), i)
	}
	blobs, tokens := r.blobs(256), token.Append(nil, forged)
	stop := mallory.hostile(4, 4, 8, func(ctx context.Context, s *link.CustodyStream, _ int) {
		if s.Send(ctx, wire.Deposit{Blobs: 256, Tokens: tokens}, blobs...) == nil {
			_, _ = s.Receive(ctx)
		}
		s.Reset()
	})
	looked := func() uint64 {
		r.mu.Lock()
		defer r.mu.Unlock()
		return r.refusals[wire.ReasonToken]
	}
	for end := time.Now().Add(15 * time.Second); looked() < 256 && time.Now().Before(end); {
		time.Sleep(5 * time.Millisecond)
	}
	for range 4 {
		r.serves(anna, good, "forged tokens")
	}
	stop()
	if n := looked(); n < 256 || n > 20*256 {
		r.t.Errorf("%d forged tokens are looked at", n)
	}
}

// floodOfStalls begins requests and ends none.
func floodOfStalls(anna, mallory *person, good *link.Link) {
	r := anna.r
	blob := r.blobs(1)[0]
	defer mallory.hostile(5, 4, 8, func(ctx context.Context, s *link.CustodyStream, i int) {
		switch i % 4 {
		case 0: // a deposit of which the last blob never comes
			_ = s.Send(ctx, wire.Deposit{Blobs: 2}, blob)
		case 1: // many blobs announced
			_ = s.Send(ctx, wire.Deposit{Blobs: 256}, blob)
		case 2: // answers that nobody reads
			_ = s.Send(ctx, wire.RangeFrame{Follow: true})
		case 3: // a request, and no end of it
			_ = s.Send(ctx, wire.Attest{})
		}
		<-ctx.Done()
		s.Reset()
	})()
	for range 4 {
		r.serves(anna, good, "stalls")
	}
}

// TestManyStall: ten addresses that announce deposits and send next to nothing hold all the memory there is for
// deposits, and give way to whoever comes.
func TestManyStall(t *testing.T) {
	r := start(t)
	anna, mallory := r.join(), r.join()
	anna.draw(10)
	good := anna.from(2)
	blob := r.blobs(1)[0]
	for x := byte(10); x < 20; x++ {
		defer mallory.hostile(x, 1, 8, func(ctx context.Context, s *link.CustodyStream, _ int) {
			if s.Send(ctx, wire.Deposit{Blobs: 2}, blob) == nil {
				_, _ = s.Receive(ctx)
			}
			s.Reset()
		})()
	}
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		r.in.mu.Lock()
		full := r.in.taken == r.in.most
		r.in.mu.Unlock()
		if full {
			break
		}
		if time.Now().After(end) {
			t.Fatal("they do not hold all of it: the test shows nothing")
		}
	}
	r.serves(anna, good, "all memory is held")
	r.serves(anna, good, "and once more")
}

// foreignMark makes a token of a day that nobody drew.
func foreignMark(day uint16, i int) (t token.Token) {
	t[0], t[1], t[2], t[3] = byte(day>>8), byte(day), byte(i), byte(i>>8)
	return t
}
