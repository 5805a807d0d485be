package link

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/quic-go/quic-go"

	"sottovoce/mesh/handshake"
	"sottovoce/mesh/wire"
)

// errNoCustody says that a link leads to a node, not to a supernode.
var errNoCustody = errors.New("this link carries no requests to a supernode")

// errLaterKind says that a stream is of a kind that only later versions know.
var errLaterKind = errors.New("a stream of a later version")

// errNoFrames says that a link leads to or from a supernode.
var errNoFrames = errors.New("this link carries requests to a supernode and nothing else")

// custody reports whether links of a mode carry custody streams and nothing else. They have no
// control stream, and so no goroutine of their own: a supernode has thousands of them, idle.
func custody(mode handshake.Mode) bool {
	return mode == handshake.Member || mode == handshake.Supernode
}

// custodyConfig is the QUIC side of links to supernodes. The dialler keeps them alive; who
// accepts them offers little room until there is something to read.
//
// spec: 08-custody#limits
func custodyConfig(dials bool) *quic.Config {
	c := quicConfig(-1)
	c.MaxIdleTimeout = custodyIdleTimeout
	c.MaxIncomingUniStreams = -1
	if dials {
		c.KeepAlivePeriod = custodyKeepAlive
		return c
	}
	c.KeepAlivePeriod = 0
	c.MaxIncomingStreams = custodyStreamsMax
	c.InitialStreamReceiveWindow, c.MaxStreamReceiveWindow = custodyStreamWindow, custodyStreamWindowMax
	c.InitialConnectionReceiveWindow, c.MaxConnectionReceiveWindow = custodyLinkWindow, custodyLinkWindowMax
	return c
}

// CustodyStream carries one request to a supernode, and what answers it. Its methods that send
// may run beside those that receive; neither beside themselves.
//
// spec: 08-custody#streams
type CustodyStream struct {
	link    *Link
	stream  *quic.Stream
	in      *bufio.Reader // nil until something is read
	begun   bool          // the kind of the stream was sent, or the far end sends it
	unknown bool          // the far end's was not read yet
	out     []byte
}

// Request opens a stream for one request. It waits while as many are open as a link has. Only
// who dialled requests, on links in mode Member and Supernode.
func (l *Link) Request(ctx context.Context) (*CustodyStream, error) {
	if !custody(l.proof.Mode) || !l.dialed {
		return nil, errNoCustody
	}
	stream, err := l.conn.OpenStreamSync(ctx)
	if err != nil {
		return nil, l.orEnded(err)
	}
	return &CustodyStream{link: l, stream: stream}, nil
}

// Requested waits for the far end's next request, of which nothing may have arrived but that there is
// one: what others send may have to be read first. Whoever accepts a link calls it again and again,
// until it fails.
func (l *Link) Requested(ctx context.Context) (*CustodyStream, error) {
	if !custody(l.proof.Mode) || l.dialed {
		return nil, errNoCustody
	}
	stream, err := l.conn.AcceptStream(ctx)
	if err != nil {
		return nil, l.orEnded(err)
	}
	if l.moved() {
		return nil, l.Err()
	}
	_ = stream.SetReadDeadline(time.Now().Add(requestTimeout))
	return &CustodyStream{link: l, stream: stream, begun: true, unknown: true}, nil
}

// begin reads what kind of stream the far end has opened.
func (s *CustodyStream) begin() error {
	if !s.unknown {
		return nil
	}
	s.unknown = false
	kind, err := s.reader().ReadByte()
	switch {
	case err != nil:
		return err
	case wire.StreamKind(kind) == wire.StreamCustody:
		return nil
	case laterKind(kind):
		s.Reset()
		return errLaterKind
	}
	return fmt.Errorf("%w: stream kind %d", wire.ErrMalformed, kind)
}

// Send sends a frame and, behind it, blobs. It returns once QUIC has taken all of it, waiting 30 s
// at most for a far end that does not read. That it returns says nothing about arrival.
func (s *CustodyStream) Send(ctx context.Context, f wire.Frame, blobs ...[]byte) error {
	out := s.out[:0]
	if !s.begun {
		out = append(out, byte(wire.StreamCustody))
	}
	out, err := wire.AppendFrame(out, f)
	if err != nil {
		return err
	}
	s.begun = true
	for _, blob := range blobs {
		if len(out) > 0 && len(out)+len(blob) > custodyWriteMax {
			if err := s.write(ctx, out); err != nil {
				return err
			}
			out = out[:0]
		}
		out = wire.AppendBlob(out, blob)
	}
	err = s.write(ctx, out)
	if s.out = out; cap(out) > custodyWriteMax {
		s.out = nil
	}
	return err
}

