package link

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"io"
	"log/slog"
	"net"
	"slices"
	"testing"
	"time"

	"sottovoce/mesh/handshake"
	"sottovoce/mesh/peer"
	"sottovoce/mesh/wire"
)

func TestContactLink(t *testing.T) {
	a, b := newEnd(t), newEnd(t)
	befriend(a, b)
	dialed, accepted := linked(t, toward(a, b), a, b)
	p, q := dialed.Proof(), accepted.Proof()
	if p.Mode != handshake.Contact || p.Pair != 2 || q.Pair != 1 || p.Binding != q.Binding {
		t.Errorf("proofs %+v and %+v", p, q)
	}
	if !dialed.Dialed() || accepted.Dialed() || dialed.Remote() != b.at || accepted.Remote() != a.at {
		t.Error("who dialled whom, and where, got lost")
	}

	inA, endA := running(t, dialed)
	inB, endB := running(t, accepted)
	ctx := within(t, 10*time.Second)
	receipt := wire.Receipt{Session: [8]byte{1}, Ranges: []wire.Range{{Chain: 1, First: 2, Last: 3}}}
	refusal := wire.Refusal{Blob: [16]byte{9}, Reason: 1}
	for _, l := range []*Link{dialed, accepted} {
		if err := errors.Join(l.Send(ctx, receipt, refusal), l.SendBlobs(ctx, [][]byte{blob(1), blob(2)})); err != nil {
			t.Fatal(err)
		}
	}
	for name, in := range map[string]*inbox{"dialler": inA, "responder": inB} {
		if f, ok := next(t, in.frames).(wire.Receipt); !ok || f.Session != receipt.Session {
			t.Errorf("%s: first frame %+v", name, f)
		}
		if f, ok := next(t, in.frames).(wire.Refusal); !ok || f != refusal {
			t.Errorf("%s: second frame %+v", name, f)
		}
		got := next(t, in.blobs)
		if len(got) != 2 || !bytes.Equal(got[0], blob(1)) || !bytes.Equal(got[1], blob(2)) {
			t.Errorf("%s: %d blobs, not the two sent", name, len(got))
		}
	}

	dialed.Close(ReasonReplaced)
	dialed.Close(ReasonBye)
	var ours, theirs *CloseError
	if err := next(t, endA); !errors.As(err, &ours) || *ours != (CloseError{ReasonReplaced, false}) || errors.Is(err, ErrBye) {
		t.Errorf("the closing end says %v", err)
	}
	if err := next(t, endB); !errors.As(err, &theirs) || *theirs != (CloseError{ReasonReplaced, true}) {
		t.Errorf("the other end says %v", err)
	}
	if err := dialed.Send(ctx, receipt); err != nil && !errors.As(err, &ours) {
		t.Errorf("sending after the end: %v", err)
	}
	if err := dialed.SendBlobs(ctx, [][]byte{blob(1)}); !errors.As(err, &ours) {
		t.Errorf("sending blobs after the end: %v", err)
	}
	if s := b.settled(); s.Accepted != 1 || s.Unproven != 0 || s.Links != 0 || s.Bad != 0 {
		t.Errorf("stats of the responder: %+v", s)
	}
	if s := a.settled(); s.Dialed != 1 || s.Links != 0 {
		t.Errorf("stats of the dialler: %+v", s)
	}
}

