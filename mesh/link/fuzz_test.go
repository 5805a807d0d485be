package link

import (
	"context"
	"errors"
	"io"
	"sync"
	"testing"
	"time"

	"sottovoce/mesh/wire"
)

// sink is a Receiver that counts what is handed on.
type sink struct {
	mu             sync.Mutex
	frames, blobs  int
	bytes, largest int // of blobs
}

func (s *sink) Frame(wire.Frame) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.frames++
}

func (s *sink) Blobs(blobs [][]byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.blobs += len(blobs)
	for _, b := range blobs {
		s.bytes += len(b)
		s.largest = max(s.largest, len(b))
	}
}

// FuzzStreams is a proven far end that sends anything: on the control stream, on a stream of its own, or on a contact
// stream, left open or closed. The link lives on or ends over bad input, within bounds, and nothing hangs.
func FuzzStreams(f *testing.F) {
	frame := func(frames ...wire.Frame) (b []byte) {
		for _, one := range frames {
			var err error
			if b, err = wire.AppendFrame(b, one); err != nil {
				f.Fatal(err)
			}
		}
		return b
	}
	blobs := wire.AppendBlob(wire.AppendBlob([]byte{byte(wire.StreamBlobs)}, blob(1)), blob(2))
	control := append([]byte{byte(wire.StreamControl)}, frame(wire.Receipt{Start: true}, wire.Typing{Seconds: 10}, wire.Look{Knock: true}, wire.View{Heard4: 1}, wire.Refusal{Reason: wire.ReasonDiskFull})...)
	contact := append([]byte{byte(wire.StreamContact)}, frame(wire.Ask{Name: "Anna"}, wire.Declined{})...)
	for kind, sent := range [][]byte{control, blobs, contact} {
		for _, closed := range []bool{false, true} {
			f.Add(uint8(kind), sent, closed)
			f.Add(uint8(kind), sent[:len(sent)-1], closed)
			f.Add(uint8(kind), append([]byte{0x7f}, sent...), closed)
		}
		f.Add(uint8(kind+1), sent, true)
		f.Add(uint8(kind), []byte{}, true)
	}
	f.Fuzz(func(t *testing.T, kind uint8, sent []byte, closed bool) {
		if len(sent) > 64<<10 {
			return
		}
		inVirtualTime(t, func(t *testing.T, _ *cable, a, b *end) { fuzzStream(t, a, b, kind, sent, closed) })
	})
}

func fuzzStream(t *testing.T, a, b *end, kind uint8, sent []byte, closed bool) {
	dialed, accepted := linked(t, toward(a, b), a, b)
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	defer running.Wait()
	defer cancel()
	var got sink
	running.Go(func() { _ = accepted.Run(ctx, &got) })
	running.Go(func() {
		for c, err := accepted.Contact(ctx); err == nil; c, err = accepted.Contact(ctx) {
			for err == nil {
				_, err = c.Receive(ctx)
			}
		}
	})
	var stream io.WriteCloser = dialed.control
	var err error
	switch kind % 3 {
	case 1:
		stream, err = dialed.conn.OpenUniStream()
	case 2:
		stream, err = dialed.conn.OpenStream()
	}
	if err != nil {
		t.Fatal(err)
	}
	_, _ = stream.Write(sent) // the link may be gone before all is sent
	if closed {
		_ = stream.Close()
	}
	time.Sleep(2 * blobStreamTimeout) // virtual: everything that was going to happen has
	if !fits(accepted.Err(), b.Stats().Bad) {
		t.Errorf("the link says %v, and %d times bad", accepted.Err(), b.Stats().Bad)
	}
	got.mu.Lock()
	defer got.mu.Unlock()
	if got.blobs > BlobsPerStreamMax || got.bytes > len(sent) || got.largest > wire.Class2.Size() || got.frames > len(sent) {
		t.Errorf("of %d bytes came %d frames and %d blobs of %d bytes", len(sent), got.frames, got.blobs, got.bytes)
	}
}

// fits tells whether a link ended, if it did, over bad input that was counted.
func fits(ended error, bad uint64) bool {
	var said *CloseError
	return ended == nil || errors.As(ended, &said) && *said == (CloseError{ReasonBadInput, false}) && bad > 0
}
