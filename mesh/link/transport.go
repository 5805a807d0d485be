package link

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/quic-go/quic-go"
	"golang.org/x/time/rate"

	"sottovoce/mesh/handshake"
	"sottovoce/mesh/peer"
)

// Keyring knows whom this node can prove itself to and recognise. It is declared here
// by its user, is called from many goroutines, and answers at once.
type Keyring interface {
	// Statics returns copies of the keys to answer with.
	Statics() handshake.Statics
	// Find returns the pair whose key made hint on the connection with exporter e.
	// It takes the same time whether or not there is one.
	Find(e handshake.Exporter, hint [handshake.HintSize]byte) (handshake.Pair, bool)
	// Keys is how many keys Find tries.
	Keys() int
}

// Config is what a Transport needs besides its socket. All fields but the last two are required.
type Config struct {
	Rand    io.Reader // for certificates and handshakes; QUIC and TLS draw their own
	Log     *slog.Logger
	Keyring Keyring
	// Supernode says that links in mode Member and Supernode are accepted, and no others. The
	// Keyring has the key.
	Supernode bool
	// Reset is the same whenever a supernode starts at one place, so that links of before end with
	// the next packet; zero: nothing ends them but time.
	Reset ResetKey
}

// ResetKey makes the tokens by which QUIC tells that a connection is no longer known (RFC 9000
// §10.3). It prints as nothing.
//
// spec: 08-custody#links-of-before
type ResetKey [32]byte

func (ResetKey) String() string               { return "(secret)" }
func (ResetKey) GoString() string             { return "(secret)" }
func (ResetKey) Format(f fmt.State, _ rune)   { _, _ = io.WriteString(f, "(secret)") }
func (ResetKey) MarshalText() ([]byte, error) { return []byte("(secret)"), nil }

// Transport dials and accepts links over a packet socket, which Rebind replaces.
type Transport struct {
	keyring Keyring
	super   bool // a supernode's
	reset   ResetKey
	rand    *lockedReader
	log     *slog.Logger
	gate    *gate
	notes   counters
	quiet   *rate.Limiter // of log lines about bad input

	current atomic.Pointer[throwaway]
	socket  atomic.Pointer[socket] // for new links

	rebinding sync.Mutex // guards sockets, and changes of socket
	sockets   map[*socket]struct{}

	ctx    context.Context // ends when Close begins
	cancel context.CancelFunc
	owned  sync.WaitGroup // every goroutine of this transport
	proven chan *Link     // to Accept; never closed
	links  linkSet        // to be closed with the transport
}

// Open begins to accept on pc under a new throwaway certificate. pc must be read by
// nobody else; it is the transport's to close, unless Open fails.
func Open(pc net.PacketConn, cfg Config) (*Transport, error) {
	if cfg.Rand == nil || cfg.Log == nil || cfg.Keyring == nil {
		return nil, errors.New("a transport needs randomness, a log and a keyring")
	}
	t := &Transport{
		keyring: cfg.Keyring,
		super:   cfg.Supernode,
		reset:   cfg.Reset,
		rand:    &lockedReader{r: cfg.Rand},
		log:     cfg.Log,
		gate:    newGate(cfg.Supernode),
		quiet:   rate.NewLimiter(rate.Every(complaintPeriod), complaintBurst),
		proven:  make(chan *Link, provenQueueMax),
		sockets: make(map[*socket]struct{}),
	}
	t.ctx, t.cancel = context.WithCancel(context.Background())
	if err := t.Rotate(); err != nil {
		return nil, err
	}
	first, err := t.open(pc)
	if err != nil {
		return nil, err
	}
	t.socket.Store(first)
	t.sockets[first] = struct{}{}
	t.owned.Go(first.listen)
	return t, nil
}

// quicConfig is the QUIC side of a link on which the far end may open streams
// bidirectional streams; none if negative.
func quicConfig(streams int64) *quic.Config {
	return &quic.Config{
		Versions:                       []quic.Version{quic.Version1},
		HandshakeIdleTimeout:           handshakeTimeout / 2, // quic-go gives up after twice this
		MaxIdleTimeout:                 idleTimeout,
		KeepAlivePeriod:                keepAlivePeriod,
		InitialStreamReceiveWindow:     initialWindow,
		MaxStreamReceiveWindow:         streamWindowMax,
		InitialConnectionReceiveWindow: initialWindow,
		MaxConnectionReceiveWindow:     linkWindowMax,
		MaxIncomingStreams:             streams,
		MaxIncomingUniStreams:          blobStreamsMax,
	}
}

