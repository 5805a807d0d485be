package supernode

import (
	"crypto/rand"
	"net"
	"net/netip"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"sottovoce/mesh/link"
	"sottovoce/mesh/wire"
	"sottovoce/relay/token"
)

// elsewhere is the same supernode as seen from another address.
func (r *rig) elsewhere(last byte) *rig {
	other := *r
	other.from = net.IPv4(127, 0, 0, last)
	return &other
}

// lasts is how long somebody waits who deposits one blob.
func (r *rig) lasts(p *person, l *link.Link) time.Duration {
	r.t.Helper()
	blobs := r.blobs(1)
	begun := time.Now()
	r.verify(r.deposit(l, wire.Deposit{Tokens: p.take(1)}, blobs...), blobs)
	return time.Since(begun)
}

// TestForgers has eight links forge tokens as fast as they can: they wait, and nobody else does.
func TestForgers(t *testing.T) {
	t.Parallel()
	r := start(t)
	honest := r.join()
	honest.draw(20)
	l := honest.mustMember()
	crowd := r.elsewhere(2)
	ours := [32]byte(r.made.Community)
	var guests []*link.Link
	var forgers sync.WaitGroup
	for range 8 {
		guest := crowd.visitor()
		guests = append(guests, guest)
		forgers.Go(func() {
			for {
				forged := make([]byte, 20*token.Size)
				_, _ = rand.Read(forged)
				for i := range 20 {
					forged[i*token.Size], forged[i*token.Size+1] = byte(r.day()>>8), byte(r.day())
				}
				s, err := guest.Request(t.Context())
				if err != nil {
					return
				}
				_ = s.Send(t.Context(), wire.Deposit{Blobs: 20, Tokens: forged, Community: &ours}, r.blobs(20)...)
				_ = s.End()
				_, _ = s.Receive(t.Context())
				_ = s.Close()
			}
		})
	}
	begun := time.Now()
	slowest := time.Duration(0)
	for range 20 {
		slowest = max(slowest, r.lasts(honest, l))
		time.Sleep(20 * time.Millisecond)
	}
	lasted := time.Since(begun)
	tried := r.Status().Refused[wire.ReasonToken]
	for _, guest := range guests {
		guest.Close(link.ReasonBye)
	}
	forgers.Wait()
	if most := patienceBurst/16 + lasted.Seconds()*patiencePerSecond/16 + 8*20*8; float64(tried) > most {
		t.Errorf("%d forged tokens are looked at in %v, want at most %.0f", tried, lasted, most)
	}
	if tried < 20 {
		t.Errorf("only %d forged tokens came", tried)
	}
	if slowest > 2*time.Second {
		t.Errorf("others wait %v", slowest)
	}
	if st := r.Status(); st.Blobs != 20 {
		t.Errorf("%d blobs are kept", st.Blobs)
	}
}

// TestStallers announces deposits and sends none of them.
func TestStallers(t *testing.T) {
	t.Parallel()
	r := start(t)
	honest := r.join()
	honest.draw(3)
	l := honest.mustMember()
	crowd, ours := r.elsewhere(3), [32]byte(r.made.Community)
	var links []*link.Link
	for range 4 {
		guest := crowd.visitor()
		links = append(links, guest)
		for range 8 {
			s, err := guest.Request(within(t))
			if err != nil {
				t.Fatal(err)
			}
			if err := s.Send(within(t), wire.Deposit{Blobs: 256, Community: &ours}, r.blobs(1)...); err != nil {
				t.Fatal(err)
			}
		}
	}
	if waited := r.lasts(honest, l); waited > 2*time.Second {
		t.Errorf("others wait %v", waited)
	}
	r.in.mu.Lock()
	taken := r.in.by[blockOf(r.elsewhere(3).addr())]
	r.in.mu.Unlock()
	if taken > bytesIn/8 {
		t.Errorf("who stalls holds %d bytes", taken)
	}
	for _, guest := range links {
		guest.Close(link.ReasonBye)
	}
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		r.in.mu.Lock()
		left := r.in.taken
		r.in.mu.Unlock()
		if left == 0 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d bytes are held for links that have ended", left)
		}
	}
}