func TestOpenLink(t *testing.T) {
	a, b := newEnd(t), newEnd(t)
	key := b.ring.statics.Open.Public()
	dialed, accepted := linked(t, Target{Endpoints: []peer.Endpoint{b.at}, Mode: handshake.Open, OpenKey: &key}, a, b)
	if dialed.Proof().Their != key || accepted.Proof().Their != a.ring.statics.Open.Public() {
		t.Error("the wrong keys were proven")
	}
	ctx := within(t, 10*time.Second)
	if err := dialed.SendBlobs(ctx, [][]byte{blob(1)}); err == nil {
		t.Error("an open link took blobs")
	}
	running(t, dialed)
	_, endB := running(t, accepted)

	out, err := dialed.Contact(ctx)
	if err != nil {
		t.Fatal(err)
	}
	ask := wire.Ask{Name: "Anna", Nonce: [32]byte{1}}
	if err := out.Send(ctx, ask); err != nil {
		t.Fatal(err)
	}
	in, err := accepted.Contact(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if f, err := in.Receive(ctx); err != nil || f != wire.Frame(ask) {
		t.Errorf("received %+v, %v", f, err)
	}
	card := wire.CardFrame{Card: bytes.Repeat([]byte{7}, 40<<10), Share: [32]byte{2}}
	if err := errors.Join(in.Send(ctx, card), in.Send(ctx, wire.Done{Transcript: [32]byte{3}})); err != nil {
		t.Fatal(err)
	}
	if f, err := out.Receive(ctx); err != nil || !bytes.Equal(f.(wire.CardFrame).Card, card.Card) {
		t.Errorf("the card did not arrive: %v", err)
	}
	if f, err := out.Receive(ctx); err != nil || f.FrameType() != wire.FrameDone {
		t.Errorf("received %+v, %v", f, err)
	}
	short, cancel := context.WithTimeout(ctx, 30*time.Millisecond)
	defer cancel()
	if _, err := out.Receive(short); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("waiting for nothing: %v", err)
	}
	if err := out.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := in.Receive(ctx); err != io.EOF {
		t.Errorf("after the end: %v", err)
	}
	_ = in.Close()
	secondExchange(ctx, t, dialed, accepted, endB)
}

// Who holds the secret of an invite proves no key, and says who of the two it is.
func TestPairLink(t *testing.T) {
	a, b := newEnd(t), newEnd(t)
	befriend(a, b) // a contact's pair stands beside it
	key := handshake.NewLinkKey([]byte("the secret of an invite"))
	ours := handshake.Pair{ID: 7, Label: [32]byte{1, 31: 0x80}, Key: key}
	b.ring.add(handshake.Pair{ID: 8, Label: [32]byte{2, 31: 0x80}, Key: key})
	dialed, accepted := linked(t, Target{Endpoints: []peer.Endpoint{b.at}, Mode: handshake.PairUp, Pair: &ours}, a, b)
	if p := dialed.Proof(); p.Pair != 7 || p.Label != [32]byte{2, 31: 0x80} || p.Their != [32]byte{} {
		t.Errorf("the dialler knows %+v", p)
	}
	if p := accepted.Proof(); p.Pair != 8 || p.Label != [32]byte{1, 31: 0x80} || p.Their != [32]byte{} || p.Binding != dialed.Proof().Binding {
		t.Errorf("the responder knows %+v", p)
	}
	if err := dialed.SendBlobs(within(t, 10*time.Second), [][]byte{blob(1)}); err == nil {
		t.Error("a pair link took blobs")
	}
	unknown := handshake.Pair{ID: 9, Label: [32]byte{1, 31: 0x80}, Key: handshake.NewLinkKey([]byte("another"))}
	if _, err := a.Dial(within(t, 10*time.Second), Target{Endpoints: []peer.Endpoint{b.at}, Mode: handshake.PairUp, Pair: &unknown}); !errors.Is(err, ErrRefused) {
		t.Errorf("with a secret that is not held there: %v", err)
	}
}

