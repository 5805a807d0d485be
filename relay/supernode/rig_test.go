package supernode

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"io"
	"log/slog"
	"net"
	"os"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"sottovoce/mesh/handshake"
	"sottovoce/mesh/identity"
	"sottovoce/mesh/link"
	"sottovoce/mesh/peer"
	"sottovoce/mesh/wire"
	"sottovoce/relay"
	"sottovoce/relay/community"
	"sottovoce/relay/mailbox"
	"sottovoce/relay/token"
)

func TestMain(m *testing.M) {
	// quic-go would write to the standard log that the kernel gives small buffers.
	_ = os.Setenv("QUIC_GO_DISABLE_RECEIVE_BUFFER_WARNING", "true")
	if serveYardstick() {
		return
	}
	if dir := os.Getenv(serveEnv); dir != "" {
		if err := serveForTest(dir); err != nil {
			panic(err)
		}
		return
	}
	goleak.VerifyTestMain(m)
}

// serveEnv names the data directory that this test binary serves until it is killed.
const serveEnv = "SOTTOVOCE_TEST_SERVE"

// listenEnv names where it listens; empty is any port of loopback.
const listenEnv = "SOTTOVOCE_TEST_LISTEN"

// serveForTest is what the process does that TestKilled kills.
func serveForTest(dir string) error {
	pc, err := net.ListenPacket("udp4", cmp.Or(os.Getenv(listenEnv), "127.0.0.1:0"))
	if err != nil {
		return err
	}
	s, err := Open(dir, Config{
		Conn: pc, Rand: rand.Reader, Log: slog.New(slog.DiscardHandler), Vouched: func() bool { return true },
	})
	if err != nil {
		return err
	}
	_, _ = os.Stdout.WriteString("at " + pc.LocalAddr().String() + "\n")
	return errors.Join(s.Run(context.Background()), s.Close())
}

// rig is a supernode that runs on a loopback socket, with one community.
type rig struct {
	t          testing.TB
	dir        string
	made       Founded
	*Supernode // nil where it runs in another process
	at         peer.Endpoint
	pid        int    // of the other process
	from       net.IP // where dials come from
	keys       identity.DeviceKeys
	tokens     token.PublicKey
	logs       *logged
	stop       func() error
}

// logged is a log that tests read.
type logged struct {
	mu sync.Mutex // guards b
	b  bytes.Buffer
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

var policy = community.Policy{Days: 58, Disk: 1 << 30, Tokens: 1000}

func found(t testing.TB) *rig {
	t.Helper()
	r := &rig{t: t, dir: t.TempDir(), logs: &logged{}, from: net.IPv4(127, 0, 0, 1)}
	var err error
	r.made, err = Found(r.dir, Charter{Name: "Casa", Policy: policy}, Config{Rand: rand.Reader})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// start opens and runs a supernode whose clock is vouched for, unless limits say otherwise.
func start(t testing.TB) *rig {
	t.Helper()
	r := found(t)
	r.run(Config{Vouched: func() bool { return true }})
	return r
}

// run opens the directory and serves it until the test ends or stop is called.
func (r *rig) run(cfg Config) {
	r.t.Helper()
	pc, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		r.t.Fatal(err)
	}
	cfg.Conn, cfg.Rand, cfg.Log = pc, rand.Reader, slog.New(slog.NewTextHandler(r.logs, nil))
	s, err := Open(r.dir, cfg)
	if err != nil {
		r.t.Fatal(errors.Join(err, pc.Close()))
	}
	for _, c := range s.all() {
		if cfg.Store != nil {
			c.pages.keep = 0 // what it shows may change
		}
	}
	r.at = pc.LocalAddr().(*net.UDPAddr).AddrPort()
	r.know(s)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	r.stop = sync.OnceValue(func() error {
		cancel()
		return errors.Join(<-done, s.Close())
	})
	r.t.Cleanup(func() {
		if err := r.stop(); err != nil {
			r.t.Error(err)
		}
	})
}

// know notes what clients are told of a supernode.
func (r *rig) know(s *Supernode) {
	r.Supernode, r.keys, r.tokens = s, s.device.Public(), s.serving(r.made.Community).issuers.key.Public()
}

// log is what clients verify against.
func (r *rig) log() relay.Log { return relay.Log{At: r.keys.ID(), Community: r.made.Community} }

// day is today's.
func (r *rig) day() uint16 { return wire.DayAt(time.Now()) }

func (r *rig) community() *served { return r.serving(r.made.Community) }

// person is somebody with a persona, or without.
type person struct {
	r       *rig
	persona community.PersonaKey
	grant   wire.Grant
	tokens  []token.Token
}

func within(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	t.Cleanup(cancel)
	return ctx
}

// dial makes a link from a socket of its own.
func (r *rig) dial(mode handshake.Mode, pair *handshake.Pair) (*link.Link, error) {
	r.t.Helper()
	pc, err := net.ListenUDP("udp4", &net.UDPAddr{IP: r.from})
	if err != nil {
		r.t.Fatal(err)
	}
	transport, err := link.Open(pc, link.Config{Rand: rand.Reader, Log: slog.New(slog.DiscardHandler), Keyring: nobody{}})
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { _ = transport.Close() })
	return transport.Dial(within(r.t), link.Target{Endpoints: []peer.Endpoint{r.at}, Mode: mode, Pair: pair})
}

