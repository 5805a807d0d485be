package cluster

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"time"

	"sottovoce/cmd/internal/netlab"
	"sottovoce/mesh/handshake"
	"sottovoce/mesh/link"
	"sottovoce/mesh/peer"
	"sottovoce/mesh/wire"
	"sottovoce/relay"
	"sottovoce/relay/community"
	"sottovoce/relay/token"
)

const (
	// answerTime is how long a request may take.
	answerTime = 20 * time.Second
	// crowdRange are the addresses of members. Each has one, since a supernode lets nobody come too often.
	crowdRange = "10.87.0.0/16"
)

// Crowd are the members of a community, who share a host of many addresses.
type Crowd struct {
	t    testing.TB
	host *netlab.Host
	all  []*Member
}

// Member is one of them: a client of the custody protocol with nothing around it.
type Member struct {
	crowd  *Crowd
	from   netip.Addr
	papers *community.Membership
	at     peer.ID // the supernode that the member deals with
	tokens []token.Token
	tag    [16]byte // of what is for this member
}

// NewCrowd makes a host for members on a LAN, which the fronts find the way back to.
func NewCrowd(t testing.TB, lan *netlab.LAN, fronts ...*Front) *Crowd {
	t.Helper()
	c := &Crowd{t: t, host: lan.Host("crowd")}
	c.host.IP("route", "add", "local", crowdRange, "dev", "lo")
	for _, f := range fronts {
		f.IP("route", "add", crowdRange, "via", c.host.IPv4.String())
	}
	return c
}

// Join makes n members, who join by turns at the fronts.
func (c *Crowd) Join(n int, by *community.Link, fronts ...*Front) []*Member {
	c.t.Helper()
	first := len(c.all)
	for i := range n {
		m := &Member{crowd: c, from: netip.AddrFrom4([4]byte{10, 87, byte((first + i) / 250), byte(1 + (first+i)%250)})}
		_, _ = rand.Read(m.tag[:])
		var err error
		if m.papers, err = community.NewMembership(by, rand.Reader); err != nil {
			c.t.Fatal(err)
		}
		m.at = m.papers.Supernodes()[0].ID()
		c.all = append(c.all, m)
	}
	fresh := c.all[first:]
	if err := Each(fresh, func(i int, m *Member) error { return m.Enter(fronts[i%len(fronts)], 0) }); err != nil {
		c.t.Fatal(err)
	}
	return fresh
}

// together is how many members act at one time.
const together = 8

// Each has all members do something, some at a time, and fails when one of them does.
func Each(all []*Member, do func(i int, m *Member) error) error {
	next := make(chan int)
	failed := make(chan error, len(all))
	var work sync.WaitGroup
	for range together {
		work.Go(func() {
			for i := range next {
				if err := do(i, all[i]); err != nil {
					failed <- fmt.Errorf("member %d: %w", i, err)
				}
			}
		})
	}
	for i := range all {
		next <- i
	}
	close(next)
	work.Wait()
	close(failed)
	if n := len(failed); n > 0 {
		return fmt.Errorf("%d of %d fail: %w", n, len(all), <-failed)
	}
	return nil
}

// log is what a supernode of the community signs for.
func (m *Member) log() relay.Log {
	return relay.Log{At: m.stop().ID(), Community: m.papers.Community()}
}

// stop is the supernode that the member deals with: the one of the join link, or that of Turn.
func (m *Member) stop() community.Supernode {
	for _, known := range m.papers.Supernodes() {
		if known.ID() == m.at {
			return known.Supernode
		}
	}
	return community.Supernode{} // it was shut out, and nobody answers to that
}

// Turn has the member deal with another supernode, of which an earlier one has told them, and draw n tokens there.
func (m *Member) Turn(to *Front, n int) error {
	m.at, m.tokens = to.id, nil
	return m.Enter(to, n)
}

// nobody is the keyring of who only dials.
type nobody struct{}