// TestThousandsOfStreams makes requests as fast as they go on one link: eight at a time are served,
// and what they leave behind is bounded.
func TestThousandsOfStreams(t *testing.T) {
	t.Parallel()
	r := start(t)
	honest := r.join()
	honest.draw(3)
	l := honest.mustMember()
	crowd := r.elsewhere(4)
	flood := *honest
	flood.r = crowd
	guest := flood.mustMember()
	before := runtime.NumGoroutine()
	var most int
	var requests sync.WaitGroup
	for range 16 {
		requests.Go(func() {
			for range 60 {
				s, err := guest.Request(t.Context())
				if err != nil {
					return
				}
				_ = s.Send(t.Context(), wire.Attest{})
				s.Reset() // nobody waits for the answer
			}
		})
	}
	for range 10 {
		if waited := r.lasts(&person{r: r, tokens: honest.tokens[:1]}, l); waited > 2*time.Second {
			t.Errorf("others wait %v", waited)
		}
		honest.draw(1)
		honest.tokens = honest.tokens[1:]
		most = max(most, runtime.NumGoroutine())
	}
	requests.Wait()
	if most-before > 200 {
		t.Errorf("%d goroutines for one link", most-before)
	}
	guest.Close(link.ReasonBye)
}

// junk are frames that this version does not know.
type junk struct {
	kind wire.FrameType
	Text string `cbor:"1,keyasint"`
}

func (j junk) FrameType() wire.FrameType { return j.kind }
func (junk) Check() error                { return nil }

// TestLaterVersions asks what only a later version knows.
func TestLaterVersions(t *testing.T) {
	t.Parallel()
	r := start(t)
	l := r.visitor()
	for _, kind := range []wire.FrameType{0x4e, 0x7f, 0x80, 0xff} {
		if got := refusedFor(r.ask(l, junk{kind: kind, Text: "hm"})); got != wire.ReasonWeOld {
			t.Errorf("frame %#x: %s", kind, Word(got))
		}
	}
	p := r.join()
	if got := refusedFor(r.ask(l, p.loginFrame(l))); got != 0 {
		t.Errorf("the link is not of use any more: %s", Word(got))
	}
	for _, kind := range []wire.FrameType{wire.FrameReceipt, wire.FrameAsk} {
		l := r.visitor()
		_, err := r.request(l, junk{kind: kind}).Receive(within(t))
		if err == nil {
			t.Errorf("frame %#x is answered", kind)
		}
		<-l.Done()
	}
}

// TestJunk sends what is no blob, too much of it, and too little.
func TestJunk(t *testing.T) {
	t.Parallel()
	r := start(t)
	p := r.join()
	ours := [32]byte(r.made.Community)
	wrongSize, _ := newBlob(t, wire.Class0, r.day())
	for name, c := range map[string]struct {
		f     wire.Frame
		blobs [][]byte
	}{
		"a blob of another version": {wire.Deposit{Blobs: 1}, [][]byte{make([]byte, 4096)}},
		"a blob of no class's size": {wire.Deposit{Blobs: 1}, [][]byte{wrongSize[:4000]}},
		"fewer than announced":      {wire.Deposit{Blobs: 2}, r.blobs(1)},
		"half a token":              {wire.Deposit{Blobs: 1, Tokens: make([]byte, token.Size/2)}, r.blobs(1)},
		"half a token, to delete":   {wire.Delete{Tombstones: wire.Tombstones{}.Add([16]byte{}, r.day()), Tokens: []byte{1}}, nil},
		"more than a batch":         {wire.Deposit{Blobs: 17}, nil},
	} {
		if name == "more than a batch" {
			for range 17 {
				b, _ := newBlob(t, wire.Class2, r.day())
				c.blobs = append(c.blobs, b)
			}
		}
		l := r.visitor()
		switch f := c.f.(type) {
		case wire.Deposit:
			f.Community = &ours
			c.f = f
		case wire.Delete:
			f.Community = &ours
			c.f = f
		}
		s, err := l.Request(within(t))
		if err != nil {
			t.Fatal(err)
		}
		_ = s.Send(within(t), c.f, c.blobs...)
		_ = s.End()
		if got, err := s.Receive(within(t)); err == nil {
			t.Errorf("%s is answered: %#v", name, got)
		}
		<-l.Done()
	}
	if got := bodies(r.collect(p.mustMember(), 0)); len(got) != 0 {
		t.Errorf("%d blobs are kept", len(got))
	}
	for _, secret := range []string{r.made.Community.String(), p.persona.Persona().String(), "127.0.0.1"} {
		if strings.Contains(r.logs.String(), secret) {
			t.Errorf("the log tells %s", secret)
		}
	}
}

func (r *rig) addr() netip.Addr {
	a, _ := netip.AddrFromSlice(r.from.To4())
	return a
}