// secondExchange happens on the same link and is ended by the responder's node.
func secondExchange(ctx context.Context, t *testing.T, dialed, accepted *Link, endB <-chan error) {
	t.Helper()
	out, err := dialed.Contact(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if err := out.Send(ctx, wire.Declined{}); err != nil {
		t.Fatal(err)
	}
	in, err := accepted.Contact(ctx)
	if err != nil {
		t.Fatal(err)
	}
	accepted.Close(ReasonBye)
	if err := next(t, endB); !errors.Is(err, ErrBye) {
		t.Errorf("ended by %v", err)
	}
	if _, err := accepted.Contact(ctx); !errors.Is(err, ErrBye) {
		t.Errorf("Contact on an ended link: %v", err)
	}
	if err := in.Send(ctx, wire.Declined{}); err == nil {
		t.Error("sent on an ended link")
	}
}

func TestDialRefusals(t *testing.T) {
	a, b := newEnd(t), newEnd(t)
	befriend(a, b)
	good := toward(a, b)
	wrong := peer.Fingerprint{1}
	otherPair := handshake.Pair{ID: 9, Their: b.ring.statics.Device.Public(), Key: handshake.NewLinkKey([]byte("another"))}
	otherKey := a.ring.statics.Device.Public()
	for name, test := range map[string]struct {
		change func(*Target)
		want   error
	}{
		"another certificate":  {func(to *Target) { to.Fingerprint = &wrong }, ErrFingerprint},
		"another psk":          {func(to *Target) { to.Pair = &otherPair }, ErrRefused},
		"another open key":     {func(to *Target) { to.Mode, to.OpenKey = handshake.Open, &otherKey }, ErrRefused},
		"a reserved mode":      {func(to *Target) { to.Mode = handshake.Carry }, handshake.ErrMode},
		"nowhere":              {func(to *Target) { to.Endpoints = nil }, nil},
		"nowhere valid":        {func(to *Target) { to.Endpoints = []peer.Endpoint{{}, endpoint("127.0.0.1:0")} }, nil},
		"our own certificate":  {func(to *Target) { f := a.Fingerprint(); to.Fingerprint = &f }, ErrSelf},
		"our own open profile": {func(to *Target) { *to = Target{Endpoints: []peer.Endpoint{a.at}, Mode: handshake.Open} }, ErrSelf},
	} {
		t.Run(name, func(t *testing.T) {
			to := good
			test.change(&to)
			l, err := a.Dial(within(t, 10*time.Second), to)
			if l != nil || err == nil || (test.want != nil && !errors.Is(err, test.want)) {
				t.Errorf("got %v, want %v", err, test.want)
			}
		})
	}
	if s := a.Stats(); s.Refused != 2 || s.Dialed != 0 {
		t.Errorf("stats: %+v", s)
	}
}

// Where nobody answers, and where somebody else does, costs nothing but time: the far
// end sees one link.
func TestRace(t *testing.T) {
	a, b, c := newEnd(t), newEnd(t), newEnd(t)
	befriend(a, b)
	silent, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	to := toward(a, b)
	to.Endpoints = []peer.Endpoint{endpointOf(silent.LocalAddr()), c.at, b.at, b.at, b.at}
	to.Fingerprint = nil
	dialed, accepted := linked(t, to, a, b)
	if dialed.Remote() != b.at {
		t.Errorf("linked to %v", dialed.Remote())
	}
	running(t, dialed)
	in, _ := running(t, accepted)
	if err := dialed.SendBlobs(within(t, 5*time.Second), [][]byte{blob(3)}); err != nil {
		t.Fatal(err)
	}
	next(t, in.blobs)
	if s := b.Stats(); s.Accepted != 1 {
		t.Errorf("the far end saw %d links", s.Accepted)
	}
}

// A place that leads nowhere, or to somebody else, keeps nobody from the next; where the
// first is right the others are left in peace.
func TestOtherPlaces(t *testing.T) {
	t.Parallel()
	a, b, c := newEnd(t), newEnd(t), newEnd(t)
	befriend(a, b)
	to := toward(a, b)
	wrong := peer.Fingerprint{1}
	to.Fingerprint = &wrong
	if _, err := a.Dial(within(t, 10*time.Second), to); !errors.Is(err, ErrFingerprint) {
		t.Fatalf("another certificate: %v", err)
	}
	to.Others = []Place{{Endpoints: []peer.Endpoint{c.at}}}
	if _, err := a.Dial(within(t, 10*time.Second), to); err == nil || c.settled().Decoys != 1 {
		t.Errorf("a stranger was asked %d times: %v", c.settled().Decoys, err)
	}
	own := a.Fingerprint()
	to.Others = []Place{{Endpoints: []peer.Endpoint{b.at}, Fingerprint: &own}, {Endpoints: []peer.Endpoint{c.at, b.at}}}
	l, _ := linked(t, to, a, b)
	if l.Remote() != b.at {
		t.Errorf("the link is to %v", l.Remote())
	}
	to = toward(a, b)
	to.Others = []Place{{Endpoints: []peer.Endpoint{c.at}}}
	for range 10 {
		before, began := c.settled().Decoys, time.Now()
		linked(t, to, a, b)
		if time.Since(began) >= placeStagger {
			continue // on a busy machine there was need
		}
		if after := c.settled().Decoys; after != before {
			t.Errorf("a stranger was asked %d times without need", after-before)
		}
		return
	}
	t.Error("no link before the next place's turn")
}

// Of many endpoints the first are dialled: hosts have many addresses, and others can announce more for them.
func TestManyEndpoints(t *testing.T) {
	a, b, c := newEnd(t), newEnd(t), newEnd(t)
	befriend(a, b)
	to := toward(a, b)
	to.Fingerprint = nil
	to.Endpoints = append([]peer.Endpoint{{}, endpoint("127.0.0.1:0"), b.at}, slices.Repeat([]peer.Endpoint{c.at}, 2*EndpointsMax)...)
	if dialed, _ := linked(t, to, a, b); dialed.Remote() != b.at {
		t.Errorf("linked to %v", dialed.Remote())
	}
	to.Endpoints = append(slices.Repeat([]peer.Endpoint{c.at}, EndpointsMax), b.at)
	if _, err := a.Dial(within(t, 10*time.Second), to); err == nil {
		t.Errorf("endpoint %d was dialled", EndpointsMax+1)
	}
}

func TestDialEndsWithItsContext(t *testing.T) {
	a := newEnd(t)
	silent, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	cause := errors.New("enough")
	ctx, cancel := context.WithCancelCause(context.Background())
	time.AfterFunc(50*time.Millisecond, func() { cancel(cause) })
	to := Target{Endpoints: []peer.Endpoint{endpointOf(silent.LocalAddr())}, Mode: handshake.Open}
	begin := time.Now()
	if _, err := a.Dial(ctx, to); !errors.Is(err, cause) || time.Since(begin) > 2*time.Second {
		t.Errorf("%v after %v", err, time.Since(begin))
	}
}

// A certificate lives until Rotate, and links made under it live on.
func TestRotate(t *testing.T) {
	a, b := newEnd(t), newEnd(t)
	befriend(a, b)
	before := toward(a, b)
	dialed, accepted := linked(t, before, a, b)
	running(t, dialed)
	in, _ := running(t, accepted)
	if err := b.Rotate(); err != nil {
		t.Fatal(err)
	}
	if b.Fingerprint() == *before.Fingerprint {
		t.Fatal("the fingerprint stayed")
	}
	ctx := within(t, 10*time.Second)
	if _, err := a.Dial(ctx, before); !errors.Is(err, ErrFingerprint) {
		t.Errorf("dialling the old certificate: %v", err)
	}
	linked(t, toward(a, b), a, b)
	if err := dialed.SendBlobs(ctx, [][]byte{blob(1)}); err != nil {
		t.Fatal(err)
	}
	next(t, in.blobs)
}

func TestCloseEndsEverything(t *testing.T) {
	a, b := newEnd(t), newEnd(t)
	befriend(a, b)
	dialed, accepted := linked(t, toward(a, b), a, b)
	_, endA := running(t, dialed)
	_, endB := running(t, accepted)
	waiting := make(chan error, 1)
	go func() {
		_, err := b.Accept(context.Background())
		waiting <- err
	}()
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	if err := next(t, waiting); err != ErrClosed {
		t.Errorf("Accept says %v", err)
	}
	for _, ended := range []<-chan error{endA, endB} {
		if err := next(t, ended); !errors.Is(err, ErrBye) {
			t.Errorf("a link ended by %v", err)
		}
	}
	if _, err := b.Dial(within(t, time.Second), toward(a, b)); !errors.Is(err, ErrClosed) && !errors.Is(err, ErrSelf) {
		t.Errorf("dialling after the end: %v", err)
	}
	if _, err := b.Accept(context.Background()); err != ErrClosed {
		t.Errorf("accepting after the end: %v", err)
	}
}

func TestAcceptEndsWithItsContext(t *testing.T) {
	a := newEnd(t)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := a.Accept(ctx); err != context.Canceled {
		t.Error(err)
	}
}

func TestRunTwice(t *testing.T) {
	a, b := newEnd(t), newEnd(t)
	befriend(a, b)
	dialed, _ := linked(t, toward(a, b), a, b)
	running(t, dialed)
	for range 100 { // until the first has begun
		if !dialed.running.Load() {
			time.Sleep(time.Millisecond)
		}
	}
	if err := dialed.Run(context.Background(), newInbox()); err != ErrRunning {
		t.Error(err)
	}
}

func TestConfigIsComplete(t *testing.T) {
	for _, cfg := range []Config{{}, {Rand: rand.Reader, Log: slog.Default()}} {
		if _, err := Open(nil, cfg); err == nil {
			t.Errorf("opened with %+v", cfg)
		}
	}
	broken := Config{Rand: bytes.NewReader(make([]byte, 40)), Log: slog.Default(), Keyring: &ring{}}
	if _, err := Open(nil, broken); err == nil {
		t.Error("opened without randomness")
	}
}

// More than a stream should carry goes onto several.
func TestBatches(t *testing.T) {
	many := make([][]byte, 600)
	for i := range many {
		many[i] = blob(byte(i))
	}
	sizes := []int{}
	for rest := many; len(rest) > 0; {
		n := batchLen(rest)
		sizes = append(sizes, n)
		rest = rest[n:]
	}
	if len(sizes) != 3 || sizes[0] != 256 || sizes[2] != 88 {
		t.Errorf("batches of %v", sizes)
	}
	huge := [][]byte{make([]byte, 2<<20), make([]byte, 1)}
	if n := batchLen(huge); n != 1 {
		t.Errorf("a blob beyond the limit of a batch goes with %d", n)
	}

	a, b := newEnd(t), newEnd(t)
	befriend(a, b)
	dialed, accepted := linked(t, toward(a, b), a, b)
	running(t, dialed)
	in, _ := running(t, accepted)
	if err := dialed.SendBlobs(within(t, 10*time.Second), many); err != nil {
		t.Fatal(err)
	}
	seen := map[byte]int{}
	for n := 0; n < len(many); {
		for _, got := range next(t, in.blobs) {
			seen[got[len(got)-1]]++
			n++
		}
	}
	for i := range 256 {
		if want := 2 + map[bool]int{true: 1}[i < 600-512]; seen[byte(i)] != want {
			t.Fatalf("blob %d came %d times, want %d", i, seen[byte(i)], want)
		}
	}
}

// A receiver that does not take anything holds up the sender, not the memory.
func TestBackPressure(t *testing.T) {
	a, b := newEnd(t), newEnd(t)
	befriend(a, b)
	dialed, accepted := linked(t, toward(a, b), a, b)
	running(t, dialed)
	slow := &stuck{release: make(chan struct{})}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = accepted.Run(context.Background(), slow)
	}()
	ctx, cancel := context.WithTimeout(context.Background(), 300*time.Millisecond)
	defer cancel()
	sent := 0
	var err error
	for err == nil && sent < 100_000 {
		err = dialed.SendBlobs(ctx, [][]byte{blob(1)})
		sent++
	}
	if !errors.Is(err, context.DeadlineExceeded) || sent > 20 {
		t.Errorf("%d batches were taken, then %v", sent, err)
	}
	close(slow.release)
	accepted.Close(ReasonBye)
	<-done
}

type stuck struct{ release chan struct{} }

func (s *stuck) Frame(wire.Frame) { <-s.release }
func (s *stuck) Blobs([][]byte)   { <-s.release }

func TestReasons(t *testing.T) {
	if ReasonBye.String() != "bye" || ReasonDeadline.String() != "deadline" || Reason(77).String() != "reason 77" {
		t.Error("a reason has the wrong name")
	}
	if !errors.Is(&CloseError{Reason: 77}, ErrBye) || errors.Is(&CloseError{Reason: ReasonMoved}, ErrBye) {
		t.Error("codes of later versions mean bye, ours mean what they say")
	}
	if (&CloseError{ReasonMoved, true}).Error() == (&CloseError{ReasonMoved, false}).Error() {
		t.Error("the error does not say who closed")
	}
}