func (nobody) Statics() handshake.Statics { return handshake.Statics{} }
func (nobody) Keys() int                  { return 0 }
func (nobody) Find(handshake.Exporter, [handshake.HintSize]byte) (handshake.Pair, bool) {
	return handshake.Pair{}, false
}

// dial makes a link from a socket of its own; hang ends both.
func (m *Member) dial(ctx context.Context, to *Front, mode handshake.Mode, pair *handshake.Pair) (l *link.Link, hang func(), err error) {
	var conn *net.UDPConn
	if err := m.crowd.host.In(func() (err error) {
		conn, err = net.ListenUDP("udp4", &net.UDPAddr{IP: m.from.AsSlice()})
		return err
	}); err != nil {
		return nil, nil, err
	}
	transport, err := link.Open(conn, link.Config{Rand: rand.Reader, Log: slog.New(slog.DiscardHandler), Keyring: nobody{}})
	if err != nil {
		return nil, nil, errors.Join(err, conn.Close())
	}
	l, err = transport.Dial(ctx, link.Target{Endpoints: []peer.Endpoint{to.at()}, Mode: mode, Pair: pair})
	if err != nil {
		return nil, nil, errors.Join(err, transport.Close())
	}
	return l, func() { _ = transport.Close() }, nil
}

// Enter joins, or logs in, at a front, exchanges papers with it, and draws n tokens. A supernode that has not heard of the member yet is shown who let
// them in.
func (m *Member) Enter(at *Front, n int) error {
	ctx, cancel := context.WithTimeout(m.crowd.t.Context(), answerTime)
	defer cancel()
	l, hang, err := m.dial(ctx, at, handshake.Supernode, &handshake.Pair{Their: m.stop().Agree})
	if err != nil {
		return err
	}
	defer hang()
	differ, err := m.login(ctx, l)
	if errors.Is(err, errUnknown) {
		of := [32]byte(m.papers.Community())
		for _, p := range m.papers.Plead(m.at) {
			if _, err := request[wire.Papers](ctx, l, wire.Papers{Papers: p.Bytes(), Community: &of}); err != nil {
				return err
			}
		}
		differ, err = m.login(ctx, l)
	}
	for differ && err == nil {
		differ, err = m.exchange(ctx, l)
	}
	if err != nil {
		return err
	}
	return m.draw(ctx, l, n)
}

// errUnknown says that a supernode does not know the member.
var errUnknown = errors.New("no member there")

// login joins, or logs in, on a link; differ says that the supernode does not know the same papers.
func (m *Member) login(ctx context.Context, l *link.Link) (differ bool, err error) {
	day := uint32(wire.DayAt(time.Now()))
	place := community.Place{Exporter: l.Proof().Exporter, Supernode: m.at, Community: m.papers.Community(), Day: day}
	var enter wire.Frame = wire.Login{Community: place.Community, Persona: m.papers.Persona(), Signature: m.papers.Login(place), Day: day}
	if proof, joining := m.papers.Proof(place); joining {
		enter = wire.Join{Community: place.Community, Persona: m.papers.Persona(), Signature: m.papers.Login(place), Day: day, Proof: proof}
	}
	answer, err := request[wire.Frame](ctx, l, enter)
	if err != nil {
		return false, err
	}
	switch g := answer.(type) {
	case wire.Grant:
		return m.papers.Granted(m.at, community.Grant{Papers: g.Papers, Week: g.Week, Key: g.PSK, Next: g.Next, Day: g.Day, Tokens: g.Allowance}, day)
	case wire.Refused:
		if g.Reason == wire.ReasonNoMember {
			return false, errUnknown
		}
	}
	return false, fmt.Errorf("%#v is the answer", answer)
}

// exchange shows a supernode what it lacks of the papers, and takes what the member lacks; differ says that there is more.
func (m *Member) exchange(ctx context.Context, l *link.Link) (differ bool, err error) {
	answer, err := request[wire.Papers](ctx, l, wire.Papers{Papers: m.papers.Offer(m.at).Bytes()})
	if err != nil {
		return false, err
	}
	theirs, err := community.ParsePapers(answer.Papers)
	if err != nil {
		return false, err
	}
	return m.papers.Merge(m.at, theirs)
}