// visitor makes a link that proves nothing of who dials.
func (r *rig) visitor() *link.Link {
	r.t.Helper()
	l, err := r.dial(handshake.Supernode, &handshake.Pair{Their: r.keys.Agree})
	if err != nil {
		r.t.Fatal(err)
	}
	return l
}

// request makes a request and returns its stream, at the end of what is sent.
func (r *rig) request(l *link.Link, f wire.Frame, blobs ...[]byte) *link.CustodyStream {
	r.t.Helper()
	s, err := l.Request(within(r.t))
	if err == nil {
		err = s.Send(within(r.t), f, blobs...)
	}
	if err != nil {
		r.t.Fatal(err)
	}
	_ = s.End() // the supernode may have answered already, and have heard enough
	return s
}

// ask makes a request that one frame answers.
func (r *rig) ask(l *link.Link, f wire.Frame, blobs ...[]byte) wire.Frame {
	r.t.Helper()
	s := r.request(l, f, blobs...)
	answer, err := s.Receive(within(r.t))
	if err != nil {
		r.t.Fatalf("%T is not answered: %v", f, err)
	}
	if _, err := s.Receive(within(r.t)); err != io.EOF {
		r.t.Fatalf("behind the answer to %T: %v", f, err)
	}
	return answer
}

func (r *rig) place(l *link.Link) community.Place {
	return community.Place{Exporter: l.Proof().Exporter, Supernode: r.keys.ID(), Community: r.made.Community, Day: uint32(r.day())}
}

