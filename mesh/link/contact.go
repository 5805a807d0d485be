package link

import (
	"bufio"
	"context"
	"io"
	"sync"
	"time"

	"github.com/quic-go/quic-go"

	"sottovoce/mesh/wire"
)

// ContactStream carries the frames of one contact exchange, both ways. The dialler of
// a link opens it. Send and Receive may run side by side, each called by one goroutine.
type ContactStream struct {
	link   *Link
	stream *quic.Stream
	in     *bufio.Reader

	mu   sync.Mutex // guards next
	next []byte     // to be sent before the first frame: the kind of the stream
}

// Contact opens the contact stream if we dialled the link, else it waits until the far
// end opens one, for which Run must be running. One is open at a time.
// spec: 03-links#streams
func (l *Link) Contact(ctx context.Context) (*ContactStream, error) {
	if l.control == nil {
		return nil, errNoFrames
	}
	if !l.dialed {
		select {
		case c := <-l.contacts:
			return c, nil
		case <-l.Done():
			return nil, l.Err()
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
	stream, err := l.conn.OpenStreamSync(ctx)
	if err != nil {
		return nil, l.orEnded(err)
	}
	c := newContactStream(l, stream)
	c.next = []byte{byte(wire.StreamContact)}
	return c, nil
}

func newContactStream(l *Link, stream *quic.Stream) *ContactStream {
	return &ContactStream{link: l, stream: stream, in: bufio.NewReaderSize(stream, controlBufferSize)}
}

// Send sends one frame, of at most 64 KiB. That it returns says nothing about arrival.
func (c *ContactStream) Send(ctx context.Context, f wire.Frame) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	b, err := wire.AppendFrame(c.next, f)
	if err != nil {
		return err
	}
	return c.write(ctx, b)
}

// Begin shows the far end the stream before there is a frame to send: where it is not the
// dialler who asks, the other waits for it.
func (c *ContactStream) Begin(ctx context.Context) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.write(ctx, c.next)
}

// write sends b, with which the stream has begun. The lock is held.
func (c *ContactStream) write(ctx context.Context, b []byte) error {
	if len(b) == 0 {
		return nil
	}
	stop := context.AfterFunc(ctx, func() { c.stream.CancelWrite(quic.StreamErrorCode(ReasonBye)) })
	defer stop()
	_ = c.stream.SetWriteDeadline(time.Now().Add(writeTimeout))
	if _, err := c.stream.Write(b); err != nil {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		return c.link.orEnded(err)
	}
	c.next = nil
	return nil
}

// Receive returns the next frame, io.EOF once the far end has closed the stream. What
// is not a frame of a contact exchange closes the link.
func (c *ContactStream) Receive(ctx context.Context) (wire.Frame, error) {
	stop := context.AfterFunc(ctx, func() { c.stream.CancelRead(quic.StreamErrorCode(ReasonBye)) })
	defer stop()
	_ = c.stream.SetReadDeadline(time.Now().Add(contactStreamTimeout))
	for {
		f, err := wire.ReadFrame(c.in)
		switch {
		case err != nil && ctx.Err() != nil:
			return nil, context.Cause(ctx)
		case err != nil:
			return nil, c.failed(err)
		}
		if c.link.moved() {
			return nil, c.link.Err()
		}
		switch f.(type) {
		case wire.Unknown:
		case wire.Ask, wire.Offer, wire.CardFrame, wire.Done, wire.Declined:
			return f, nil
		default:
			c.link.bad("frame on the wrong stream")
			return nil, c.link.Err()
		}
	}
}

// Close ends the stream in both directions; what was sent still arrives.
func (c *ContactStream) Close() error {
	c.stream.CancelRead(quic.StreamErrorCode(ReasonBye))
	return c.stream.Close()
}

// readContactStreams takes the streams that the dialler opens and hands the contact
// streams to Contact, one at a time.
func (l *Link) readContactStreams() {
	for {
		stream, err := l.conn.AcceptStream(context.Background())
		if err != nil {
			return
		}
		c := newContactStream(l, stream)
		_ = stream.SetReadDeadline(time.Now().Add(handshakeTimeout))
		kind, err := c.in.ReadByte()
		if err == nil && wire.StreamKind(kind) != wire.StreamContact && !laterKind(kind) || malformed(err) {
			l.bad("stream kind")
			return
		}
		if err != nil || laterKind(kind) { // given up before it began, or not for us
			stream.CancelRead(quic.StreamErrorCode(ReasonDeadline))
			stream.CancelWrite(quic.StreamErrorCode(ReasonDeadline))
			continue
		}
		select {
		case l.contacts <- c:
		case <-l.Done():
			return
		}
	}
}

// failed says why no frame came; a far end that sent rubbish loses the link.
func (c *ContactStream) failed(err error) error {
	if err == io.EOF {
		return err
	}
	if malformed(err) {
		c.link.bad("contact stream")
	}
	return c.link.orEnded(err)
}