// draw draws n tokens on a link on which the member is logged in.
func (m *Member) draw(ctx context.Context, l *link.Link, n int) error {
	info := token.Info{Supernode: m.at, Community: m.papers.Community(), Day: wire.DayAt(time.Now())}
	for n > 0 {
		some := min(n, token.DrawMax)
		n -= some
		d, err := token.NewDraw(rand.Reader, m.stop().Token, info, some)
		if err != nil {
			return err
		}
		drawn, err := request[wire.Drawn](ctx, l, wire.Draw{Day: uint32(info.Day), Blinded: d.Request()})
		if err != nil {
			return err
		}
		tokens, err := d.Finish(drawn.Evaluated, [token.ProofSize]byte(drawn.Proof))
		if err != nil {
			return err
		}
		m.tokens = append(m.tokens, tokens...)
	}
	return nil
}

// Take takes n of the tokens that were drawn.
func (m *Member) Take(n int) []byte {
	b := token.Append(nil, m.tokens[:n])
	m.tokens = m.tokens[n:]
	return b
}

// Member makes a link to a front that shows that somebody is a member; hang ends it.
func (m *Member) Member(ctx context.Context, to *Front) (l *link.Link, hang func(), err error) {
	key, ok := m.papers.Key(m.stop().ID(), uint32(wire.DayAt(time.Now())))
	if !ok {
		return nil, nil, errors.New("no key of the week")
	}
	secret := key.Secret.LinkSecret()
	return m.dial(ctx, to, handshake.Member, &handshake.Pair{Member: true, Their: m.stop().Agree, Key: handshake.NewLinkKey(secret[:])})
}

// request sends a frame, and blobs behind it, and returns the one frame that answers it.
func request[F wire.Frame](ctx context.Context, l *link.Link, f wire.Frame, blobs ...[]byte) (answer F, err error) {
	s, err := ask(ctx, l, f, blobs...)
	if err != nil {
		return answer, err
	}
	defer s.Reset()
	return receive[F](ctx, s)
}

// ask sends a request; the caller resets the stream.
func ask(ctx context.Context, l *link.Link, f wire.Frame, blobs ...[]byte) (*link.CustodyStream, error) {
	s, err := l.Request(ctx)
	if err != nil {
		return nil, err
	}
	if err := s.Send(ctx, f, blobs...); err != nil {
		s.Reset()
		return nil, err
	}
	_ = s.End() // it may have answered already
	return s, nil
}

func receive[F wire.Frame](ctx context.Context, s *link.CustodyStream) (answer F, err error) {
	f, err := s.Receive(ctx)
	if err != nil {
		return answer, err
	}
	answer, is := f.(F)
	if !is {
		return answer, fmt.Errorf("%#v is the answer", f)
	}
	return answer, nil
}

// Blobs makes n blobs of 4 KiB for members, in turns, that are kept for a week.
func Blobs(n int, to []*Member) [][]byte {
	all := make([][]byte, n)
	for i := range all {
		h := wire.Header{Class: wire.Class0, ExpiryDay: wire.DayAt(time.Now()) + 7, Tag: to[i%len(to)].tag}
		all[i] = make([]byte, wire.Class0.Size())
		_, _ = rand.Read(all[i])
		h.DelCommit = wire.CommitTo(withdrawal(all[i]))
		h.Append(all[i][:0])
	}
	return all
}

// withdrawal is what deletes a blob of ours, D; here its first sealed bytes are.
func withdrawal(blob []byte) [16]byte { return [16]byte(blob[wire.HeaderSize:]) }

