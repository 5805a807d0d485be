package link

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/quic-go/quic-go"

	"sottovoce/mesh/handshake"
)

// exporterOf derives E from a connection whose TLS handshake is complete. TLS 1.3 makes
// no difference between an empty context and none.
// spec: 03-links#exporter
func exporterOf(conn *quic.Conn) (handshake.Exporter, error) {
	state := conn.ConnectionState().TLS
	b, err := state.ExportKeyingMaterial(exporterLabel, nil, len(handshake.Exporter{}))
	if err != nil {
		return handshake.Exporter{}, err
	}
	return handshake.Exporter(b), nil
}

// receive lets one connection prove itself within its deadline. Whoever does not is
// left in silence until then: neither what we say nor when tells what was wrong.
// spec: 03-links#flight-2
func (t *Transport) receive(conn *quic.Conn) {
	s := conn.Context().Value(slotKey{}).(*slot)
	defer s.leave()
	ctx, cancel := context.WithDeadline(t.ctx, deadlineOf(s))
	defer cancel()
	late := context.AfterFunc(ctx, func() {
		switch {
		case t.ctx.Err() != nil:
			closeConn(conn, ReasonBye)
		case s.gaveWay():
			closeConn(conn, ReasonBusy)
		default:
			closeConn(conn, ReasonDeadline)
		}
	})
	s.onDisplaced(cancel)
	stream, err := conn.AcceptStream(ctx)
	if err != nil {
		<-conn.Context().Done()
		return
	}
	proof, err := t.answer(ctx, conn, stream, s)
	if err != nil {
		var left *quic.ApplicationError
		if !errors.As(err, &left) { // who leaves has lost a race against itself, or is no peer
			t.bad("handshake")
		}
		_, _ = io.CopyN(io.Discard, stream, silenceBytesMax)
		<-conn.Context().Done()
		return
	}
	if !late() {
		return // the deadline was faster
	}
	l := newLink(t, conn, stream, proof, false)
	t.notes.accepted.Add(1)
	select {
	case t.proven <- l:
	default:
		l.Close(ReasonBusy)
	}
}

// answer runs the responder's side of the three flights.
func (t *Transport) answer(ctx context.Context, conn *quic.Conn, stream *quic.Stream, s *slot) (handshake.Proof, error) {
	e, err := exporterOf(conn)
	if err != nil {
		return handshake.Proof{}, err
	}
	var flight handshake.Flight
	n, err := io.ReadFull(stream, flight[:])
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) {
		return handshake.Proof{}, err
	}
	s.reached(asking)
	statics := t.keyring.Statics()
	defer statics.Erase()
	responder := handshake.NewResponder(e, statics, t.gate.find(ctx, t.keyring), t.rand)
	defer responder.Erase()
	answer, decoy, err := responder.Answer(flight[:n])
	if err != nil {
		return handshake.Proof{}, err
	}
	if _, err := stream.Write(answer[:]); err != nil {
		return handshake.Proof{}, err
	}
	s.reached(answered)
	if decoy {
		t.notes.decoys.Add(1)
		return handshake.Proof{}, handshake.ErrRefused
	}
	if _, err := io.ReadFull(stream, flight[:]); err != nil {
		return handshake.Proof{}, err
	}
	return responder.Finish(flight[:])
}

// prove runs the dialler's side up to the point where the far end is proven and flight
// 3 is made but not sent: of a race's connections only one may go on.
func (t *Transport) prove(ctx context.Context, conn *quic.Conn, to *Target) (*attempt, error) {
	e, err := exporterOf(conn)
	if err != nil {
		return nil, err
	}
	statics := t.keyring.Statics()
	defer statics.Erase()
	pair := to.Pair
	if to.Mode == handshake.Open {
		pair = nil
		if to.OpenKey != nil {
			pair = &handshake.Pair{Their: *to.OpenKey}
		}
	}
	initiator, first, err := handshake.NewInitiator(to.Mode, e, statics, pair, t.rand)
	if err != nil {
		return nil, err
	}
	defer initiator.Erase()
	stream, err := conn.OpenStream()
	if err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { _ = stream.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	if _, err := stream.Write(first[:]); err != nil {
		return nil, err
	}
	var second handshake.Flight
	if _, err := io.ReadFull(stream, second[:]); err != nil {
		return nil, err
	}
	third, proof, err := initiator.Finish(second[:])
	if err != nil {
		return nil, err
	}
	return &attempt{conn: conn, stream: stream, proof: proof, third: third}, nil
}