// doubts says whether a newcomer must first show that its address is its own.
func (t *Transport) doubts(net.Addr) bool {
	if t.gate.count() <= retryAbove {
		return false
	}
	t.notes.retries.Add(1)
	return true
}

// Accept returns the next link whose far end has proven itself, ErrClosed after Close,
// or the cause of ctx.
func (t *Transport) Accept(ctx context.Context) (*Link, error) {
	select {
	case l := <-t.proven:
		return l, nil
	case <-t.ctx.Done():
		return nil, ErrClosed
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// Fingerprint is what to announce for the current certificate.
func (t *Transport) Fingerprint() peer.Fingerprint { return t.current.Load().fingerprint }

// Rotate takes a new throwaway certificate for handshakes from now on. Links live on.
func (t *Transport) Rotate() error {
	fresh, err := newThrowaway(t.rand)
	if err != nil {
		return err
	}
	t.current.Store(fresh)
	return nil
}

// Close says goodbye on every link, stops accepting and dialling, closes the sockets and
// waits for all goroutines of the transport. Calls of Run and Dial end by themselves soon
// after.
func (t *Transport) Close() error {
	t.cancel()
	t.links.closeAll(ReasonBye)
	t.rebinding.Lock()
	sockets := slices.Collect(maps.Keys(t.sockets))
	t.rebinding.Unlock()
	var errs []error
	for _, s := range sockets {
		errs = append(errs, s.listener.Close())
	}
	t.owned.Wait()
	t.links.closeAll(ReasonBye)
	t.rebinding.Lock()
	defer t.rebinding.Unlock()
	for s := range t.sockets {
		delete(t.sockets, s)
		errs = append(errs, s.close())
	}
	return errors.Join(errs...)
}

// bad counts one piece of bad input and tells the log, now and then, what kind it was.
func (t *Transport) bad(kind string) {
	n := t.notes.bad.Add(1)
	if t.quiet.Allow() {
		t.log.Warn("bad input on a link", "kind", kind, "so_far", n)
	}
}

// counters are what Stats shows.
type counters struct {
	dialed, accepted, refused, decoys, bad, turnedAway, retries atomic.Uint64
}

// Stats is what a transport has done and holds.
type Stats struct {
	Links      int    // proven and alive
	Unproven   int    // accepted connections that have not proven anything
	Dialed     uint64 // links that we dialled and that were proven
	Accepted   uint64 // links that were dialled to us and proven
	Refused    uint64 // dials at which the far end did not prove itself
	Decoys     uint64 // decoys that we answered with
	Bad        uint64 // pieces of bad input, decoys included
	TurnedAway uint64 // connections refused for want of a slot
	Retries    uint64 // newcomers asked to show that their address is theirs
}

// Stats returns the counters as they are now.
func (t *Transport) Stats() Stats {
	c := &t.notes
	return Stats{
		Links: t.links.count(), Unproven: t.gate.count(),
		Dialed: c.dialed.Load(), Accepted: c.accepted.Load(), Refused: c.refused.Load(),
		Decoys: c.decoys.Load(), Bad: c.bad.Load(), TurnedAway: c.turnedAway.Load(), Retries: c.retries.Load(),
	}
}

// lockedReader lets many goroutines draw from one source.
type lockedReader struct {
	mu sync.Mutex // guards r
	r  io.Reader
}

func (l *lockedReader) Read(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.r.Read(p)
}

// linkSet holds the links that are alive.
type linkSet struct {
	mu  sync.Mutex // guards set
	set map[*Link]struct{}
}

// add holds l until it ends.
func (s *linkSet) add(l *Link) {
	s.mu.Lock()
	if s.set == nil {
		s.set = make(map[*Link]struct{})
	}
	s.set[l] = struct{}{}
	s.mu.Unlock()
	context.AfterFunc(l.conn.Context(), func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.set, l)
	})
}

func (s *linkSet) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.set)
}

func (s *linkSet) closeAll(reason Reason) {
	s.mu.Lock()
	links := make([]*Link, 0, len(s.set))
	for l := range s.set {
		links = append(links, l)
	}
	s.mu.Unlock()
	for _, l := range links {
		l.Close(reason)
	}
}

// endpointOf turns what the socket reports into an endpoint; IPv4 inside IPv6 becomes
// IPv4, so that one address is counted once.
func endpointOf(a net.Addr) peer.Endpoint {
	udp, ok := a.(*net.UDPAddr)
	if !ok {
		return netip.AddrPort{}
	}
	ap := udp.AddrPort()
	return netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port())
}

// deadlineOf is when whoever holds s must have proven itself.
func deadlineOf(s *slot) time.Time { return s.since.Add(handshakeTimeout) }