// Withdraw deletes blobs, for a token each where one is not held.
func (m *Member) Withdraw(ctx context.Context, l *link.Link, blobs [][]byte, tokens []byte) error {
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	var all wire.Tombstones
	for _, blob := range blobs {
		h, err := wire.ParseHeader(blob)
		if err != nil {
			return err
		}
		all = all.Add(withdrawal(blob), h.ExpiryDay)
	}
	kept, err := request[wire.Kept](ctx, l, wire.Delete{Tombstones: all, Tokens: tokens})
	if err != nil {
		return err
	}
	for reason := range kept.Results.All() {
		if reason != 0 {
			return fmt.Errorf("it is not withdrawn: %s", relay.Word(reason))
		}
	}
	return nil
}

// Deposit leaves blobs for the tokens, and returns their cursors once they are receipted.
func (m *Member) Deposit(ctx context.Context, l *link.Link, blobs [][]byte, tokens []byte) ([]uint64, error) {
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	kept, err := request[wire.Kept](ctx, l, wire.Deposit{Blobs: uint16(len(blobs)), Tokens: tokens}, blobs...)
	if err != nil {
		return nil, err
	}
	var cursors []uint64
	var signed []relay.Kept
	for reason, cursor := range kept.Results.All() {
		if reason != 0 {
			return nil, fmt.Errorf("blob %d of %d is not kept: %s", len(cursors), len(blobs), relay.Word(reason))
		}
		blob := blobs[len(cursors)]
		h, err := wire.ParseHeader(blob)
		if err != nil {
			return nil, err
		}
		cursors = append(cursors, cursor)
		signed = append(signed, relay.Kept{ID: wire.IDOf(blob), ExpiryDay: h.ExpiryDay, Cursor: cursor})
	}
	sign := m.stop().Sign
	if len(cursors) != len(blobs) || kept.Signature == nil || !ed25519.Verify(sign[:], m.log().Receipt(signed), kept.Signature[:]) {
		return nil, errors.New("it is no receipt for all of it")
	}
	return cursors, nil
}

// Page is a page of a log, and its blobs.
type Page struct {
	wire.Page
	Blobs [][]byte
}

// receivePage receives a page; papers in between are passed over.
func receivePage(ctx context.Context, s *link.CustodyStream) (p Page, err error) {
	for {
		f, err := s.Receive(ctx)
		if err != nil {
			return p, err
		}
		if _, papers := f.(wire.Papers); papers {
			continue
		}
		var is bool
		if p.Page, is = f.(wire.Page); !is {
			return p, fmt.Errorf("%#v is the answer", f)
		}
		for range p.Cursors.Len() {
			blob, err := s.Blob(ctx, wire.BatchSizeMax)
			if err != nil {
				return p, err
			}
			p.Blobs = append(p.Blobs, blob)
		}
		return p, nil
	}
}

// Mine fetches what a log holds for the member, by tags, and returns the ids in the order of the log.
func (m *Member) Mine(ctx context.Context, l *link.Link) (ids []wire.BlobID, err error) {
	s, err := ask(ctx, l, wire.Scan{})
	if err != nil {
		return nil, err
	}
	defer s.Reset()
	var wanted wire.ShortIDs
	for {
		listing, err := receive[wire.Entries](ctx, s)
		if err != nil {
			return nil, err
		}
		for e := range listing.List.All() {
			if e.Tag == m.tag {
				wanted = wanted.Add(e.ID)
			}
		}
		if listing.End {
			break
		}
	}
	for some := range slices.Chunk(wanted, getMost*len(wire.ShortID{})) {
		got, err := ask(ctx, l, wire.Get{IDs: some})
		if err != nil {
			return nil, err
		}
		page, err := receivePage(ctx, got)
		got.Reset()
		if err != nil && !errors.Is(err, io.EOF) {
			return nil, err
		}
		for _, blob := range page.Blobs {
			ids = append(ids, wire.IDOf(blob))
		}
	}
	return ids, nil
}

// getMost is how many blobs are asked for at once; all of them fit into one answer.
const getMost = 128
