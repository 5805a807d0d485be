package link

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/quic-go/quic-go"

	"sottovoce/mesh/handshake"
	"sottovoce/mesh/peer"
	"sottovoce/mesh/wire"
)

// Link is one live connection whose far end has proven itself. Its methods may be
// called from any goroutine.
type Link struct {
	transport *Transport
	conn      *quic.Conn
	control   *quic.Stream // carried the flights, carries the frames; nil on links of custody
	proof     handshake.Proof
	dialed    bool
	remote    peer.Endpoint // as it was when the far end proved itself

	running  atomic.Bool
	queue    chan []byte         // encoded frames, to the writer; never closed
	contacts chan *ContactStream // opened by the far end, to Contact; never closed
}

func newLink(t *Transport, conn *quic.Conn, control *quic.Stream, proof handshake.Proof, dialed bool) *Link {
	l := &Link{
		transport: t, conn: conn, proof: proof, dialed: dialed,
		remote: endpointOf(conn.RemoteAddr()),
	}
	if custody(proof.Mode) {
		// The flights were all that this stream is for.
		control.CancelRead(quic.StreamErrorCode(ReasonBye))
		_ = control.Close()
	} else {
		l.control = control
		l.queue = make(chan []byte, sendQueueMax)
		l.contacts = make(chan *ContactStream, 1)
	}
	t.links.add(l)
	if t.ctx.Err() != nil {
		l.Close(ReasonBye)
	}
	return l
}

// Proof says who the far end proved to be.
func (l *Link) Proof() handshake.Proof { return l.proof }

// Dialed says whether we dialled; of simultaneous dials that decides which link stays.
func (l *Link) Dialed() bool { return l.dialed }

// Remote is where the far end is. It does not change: a link that moves is closed.
func (l *Link) Remote() peer.Endpoint { return l.remote }

// Current reports whether the link runs over the socket that new links use, which alone takes
// knocks.
func (l *Link) Current() bool {
	return endpointOf(l.conn.LocalAddr()).Port() == endpointOf(l.transport.socket.Load().conn.LocalAddr()).Port()
}

// Done is closed when the link has ended.
func (l *Link) Done() <-chan struct{} { return l.conn.Context().Done() }

// Err says why the link ended: a *CloseError if one of its ends closed it, otherwise
// how it was lost. It is nil while the link lives.
func (l *Link) Err() error { return ended(l.conn) }

// Close ends the link at once and tells the far end why. Frames and blobs that have not
// left yet are dropped. Closing twice changes nothing.
func (l *Link) Close(reason Reason) { closeConn(l.conn, reason) }

// Send queues frames for the control stream, with no padding between them. It waits while what
// sendQueueMax calls queued waits before it, and needs Run to be running. That it returns says nothing about arrival.
// spec: 03-links#streams
func (l *Link) Send(ctx context.Context, frames ...wire.Frame) error {
	if l.control == nil {
		return errNoFrames
	}
	var b []byte
	for _, f := range frames {
		var err error
		if b, err = wire.AppendFrame(b, f); err != nil {
			return err
		}
	}
	select {
	case l.queue <- b:
		return nil
	case <-l.Done():
		return l.Err()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// SendBlobs sends blobs, in order, on a stream of their own, or on several one after
// the other if they are more than a stream should carry. It returns once QUIC has taken
// them; what arrives is known by receipts only. Links of mode Open carry no blobs.
// spec: 03-links#streams
func (l *Link) SendBlobs(ctx context.Context, blobs [][]byte) error {
	if l.proof.Mode != handshake.Contact {
		return errors.New("this link carries no blobs")
	}
	for len(blobs) > 0 {
		n := batchLen(blobs)
		if err := l.sendBatch(ctx, blobs[:n]); err != nil {
			return err
		}
		blobs = blobs[n:]
	}
	return nil
}

// batchLen is how many of blobs, at least one, go onto one stream.
func batchLen(blobs [][]byte) int {
	size := 0
	for i, blob := range blobs {
		size += len(blob)
		if i > 0 && (i == BlobsPerStreamMax || size > bytesPerSentStreamMax) {
			return i
		}
	}
	return len(blobs)
}

func (l *Link) sendBatch(ctx context.Context, blobs [][]byte) error {
	stream, err := l.conn.OpenUniStreamSync(ctx)
	if err != nil {
		return l.orEnded(err)
	}
	stop := context.AfterFunc(ctx, func() { stream.CancelWrite(quic.StreamErrorCode(ReasonBye)) })
	defer stop()
	_ = stream.SetWriteDeadline(time.Now().Add(blobStreamTimeout))
	size := 1
	for _, blob := range blobs {
		size += len(blob) + 4
	}
	b := append(make([]byte, 0, size), byte(wire.StreamBlobs))
	for _, blob := range blobs {
		b = wire.AppendBlob(b, blob)
	}
	if _, err := stream.Write(b); err != nil {
		stream.CancelWrite(quic.StreamErrorCode(ReasonBye))
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		return l.orEnded(err)
	}
	return stream.Close()
}

// orEnded prefers the reason why the link ended over its symptom.
func (l *Link) orEnded(err error) error {
	if cause := l.Err(); cause != nil {
		return cause
	}
	return err
}