func newPersona(t testing.TB) community.PersonaKey {
	t.Helper()
	k, err := community.NewPersonaKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// join makes a new member by a new link.
func (r *rig) join() *person {
	r.t.Helper()
	invite, err := r.Invite(r.made.Community, 1, time.Hour)
	if err != nil {
		r.t.Fatal(err)
	}
	return r.joinBy(invite)
}

// joinBy makes a new member by a link.
func (r *rig) joinBy(invite *community.Link) *person {
	r.t.Helper()
	p := &person{r: r, persona: newPersona(r.t)}
	l := r.visitor()
	defer l.Close(link.ReasonBye)
	answer := r.ask(l, p.joinFrame(l, invite))
	grant, is := answer.(wire.Grant)
	if !is {
		r.t.Fatalf("a join is answered by %#v", answer)
	}
	p.grant = grant
	return p
}

func (p *person) joinFrame(l *link.Link, invite *community.Link) wire.Join {
	at := p.r.place(l)
	return wire.Join{
		Community: at.Community, Persona: p.persona.Persona(), Signature: p.persona.Login(at), Day: at.Day,
		Proof: invite.Proof(at, p.persona.Persona()),
	}
}

func (p *person) loginFrame(l *link.Link) wire.Login {
	at := p.r.place(l)
	return wire.Login{Community: at.Community, Persona: p.persona.Persona(), Signature: p.persona.Login(at), Day: at.Day}
}

// login makes a link on which the persona is logged in.
func (p *person) login() *link.Link {
	p.r.t.Helper()
	l := p.r.visitor()
	answer := p.r.ask(l, p.loginFrame(l))
	grant, is := answer.(wire.Grant)
	if !is {
		p.r.t.Fatalf("a log-in is answered by %#v", answer)
	}
	p.grant = grant
	return l
}

// member makes a link that proves that somebody is a member.
func (p *person) member() (*link.Link, error) {
	p.r.t.Helper()
	secret := community.Secret(p.grant.PSK).LinkSecret()
	return p.r.dial(handshake.Member, &handshake.Pair{
		Member: true, Their: p.r.keys.Agree, Key: handshake.NewLinkKey(secret[:]),
	})
}

func (p *person) mustMember() *link.Link {
	p.r.t.Helper()
	l, err := p.member()
	if err != nil {
		p.r.t.Fatal(err)
	}
	return l
}

// draw draws n tokens.
func (p *person) draw(n int) {
	p.r.t.Helper()
	l := p.login()
	defer l.Close(link.ReasonBye)
	for n > 0 {
		some := min(n, token.DrawMax)
		n -= some
		info := token.Info{Supernode: p.r.keys.ID(), Community: p.r.made.Community, Day: p.r.day()}
		d, err := token.NewDraw(rand.Reader, p.r.tokens, info, some)
		if err != nil {
			p.r.t.Fatal(err)
		}
		answer := p.r.ask(l, wire.Draw{Day: uint32(info.Day), Blinded: d.Request()})
		drawn, is := answer.(wire.Drawn)
		if !is {
			p.r.t.Fatalf("a draw is answered by %#v", answer)
		}
		tokens, err := d.Finish(drawn.Evaluated, [token.ProofSize]byte(drawn.Proof))
		if err != nil {
			p.r.t.Fatal(err)
		}
		p.tokens = append(p.tokens, tokens...)
	}
}

// take takes n of the tokens that were drawn.
func (p *person) take(n int) []byte {
	b := token.Append(nil, p.tokens[:n])
	p.tokens = p.tokens[n:]
	return b
}

// newBlob makes a blob of a class that expires in so many days, and the secret that deletes it.
func newBlob(t testing.TB, class wire.Class, expiry uint16) (blob []byte, d [16]byte) {
	t.Helper()
	h := wire.Header{Class: class, ExpiryDay: expiry}
	size := class.Size()
	if class == wire.Class3 {
		size = 128 << 10
	}
	body := make([]byte, size-wire.HeaderSize)
	for _, b := range [][]byte{h.Tag[:], d[:], body} {
		if _, err := rand.Read(b); err != nil {
			t.Fatal(err)
		}
	}
	h.DelCommit = wire.CommitTo(d)
	return append(h.Append(nil), body...), d
}

// blobs makes n of class 0 that expire in a week.
func (r *rig) blobs(n int) (all [][]byte) {
	for range n {
		b, _ := newBlob(r.t, wire.Class0, r.day()+7)
		all = append(all, b)
	}
	return all
}

// deposit deposits and returns the answer, whose form is sound.
func (r *rig) deposit(l *link.Link, f wire.Deposit, blobs ...[]byte) wire.Kept {
	r.t.Helper()
	f.Blobs = uint16(len(blobs))
	answer := r.ask(l, f, blobs...)
	kept, is := answer.(wire.Kept)
	if !is || kept.Results.Len() != len(blobs) {
		r.t.Fatalf("a deposit is answered by %#v", answer)
	}
	return kept
}

// put keeps blobs that nobody has to pay for.
func (r *rig) put(blobs [][]byte) {
	r.t.Helper()
	deposits := make([]mailbox.Deposit, len(blobs))
	for i, b := range blobs {
		deposits[i].Blob = b
	}
	results, err := r.store.Append(r.t.Context(), r.community().id, deposits)
	for _, one := range results {
		err = errors.Join(err, one.Err)
	}
	if err != nil {
		r.t.Fatal(err)
	}
}

// reasons are those of the results, 0 for what is kept.
func reasons(k wire.Kept) (all []wire.Reason) {
	for reason := range k.Results.All() {
		all = append(all, reason)
	}
	return all
}

// next receives a page and its blobs.
func (r *rig) next(s *link.CustodyStream) paged {
	r.t.Helper()
	ctx := within(r.t)
	f, err := s.Receive(ctx)
	if err != nil {
		r.t.Fatal(err)
	}
	page, is := f.(wire.Page)
	if !is {
		r.t.Fatalf("a page is expected, not %#v", f)
	}
	p := paged{Page: page}
	for range page.Cursors.Len() {
		blob, err := s.Blob(ctx, wire.BlobSizeMax)
		if err != nil {
			r.t.Fatal(err)
		}
		p.blobs = append(p.blobs, blob)
	}
	return p
}

// collect reads a log from a cursor to its end.
func (r *rig) collect(l *link.Link, since uint64) (pages []paged) {
	r.t.Helper()
	s := r.request(l, wire.RangeFrame{Since: since})
	for {
		p := r.next(s)
		pages = append(pages, p)
		if p.End {
			return pages
		}
	}
}

func bodies(pages []paged) (all [][]byte) {
	for _, p := range pages {
		all = append(all, p.blobs...)
	}
	return all
}