// SendEncoded sends a frame and, behind it, blobs that stand in their form on a stream already: as
// they are, with nothing kept of them, since what is the same for many is encoded once.
func (s *CustodyStream) SendEncoded(ctx context.Context, f wire.Frame, blobs []byte) error {
	err := s.Send(ctx, f)
	s.out = nil
	if err != nil || len(blobs) == 0 {
		return err
	}
	return s.write(ctx, blobs)
}

// Done is closed when the far end has given the stream up, or the link has ended.
func (s *CustodyStream) Done() <-chan struct{} { return s.stream.Context().Done() }

func (s *CustodyStream) write(ctx context.Context, b []byte) error {
	stop := context.AfterFunc(ctx, s.Reset)
	defer stop()
	_ = s.stream.SetWriteDeadline(time.Now().Add(writeTimeout))
	_, err := s.stream.Write(b)
	return s.failed(ctx, err)
}

// End says that nothing more is sent.
func (s *CustodyStream) End() error {
	s.out = nil
	return s.stream.Close()
}

// Await sets by when everything has to arrive that is received from now on; zero: at any time.
func (s *CustodyStream) Await(by time.Time) { _ = s.stream.SetReadDeadline(by) }

// Receive returns the next frame: wire.Unknown for one of a later version, io.EOF once the far end
// has sent all. What is no frame of custody ends the link, and so does a stream of another kind, but
// one of a kind of later versions is reset; wire.ErrNewer ends nothing, since the far end can be told.
func (s *CustodyStream) Receive(ctx context.Context) (wire.Frame, error) {
	stop := context.AfterFunc(ctx, s.Reset)
	defer stop()
	if err := s.begin(); err == io.EOF { // opened, and closed before it began
		return nil, s.failed(ctx, io.ErrUnexpectedEOF)
	} else if err != nil {
		return nil, s.failed(ctx, err)
	}
	f, err := wire.ReadFrame(s.reader())
	switch {
	case err == io.EOF:
		s.in = nil
		return nil, err
	case err != nil:
		return nil, s.failed(ctx, err)
	case s.link.moved():
		return nil, s.link.Err()
	}
	if _, unknown := f.(wire.Unknown); !unknown && !f.FrameType().Custody() {
		s.link.bad("frame on the wrong stream")
		return nil, s.link.Err()
	}
	return f, nil
}

// Blob returns the next of the blobs that a frame announced, of at most room bytes. One that is
// larger, no blob, or missing ends the link.
func (s *CustodyStream) Blob(ctx context.Context, room int) ([]byte, error) {
	stop := context.AfterFunc(ctx, s.Reset)
	defer stop()
	if s.reader().Size() < custodyBulkSize {
		s.in = bufio.NewReaderSize(s.in, custodyBulkSize)
	}
	blob, err := wire.ReadBlob(s.in, room)
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return nil, s.failed(ctx, err)
	}
	return blob, nil
}

func (s *CustodyStream) reader() *bufio.Reader {
	if s.in == nil {
		s.in = bufio.NewReaderSize(s.stream, custodyBufferSize)
	}
	return s.in
}

// failed says why nothing could be read or written; a far end that sent rubbish loses the link.
func (s *CustodyStream) failed(ctx context.Context, err error) error {
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case errors.Is(err, wire.ErrNewer):
		return err
	case malformed(err):
		s.link.bad("custody stream")
	}
	return s.link.orEnded(err)
}

// Close ends the stream: what was sent still arrives, and nothing more is received.
func (s *CustodyStream) Close() error {
	s.in, s.out = nil, nil
	s.stream.CancelRead(quic.StreamErrorCode(ReasonBye))
	return s.stream.Close()
}

// Reset gives the stream up in both directions, at once.
func (s *CustodyStream) Reset() {
	s.stream.CancelRead(quic.StreamErrorCode(ReasonBye))
	s.stream.CancelWrite(quic.StreamErrorCode(ReasonBye))
}
