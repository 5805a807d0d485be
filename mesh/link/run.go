package link

import (
	"bufio"
	"context"
	"errors"
	"io"
	"os"
	"sync"
	"time"

	"github.com/quic-go/quic-go"

	"sottovoce/mesh/handshake"
	"sottovoce/mesh/wire"
)

// Receiver takes what arrives on a link. While a method has not returned, the stream
// it came from is not read on. Frame is called for one frame at a time; Blobs may run
// beside it and beside up to three others of its kind.
type Receiver interface {
	// Frame takes one frame of the control stream. Of those that say nothing it gets the first padding
	// of a link, as a wire.Unknown: what the far end had to say first of all ends there.
	Frame(f wire.Frame)
	// Blobs takes the blobs of one stream, in order, at least one. Their headers and
	// sizes are sound; nothing else is known about them.
	Blobs(blobs [][]byte)
}

// Run serves the link until it ends and returns why, as Err does. When ctx ends it
// closes the link with ReasonBye. Every goroutine of the link has ended when it returns.
// It fails with ErrRunning if called twice, and on links in mode Member and Supernode, which have
// nothing to run.
func (l *Link) Run(ctx context.Context, r Receiver) error {
	if l.control == nil {
		return errNoFrames
	}
	if !l.running.CompareAndSwap(false, true) {
		return ErrRunning
	}
	stop := context.AfterFunc(ctx, func() { l.Close(ReasonBye) })
	defer stop()
	var owned sync.WaitGroup
	owned.Go(func() { l.readControl(r) })
	owned.Go(l.write)
	owned.Go(func() { l.readBlobStreams(r) })
	if !l.dialed {
		owned.Go(l.readContactStreams)
	}
	owned.Wait()
	return l.Err()
}

// bad closes the link over what the far end sent.
func (l *Link) bad(kind string) {
	if l.Err() == nil {
		l.transport.bad(kind)
		l.Close(ReasonBadInput)
	}
}

// moved closes the link if the far end's address changed; nothing that came from a
// new address is handed on. spec: 03-links#address-change
func (l *Link) moved() bool {
	if endpointOf(l.conn.RemoteAddr()) == l.remote {
		return false
	}
	l.Close(ReasonMoved)
	return true
}

// malformed says whether a read failed by what was sent, not by how.
func malformed(err error) bool {
	return errors.Is(err, wire.ErrMalformed) || errors.Is(err, wire.ErrNewer) ||
		errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
}

// readControl hands on the frames of the control stream. That stream lives as long as
// the link: its end is bad input too.
func (l *Link) readControl(r Receiver) {
	in := bufio.NewReaderSize(l.control, controlBufferSize)
	kind, err := in.ReadByte()
	if err == nil && wire.StreamKind(kind) != wire.StreamControl {
		l.bad("stream kind")
		return
	}
	begun := false
	for err == nil {
		var f wire.Frame
		f, err = wire.ReadFrame(in)
		if err != nil {
			break
		}
		if l.moved() {
			return
		}
		switch f := f.(type) {
		case wire.Unknown:
			if !begun && f.Type == wire.FramePadding {
				begun = true
				r.Frame(f)
			}
		case wire.Receipt, wire.Refusal, wire.Typing, wire.Peers, wire.Look, wire.View, wire.Same,
			wire.SASCommit, wire.SASNonce, wire.SASReveal, wire.SASStop:
			r.Frame(f)
		default:
			l.bad("frame on the wrong stream")
			return
		}
	}
	var canceled *quic.StreamError
	if malformed(err) || errors.As(err, &canceled) {
		l.bad("control stream")
	}
}

// write sends queued frames, several at a time, and looks now and then whether the
// far end has moved.
func (l *Link) write() {
	ticker := time.NewTicker(addressCheckPeriod)
	defer ticker.Stop()
	next := []byte{byte(wire.StreamControl)}
	for {
		select {
		case b := <-l.queue:
			next = wire.AppendPadding(l.more(append(next, b...)), controlBlock)
		case <-ticker.C:
			l.moved()
			continue
		case <-l.Done():
			return
		}
		_ = l.control.SetWriteDeadline(time.Now().Add(writeTimeout))
		if _, err := l.control.Write(next); err != nil {
			l.Close(ReasonBusy)
			return
		}
		next = nil
	}
}

// more appends what else is queued, without waiting.
func (l *Link) more(b []byte) []byte {
	for len(b) < writeBatchMax {
		select {
		case next := <-l.queue:
			b = append(b, next...)
		default:
			return b
		}
	}
	return b
}

// readBlobStreams reads up to blobStreamsMax streams side by side and waits for them.
func (l *Link) readBlobStreams(r Receiver) {
	var readers sync.WaitGroup
	defer readers.Wait()
	places := make(chan struct{}, blobStreamsMax)
	for {
		places <- struct{}{}
		stream, err := l.conn.AcceptUniStream(context.Background())
		if err != nil {
			return
		}
		readers.Go(func() {
			l.readBlobs(stream, r)
			<-places
		})
	}
}

// laterKind says whether a stream is of a kind that only later versions know: it is
// reset, and the link stays. spec: 00-encoding#streams
func laterKind(kind byte) bool {
	return wire.StreamKind(kind) > wire.StreamCustody || kind == 0
}

// readBlobs reads one batch. If the stream is cut short, what arrived whole is kept:
// a link too slow for a batch still gets on.
func (l *Link) readBlobs(stream *quic.ReceiveStream, r Receiver) {
	_ = stream.SetReadDeadline(time.Now().Add(blobStreamTimeout))
	in := bufio.NewReaderSize(stream, blobBufferSize)
	kind, err := in.ReadByte()
	if err == nil && laterKind(kind) {
		stream.CancelRead(quic.StreamErrorCode(ReasonBye))
		return
	}
	if err == nil && (wire.StreamKind(kind) != wire.StreamBlobs || l.proof.Mode != handshake.Contact) {
		l.bad("stream kind")
		return
	}
	var blobs [][]byte
	room := BytesPerStreamMax
	for err == nil {
		var blob []byte
		if blob, err = wire.ReadBlob(in, room); err != nil {
			break
		}
		room -= len(blob)
		if blobs = append(blobs, blob); len(blobs) > BlobsPerStreamMax {
			err = wire.ErrMalformed
		}
	}
	if malformed(err) && !(err == io.EOF && len(blobs) > 0) {
		l.bad("blob stream")
		return
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		l.transport.bad("slow blob stream")
		stream.CancelRead(quic.StreamErrorCode(ReasonDeadline))
	}
	if len(blobs) > 0 && !l.moved() {
		r.Blobs(blobs)
	}
}
